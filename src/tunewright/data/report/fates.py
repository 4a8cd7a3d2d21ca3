"""What became of rows, step by step and source by source, from the receipt and the list of fates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from tunewright.core.nouns import Receipt
from tunewright.data.canary import MARK
from tunewright.data.fates import NAME
from tunewright.data.overlong import NO_ANSWER_LEFT, NOTHING_TO_TRAIN, OVERLONG, PART_WITHOUT_ANSWER, RATED_LOW
from tunewright.data.read import FURTHER_ANSWER

READING, ENCODING = "reading", "encoding"
TITLES = {READING: "reading, checking", ENCODING: "encoding"}
HIDING = ("personal_data",)
"""Steps after which texts hold nothing private any more."""
OF_ENCODING = {OVERLONG, NO_ANSWER_LEFT, NOTHING_TO_TRAIN, PART_WITHOUT_ANSWER, "overlong_split", RATED_LOW}
STEP_OF = {
    MARK: "canaries",
    "tie": READING,
    FURTHER_ANSWER: READING,
    **dict.fromkeys(("duplicate_of_train", "duplicate_of_validation", "duplicate_of_test"), "deduplicate"),
}


class Loss(NamedTuple):
    """Rows that left, or that came or changed, for one reason."""

    reason: str
    fate: str
    rows: int


@dataclass
class Stage:
    """One step: rows before it, what it did, rows after it."""

    name: str
    before: int = 0
    lost: list[Loss] = field(default_factory=list)
    created: list[Loss] = field(default_factory=list)
    changed: list[Loss] = field(default_factory=list)
    after: int = 0


@dataclass
class SourceFates:
    """What became of the rows of one source, by (step, fate, reason)."""

    rows_in: int
    kept: int
    counts: Counter[tuple[str, str, str]]

    def of(self, fate: str) -> int:
        """Rows with one fate."""
        return sum(rows for (_step, other, _reason), rows in self.counts.items() if other == fate)


def stage_of(reason: str, steps: Sequence[str]) -> str:
    """The step that gives a reason: the name before the first point, but for those that are older than the rule."""
    head = reason.partition(".")[0]
    if reason in OF_ENCODING:
        return ENCODING
    if head in steps:
        return head
    return STEP_OF.get(head) or next((step for step in steps if head.startswith(f"{step}_")), head)


def too_early(step: str, steps: Sequence[str]) -> bool:
    """True for a step that stands before one that hides private text: what it saw is not for a report."""
    order = [READING, *steps]
    hiding = [order.index(name) for name in HIDING if name in order]
    return bool(hiding) and step in order and order.index(step) < min(hiding)


def source_fates(folder: Path, receipt: Receipt, *, steps: Sequence[str]) -> dict[str, SourceFates]:
    """Fates by source; counts of the receipt are right whatever the other files say."""
    found: dict[str, SourceFates] = {}
    listed = _listed(folder / NAME)
    quarantined = _quarantined(folder / "quarantine.jsonl")
    for name, source in receipt.sources.items():
        counts: Counter[tuple[str, str, str]] = Counter()
        for fate, reasons in (
            ("dropped", source.rows.dropped),
            ("created", source.rows.created),
            ("changed", source.rows.changed),
        ):
            for reason, rows in reasons.items():
                counts[stage_of(reason, steps), fate, reason] += rows
        for fate, total, reasons in (
            ("duplicate", source.rows.duplicate, listed),
            ("quarantined", source.rows.quarantined, quarantined),
        ):
            own = {reason: rows for (at, other, reason), rows in reasons.items() if at == name and other == fate}
            for reason, rows in own.items():
                counts[stage_of(reason, steps) if fate == "duplicate" else READING, fate, reason] += rows
            if total - sum(own.values()):
                counts["deduplicate" if fate == "duplicate" else READING, fate, fate] += total - sum(own.values())
        found[name] = SourceFates(source.rows.in_, source.rows.kept, counts)
    return found


def flow(receipt: Receipt, sources: dict[str, SourceFates], *, steps: Sequence[str]) -> list[Stage]:
    """The way of all rows: reading, the steps in their order, encoding; each begins with what the last one left."""
    whole: Counter[tuple[str, str, str]] = Counter()
    for source in sources.values():
        whole.update(source.counts)
    known = Counter({reason: rows for (_step, fate, reason), rows in whole.items() if fate == "created"})
    for reason, rows in receipt.rows.created.items():  # what steps made of several sources together
        if rows > known[reason]:
            whole[stage_of(reason, steps), "created", reason] += rows - known[reason]
    others = sorted({step for step, _fate, _reason in whole} - {READING, ENCODING, *steps})
    stages: list[Stage] = []
    rows = receipt.rows.in_
    for name in [READING, *dict.fromkeys(steps), *others, ENCODING]:
        stage = Stage(name, before=rows)
        for (step, fate, reason), count in whole.most_common():
            if step == name and count:
                kind = {"created": stage.created, "changed": stage.changed}.get(fate, stage.lost)
                kind.append(Loss(reason, fate, count))
        rows += sum(each.rows for each in stage.created) - sum(each.rows for each in stage.lost)
        stage.after = rows
        stages.append(stage)
    return stages


def _listed(path: Path) -> Counter[tuple[str, str, str]]:
    """Rows by source, fate and reason in `fates.parquet`; none where there is no such file."""
    found: Counter[tuple[str, str, str]] = Counter()
    if path.exists():
        for batch in pq.ParquetFile(path).iter_batches(columns=["source", "fate", "reason"]):
            found.update(zip(*(batch[name].to_pylist() for name in ("source", "fate", "reason")), strict=True))
    return found


def _quarantined(path: Path) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                value = json.loads(line)
                found[value["file"], "quarantined", value["reason"]] += 1
    return found
