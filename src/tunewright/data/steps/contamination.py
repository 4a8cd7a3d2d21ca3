"""Training rows that hold a measured row, by exact prompts, runs of words and similarity (`data.held`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tunewright.core import digest
from tunewright.core.errors import LimitNotMet
from tunewright.core.events import Emit, Note, silent
from tunewright.core.ports import Changed, Gone, Phase, Row, StepResult
from tunewright.data.context import Context
from tunewright.data.fates import text_of
from tunewright.data.held import Held, held
from tunewright.data.shelf import wholes
from tunewright.recipe.options.steps.contamination import Options

REASONS = {"exact": "contamination.exact", "near": "contamination.near"}
EXCERPT = 300


class Origin(NamedTuple):
    """A measured row, and the suite or split that it is of."""

    name: str
    row: Row


class Work:
    """Fulfils the port Step. It stands behind the split, where it is known which rows are measured."""

    phase: Phase = "training_rows"
    sees_measured = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self._suites: Mapping[str, list[Row]] = {}
        self._emit: Emit = silent

    def bind(self, context: Context) -> None:
        """Take the rows of the recipe's suites."""
        self._emit = context.emit
        self._suites = context.measured() if "suites" in self.options.against else {}

    def parents(self, context: Context) -> list[str]:
        """A digest of the suites' rows: another suite is another data set."""
        if "suites" not in self.options.against:
            return []
        rows = {name: digest.of_json(sorted(row.id for row in group)) for name, group in context.measured().items()}
        return [digest.of_json(rows)]

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Training rows without those that hold a measured row, or with their mark. Raises LimitNotMet to refuse."""
        against = self._measured(rows)
        train = rows.get("train", [])
        measured = [origin.row for origin in against]
        found = held(wholes(train), measured, ngram=self.options.ngram, share=self.options.share)
        self._tell(found, against, rows=len(train))
        if found and self.options.action == "refuse":
            raise self._refusal(found, against, train=train)
        report = self._report(found, against, train=train)
        if self.options.action == "drop":
            gone = [self._gone(train[place], one, against) for place, one in sorted(found.items())]
            left = [row for place, row in enumerate(train) if place not in found]
            return StepResult({**rows, "train": left}, gone, {}, report=report)
        after = list(train)
        changed: list[Changed] = []
        for place, one in sorted(found.items()):
            (before,) = wholes([train[place]])
            after[place] = replace(before)
            changed.append(Changed(before, after[place], REASONS[one.kind]))
        return StepResult({**rows, "train": after}, [], {}, changed, report=report)

    def _measured(self, rows: dict[str, list[Row]]) -> list[Origin]:
        splits = [split for split in ("validation", "test") if split in self.options.against]
        found = [Origin(split, row) for split in splits for row in wholes(rows.get(split, []))]
        return found + [Origin(name, row) for name, group in self._suites.items() for row in group]

    def _gone(self, row: Row, one: Held, against: Sequence[Origin]) -> Gone:
        return Gone(row, "train", "dropped", REASONS[one.kind], against[one.measured].row.id)

    def _tell(self, found: Mapping[int, Held], against: Sequence[Origin], *, rows: int) -> None:
        sizes = Counter(origin.name for origin in against)
        if not sizes:
            self._emit(Note(text="contamination: nothing to compare with; there are no suites with rows of their own."))
            return
        hits = Counter(against[one.measured].name for one in found.values())
        told = ", ".join(f"{name} ({size:,} rows): {hits[name]:,}" for name, size in sizes.items())
        self._emit(Note(text=f"contamination: training rows, of {rows:,}, that hold a row of {told}."))

    def _refusal(self, found: Mapping[int, Held], against: Sequence[Origin], *, train: Sequence[Row]) -> LimitNotMet:
        place, one = min(found.items())
        row, name = train[place], against[one.measured].name
        hits = ", ".join(f"{name} {count:,}" for name, count in _by_name(found, against).most_common())
        what = (
            f"{len(found):,} training rows hold measured rows ({hits}); the first is {row.source}:{row.line}, {name}."
        )
        do = "Remove them, or write action: drop."
        return LimitNotMet(what, where="data.steps.contamination", do=do)

    def _report(self, found: Mapping[int, Held], against: Sequence[Origin], *, train: Sequence[Row]) -> dict[str, Any]:
        sizes, hits = Counter(origin.name for origin in against), _by_name(found, against)
        kinds = Counter(one.kind for one in found.values())
        shown = sorted(found.items())[: self.options.examples]
        return {
            "training_rows": len(train),
            "exact": kinds["exact"],
            "near": kinds["near"],
            "against": {name: {"rows": size, "held_by": hits[name]} for name, size in sizes.items()},
            "examples": [_pair(row, one, against[one.measured]) for row, one in _rows(shown, train)],
        }


def _by_name(found: Mapping[int, Held], against: Sequence[Origin]) -> Counter[str]:
    return Counter(against[one.measured].name for one in found.values())


def _rows(shown: Sequence[tuple[int, Held]], train: Sequence[Row]) -> list[tuple[Row, Held]]:
    return list(zip(wholes([train[place] for place, _one in shown]), [one for _place, one in shown], strict=True))


def _pair(row: Row, one: Held, origin: Origin) -> dict[str, Any]:
    return {
        "row": f"{row.source}:{row.line}",
        "kind": one.kind,
        "share": round(one.share, 3),
        "of": origin.name,
        "training": text_of(row)[:EXCERPT],
        "measured": text_of(origin.row)[:EXCERPT],
    }
