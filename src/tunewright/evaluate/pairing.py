"""Which rows two evaluations have in common, way by way, and which of them either was trained on.

Called A and B; a side's answers are those of the model that was judged (the tuned one, where there are two). Rows are
the same where id and content are; a row that came n times is matched n times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import Evaluation
from tunewright.core.ports import Details, Row
from tunewright.evaluate.compare import Measured

SHOWN_IDS = 10
NEVER = "it was not asked for there"
Place = tuple[str, int]
"""A row's id, and the how-manieth of that id it is."""


@dataclass(frozen=True)
class Side:
    """One evaluation with its answers. `trained` are those of the rows measured on either side that it was trained on;
    None where nobody can say."""

    evaluation: Evaluation
    answers: Sequence[Measured]
    trained: frozenset[str] | None = None

    @property
    def ways(self) -> dict[str, Measured]:
        """Ways of asking by name."""
        return {one.way: one for one in self.answers}


@dataclass(frozen=True)
class Pairing:
    """The rows of one way that both answered: `measured` has A as its base and B as tuned.

    `only_a` and `only_b` rows were answered on one side; `differing` have one id and other content.
    """

    measured: Measured
    only_a: int
    only_b: int
    differing: int

    @property
    def other_tokens(self) -> int:
        """Rows of which the same text was scored as other tokens, or with other loss weights."""
        pairs = zip(self.measured.base, self.measured.tuned or (), strict=True)
        return sum(_has_other_tokens(*pair) for pair in pairs)


class Seen(BaseModel):
    """Rows that a side was trained on, `trained` being "a" or "b".

    `compared` of them are among the compared rows; the other side was measured on `elsewhere` of them that are not.
    `rows` are ids of the first of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    trained: str
    compared: int
    elsewhere: int
    rows: tuple[str, ...]


def paired(a: Side, b: Side, *, labels: tuple[str, ...]) -> dict[str, Pairing]:
    """The rows that both answered, in A's order, of every way that both have. `labels` are those of both together."""
    ours, theirs = a.ways, b.ways
    return {way: _pairing(way, a, b, labels=labels) for way in ours if way in theirs}


def _pairing(way: str, a: Side, b: Side, *, labels: tuple[str, ...]) -> Pairing:
    ours, theirs = (_by_place(side.ways[way].judged()) for side in (a, b))
    both = [place for place in ours if place in theirs]
    same = [place for place in both if _content(ours[place].row) == _content(theirs[place].row)]
    rows = {place: _joined(ours[place].row, theirs[place].row) for place in same}
    first, second = (
        [_answered(found[place], row, own=side.evaluation.labels, labels=labels) for place, row in rows.items()]
        for found, side in ((ours, a), (theirs, b))
    )
    measured = Measured(way, "bare", first, first, second)
    return Pairing(measured, len(ours) - len(both), len(theirs) - len(both), len(both) - len(same))


def _by_place(rows: Sequence[AnsweredRow]) -> dict[Place, AnsweredRow]:
    """Answers by row id and number, in order."""
    seen: Counter[str] = Counter()
    found: dict[Place, AnsweredRow] = {}
    for answered in rows:
        name = answered.row.id
        found[name, seen[name]] = answered
        seen[name] += 1
    return found


def _content(row: Row) -> tuple[object, ...]:
    """What a row asks and what is right; neither kept columns nor the file."""
    return row.messages, row.label, {name: value for name, value in row.details.items() if name != "columns"}


def _joined(a: Row, b: Row) -> Row:
    """A row that is the same on both sides, with the columns that either kept."""
    columns = {**b.details.get("columns", {}), **a.details.get("columns", {})}
    if columns == a.details.get("columns", {}):
        return a
    details = Details(**a.details)
    details["columns"] = columns
    return replace(a, details=details)


def _answered(found: AnsweredRow, row: Row, *, own: tuple[str, ...], labels: tuple[str, ...]) -> AnsweredRow:
    """The answer with the joined row; where it chose from labels that are not those of both, the row says which."""
    if found.choices and "choices" not in row.details and len(found.choices) == len(own) and own != labels:
        details = Details(**row.details)
        details["choices"] = list(own)
        row = replace(row, details=details)
    return found if row is found.row else replace(found, row=row)


def _has_other_tokens(a: AnsweredRow, b: AnsweredRow) -> bool:
    """True where a given text was scored, and not as equally many tokens with equal weights."""
    scored = all(not each.finish and not each.choices and each.log_probabilities for each in (a, b))
    return scored and (len(a.log_probabilities), a.weights) != (len(b.log_probabilities), b.weights)


def alone(side: Side, other: Side) -> dict[str, str]:
    """The ways that only `side` has, with the reason why the other has none."""
    why, theirs = other.evaluation.unmeasured, other.ways
    suites = {way: suite for suite, ways in side.evaluation.ways.items() for way in ways}
    return {way: why.get(way) or why.get(suites.get(way, "")) or NEVER for way in side.ways if way not in theirs}


def measured_rows(answers: Sequence[Measured]) -> set[str]:
    """Ids of all rows that were asked, and of those that they were made from."""
    rows = (answered.row for one in answers for answered in one.base)
    return {name for row in rows for name in (row.id, row.details.get("original")) if name}


def seen_rows(a: Side, b: Side, *, pairings: Mapping[str, Pairing]) -> tuple[Seen, ...]:
    """What each side was trained on: of the compared rows, and of those that the other side was measured on."""
    compared = measured_rows([one.measured for one in pairings.values()])
    found: list[Seen] = []
    for name, side, other in (("a", a, b), ("b", b, a)):
        known = side.trained or frozenset()
        among, measured = compared & known, measured_rows(other.answers) & known
        if among or measured:
            rows = tuple(sorted(among or measured)[:SHOWN_IDS])
            found.append(Seen(trained=name, compared=len(among), elsewhere=len(measured - among), rows=rows))
    return tuple(found)
