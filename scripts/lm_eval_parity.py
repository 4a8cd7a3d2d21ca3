"""Our bridge beside lm-eval's own `hf` backend, in float32, on the same local tasks; exit 1 past a bar.

    python scripts/lm_eval_parity.py                        builtin:smollm2-135m-instruct on every task of the tests
    python scripts/lm_eval_parity.py TASK.yaml --context 64    a task of yours; a short context, so that it is cut

Bars: log-likelihoods within 1e-4 of the backend's. Where one is not, the backend computes it again in float64, and
ours must lie within 1e-4 of that: then the difference is the backend's own rounding (its softmax in float32 errs by up
to 7e-6 a token, always to one side), which is counted. The same arg-max flags, choices, answers and metrics on every
row except ties, which are counted: two choices, or two tokens, whose scores lie within 2e-4 of each other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunewright.core.events import silent
from tunewright.core.nouns import Numbers
from tunewright.core.workspace import Workspace
from tunewright.edge.harnesses.lm_eval import Bridge, LoadedTask, Work
from tunewright.evaluate.suites.lm_eval import Voice
from tunewright.models.find import find
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.recipe.options.harnesses.lm_eval import Options as HarnessOptions
from tunewright.recipe.options.suites.lm_eval import Options
from tunewright.recipe.recipe import ModelOptions
from tunewright.text.chat import load_chat

REPOSITORY = Path(__file__).resolve().parent.parent
TASKS = REPOSITORY / "tests" / "edge" / "harnesses" / "tasks"
MODEL = "builtin:smollm2-135m-instruct"
FLOAT32 = Numbers(weights="fp32", products="fp32", double_quantisation=False)
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
BAR = 1e-4
KINDS = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class Recorded:
    """A model of lm-eval with every request and what it gave, by kind. Fulfils nothing but what `evaluate` asks."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.asked: dict[str, list[Instance]] = {kind: [] for kind in KINDS}
        self.given: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        for kind in KINDS:
            setattr(model, kind, self._noting(kind, getattr(model, kind)))

    def restore(self) -> None:
        """The model as it was."""
        for kind in KINDS:
            delattr(self.model, kind)

    def _noting(self, kind: str, ask: Any) -> Any:
        def noting(requests: list[Instance], **_named: Any) -> list[Any]:
            found = ask(requests, disable_tqdm=True)
            self.asked[kind] += requests
            self.given[kind] += found
            return found

        return noting


def backend(folder: Path, dtype: torch.dtype, *, context: int) -> Any:
    """lm-eval's `hf` backend, one request at a time."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(folder), batch_size=1, max_length=context)


@dataclass
class Exact:
    """The backend in float64, loaded when it is first asked."""

    folder: Path
    context: int

    @cached_property
    def model(self) -> Any:
        """The backend."""
        return backend(self.folder, torch.float64, context=self.context)

    def of(self, request: Instance) -> Any:
        """What it gives for one request."""
        return getattr(self.model, request.request_type)([request], disable_tqdm=True)[0]


@dataclass
class Compared:
    """One task on both sides. `largest`: the largest difference of two log-likelihoods, in nats.

    `rounded` counts those beyond the bar that are the backend's rounding, `missed` the others.
    """

    task: str
    documents: int
    requests: int = 0
    largest: float = 0.0
    rounded: int = 0
    missed: int = 0
    differing: int = 0
    ties: int = 0
    ours: dict[str, float] = field(default_factory=dict)
    theirs: dict[str, float] = field(default_factory=dict)

    @property
    def same_metrics(self) -> bool:
        """True when no metric differs by more than its log-likelihoods may; a tie may move a share by one row each."""
        room = max(BAR, self.ties / max(self.documents, 1))
        near = [abs(self.ours[name] - value) <= room * max(1.0, abs(value)) for name, value in self.theirs.items()]
        return self.ours.keys() == self.theirs.keys() and all(near)

    @property
    def passed(self) -> bool:
        """True when every bar is met."""
        return self.requests > 0 and not self.missed and not self.differing and self.same_metrics


def main(words: Sequence[str] | None = None) -> int:
    """Compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", type=Path, default=sorted(TASKS.glob("*.yaml")))
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--context", type=int, default=2048, help="longest context in tokens, on both sides")
    parser.add_argument("--prompts", choices=("plain", "chat"), default="plain")
    parser.add_argument("--rows", type=int, help="the first so many documents of each task")
    asked = parser.parse_args(words)
    workspace = Workspace(REPOSITORY / ".cache" / "tests")
    folder = find(ModelOptions(name=asked.model), folder=REPOSITORY, workspace=workspace, emit=silent).path
    chat = load_chat(folder)
    ours = open_language_model(load(folder, numbers=FLOAT32), decode=chat.decode, compiled=workspace.compiled)
    theirs = backend(folder, torch.float32, context=asked.context)
    exact = Exact(folder, asked.context)
    print(f"model {asked.model}, float32, {torch.get_num_threads()} threads; ours: {ours.forward}")
    found: list[Compared] = []
    for file in asked.tasks:
        options = Options(file=str(file), prompts=asked.prompts, max_rows=asked.rows, context_tokens=asked.context)
        task = Work(HarnessOptions()).load(file, asked=options)
        found.append(compare(task, Voice(chat, asked.context, ours.score, ours.answer), theirs, exact=exact))
        print(line(found[-1]), flush=True)
    total = sum(each.documents for each in found)
    print(f"\n{total} documents, {sum(each.requests for each in found)} requests, bar {BAR:g} nats")
    return 0 if found and all(each.passed for each in found) else 1


def compare(task: LoadedTask, voice: Voice, theirs: Any, *, exact: Exact) -> Compared:
    """One task on both sides."""
    numbers = list(range(len(task.rows)))
    one, other = Recorded(Bridge(voice)), Recorded(theirs)
    result = Compared(task.name, len(numbers))
    _, result.ours = task.evaluate(one.model, numbers=numbers)
    _, result.theirs = task.evaluate(other.model, numbers=numbers)
    other.restore()
    for kind in KINDS:
        result.requests += len(one.asked[kind])
        for request, mine, yours in zip(one.asked[kind], one.given[kind], other.given[kind], strict=True):
            if kind == "generate_until":
                decide(result, mine == yours or written_tie(theirs, request, mine, yours), tie=mine != yours)
                continue
            near(result, exact, request, total(mine), total(yours))
            if kind == "loglikelihood":
                decide(result, mine[1] == yours[1] or greedy_tie(theirs, request), tie=mine[1] != yours[1])
    choose(result, one, other)
    return result


def choose(result: Compared, one: Recorded, other: Recorded) -> None:
    """The likeliest of the continuations of each document on both sides."""
    places: dict[int | None, list[int]] = {}
    for place, request in enumerate(one.asked["loglikelihood"]):
        places.setdefault(request.doc_id, []).append(place)
    for own in places.values():
        mine = [one.given["loglikelihood"][place][0] for place in own]
        yours = [other.given["loglikelihood"][place][0] for place in own]
        best, other_best = mine.index(max(mine)), yours.index(max(yours))
        decide(result, abs(yours[best] - yours[other_best]) <= 2 * BAR, tie=best != other_best)


def decide(result: Compared, right: bool, *, tie: bool) -> None:
    """Count a decision: one that may not differ, or one that does and may."""
    result.differing += not right
    result.ties += right and tie


def near(result: Compared, exact: Exact, request: Instance, mine: float, yours: float) -> None:
    """Count a log-likelihood beyond the bar: the backend's rounding, or ours."""
    result.largest = max(result.largest, abs(mine - yours))
    if not abs(mine - yours) <= BAR:
        close = abs(mine - total(exact.of(request))) <= BAR
        result.rounded += close
        result.missed += not close


def total(given: Any) -> float:
    """The log-likelihood of what lm-eval gave for a request."""
    return float(given[0] if isinstance(given, tuple) else given)


def greedy_tie(theirs: Any, request: Instance) -> bool:
    """True when every token of the continuation that is not the arg-max lies within twice the bar of it."""
    context, continuation = theirs._encode_pair(*request.args)
    scores = logits(theirs, context + continuation)[len(context) - 1 : -1]
    chosen = scores.gather(1, torch.tensor(continuation)[:, None])[:, 0]
    return bool((scores.max(dim=1).values - chosen <= 2 * BAR).all())


def written_tie(theirs: Any, request: Instance, mine: str, yours: str) -> bool:
    """True when the two best tokens lie within twice the bar of each other where the answers part."""
    context = theirs.tok_encode(request.args[0])
    ours, other = (theirs.tok_encode(text, add_special_tokens=False) for text in (mine, yours))
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, other, strict=False)))
    best = logits(theirs, context + other[:same])[-1].topk(2).values
    return bool(best[0] - best[1] <= 2 * BAR)


def logits(theirs: Any, tokens: list[int]) -> torch.Tensor:
    """Log-probabilities after each token, [T, V]."""
    return theirs._model_call(torch.tensor([tokens[-theirs.max_length :]]))[0].log_softmax(-1)


def line(found: Compared) -> str:
    """One line of the table."""
    metrics = "; ".join(f"{name} {value:.4f}" for name, value in found.ours.items())
    same = "equal" if found.same_metrics else f"DIFFER from {found.theirs}"
    verdict = "pass" if found.passed else "FAIL"
    return (
        f"{verdict}  {found.task:19} {found.documents:3} documents {found.requests:4} requests"
        f"  largest {found.largest:.1e} (beyond the bar: backend's rounding {found.rounded}, ours {found.missed})"
        f"  decisions that differ {found.differing}, ties {found.ties}  metrics {same}: {metrics}"
    )


if __name__ == "__main__":
    if not OFFLINE.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **OFFLINE})
    sys.exit(main())
