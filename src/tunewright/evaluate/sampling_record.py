"""What a search of sampling settings found: whether to use them, in words, as a record, and in other tools' keys.

`sampling.json` is the record. `sampling.parquet` holds every answer: part (search or heldout), temperature, top_p,
repetition_penalty, then the columns of `store.ANSWER_FIELDS`; the samples of a row stand one after another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.events import Emit
from tunewright.core.language_model import GREEDY, Sampling
from tunewright.core.nouns import Comparison, SamplingSearch, SamplingSettings, TriedSettings
from tunewright.core.workspace import write_text
from tunewright.evaluate.bench import Task
from tunewright.evaluate.sampling import CHECKED, SEARCHED, Trial, Tried, check, grid, search, worded
from tunewright.evaluate.store import ANSWER_FIELDS, answer_line, write_table
from tunewright.evaluate.suite import Sample

RECORD = "sampling.json"
ANSWERS = "sampling.parquet"
SETTINGS_FIELDS = [pa.field(name, pa.float64()) for name in SamplingSettings.model_fields]
SCHEMA = pa.schema([pa.field("part", pa.string()), *SETTINGS_FIELDS, *ANSWER_FIELDS])


def tune(trial: Trial, rows: Sample, *, heldout: Sample, task: Task, emit: Emit) -> SamplingSearch:
    """Search settings on `rows`, check the winner on `heldout`, and write record and answers into the task's folder.

    Raises UserError when the metric is no number.
    """
    started, dataset = task.clock(), task.data.version.name if task.data else ""
    tried = search(trial, rows, settings=grid(), emit=emit)
    winner = tried[0].settings
    comparison, checked = (None, {}) if winner == GREEDY else check(trial, winner, rows=heldout)
    recommended, verdict = decide(trial, winner, comparison=comparison, settings=len(tried), rows=len(rows))
    in_use = next(each for each in tried if each.settings == GREEDY)
    gain = tried[0].value - in_use.value if tried[0] is not in_use else 0.0
    record = SamplingSearch(
        name="",
        key=task.key,
        parents=(task.model, dataset),
        made_at=task.made_at,
        model=task.model,
        dataset=dataset,
        way=trial.way,
        metric=trial.metric,
        direction="lower" if trial.scorer.direction == "lower" else "higher",
        samples=trial.samples,
        search_rows=len(rows),
        heldout_rows=len(heldout),
        tried=tuple(_tried(each) for each in tried),
        winner=noted(winner),
        search_difference=_finite(gain),
        heldout=comparison,
        recommended=recommended,
        verdict=verdict,
        answers=sum(len(each.answers) for each in tried) + sum(map(len, checked.values())),
        seconds=task.clock() - started,
    )
    content = record.model_dump(mode="json", exclude={"name", "key", "made_at", "seconds"})
    record = record.model_copy(update={"name": digest.of_json(content)})
    _write(task.folder, record, tried=tried, checked=checked)
    return record


def decide(
    trial: Trial, winner: Sampling, *, comparison: Comparison | None, settings: int, rows: int
) -> tuple[bool, str]:
    """Whether the winner is to be used, and why or why not: only where the whole interval is on the better side."""
    if comparison is None:
        return False, f"Keep plain greedy: none of {settings - 1} other settings did better on {rows} {SEARCHED} rows."
    said, change, interval = worded(winner), comparison.difference, comparison.interval
    if change is None:
        return (
            False,
            f"Keep plain greedy: {trial.metric} is no number on the {CHECKED} rows, so {said} was not checked.",
        )
    told = f"on {comparison.families:,} {CHECKED} rows it changes {trial.metric} by {change:+.4g}"
    if interval is None:
        return False, f"Keep plain greedy, not {said}: {told}, and there are too few to say how sure that is."
    low, high = interval
    told += f" (95 % interval {low:+.4g} to {high:+.4g})"
    better, worse = (high < 0, low > 0) if trial.scorer.direction == "lower" else (low > 0, high < 0)
    if better:
        return True, f"Use {said}: {told}."
    return False, f"Keep plain greedy, not {said}: {told}, which is {'worse' if worse else 'not surely a gain'}."


def noted(settings: Sampling) -> SamplingSettings:
    """Settings as a record holds them."""
    return SamplingSettings(
        temperature=settings.temperature, top_p=settings.top_p, repetition_penalty=settings.repetition_penalty
    )


def generation_config(settings: SamplingSettings) -> dict[str, float | bool]:
    """The same in the keys of Transformers' `generation_config.json`, whose own default draws from 50 tokens only."""
    if settings.temperature == 0:
        return {"do_sample": False, "repetition_penalty": settings.repetition_penalty}
    return {"do_sample": True, **settings.model_dump(), "top_k": 0}


def request_keys(settings: SamplingSettings) -> dict[str, float]:
    """The same in the keys of a request to an OpenAI-compatible server; vLLM knows the penalty, OpenAI's own not."""
    return settings.model_dump(include=None if settings.repetition_penalty != 1 else {"temperature", "top_p"})


def _tried(each: Tried) -> TriedSettings:
    return TriedSettings(settings=noted(each.settings), rows=each.rows, value=_finite(each.value))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write(
    folder: Path, record: SamplingSearch, *, tried: Sequence[Tried], checked: Mapping[Sampling, Sequence[AnsweredRow]]
) -> None:
    parts = [("search", each.settings, each.answers) for each in tried]
    parts += [("heldout", settings, tuple(answers)) for settings, answers in checked.items()]
    lines = (
        {"part": part, **noted(settings).model_dump(), **answer_line(answer)}
        for part, settings, answers in parts
        for answer in answers
    )
    write_table(folder / ANSWERS, lines, schema=SCHEMA)
    write_text(folder / RECORD, record.model_dump_json(indent=1) + "\n")
