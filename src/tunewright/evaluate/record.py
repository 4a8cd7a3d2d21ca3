"""Makes the record of an evaluation out of the answers: comparisons, slices, confusion, answers side by side, name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import Answered, Comparison, Evaluation, Slice
from tunewright.evaluate.bench import Models, Task
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.counts import confusion, per_label
from tunewright.evaluate.prompts import TRAINED
from tunewright.evaluate.slices import extremes, side_by_side, slices
from tunewright.evaluate.store import answers_digest
from tunewright.evaluate.suite import Suite, scorers_of
from tunewright.stats.multiple import holm

EXTREMES = 10


@dataclass
class Findings:
    """What an evaluation found, by suite: answers, and reasons why a suite, a way or a task does not count."""

    measured: dict[str, list[Measured]] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)

    def every(self) -> list[Measured]:
        """All ways of all suites."""
        return [one for ways in self.measured.values() for one in ways]


def make_record(suites: Sequence[Suite], found: Findings, *, task: Task, models: Models, seconds: float) -> Evaluation:
    """The Evaluation of these answers. Its name depends on what was found, never on time or place."""
    every = found.every()
    results: dict[str, dict[str, Comparison]] = {}
    parts: dict[str, tuple[Slice, ...]] = {}
    prompts: dict[str, str] = {}
    for suite in suites:
        for one in _compared(suite, found.measured[suite.name], task=task):
            metrics = _metrics(suite, one, task=task)
            results[one.way] = {name: each.whole() for name, each in metrics.items()}
            prompts |= {} if suite.own else {one.way: one.prompt}
            if one.way in suite.ways and (made := slices(metrics[scorers_of(suite, one.way)[0]])):
                parts[one.way] = made
    classified = _classified(suites, found.measured)
    shown = _shown_way(suites, found)
    best, worst = _extremes(suites, shown, task=task)
    named = {"base": models.base, "tuned": models.tuned}
    evaluation = Evaluation(
        name="",
        key=task.key,
        parents=(task.model, *((task.data.version.name,) if task.data else ())),
        made_at=task.made_at,
        model=task.model,
        dataset=task.data.version.name if task.data else "",
        split=task.options.split,
        suites=corrected(results),
        ways={suite.name: tuple(one.way for one in found.measured[suite.name]) for suite in suites},
        base_prompts=prompts,
        confusion={name: confusion(rows, task.labels) for name, rows in classified.items()},
        by_label={name: tuple(per_label(rows, task.labels)) for name, rows in classified.items()},
        labels=task.labels,
        examples=_drawn(every, task=task),
        best=best,
        worst=worst,
        extremes_way=f"{shown[1].way}.{scorers_of(shown[0], shown[1].way)[0]}" if shown and (best or worst) else "",
        slices=parts,
        unmeasured=found.unmeasured,
        left_out=found.left_out,
        names={role: model.name for role, model in named.items() if model is not None},
        forward={role: done for role, model in named.items() if (done := getattr(model, "forward", ""))},
        seconds=seconds,
    )
    return evaluation.model_copy(update={"name": _name(evaluation, every)})


def corrected(results: Mapping[str, Mapping[str, Comparison]]) -> dict[str, dict[str, Comparison]]:
    """The same with `p_holm`: corrected over every metric of every way that has a p (Holm, 1979)."""
    places = [(way, name) for way, metrics in results.items() for name, one in metrics.items() if one.p is not None]
    values = holm([results[way][name].p or 0.0 for way, name in places])
    made = {way: dict(metrics) for way, metrics in results.items()}
    for (way, name), value in zip(places, values, strict=True):
        made[way][name] = made[way][name].model_copy(update={"p_holm": value})
    return made


def _compared(suite: Suite, ways: Sequence[Measured], *, task: Task) -> list[Measured]:
    """The ways of a suite; of one that predicts labels in several, first the tuned model against the base's best.

    Its best chance of all ways and prompts, by the main metric on the measured rows themselves, which favours it.
    """
    if len(ways) < 2 or not suite.predicts_labels:
        return list(ways)
    scorer, labels = task.scorers[suite.scorers[0]], task.labels
    sign = -1.0 if scorer.direction == "lower" else 1.0
    chances = [*ways, *(replace(one, prompt=TRAINED, base=one.base_same_prompt) for one in ways)]
    best = max(chances, key=lambda one: sign * scorer.score(one.base, labels))
    chance = replace(best, way=f"{suite.name}_best", prompt=f"{best.way}, {best.prompt}", tuned=ways[0].tuned)
    return [chance, *ways]


def _metrics(suite: Suite, one: Measured, *, task: Task) -> dict[str, Compared]:
    """The metrics of one way, each scored once."""
    names = scorers_of(suite, one.way)
    return {name: Compared(task.scorers[name], one, labels=task.labels, seed=task.options.seed) for name in names}


def _classified(suites: Sequence[Suite], measured: Mapping[str, Sequence[Measured]]) -> dict[str, list[AnsweredRow]]:
    """Answers that mean a label, by "<way>.<model>"."""
    ways = [one for suite in suites if suite.predicts_labels for one in measured[suite.name]]
    return {f"{one.way}.{model}": rows for one in ways for model, rows in one.answers().items()}


def _name(evaluation: Evaluation, measured: Sequence[Measured]) -> str:
    """Digest of what was found: no times, no key, nobody's name."""
    content = evaluation.model_dump(mode="json", exclude={"name", "key", "made_at", "seconds", "names", "forward"})
    return digest.of_json([content, answers_digest(measured)])


def _spoken(ways: Iterable[Measured]) -> Measured | None:
    """The first way in which something was said."""
    return next((one for one in ways if any(row.answer for row in one.base + (one.tuned or []))), None)


def _drawn(measured: Sequence[Measured], *, task: Task) -> tuple[Answered, ...]:
    """Rows drawn with the seed, never picked, with the answers that were generated; none where nothing was."""
    spoken = _spoken(measured)
    if spoken is None:
        return ()
    size = min(task.examples, len(spoken.base))
    drawn = np.random.default_rng(task.options.seed).choice(len(spoken.base), size=size, replace=False)
    return tuple(side_by_side(spoken, index) for index in sorted(drawn.tolist()))


def _shown_way(suites: Sequence[Suite], found: Findings) -> tuple[Suite, Measured] | None:
    """The suite and way whose best and worst answers are shown: the first in which something was said."""
    spoken = _spoken(found.every())
    for suite in suites:
        if spoken is not None and any(one is spoken for one in found.measured[suite.name]):
            return suite, spoken
    return None


def _extremes(
    suites: Sequence[Suite], shown: tuple[Suite, Measured] | None, *, task: Task
) -> tuple[tuple[Answered, ...], tuple[Answered, ...]]:
    if shown is None:
        return (), ()
    suite, measured = shown
    scorer = task.scorers[scorers_of(suite, measured.way)[0]]
    best, worst = extremes(scorer, measured, count=EXTREMES)
    return tuple(best), tuple(worst)
