"""Sets the bench up: which rows are measured, on which the base's prompt is chosen, and how labels look as tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tunewright.core.answers import Scorer
from tunewright.core.errors import UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Chat, Row
from tunewright.data.canary import is_canary
from tunewright.evaluate.prompts import SEEN, Prompts, draw_examples
from tunewright.evaluate.rows import Rows, Splits
from tunewright.evaluate.suite import Bench, Respondent, Sample
from tunewright.recipe.recipe import EvaluateOptions

CHOOSING_ROWS = 180
SHORTEST_ANSWER_TOKENS = 8
FREE_ANSWER_TOKENS = 128


@dataclass(frozen=True)
class Data:
    """A prepared dataset, and the template that it was encoded with."""

    splits: Splits
    version: DatasetVersion
    chat: Chat


@dataclass(frozen=True)
class Models:
    """The two models that are compared; `tuned` is None where only one is measured."""

    base: Respondent
    tuned: Respondent | None


@dataclass(frozen=True)
class Task:
    """What is evaluated, on what, and where it is written.

    `model` names the model that is judged, `key` decides whether this was done before, `folder` receives
    `answers.parquet` and `evaluation.json`, `sheets` keeps answers for later metrics (None: they are not kept),
    `scorers` are the metrics that the suites name, `examples` is how many answers are kept side by side for people.
    `data` is None where only suites with examples of their own are measured. `room` is the bench as the application
    furnishes it: the folder that paths are relative to, archives, files.
    """

    options: EvaluateOptions
    data: Data | None
    model: str
    key: str
    folder: Path
    made_at: str
    clock: Callable[[], float]
    scorers: dict[str, Scorer] = field(default_factory=dict)
    examples: int = 10
    sheets: Path | None = None
    room: Bench = field(default_factory=Bench)

    @property
    def labels(self) -> tuple[str, ...]:
        """The dataset's labels."""
        return tuple(self.data.version.labels) if self.data else ()


@dataclass(frozen=True)
class Setting:
    """The bench, and the rows that the base's prompt is chosen on; without a dataset there are none."""

    bench: Bench
    choosing: Sample | None


def check_rows(options: EvaluateOptions, version: DatasetVersion) -> None:
    """Raise UserError when a data set has no rows in the split that is to be measured."""
    if not version.receipt.splits.get(options.split):
        raise UserError(
            f"the dataset has no {options.split} rows to measure.",
            where=f"data.split.{options.split}",
            do=f"Raise that share, name a file under data.{options.split}, or choose another evaluate.split.",
        )


def set_up(task: Task, *, base: Respondent | None = None) -> Setting:
    """Everything that a suite needs. Raises UserError when the split to be measured has no rows."""
    room = replace(task.room, base=base, seed=task.options.seed)
    if task.data is None:
        return Setting(replace(room, max_new_tokens=_longest_answer(task.options, ())), None)
    data, options = task.data, task.options
    check_rows(options, data.version)
    split = data.splits.split(options.split)
    labels = task.labels
    train = _split(data, "train")
    shown: tuple[Row, ...] = ()
    if "examples" in options.base_prompts and train is not None:
        shown = draw_examples(train, labels, seed=options.seed)
    tokens = label_tokens(train or split, labels, chat=data.chat)
    rows = min(len(split), options.max_rows or len(split))
    bench = replace(
        room,
        labels=labels,
        label_tokens=tokens,
        chat_digest=data.chat.digest,
        prompts=Prompts(labels, shown),
        max_new_tokens=_longest_answer(options, tokens),
        measured=Sample(split, tuple(range(rows))),
        train=train,
    )
    return Setting(bench, _choosing(data, options, shown=shown))


def label_tokens(split: Rows, labels: Sequence[str], *, chat: Chat) -> tuple[tuple[int, ...], ...]:
    """For each label the tokens of an answer that is this label, stop token included.

    Taken from an encoded row with that answer, so that they are what was trained; where there is none, the label's
    plain tokens and what the template writes behind an answer.
    """
    found: dict[str, tuple[int, ...]] = {}
    for index in range(min(len(split), SEEN)):
        if len(found) == len(labels):
            break
        row = split.row(index)
        if row.label is None or row.label not in labels or row.label in found:
            continue
        if row.target.strip() == row.label.strip():
            tokens = _answer_tokens(split.encoded(index).tokens.tolist(), row, chat=chat)
            if tokens:
                found[row.label] = tokens
    stop = next((tokens[-1:] for tokens in found.values()), chat.turn_end)
    return tuple(found.get(label) or (*chat.encode_text(label), *stop) for label in labels)


def _answer_tokens(tokens: list[int], row: Row, *, chat: Chat) -> tuple[int, ...]:
    """What follows the prompt, up to the first stop token and with it; empty where the prompt is not the start."""
    prompt = chat.prompt_ids(row.prompt, tools=row.tools)
    if tokens[: len(prompt)] != prompt:
        return ()
    answer = tokens[len(prompt) :]
    end = next((place for place, token in enumerate(answer) if token in chat.stop_ids), None)
    return () if end is None else tuple(answer[: end + 1])


def _split(data: Data, name: str) -> Rows | None:
    """A split that has rows, or None."""
    return data.splits.split(name) if data.version.receipt.splits.get(name, 0) else None


def _choosing(data: Data, options: EvaluateOptions, *, shown: Sequence[Row]) -> Sample:
    """At most 180 validation rows, drawn with the seed; training rows where those are measured or absent.

    The base model never saw the training rows; the examples in its prompt and planted secrets are left out.
    """
    split = None if options.split == "validation" else _split(data, "validation")
    split = split or _split(data, "train") or data.splits.split(options.split)
    size = min(len(split), CHOOSING_ROWS + len(shown))
    drawn = np.sort(np.random.default_rng(options.seed).choice(len(split), size=size, replace=False)).tolist()
    known = {row.id for row in shown}
    kept = [index for index in drawn if (row := split.row(index)).id not in known and not is_canary(row)]
    return Sample(split, tuple(kept[:CHOOSING_ROWS]))


def _longest_answer(options: EvaluateOptions, tokens: Sequence[Sequence[int]]) -> int:
    """The recipe's limit; auto is twice the longest label, at least 8, and 128 tokens for free answers."""
    if options.max_new_tokens != "auto":
        return options.max_new_tokens
    longest = max((len(label) for label in tokens), default=0)
    return max(SHORTEST_ANSWER_TOKENS, 2 * longest) if longest else FREE_ANSWER_TOKENS
