"""What every part of a kind promises to do, as rules over a working part: one sentence a breach."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save
from torch import nn
from transformers import AutoModelForCausalLM

from tests.house.scorer_rows import EMPTY, LABELS, SCENARIOS, RightIsRewarded, without_numbers
from tests.house.text_contracts import detector_depends_on_the_text_alone, embedder_places_texts
from tunewright.core import catalog
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.ports import Converted, Encoded, Measured, Message, Row, RowProblem, TrackedRun
from tunewright.core.store import Wanted
from tunewright.evaluate.sums import summed
from tunewright.train.checkpoints import join_state, split_state

BAD_FILES = {
    "empty": b"",
    "one line without an end": b'{"text": "a", "label": "b"}',
    "NUL bytes": b"a,b\n\0\0,\0\n" * 3,
    "not UTF-8": b'text,label\n\xff\xfe,\xc3\n{"text": "\xff"}\n',
    "broken": b'{"text": \n"open quote,\n[1, 2\n{}}\n',
    "lone surrogates": b'{"text": "\\ud800", "label": "x"}\ntext\n\xed\xa0\x80\n',
    "UTF-16": "text,label\na,b\n".encode("utf-16"),
    "deeply nested": b"[" * 100_000 + b"\n",
}
BAD_VALUES: list[Any] = [
    None,
    3,
    1.5,
    True,
    "",
    "  ",
    [],
    [[]],
    [{}],
    [{"role": 1}],
    {},
    {"a": 1},
    "\ud800",
    "x" * 10_000,
]
TOTALS = (1, 2, 3, 10, 150)
SECRET = "a-secret-that-nobody-may-write"
TRACKER_VARIABLES = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_TRACKING_TOKEN": SECRET,
    "WANDB_API_KEY": SECRET,
    "WANDB_ERROR_REPORTING": "false",
}


def source_reads_anything(source: Any, folder: Path) -> list[str]:
    """A source never raises for content; every row has a value or a problem, and lines rise."""
    problems: list[str] = []
    for what, content in BAD_FILES.items():
        path = folder / "rows"
        path.write_bytes(content)
        try:
            rows = list(source.read(path))
        except Exception as error:  # noqa: BLE001 - any error at all is the breach
            problems.append(f"{what}: {type(error).__name__}: {error}")
            continue
        problems += [
            f"{what}: line {row.line} has both or neither" for row in rows if (row.value is None) != bool(row.problem)
        ]
        lines = [row.line for row in rows]
        if lines != sorted(set(lines)) or any(line < 1 for line in lines):
            problems.append(f"{what}: lines {lines}")
    return problems


def shape_converts_or_says_why(shape: Any) -> list[str]:
    """A shape turns any value into a conversation that ends as its rows do, or raises RowProblem with a reason."""
    ends = ("assistant", "document") if getattr(shape, "answered", True) else ("user", "tool")
    columns = sorted({value for value in shape.options.model_dump().values() if isinstance(value, str)})
    problems = ["fits a row without columns"] if shape.fits(frozenset(), {}) else []
    for bad in BAD_VALUES:
        for value in ({}, dict.fromkeys(columns, bad), {columns[0]: bad}):
            try:
                converted = shape.convert(value)
            except RowProblem as problem:
                problems += [] if problem.reason.isidentifier() else [f"reason {problem.reason!r}"]
            except Exception as error:  # noqa: BLE001 - any error at all is the breach
                problems.append(f"{value!r:.60}: {type(error).__name__}")
            else:
                problems += [] if _is_whole(converted, ends) else [f"{value!r:.60}: {converted!r:.60}"]
    return problems


def _is_whole(converted: Any, ends: Sequence[str]) -> bool:
    """The right role stands last; of a pair, what lost is answered too, and is something else than what won."""
    if not isinstance(converted, Converted) or not _ends(converted.messages, ends):
        return False
    lost = converted.rejected
    return not lost or (_ends(lost, ends) and lost != converted.messages[-1:])


def _ends(messages: Sequence[Message], ends: Sequence[str]) -> bool:
    texts = all(isinstance(message.get("content"), str) for message in messages)
    return bool(messages) and texts and messages[-1].get("role") in ends


def step_loses_no_row(step: Any) -> list[str]:
    """Rows in and created are rows out and gone, each with its reason; a step on training rows touches no others."""
    rows = {split: [_row(text, "ab"[i % 2]) for i, text in enumerate(texts)] for split, texts in SPLITS.items()}
    given = sum(map(len, rows.values()))
    done = step.apply({split: list(some) for split, some in rows.items()})
    out, created = sum(map(len, done.rows.values())), sum(done.created.values())
    problems = (
        [] if given + created == out + len(done.gone) else [f"{given} + {created} in, {out} + {len(done.gone)} out"]
    )
    problems += [f"a row {gone.fate} without a reason" for gone in done.gone if not gone.reason]
    problems += (
        ["rows created without a reason"] if not all(done.created) or min(done.created.values(), default=1) < 1 else []
    )
    problems += [f"splits {sorted(done.rows)}"] if set(done.rows) != set(rows) else []
    if getattr(step, "phase", "") == "training_rows":
        problems += [f"{split} rows changed" for split in ("validation", "test") if done.rows[split] != rows[split]]
    return problems


SPLITS = {"train": ["one", "two", "two", "three"], "validation": ["three", "four"], "test": ["one", "five"]}


def _row(text: str, label: str) -> Row:
    turns: tuple[Message, ...] = ({"role": "user", "content": text}, {"role": "assistant", "content": label})
    return Row(f"{text}-{label}", turns, label=label)


def schedule_stays_in_range(schedule: Any) -> list[str]:
    """A schedule's factor lies in [0, 1], and some step of a run learns."""
    factors = {total: [schedule.factor(step, total) for step in range(1, total + 1)] for total in TOTALS}
    problems = [f"{total} steps: {min(some)} to {max(some)}" for total, some in factors.items() if not _in_unit(some)]
    return problems + [f"{total} steps: never learns" for total, some in factors.items() if not any(some)]


def _in_unit(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) and 0 <= value <= 1 for value in values)


def scorer_is_a_number(scorer: Any) -> list[str]:
    """A number in its range on what it measures and NaN elsewhere, better for the better model, and equal to its sums.

    Rows that cannot be measured change nothing, and no row makes the whole unknown.
    """
    if (bind := getattr(scorer, "bind", None)) is not None:
        bind(lambda _name: RightIsRewarded())
    low, high = getattr(scorer, "range", (math.nan, math.nan))
    if not (low < high) or not isinstance(getattr(scorer, "census", None), bool):
        return ["says no range, or not whether it is a census"]
    values: dict[str, tuple[float, float]] = {}
    problems: list[str] = []
    for name, scenario in SCENARIOS.items():
        good, bad = (scorer.score(rows, scenario.labels) for rows in (scenario.good, scenario.bad))
        values[name] = (good, bad)
        problems += [f"{name}: {value}, not in {low} to {high}" for value in (good, bad) if value < low or value > high]
        for rows in (scenario.good, scenario.bad):
            problems += [f"{name}: {text}" for text in scorer_adds_up(scorer, rows, labels=scenario.labels)]
    empty = scorer.score([], LABELS), scorer.score([EMPTY], LABELS)
    problems += [] if all(math.isnan(value) for value in empty) else [f"nothing to measure, and scores {empty}"]
    return problems + scorer_prefers_the_better(scorer.direction, values)


def scorer_prefers_the_better(direction: str, values: Mapping[str, tuple[float, float]]) -> list[str]:
    """Somewhere the good model scores better, and nowhere worse, but where metrics may disagree."""
    sign = {"higher": 1, "lower": -1, "neither": 0}[direction]
    gains = {name: sign * (good - bad) for name, (good, bad) in values.items() if math.isfinite(good - bad)}
    worse = [name for name, gain in gains.items() if gain < 0 and not SCENARIOS[name].ambivalent]
    problems = [f"{name}: {direction} is better, and the worse model has {values[name]}" for name in worse]
    if not gains:
        problems.append("measures nothing in any scenario")
    return problems if not sign or any(gain > 0 for gain in gains.values()) else [*problems, "sees no difference"]


def scorer_adds_up(scorer: Any, rows: list[AnsweredRow], *, labels: Sequence[str]) -> list[str]:
    """The score is the mean of its rows, the value of its sums, and the same beside rows that say nothing."""
    score, each = scorer.score(rows, labels), scorer.per_row(rows)
    found: dict[str, float] = {}
    if each is not None:
        known = [float(value) for value in each if not math.isnan(value)]
        found["mean of rows"] = float(np.mean(known)) if known else math.nan
        found["rows"] = score if len(each) == len(rows) else math.inf
    if (added := summed(scorer, rows, labels=labels)) is not None:
        found["value of sums"] = float(added.value(added.sums.sum(axis=0)))
    found["with an empty row"] = scorer.score([*rows, EMPTY], labels)
    problems = [f"{what} {value}, score {score}" for what, value in found.items() if not _same(value, score)]
    broken = scorer.score([*rows, *map(without_numbers, rows)], labels)
    return problems + (["NaN in one row makes the whole NaN"] if math.isnan(broken) and not math.isnan(score) else [])


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))


def suite_names_scorers(suite: Any) -> list[str]:
    """A suite names metrics that exist, ways of its own, and keeps the bare prompt when nothing else is offered."""
    known = set(catalog.names("scorers"))
    problems = [f"no scorer is called {name}" for name in suite.scorers if name not in known]
    problems += (
        [] if suite.scorers and suite.ways and len(set(suite.ways)) == len(suite.ways) else ["no ways or scorers"]
    )
    problems += [] if tuple(suite.styles((), ("a",))) == ("bare",) else [f"styles {suite.styles((), ('a',))}"]
    return problems


def objective_counts_add_up(objective: Any) -> list[str]:
    """Counts are sums: those of two examples together are those of each, added; nothing trained counts nothing.

    Prompts have no trained tokens, and a head reads each of them.
    """
    one = Encoded(np.arange(5, dtype=np.int32), np.array([0, 0, 1, 1, 1], np.float32))
    two = Encoded(np.arange(3, dtype=np.int32), np.array([0, 0.5, 1], np.float32), 1)
    none = Encoded(np.arange(3, dtype=np.int32), np.zeros(3, np.float32), 2)
    apart, both = (objective.counts([one]), objective.counts([two])), objective.counts([one, two])
    problems = [f"{name}: {count}" for name, count in both.items() if count != sum(some[name] for some in apart)]
    problems += [] if all(count > 0 for count in both.values()) and both else [f"counts {both}"]
    if getattr(getattr(objective, "options", None), "rows", "") == "prompts":
        return problems
    counted = objective.counts([none])
    return problems + ([f"nothing trained counts {counted}"] if any(counted.values()) else [])


def optimiser_goes_down_and_resumes(optimiser: Any) -> list[str]:
    """A step lowers a loss; from a state that went through files the next step is the same, bit for bit."""
    first, second = (nn.Parameter(torch.full((2, 2), 3.0)) for _ in range(2))
    one, two = (optimiser.build({"w": each}, learning_rate=0.1, rates={}) for each in (first, second))
    _update(one, first)
    problems = [] if float(first.detach().abs().sum()) < 12 else ["a step does not lower the loss"]
    _update(two, second)
    second.data.copy_(first.data)
    two.load_state_dict(through_files(one.state_dict()))
    _update(one, first)
    _update(two, second)
    return problems + ([] if torch.equal(first, second) else ["the step after loading a state differs"])


def through_files(state: dict[str, Any]) -> dict[str, Any]:
    """An optimiser's state as a checkpoint keeps it: tensors apart, the rest as JSON."""
    tensors, scalars = split_state(deepcopy(state))
    return join_state(load(save(tensors)), json.loads(json.dumps(scalars)))


def optimiser_says_what_it_is(optimiser: Any) -> list[str]:
    """Every group has the factor of its weights' rate; the schedule that `auto` means exists; numbers are sensible."""
    weights = {name: nn.Parameter(torch.ones(2, 2)) for name in ("slow", "fast", "fast_too")}
    groups = optimiser.build(weights, learning_rate=0.1, rates={"fast": 4.0, "fast_too": 4.0}).param_groups
    factors = {id(each): group.get("factor") for group in groups for each in group["params"]}
    found = {name: factors.get(id(each)) for name, each in weights.items()}
    problems = [] if found == {"slow": 1.0, "fast": 4.0, "fast_too": 4.0} else [f"factors {found}"]
    problems += [] if optimiser.schedule in catalog.names("schedules") else [f"no schedule: {optimiser.schedule}"]
    problems += [] if 0 < optimiser.learning_rate_factor <= 10 else [f"factor {optimiser.learning_rate_factor}"]
    return problems + ([] if 0 < optimiser.state_bytes <= 32 else [f"{optimiser.state_bytes} bytes of state"])


def _update(optimiser: Any, parameter: nn.Parameter) -> None:
    optimiser.zero_grad(set_to_none=True)
    (parameter**2).sum().backward()
    optimiser.step()


def tracker_takes_numbers(tracker: Any, folder: Path) -> list[str]:
    """A tracker shows a run, takes numbers again that it has, goes on under the same key, and writes no secret."""
    run = TrackedRun("contract", "0" * 64, folder / "runs" / "contract", {"name": "contract"}, {"threads": 1})
    run.folder.mkdir(parents=True)
    numbers = [Measured(step, 1000.0 + step, {"loss": 1.0 / step}) for step in (1, 2, 3)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TRACKER_VARIABLES.items():
            patch.setenv(name, value)
        if hasattr(tracker.options, "uri"):
            tracker = type(tracker)(tracker.options.model_copy(update={"uri": f"file:{folder}/store"}))
        for some, status in ((numbers[:2], "stopped"), (numbers[1:], "done")):
            tracker.open(run)
            tracker.send(some)
            tracker.send(some[-1:])
            tracker.close(status=status, results={"loss": 0.5})
    written = [path for path in folder.rglob("*") if path.is_file()]
    problems = [] if written else ["nothing is shown"]
    return problems + [f"{path.name} holds a secret" for path in written if SECRET.encode() in path.read_bytes()]


def method_trains_what_it_says(method: Any, model_folder: Path, *, folder: Path) -> list[str]:
    """A method names exactly what trains, starts by its seed alone, and loads what it saved."""
    model, again, other = (_attached(method, model_folder, seed) for seed in (1, 1, 2))
    named = method.trainable(model)
    trains = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    problems = [] if named and {id(each) for each in named.values()} == trains else ["`trainable` is not what trains"]
    problems += [] if _equal(named, method.trainable(again)) else ["the same seed gives other starts"]
    problems += [] if method.learning_rate > 0 else ["no rate of its own"]
    if method.adapts and _is_random(named) and _equal(named, method.trainable(other)):
        problems.append("another seed gives the same start")
    weights = {name: torch.randn_like(each) * 0.1 for name, each in named.items()}
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(weights[name])
    method.save(model, weights, folder)
    problems += [] if _equal(_saved(folder), method.content(model, weights)) else ["`content` is not what is saved"]
    problems += [] if _equal(method.read(folder), weights) else ["saved weights are not the given ones"]
    loaded = method.load(AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32), folder)
    return problems + (
        [] if torch.allclose(_logits(model), _logits(loaded), atol=1e-5) else ["loaded, it answers otherwise"]
    )


def _is_random(weights: Mapping[str, Any]) -> bool:
    """True when some weight begins as more than one number over and over."""
    return any(len(each.unique()) > 1 for each in weights.values())


def _attached(method: Any, folder: Path, seed: int) -> Any:
    return method.attach(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), seed=seed)


def _saved(folder: Path) -> dict[str, Any]:
    return {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}


def _equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return set(left) == set(right) and all(torch.equal(left[name], right[name]) for name in left)


def _logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(5, 15)[None]).logits


def harness_refuses_what_is_no_task(harness: Any, folder: Path) -> list[str]:
    """A file that is no task is refused in one sentence, whatever is in it."""
    problems: list[str] = []
    for what, content in BAD_FILES.items():
        path = folder / "task.yaml"
        path.write_bytes(content)
        try:
            harness.load(path, asked=catalog.options("suites", "lm_eval")(file=path.name))
        except UserError:
            continue
        except Exception as error:  # noqa: BLE001 - any other error is the breach
            problems.append(f"{what}: {type(error).__name__}: {error}")
        else:
            problems.append(f"{what}: taken for a task")
    return problems


NO_SOURCES = {
    "sql": [f"postgresql://user:{SECRET}@127.0.0.1:1/x", "sqlite:///no.db"],
    "files": [f"http://user:{SECRET}@127.0.0.1:1/x.jsonl", "file://no.jsonl", "memory://no.jsonl"],
    "hub": ["hub:no"],
}


def store_says_what_is_not_there(store: Any, folder: Path) -> list[str]:
    """A source that is not there is refused in one sentence; no secret is shown, no half file is left."""
    problems: list[str] = []
    for url in NO_SOURCES[store.options.type]:
        wanted, part = Wanted(url, folder, endings=("jsonl",), table="rows"), folder / "part"
        try:
            listing = store.list(wanted)
            store.fetch(wanted, listing.files[0], part=part, arrived=lambda *_said: None)
        except (UserError, OutsideError) as error:
            problems += [f"{url} shows its secret"] if SECRET in str(error) else []
        except Exception as error:  # noqa: BLE001 - any other error is the breach
            problems.append(f"{url}: {type(error).__name__}: {error}")
        else:
            problems.append(f"{url}: taken for a source")
        problems += [f"{url} leaves something"] if part.exists() else []
    return problems


Contract = Callable[[Any, Path, Path], list[str]]
CONTRACTS: dict[str, Contract] = {
    "sources": lambda part, _model, folder: source_reads_anything(part, folder),
    "shapes": lambda part, _model, _folder: shape_converts_or_says_why(part),
    "steps": lambda part, _model, _folder: step_loses_no_row(part),
    "schedules": lambda part, _model, _folder: schedule_stays_in_range(part),
    "scorers": lambda part, _model, _folder: scorer_is_a_number(part),
    "suites": lambda part, _model, _folder: suite_names_scorers(part),
    "objectives": lambda part, _model, _folder: objective_counts_add_up(part),
    "optimisers": lambda part, _model, _folder: optimiser_goes_down_and_resumes(part) + optimiser_says_what_it_is(part),
    "embedders": lambda part, _model, _folder: embedder_places_texts(part),
    "detectors": lambda part, _model, _folder: detector_depends_on_the_text_alone(part),
    "trackers": lambda part, _model, folder: tracker_takes_numbers(part, folder),
    "stores": lambda part, _model, folder: store_says_what_is_not_there(part, folder),
    "harnesses": lambda part, _model, folder: harness_refuses_what_is_no_task(part, folder),
    "methods": lambda part, model, folder: method_trains_what_it_says(part, model, folder=folder),
}
"""What a kind promises, given a part, the folder of a tiny model, and an empty folder."""
