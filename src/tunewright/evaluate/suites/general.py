"""General: what a model could do before fine-tuning and should still do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import Sampling, ScoreItem
from tunewright.core.ports import Chat, Details, Row
from tunewright.evaluate.above_chance import counted_tasks
from tunewright.evaluate.asking import answers_scored, chat_of, read_texts, scored_row, talks_of
from tunewright.evaluate.completing import completed
from tunewright.evaluate.own_rows import (
    DOCUMENT,
    TASKS,
    choice,
    dialogue,
    document,
    evenly,
    own_set,
    question,
    task_names,
)
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, sample_of
from tunewright.recipe.options.suites.general import Options

TEXT, DIALOGUE, KL, TASK = "general_text", "general_dialogue", "general_kl", "general_tasks"
NO_BASE = "the distance from the base model needs a base model that is here, to write answers and to score them"


class Work(PlainSuite):
    """Four results, each over rows of its own: a row belongs to one way (`way_of`).

    `general_text` and `general_dialogue` are losses. `general_kl` scores answers that the base model wrote at
    temperature 1, `details["log_probabilities"]` being the base's. `general_tasks` ranks the choices of small tasks as
    continuations of a text; the task is `details["attribute"]`, and one that the base cannot do is left out.
    """

    name = "general"
    own = True
    way_scorers = {  # noqa: RUF012 - a constant of the class, as the contract names it
        TEXT: ("loss", "bits_per_byte", "token_accuracy"),
        DIALOGUE: ("loss", "token_accuracy"),
        KL: ("kl_to_base",),
        TASK: ("accuracy",),
    }

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ways = tuple(f"general_{part}" for part in options.parts)
        self.scorers = self.way_scorers[self.ways[0]]

    def examples(self, bench: Bench) -> Sample:
        """The rows of all parts. Those of `general_kl` are written by `bench.base` now, with the bench's seed.

        Without a base they are left out, and `answer` says so. Raises NotMeasured where nothing else is asked for.
        """
        made: dict[str, Callable[[], list[Row]]] = {
            TEXT: lambda: [document(each["text"]) for each in self._set("general_text")],
            DIALOGUE: lambda: [dialogue(each["messages"]) for each in self._set("general_dialogue")],
            KL: lambda: self._base_answers(bench),
            TASK: self._tasks,
        }
        rows = [row for way in self.ways for row in made[way]()]
        if not rows:
            raise NotMeasured(NO_BASE)
        return sample_of(rows)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """One answer a row of the sample; rows of other ways have an empty one, and `left_out` says so.

        Raises NotMeasured for a model that is far away, and for `general_kl` without a base or with another tokenizer.
        """
        rows = sample.rows()
        answers = iter(self._answers(way, model, rows=[row for row in rows if way_of(row) == way], bench=bench))
        return [next(answers) if way_of(row) == way else AnsweredRow(row, "") for row in rows]

    def left_out(self, way: str, base: Sequence[AnsweredRow]) -> tuple[list[bool], dict[str, str]]:
        """Of each row whether it is of this way and of a task that the base can do, and why tasks do not count."""
        own = [way_of(answer.row) == way for answer in base]
        if way != TASK:
            return own, {}
        counted, dropped = counted_tasks([answer for answer, fits in zip(base, own, strict=True) if fits])
        tasks = [answer.row.details.get("attribute") for answer in base]
        return [fits and task in counted for task, fits in zip(tasks, own, strict=True)], dropped

    def _answers(self, way: str, model: Respondent, *, rows: Sequence[Row], bench: Bench) -> list[AnsweredRow]:
        if way == TEXT:
            return read_texts(model, rows, texts=[row.target for row in rows])
        if way == DIALOGUE:
            return answers_scored(model, rows, bench=bench, answers=[row.target for row in rows])
        if way == KL:
            return _distance(model, rows, bench=bench)
        contexts = [row.prompt[-1].get("content", "") if row.prompt else "" for row in rows]
        choices = [row.details.get("choices", []) for row in rows]
        return completed(model, rows, contexts=contexts, choices=choices)

    def _set(self, name: str) -> list[dict[str, Any]]:
        return evenly(own_set(name), self.options.max_rows)

    def _tasks(self) -> list[Row]:
        found = [(task, each) for task in task_names() for each in own_set(f"{TASKS}/{task}")]
        return [_task_row(task, each) for task, each in evenly(found, self.options.max_rows)]

    def _base_answers(self, bench: Bench) -> list[Row]:
        """Answers that the base model wrote, each token's log-probability beside it; none without a base."""
        base = bench.base
        if base is None or base.chat is None:
            return []
        asked = [question(each["prompt"]) for each in self._set("general_prompts")]
        written = base.write(
            talks_of(asked, style="bare", bench=bench),
            max_new_tokens=self.options.max_new_tokens,
            sampling=Sampling(temperature=1.0, seed=bench.seed),
        )
        said = [
            (row.prompt[0], each.text, _tokens(each.text, base.chat, ended=each.finish == "stop"))
            for row, each in zip(asked, written, strict=True)
        ]
        said = [each for each in said if each[2]]
        items = [ScoreItem(tuple(base.chat.prompt_ids((prompt,))), (tokens,)) for prompt, _text, tokens in said]
        return [
            dialogue(
                (prompt, {"role": "assistant", "content": text}),
                Details(log_probabilities=scored[0].log_probabilities.astype(np.float64).tolist()),
            )
            for (prompt, text, _tokens_of), scored in zip(said, base.score(items), strict=True)
        ]


def way_of(row: Row) -> str:
    """The way that a row of this suite belongs to."""
    if "log_probabilities" in row.details:
        return KL
    if "choices" in row.details:
        return TASK
    return TEXT if row.messages[0].get("role") == DOCUMENT else DIALOGUE


def _task_row(task: str, example: dict[str, Any]) -> Row:
    details = Details(choices=example["choices"], attribute=task)
    if "family" in example:
        details["family"] = example["family"]
    return choice(example["context"], answer=example["answer"], details=details)


def _tokens(text: str, chat: Chat, *, ended: bool) -> tuple[int, ...]:
    """An answer as tokens, with the stop token where the answer ended by itself."""
    return (*chat.encode_text(text), *(chat.turn_end if ended else ()))


def _distance(model: Respondent, rows: Sequence[Row], *, bench: Bench) -> list[AnsweredRow]:
    """The base's answers under another model, token for token."""
    if not rows or bench.base is None or bench.base.chat is None:
        raise NotMeasured(NO_BASE)
    chat = chat_of(model)
    if chat.digest != bench.base.chat.digest:
        raise NotMeasured(f"{model.name} has another tokenizer or template than the base, so its tokens are others")
    answers = [_tokens(row.target, chat, ended=True)[: len(row.details.get("log_probabilities", ()))] for row in rows]
    items = [
        ScoreItem(tuple(chat.prompt_ids(row.prompt)), (tokens,)) for row, tokens in zip(rows, answers, strict=True)
    ]
    return [scored_row(row, scored[0], text=row.target) for row, scored in zip(rows, model.score(items), strict=True)]
