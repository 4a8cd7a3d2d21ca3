"""Makes the record of an evaluation out of the answers: comparisons, confusion matrices, answers side by side, name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunewright.core import digest
from tunewright.core.nouns import Answered, Comparison, Evaluation
from tunewright.core.ports import Message, Row
from tunewright.evaluate.bench import Task
from tunewright.evaluate.compare import Measured, compare
from tunewright.evaluate.counts import confusion
from tunewright.evaluate.prompts import TRAINED
from tunewright.evaluate.store import answers_digest, whole
from tunewright.evaluate.suite import Suite


def make_record(
    suites: Sequence[Suite],
    measured: dict[str, list[Measured]],
    *,
    task: Task,
    forward: dict[str, str] | None = None,
    seconds: float,
) -> Evaluation:
    """The Evaluation of these answers, by suite. Its name depends on what was found, never on time or place.

    `forward`: what computed the base and the tuned model.
    """
    every = [one for ways in measured.values() for one in ways]
    results: dict[str, dict[str, Comparison]] = {}
    prompts: dict[str, str] = {}
    for suite in suites:
        for one in _compared(suite, measured[suite.name], task=task):
            results[one.way] = _comparisons(suite, one, task=task)
            prompts[one.way] = one.prompt
    evaluation = Evaluation(
        name="",
        key=task.key,
        parents=(task.model, task.version.name),
        made_at=task.made_at,
        model=task.model,
        dataset=task.version.name,
        split=task.options.split,
        suites=results,
        base_prompts=prompts,
        confusion=_matrices(suites, measured, task=task),
        labels=tuple(task.version.labels),
        examples=_side_by_side(every, task=task),
        forward=forward or {},
        seconds=seconds,
    )
    return evaluation.model_copy(update={"name": _name(evaluation, every)})


def _compared(suite: Suite, ways: Sequence[Measured], *, task: Task) -> list[Measured]:
    """The ways of a suite; before several, the tuned model's first way against the base's best chance.

    That is the best of all its ways and prompts by the main metric on the measured rows themselves, which favours it.
    """
    if len(ways) < 2:
        return list(ways)
    scorer, labels = task.scorers[suite.scorers[0]], task.version.labels
    sign = 1.0 if scorer.direction == "higher" else -1.0
    chances = [*ways, *(replace(one, prompt=TRAINED, base=one.base_same_prompt) for one in ways)]
    best = max(chances, key=lambda one: sign * scorer.score(one.base, labels))
    chance = replace(best, way=f"{suite.name}_best", prompt=f"{best.way}, {best.prompt}", tuned=ways[0].tuned)
    return [chance, *ways]


def _comparisons(suite: Suite, one: Measured, *, task: Task) -> dict[str, Comparison]:
    labels, seed = task.version.labels, task.options.seed
    return {name: compare(task.scorers[name], one, labels=labels, seed=seed) for name in suite.scorers}


def _matrices(
    suites: Sequence[Suite], measured: dict[str, list[Measured]], *, task: Task
) -> dict[str, list[list[int]]]:
    """Confusion by "<way>.<model>"."""
    ways = [one for suite in suites if suite.predicts_labels for one in measured[suite.name]]
    return {
        f"{one.way}.{model}": confusion(rows, task.version.labels)
        for one in ways
        for model, rows in one.answers().items()
    }


def _name(evaluation: Evaluation, measured: Sequence[Measured]) -> str:
    """Digest of what was found: no times, no key."""
    content = evaluation.model_dump(mode="json", exclude={"name", "key", "made_at", "seconds"})
    return digest.of_json([content, answers_digest(measured)])


def _side_by_side(measured: Sequence[Measured], *, task: Task) -> tuple[Answered, ...]:
    """Rows drawn with the seed, never picked, with the answers that were generated; none where nothing was."""
    spoken = next((one for one in measured if any(row.answer for row in one.base + (one.tuned or []))), None)
    if spoken is None:
        return ()
    size = min(task.examples, len(spoken.base))
    drawn = np.random.default_rng(task.options.seed).choice(len(spoken.base), size=size, replace=False)
    return tuple(_answered(spoken, index) for index in sorted(drawn.tolist()))


def _answered(one: Measured, index: int) -> Answered:
    base = one.base[index]
    return Answered(
        row=base.row.id,
        prompt=whole(_spoken(base.row)) or "",
        target=whole(base.row.target) or "",
        base=whole(base.answer) or "",
        tuned=(whole(one.tuned[index].answer) or "") if one.tuned else "",
    )


def _spoken(row: Row) -> str:
    """The prompt for people: its one user turn, or all turns with their roles."""
    turns: list[Message] = [message for message in row.prompt if message.get("role") != "system"]
    if len(turns) == 1:
        return turns[0].get("content", "")
    return "\n".join(f"{turn.get('role', '')}: {turn.get('content', '')}" for turn in turns)
