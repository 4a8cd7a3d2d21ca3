"""The verb `compare`: two runs side by side, from what is stored; no model is loaded or asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.app import resolve
from tunewright.app.found import Found, is_evaluation, newest_evaluation, open_evaluation, runs_of
from tunewright.core import catalog, digest
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion, Evaluation, Run, Verdict
from tunewright.data.dataset import Dataset
from tunewright.evaluate.pairing import Side, measured_rows
from tunewright.evaluate.side_by_side import SHOWN, SideBySide, Wanted, put_side_by_side
from tunewright.evaluate.store import VERDICT, read_answers


@dataclass(frozen=True)
class Asked:
    """Two targets (a recipe, a run, a model of ours, or a folder below `evaluations/`), and what of them is compared.

    `metrics` by name (none: all); `most` rows and slices of a kind are shown.
    """

    targets: tuple[Path, Path]
    metrics: tuple[str, ...] = ()
    most: int = SHOWN
    home: Path | None = None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Facts(_Frozen):
    """What is known of one side. What belongs to a run is None where there is none, or its record is gone.

    `other_evaluations`: how many more there are of the same model. Times in seconds.
    """

    target: str
    name: str
    evaluation: str
    folder: str
    evaluated_at: str
    other_evaluations: int
    model: str
    dataset: str
    split: str
    run: str | None = None
    base_model: str | None = None
    method: str | None = None
    steps: int | None = None
    loss: float | None = None
    validation_loss: float | None = None
    tokens: int | None = None
    trained_tokens: int | None = None
    tokens_per_s: float | None = None
    train_s: float | None = None
    peak_memory_bytes: int | None = None


class Different(_Frozen):
    """A key with both values; None where one side does not have it."""

    key: str
    a: Any
    b: Any


class PairedGate(_Frozen):
    """A gate, and whether each side meets it; None where that side does not have it."""

    rule: str
    a: bool | None
    b: bool | None


class TwoRuns(_Frozen):
    """Everything about B against A. `recipe` and `used` are None where one of the runs is not known."""

    a: Facts
    b: Facts
    warnings: tuple[str, ...]
    found: SideBySide
    recipe: tuple[Different, ...] | None
    used: tuple[Different, ...] | None
    gates: tuple[PairedGate, ...]


@dataclass(frozen=True)
class _Opened:
    """A target with everything that is stored about it."""

    target: Path
    found: Found
    run: Run | None
    verdict: Verdict | None
    side: Side

    @property
    def evaluation(self) -> Evaluation:
        return self.found.evaluation


def compare(asked: Asked) -> TwoRuns:
    """Put two evaluations side by side.

    Raises UserError for a target without an evaluation, or where there is nothing to compare, and OutsideError when
    stored answers are damaged.
    """
    a, b = (_opened(target, asked.home) for target in asked.targets)
    measured = measured_rows(a.side.answers) | measured_rows(b.side.answers)
    sides = [replace(one.side, trained=_trained(one, measured)) for one in (a, b)]
    named = {name for one in (a, b) for metrics in one.evaluation.suites.values() for name in metrics}
    known = named & set(catalog.names("scorers"))
    scorers = {name: resolve.scorer(name) for name in sorted(known)}
    found = put_side_by_side(*sides, scorers=scorers, wanted=Wanted(asked.metrics, asked.most))
    return TwoRuns(
        a=_facts(a),
        b=_facts(b),
        warnings=(*_of_targets(a, b), *_of_rows(found, sides), *_of_metrics(found, sorted(named - known))),
        found=found,
        recipe=differences(a.run.recipe, b.run.recipe) if a.run and b.run else None,
        used=differences(a.run.used, b.run.used) if a.run and b.run else None,
        gates=_gates(a.verdict, b.verdict),
    )


def _opened(target: Path, home: Path | None) -> _Opened:
    """The evaluation that a target means, with its run; of a recipe its latest run, and of a run its evaluation."""
    if is_evaluation(target):
        found = open_evaluation(target, home=home)
        runs = [run for run in found.workspace.records("runs", Run) if run.name == found.evaluation.model]
    else:
        workspace, runs = runs_of(target, home=home)
        if not runs:
            raise UserError(
                "no model was trained from this recipe yet.", where=str(target), do=f"Run: tunewright run {target}"
            )
        folder = workspace.runs / digest.short(runs[0].key)
        found = newest_evaluation(workspace, runs[:1], where=folder if folder.is_dir() else target)
    side = Side(found.evaluation, read_answers(found.folder))
    return _Opened(target, found, runs[0] if runs else None, _verdict(found.folder), side)


def _verdict(folder: Path) -> Verdict | None:
    path = folder / VERDICT
    if not path.exists():
        return None
    try:
        return Verdict.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UserError("this record of gates is damaged.", where=str(path), do="Run evaluate again.") from error


def _trained(one: _Opened, measured: set[str]) -> frozenset[str] | None:
    """Which measured rows a run was trained on; None where there is no run, or its data set is gone or damaged."""
    run, workspace = one.run, one.found.workspace
    versions = [each for each in workspace.records("data", DatasetVersion) if run and each.name == run.dataset]
    if not versions:
        return None
    try:
        train = Dataset(workspace.datasets / versions[0].name, versions[0]).split("train")
        return frozenset(train.standing(measured))
    except OutsideError:
        return None  # said in a warning: nobody can say which rows these were


def _facts(one: _Opened) -> Facts:
    evaluation, run = one.evaluation, one.run
    others = [each for each in one.found.workspace.records("evaluations", Evaluation) if each.model == evaluation.model]
    about = Facts(
        target=str(one.target),
        name=evaluation.names.get("tuned", evaluation.names.get("base", "")),
        evaluation=evaluation.name,
        folder=str(one.found.folder),
        evaluated_at=evaluation.made_at,
        other_evaluations=sum(each.key != evaluation.key for each in others),
        model=evaluation.model,
        dataset=evaluation.dataset,
        split=evaluation.split,
    )
    if run is None:
        return about
    of_run = {
        "name": run.recipe.get("name") or about.name,
        "run": run.key,
        "base_model": run.model.base,
        "method": run.model.method,
        "steps": run.steps,
        "loss": _finite(run.loss),
        "validation_loss": _finite(run.validation_loss),
        "tokens": run.tokens,
        "trained_tokens": run.trained_tokens,
        "tokens_per_s": _finite(run.tokens_per_s),
        "train_s": run.train_s,
        "peak_memory_bytes": run.peak_memory_bytes,
    }
    return about.model_copy(update=of_run)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Different, ...]:
    """The keys whose values differ, as paths ("training.epochs"), in order; None stands for a key that is not there."""
    ours, theirs = dict(_leaves(a)), dict(_leaves(b))
    keys = dict.fromkeys((*ours, *theirs))
    return tuple(
        Different(key=key, a=ours.get(key), b=theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)
    )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Values by path; a list of plain values is one of them."""
    if isinstance(value, Mapping):
        inside = list(value.items())
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping | list | tuple) for each in value):
        inside = list(enumerate(value))
    else:
        yield path, value
        return
    for key, each in inside:
        yield from _leaves(each, f"{path}.{key}" if path else str(key))


def _gates(a: Verdict | None, b: Verdict | None) -> tuple[PairedGate, ...]:
    met = [{gate.rule: gate.passed for gate in one.gates} if one else {} for one in (a, b)]
    rules = dict.fromkeys(rule for each in met for rule in each)
    return tuple(PairedGate(rule=rule, a=met[0].get(rule), b=met[1].get(rule)) for rule in rules)


def _of_targets(a: _Opened, b: _Opened) -> list[str]:
    """What is wrong with comparing these two at all."""
    ours, theirs = a.evaluation, b.evaluation
    if a.found.folder == b.found.folder:
        return ["A and B are one and the same evaluation: every difference is 0."]
    found: list[str] = []
    if ours.model == theirs.model:
        found.append("A and B are two evaluations of one and the same model.")
    if ours.dataset != theirs.dataset:
        names = [digest.short(one.dataset) or "none" for one in (ours, theirs)]
        found.append(f"They were measured on different data sets: {names[0]} and {names[1]}.")
    if ours.split != theirs.split:
        found.append(f"They were measured on different splits: {ours.split} and {theirs.split}.")
    if a.run and b.run and a.run.model.chat_digest != b.run.model.chat_digest:
        found.append("Their tokenizers or chat templates differ, so metrics per token are measured on other tokens.")
    return found


def _of_rows(found: SideBySide, sides: Sequence[Side]) -> list[str]:
    """Rows that one was trained on, and where nobody can say."""
    told: list[str] = []
    for name, other, side in (("a", "B", sides[0]), ("b", "A", sides[1])):
        seen = next((one for one in found.seen if one.trained == name), None)
        trained = name.upper()
        if seen and seen.compared:
            told.append(f"Contaminated: {trained} was trained on {seen.compared:,} of the compared rows.")
        if seen and seen.elsewhere:
            told.append(
                f"{seen.elsewhere:,} rows that {other} was measured on are training rows of {trained}; they are not "
                "among the compared ones."
            )
        if side.trained is None:
            told.append(f"Which rows {trained} was trained on is not known here, so nobody looked for them.")
    return told


def _of_metrics(found: SideBySide, unknown: Sequence[str]) -> list[str]:
    """Numbers that do not mean the same on both sides."""
    told = ["Their labels differ; averages over labels are taken over all of both."] if found.labels_differ else []
    told += [
        f"{way}: {one.other_tokens:,} rows were scored as other tokens; loss, perplexity and token accuracy do not "
        "compare."
        for way, one in found.ways.items()
        if one.other_tokens
    ]
    if unknown:
        told.append(f"No metric is called so here: {', '.join(unknown)}.")
    return told
