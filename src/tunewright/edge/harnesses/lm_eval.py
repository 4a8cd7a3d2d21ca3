"""Tasks of lm-eval (EleutherAI's lm-evaluation-harness) from local files, asked of our language model.

lm-eval makes the prompts, filters the answers and computes the metrics; what its backend `hf` does with a model is done
here through a `Voice`: the same tokens, the same cuts and the same windows, with a shared prompt computed once.
N documents.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import jinja2
import lm_eval.api.task
import lm_eval.utils
import numpy as np
from datasets.exceptions import DatasetsError
from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from jinja2.sandbox import SandboxedEnvironment
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, TemplateLM
from lm_eval.api.registry import metric_registry
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate
from lm_eval.models.utils import has_bos_prefix, normalize_gen_kwargs, postprocess_generated_text
from lm_eval.tasks._yaml_loader import load_yaml

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.language_model import Generated, Scored
from tunewright.core.ports import Details, Message, Row
from tunewright.recipe.options.harnesses.lm_eval import Options
from tunewright.recipe.options.suites.lm_eval import Options as Asked
from tunewright.recipe.task_file import local_data, read_task_file

FEWSHOT_SEED = 1234
"""lm-eval's own seed of the worked examples."""
WRONG = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError)
REFUSALS = (*WRONG, OSError, RuntimeError, SyntaxError, DatasetsError, jinja2.TemplateError)
"""What lm-eval raises at a task that it cannot use."""

Pair = tuple[tuple[int, ...], tuple[int, ...]]


class Voice(Protocol):
    """A model as the harness asks it.

    `text` is its tokenizer with the chat template, a `text.chat.ChatFormat`; `context_tokens` the longest context.
    """

    text: Any
    context_tokens: int

    def score_pairs(self, pairs: Sequence[Pair]) -> list[Scored]:
        """Scores of continuations after their contexts, in order."""
        ...

    def write_on(self, asked: Sequence[tuple[tuple[int, ...], dict[str, Any]]]) -> list[Generated]:
        """Answers to prompts, each with lm-eval's settings, in order."""
        ...


class Work:
    """Fulfils the port Harness with lm-eval."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def load(self, file: Path, *, asked: Asked) -> LoadedTask:
        """A task with its documents. Raises UserError for one that cannot be used, with the reason."""
        config = read_config(file, functions=asked.functions == "run")
        scratch = tempfile.mkdtemp(prefix="tunewright-lm-eval-")
        try:
            with _as_data():
                config["dataset_kwargs"] |= {"cache_dir": scratch, "keep_in_memory": True}
                loaded = LoadedTask(_configured(config, asked), asked, file)
        except REFUSALS as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise _refused(file, error) from error
        weakref.finalize(loaded, shutil.rmtree, scratch, ignore_errors=True)
        return loaded


class LoadedTask:
    """A task of lm-eval. `output` is lm-eval's word for what it asks for; `rows` [N] are its documents in order."""

    def __init__(self, task: ConfigurableTask, asked: Asked, file: Path) -> None:
        self.task, self.asked, self.file = task, asked, file
        self.name: str = task.task_name
        self.output: str = str(task.OUTPUT_TYPE)
        documents: list[Any] = list(task.eval_docs)[: asked.max_rows]
        self.rows: tuple[Row, ...] = tuple(_row(task, number, each) for number, each in enumerate(documents))

    def run(self, voice: Voice, *, numbers: Sequence[int]) -> tuple[list[AnsweredRow], dict[str, float]]:
        """Answers to the documents of these ascending numbers, and the task's own metrics as lm-eval computes them.

        Metrics have lm-eval's names, such as `acc,none`. Raises UserError where lm-eval cannot go on.
        """
        bridge = Bridge(voice)
        try:
            logged, metrics = self.evaluate(bridge, numbers=numbers)
        except REFUSALS as error:
            if bridge.asking:
                raise
            raise _refused(self.file, error) from error
        rows = [
            _answered(self.rows[number], sample, output=self.output, kept=bridge.kept.get(place, []))
            for place, (number, sample) in enumerate(zip(numbers, logged, strict=True))
        ]
        return rows, metrics

    def evaluate(self, model: LM, *, numbers: Sequence[int]) -> tuple[list[dict[str, Any]], dict[str, float]]:
        """What lm-eval notes of each document under the task's first filter, and its metrics, for any of its models."""
        self.task.set_fewshot_seed(seed=FEWSHOT_SEED)  # every model sees the same worked examples
        samples = None if len(numbers) == len(self.task.eval_docs) else {self.name: list(numbers)}
        with _as_data():
            found: Any = evaluate(
                model,
                {"tasks": {self.name: self.task}, "groups": {}},  # pyright: ignore[reportArgumentType]
                samples=samples,
                bootstrap_iters=0,
                apply_chat_template=self.asked.prompts == "chat",
                fewshot_as_multiturn=True,
                confirm_run_unsafe_code=self.asked.functions == "run",
            )
        metrics = {
            name: float(value)
            for name, value in found["results"][self.name].items()
            if "," in name and isinstance(value, float | int)
        }
        return found["samples"][self.name][: len(numbers)], metrics


class Bridge(TemplateLM):
    """Our language model as lm-eval asks it. `kept`: by place of the document, what its requests gave."""

    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self.voice, self.text = voice, voice.text
        self.kept: dict[int, list[Any]] = {}
        self.asking = False
        self._scored: list[Scored] = []
        bos = self.text.files.tokens.get("bos_token")
        known = self.text.tokenizer.token_to_id(bos) if bos else None
        self._prefix: int = self.text.end_id if known is None else known
        self._bos_text: str = self.text.tokenizer.decode([self._prefix], skip_special_tokens=False)

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        return self.text.end_id

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text that nothing precedes: the token that begins texts, else the one that ends them."""
        return self._prefix

    @property
    def max_length(self) -> int:
        """The longest context, in tokens."""
        return self.voice.context_tokens

    @property
    def max_gen_toks(self) -> int:
        """The longest answer where a task does not say, as with the backend `hf`."""
        return 256

    @property
    def tokenizer_name(self) -> str:
        """The digest of tokenizer and template."""
        return self.text.digest

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as text; one that ends inside an answer is cut where that answer ends, as Transformers does.

        A template that refuses system turns gets none, as with the backend `hf`.
        """
        turns = cast("list[Message]", chat_history)
        try:
            text = self.text.render(turns, generation=add_generation_prompt)
        except jinja2.TemplateError:
            turns = [turn for turn in turns if turn.get("role") != "system"]
            text = self.text.render(turns, generation=add_generation_prompt)
        if add_generation_prompt:
            return text
        last = turns[-1].get("content", "")
        begin = text.rindex(last.strip())
        whole = text[begin : begin + len(last.lstrip())] == last
        return text[: begin + len(last.lstrip() if whole else last.strip())]

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_kwargs: Any) -> list[int]:
        """Tokens of a text, with what the tokenizer puts around it unless that is there already."""
        wanted = not has_bos_prefix(string, self._bos_text) if add_special_tokens is None else add_special_tokens
        return self.text.tokenizer.encode(string, add_special_tokens=wanted).ids

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """(summed log-probability, was it the arg-max throughout) of each continuation after its context."""
        results = super().loglikelihood(requests, disable_tqdm=True)
        for request, scored in zip(requests, self._scored, strict=True):
            self._keep(request, scored)
        return results

    def _loglikelihood_tokens(self, requests: Sequence[Any], **_kwargs: Any) -> list[tuple[float, bool]]:
        self._scored = self._score([(context, continuation) for _, context, continuation in requests])
        return [(_sum(each), bool(each.greedy.all())) for each in self._scored]

    def _score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[Scored]:
        return self._ask(self.voice.score_pairs, [self._cut(context, continuation) for context, continuation in pairs])

    def _ask(self, ask: Callable[[Any], Any], given: Any) -> Any:
        """Ask the model; `asking` stays True where it fails, so that the failure is not laid at the task's door."""
        self.asking = True
        found = ask(given)
        self.asking = False
        return found

    def _cut(self, context: list[int], continuation: list[int]) -> Pair:
        """Without the beginning of the context, where both are longer than the model reads, less the last token."""
        if not continuation or len(continuation) > self.max_length:
            raise ValueError(f"a continuation has {len(continuation)} tokens; from 1 to {self.max_length} are possible")
        room = self.max_length + 1 - len(continuation)
        return tuple(context[-room:]), tuple(continuation)

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """Log-probability of each text, read in windows of the longest context; 0 for an empty one."""
        windows = [self._windows(request.args[0]) for request in requests]
        scored = iter(self._score([window for own in windows for window in own]))
        totals: list[float] = []
        for request, own in zip(requests, windows, strict=True):
            parts = [next(scored) for _ in own]
            self._keep(request, parts)
            totals.append(sum(_sum(part) for part in parts))
        return totals

    def _windows(self, text: str) -> list[tuple[list[int], list[int]]]:
        windows = lm_eval.utils.get_rolling_token_windows(
            token_list=self.tok_encode(text),
            prefix_token=self.prefix_token_id,
            max_seq_len=self.max_length,
            context_len=1,
        )
        return [lm_eval.utils.make_disjoint_window(window) for window in windows]

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """The answer to each context, up to where a stop string begins."""
        asked = [self._asked(*request.args) for request in requests]
        answers: list[Generated] = self._ask(self.voice.write_on, asked)
        texts: list[str] = []
        for request, (_, settings), answer in zip(requests, asked, answers, strict=True):
            self._keep(request, answer)
            text = self.text.decode(answer.tokens) if answer.text is None else answer.text
            texts.append(postprocess_generated_text(text, settings["until"], None))
        return texts

    def _asked(self, context: str, given: dict[str, Any]) -> tuple[tuple[int, ...], dict[str, Any]]:
        """The end of a context that leaves room for the answer, and lm-eval's settings under their first names."""
        settings: dict[str, Any] = dict(normalize_gen_kwargs(given, self.max_gen_toks))
        room = self.max_length - settings["max_gen_toks"]
        if room < 1:
            raise ValueError(f"{settings['max_gen_toks']} new tokens leave no room in {self.max_length}")
        return tuple(self.tok_encode(context)[-room:]) or (self.prefix_token_id,), settings

    def _keep(self, request: Instance, found: Any) -> None:
        self.kept.setdefault(int(request.doc_id or 0), []).append(found)


def read_config(file: Path, *, functions: bool) -> dict[str, Any]:
    """The configuration of a task file; code in it is run only where `functions` allows.

    Raises UserError for a file that cannot be used.
    """
    try:
        config = load_yaml(file) if functions else read_task_file(file)
        names = [metric["metric"] for metric in config.get("metric_list") or ()]
        if unknown := [name for name in names if not callable(name) and name not in metric_registry]:
            raise UserError(f"{unknown[0]!r} is no metric of lm-eval.", where=str(file), do="Name one that it has.")
        config["dataset_kwargs"] = local_data(config, file)
    except REFUSALS as error:
        raise _refused(file, error) from error
    return config


def _configured(config: dict[str, Any], asked: Asked) -> ConfigurableTask:
    """The task with its number of worked examples; one that fixes none keeps none, as in lm-eval."""
    config = {key: value for key, value in config.items() if key not in ("tag", "group", "task_list")}
    task = config["class"](config=config) if "class" in config else ConfigurableTask(config=config)
    if getattr(task, "MULTIMODAL", False):
        raise ValueError("tasks with pictures or sound cannot be asked")
    said = task.get_config("num_fewshot")
    if said is None or (asked.examples is not None and said != 0):
        task.set_config(key="num_fewshot", value=asked.examples or 0)
    return task


SANDBOX = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
SANDBOX.filters["regex_replace"] = lm_eval.utils.regex_replace


@contextmanager
def _as_data() -> Iterator[None]:
    """For the block lm-eval renders the templates of a task in Jinja's sandbox, and draws no progress bars.

    Its own environment gives a template all of Python; all is put back afterwards.
    """
    environment, bars = lm_eval.utils.env, lm_eval.api.task.tqdm
    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    lm_eval.utils.env = SANDBOX
    lm_eval.api.task.tqdm = lambda given, **_named: given  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        lm_eval.utils.env, lm_eval.api.task.tqdm = environment, bars
        if shown:
            enable_progress_bars()


def _refused(file: Path, error: BaseException) -> UserError:
    reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
    return UserError(f"lm-eval cannot use this task: {reason}.", where=str(file), do="Mend the task file.")


def _row(task: Any, number: int, document: Mapping[str, Any]) -> Row:
    """A document for people and for scorers. Raises ValueError where none of its choices is right."""
    target = task.doc_to_target(document)
    question = "" if task.OUTPUT_TYPE == "loglikelihood_rolling" else task.doc_to_text(document)
    details, right = Details(), [str(each) for each in (target if isinstance(target, list) else [target])]
    if task.config.doc_to_choice is not None:
        choices = task.doc_to_choice(document)
        if not isinstance(choices, list):
            raise ValueError(f"the choices of document {number + 1} are no list: {choices!r}")
        details["choices"] = [str(each) for each in choices]
        right = _right_choices(question if task.multiple_input else target, details["choices"], number)
        question = target if task.multiple_input else question
    if len(right) > 1:
        details["references"] = right[1:]
    user: Message = {"role": "user", "content": str(question)}
    answer: Message = {"role": "assistant" if question else "document", "content": right[0] if right else ""}
    name = digest.of_json([task.task_name, json.dumps(document, sort_keys=True, default=str)])
    messages = (user, answer) if question else (answer,)
    return Row(name, messages, answer["content"], source=task.task_name, line=number + 1, details=details)


def _right_choices(gold: Any, choices: Sequence[str], number: int) -> list[str]:
    """The right ones, by index or by text."""
    named = gold if isinstance(gold, list) else [gold]
    places = [choices.index(each) if each in choices else each for each in named]
    if not places or not all(isinstance(each, int) and 0 <= each < len(choices) for each in places):
        raise ValueError(f"document {number + 1} has the right choice {gold!r}, and {len(choices)} choices")
    return [choices[each] for each in places]


def _answered(row: Row, sample: Mapping[str, Any], *, output: str, kept: Sequence[Any]) -> AnsweredRow:
    """A row with what the model gave: scores of its choices, of its tokens, or an answer and what the filters left.

    Where several answers are right, any of them counts as the first.
    """
    right = {row.label, *row.details.get("references", ())}
    if output == "multiple_choice":
        choices = row.details.get("choices", [])
        sums = tuple(float(each[0]) for each in sample["filtered_resps"][: len(choices)])
        best = choices[int(np.argmax(sums))]
        return AnsweredRow(row, best, predicted=row.label if best in right else best, choices=sums)
    if output == "generate_until":
        said = sample["filtered_resps"][0]
        said = str(said[0] if isinstance(said, list) and said else said)
        given: Generated = kept[0]
        return AnsweredRow(
            row,
            str(sample["resps"][0][0]),
            predicted=row.label if said in right else said,
            log_probabilities=given.log_probabilities,
            tokens=given.tokens,
            finish=given.finish,
        )
    return _read(row, list(kept[0]) if output == "loglikelihood_rolling" else list(kept[:1]), output)


def _read(row: Row, parts: Sequence[Scored], output: str) -> AnsweredRow:
    """A row whose own text was scored, in one part or in windows."""
    greedy = tuple(bool(each) for part in parts for each in part.greedy)
    return AnsweredRow(
        row,
        "",
        predicted=(row.label if all(greedy) else "") if output == "loglikelihood" else None,
        log_probabilities=tuple(float(each) for part in parts for each in part.log_probabilities),
        greedy=greedy,
        bytes=len(row.target.encode("utf-8", "replace")),
    )


def _sum(scored: Scored) -> float:
    return float(scored.log_probabilities.sum(dtype="float64"))
