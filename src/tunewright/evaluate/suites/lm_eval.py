"""A task of lm-eval: its documents, its prompts, its metrics, and our model's answers kept for our scorers.

What imports lm-eval is the harness, a part of the room edge, which `Bench.harness` gives by name. N documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.language_model import Generated, Request, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Row
from tunewright.evaluate.asking import chat_of
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, sample_of
from tunewright.recipe.options.suites.lm_eval import Options
from tunewright.recipe.task_file import local_data, read_task_file

HARNESS = "lm_eval"
SCORERS = {
    "multiple_choice": ("accuracy",),
    "loglikelihood": ("accuracy", "loss"),
    "generate_until": ("accuracy", "exact_match"),
    "loglikelihood_rolling": ("loss", "perplexity", "bits_per_byte"),
}
"""Our metrics by what a task asks for, in lm-eval's words, the main one first.

Accuracy of a written answer is that of what the filters of the task left of it.
"""
CONTEXT_TOKENS = 2048
"""lm-eval's longest context where a model does not say."""
TOP_K = 50
"""Transformers draws from the 50 likeliest tokens where a task draws and says nothing."""
SETTINGS = "generation_kwargs"
KNOWN = ("do_sample", "repetition_penalty", "temperature", "top_k", "top_p")
IDLE = (("num_beams", 1), ("use_cache", True))
"""Settings of Transformers that change nothing."""

Pair = tuple[tuple[int, ...], tuple[int, ...]]
Asked = tuple[tuple[int, ...], dict[str, Any]]


class HarnessTask(Protocol):
    """A loaded task. `output` is a key of `SCORERS`; `rows` [N] its documents in order."""

    name: str
    output: str
    rows: tuple[Row, ...]

    def run(self, voice: Voice, *, numbers: Sequence[int]) -> tuple[list[AnsweredRow], dict[str, float]]:
        """Answers to the documents of these ascending numbers, and the task's own metrics over them."""
        ...


class Harness(Protocol):
    """A package of benchmark tasks."""

    def load(self, file: Path, *, asked: Options) -> HarnessTask:
        """A task from its file. Raises UserError for one that cannot be used, with the reason."""
        ...


@runtime_checkable
class Completing(Respondent, Protocol):
    """A respondent that is here: it goes on from any tokens."""

    @property
    def context_tokens(self) -> int | None:
        """The longest context that the model reads; None where that is not known."""
        ...

    def reading(self, context_tokens: int) -> Completing:
        """The same model, trusted with texts of another length."""
        ...

    def complete(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers in the order of the requests, each with its own settings."""
        ...


@dataclass(frozen=True)
class Voice:
    """A model as a harness asks it: token by token, without a template. `context_tokens`: the longest context."""

    text: Chat
    context_tokens: int
    score: Callable[[Sequence[ScoreItem]], list[list[Scored]]]
    complete: Callable[[Sequence[Request]], list[Generated]]

    def score_pairs(self, pairs: Sequence[Pair]) -> list[Scored]:
        """Scores of (context, continuation) pairs, in order; equal contexts are one prompt, which is computed once."""
        prompts: dict[tuple[int, ...], dict[tuple[int, ...], None]] = {}
        for context, continuation in pairs:
            prompts.setdefault(context, {})[continuation] = None
        results = self.score([ScoreItem(context, tuple(own)) for context, own in prompts.items()])
        found = {
            (context, continuation): one
            for (context, own), scored in zip(prompts.items(), results, strict=True)
            for continuation, one in zip(own, scored, strict=True)
        }
        return [found[pair] for pair in pairs]

    def write_on(self, asked: Sequence[Asked]) -> list[Generated]:
        """Answers to prompts, each with settings in the words of Transformers, in order; the place is the seed.

        Raises UserError for a setting that is not known here.
        """
        return self.complete([self._request(prompt, dict(given), seed) for seed, (prompt, given) in enumerate(asked)])

    def _request(self, prompt: tuple[int, ...], given: dict[str, Any], seed: int) -> Request:
        """Stop strings that are one special token stop as that token: their text is never decoded."""
        until, longest = [str(each) for each in given.pop("until")], int(given.pop("max_gen_toks"))
        tokens = {each: self.text.encode_text(each) for each in until if each}
        special = {each: ids[0] for each, ids in tokens.items() if len(ids) == 1 and not self.text.decode(ids)}
        strings = tuple(each for each in tokens if each not in special)
        stop = self.text.stop_ids | frozenset(special.values())
        return Request(prompt, longest, stop, strings, sampling_of(given, seed))


def sampling_of(given: Mapping[str, Any], seed: int) -> Sampling:
    """How tokens are drawn, from settings in the words of Transformers.

    Raises UserError for a setting that is not known here, and for one outside its range.
    """
    if wrong := [name for name, value in given.items() if name not in KNOWN and (name, value) not in IDLE]:
        raise UserError(
            f"the setting {wrong[0]} is not known here.", where=SETTINGS, do="Take it out of the task file."
        )
    try:
        penalty, temperature = float(given.get("repetition_penalty", 1.0)), float(given.get("temperature", 0.0))
        if not given.get("do_sample"):
            return Sampling(repetition_penalty=penalty)
        if temperature == 0:
            raise ValueError("do_sample needs a temperature above 0")
        top_k, top_p = int(given.get("top_k", TOP_K) or 0), float(given.get("top_p", 1.0))
        return Sampling(temperature, top_k, top_p, penalty, seed)
    except (TypeError, ValueError) as error:
        raise UserError(f"{error}.", where=SETTINGS, do="Mend the task file.") from error


class Work(PlainSuite):
    """One way, `lm_eval_<file name>`.

    `scorers` are those of every kind of task until `examples` has read the file, then those that fit it.
    `reported` are the task's own metrics as lm-eval computes them, by name of the model, since `examples` was called;
    `notes` say them. They are no part of the record: answers that were kept from before have our metrics alone.
    """

    own = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.name = f"{HARNESS}_{Path(options.file).stem}" if options.file else HARNESS
        self.ways = (self.name,)
        every = tuple(dict.fromkeys(name for names in SCORERS.values() for name in names))
        self.scorers = every if options.scorers == "auto" else options.scorers
        self.reported: dict[str, dict[str, float]] = {}
        self._task: HarnessTask | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence a model with the task's own metrics."""
        return tuple(
            f"{self.name}: lm-eval's own metrics of {model} are "
            f"{'; '.join(f'{name} {value:.4f}' for name, value in sorted(found.items()))}."
            for model, found in self.reported.items()
            if found
        )

    def inputs(self, bench: Bench) -> list[str]:
        """Digests of the task file, what it includes, and its data. Raises UserError for a file that cannot be used."""
        if not self.options.file:
            return []
        file = bench.folder / self.options.file
        if self.options.functions == "run" and file.is_file():
            return [digest.of_file(path) for path in sorted(file.parent.iterdir()) if path.is_file()]
        config = read_task_file(file)
        data = (Path(name) for names in local_data(config, file)["data_files"].values() for name in names)
        return [digest.of_json(config), *(digest.of_file(path) for path in data)]

    def fits(self, row: Row) -> bool:
        """Documents of the task, which every row of the suite is."""
        return True

    def examples(self, bench: Bench) -> Sample:
        """The documents of the task. Raises NotMeasured without a file, UserError for one that cannot be used."""
        task = self._loaded(bench)
        self.reported = {}
        if self.options.scorers == "auto":
            self.scorers = SCORERS[task.output]
        return sample_of(task.rows)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Answers as the task asks for them. Raises NotMeasured for a model that is far away."""
        task, chat = self._loaded(bench), chat_of(model)
        if not isinstance(model, Completing):
            raise NotMeasured(f"{model.name} answers conversations only; tasks of lm-eval are texts to go on with")
        asked = self.options.context_tokens
        context = (model.context_tokens or CONTEXT_TOKENS) if asked == "auto" else asked
        reader = model.reading(context)
        voice = Voice(chat, context, reader.score, reader.complete)
        numbers = [row.line - 1 for row in sample.rows()]
        ascending = sorted(set(numbers))
        rows, self.reported[model.name] = task.run(voice, numbers=ascending)
        by_number = dict(zip(ascending, rows, strict=True))
        return [by_number[number] for number in numbers]

    def _loaded(self, bench: Bench) -> HarnessTask:
        if not self.options.file:
            raise NotMeasured("the suite lm_eval needs a task: {type: lm_eval, file: task.yaml}")
        if self._task is None:
            harness: Harness = bench.harness(HARNESS)
            self._task = harness.load(bench.folder / self.options.file, asked=self.options)
        return self._task
