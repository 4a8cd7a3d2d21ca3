"""The way of rows from source to training row, as one picture: a band that loses what goes and takes in what comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from tunewright.data.report.fates import TITLES, Loss, Stage
from tunewright.data.report.svg import (
    FATE_COLOURS,
    SPLIT_COLOURS,
    Words,
    named,
    picture,
    rectangle,
    ribbon,
    share,
    text,
)

WIDTH = 860
LEFT, BAND = 236, 260
"""Where the band begins, and how wide all rows are."""
SIDE = 536
"""Where what leaves ends, and what enters begins."""
LINE, LEVEL = 21.0, 9.0
MOST_LINES, MOST_SOURCES = 7, 8
THINNEST, THICKEST = 1.5, 13.0


class Side(NamedTuple):
    """A line beside the band: its words, rows and colour."""

    name: str
    rows: int
    colour: str


class Canvas:
    """What is drawn so far, and how far down."""

    def __init__(self, most_rows: int) -> None:
        self.parts: list[Markup] = []
        self.y = 6.0
        self._most = max(1, most_rows)

    def width(self, rows: int) -> float:
        """How wide so many rows are."""
        return max(THINNEST if rows else 0.0, BAND * rows / self._most)

    def level(self, rows: int, name: str) -> None:
        """A bar of the rows that are there now."""
        self.parts.append(rectangle((LEFT, self.y), (self.width(rows), LEVEL), colour="tuned"))
        self.parts.append(text((LEFT - 12, self.y + LEVEL), f"{rows:,}", anchor="end", style="strong"))
        if name:
            self.parts.append(text((0, self.y + LEVEL), name, style="muted"))
        self.y += LEVEL

    def band(self, rows: int, height: float) -> None:
        """What goes straight on."""
        self.parts.append(rectangle((LEFT, self.y), (self.width(rows), height), colour="tuned", opacity=0.18))

    def leaving(self, sides: Sequence[Side], *, from_x: float, of: int) -> None:
        """Bands that leave to the right, a line each; the uppermost leaves at the far end."""
        right = from_x
        for number, side in enumerate(sides):
            width = self.width(side.rows)
            thick = min(max(THINNEST, width), THICKEST)
            middle = self.y + 8 + LINE * number + LINE / 2
            self.parts.append(
                ribbon(
                    (right - width, right, self.y), (SIDE, middle - thick / 2, middle + thick / 2), colour=side.colour
                )
            )
            self.words(side, middle, of=of)
            right -= width

    def entering(self, sides: Sequence[Side], *, at: tuple[float, float], first_line: int) -> None:
        """Bands of what steps made, from the right to the far end of the next bar, which lies at `at` (x, y)."""
        right, y = at
        for number, side in reversed(list(enumerate(sides))):
            width = self.width(side.rows)
            thick = min(max(THINNEST, width), THICKEST)
            middle = self.y + 8 + LINE * (first_line + number) + LINE / 2
            end = (SIDE, middle + thick / 2, middle - thick / 2)
            self.parts.append(ribbon((right - width, right, y), end, colour=side.colour))
            self.words(side, middle, of=0)
            right -= width

    def words(self, side: Side, middle: float, *, of: int) -> None:
        """Rows and name of a side, and which share of `of` it is."""
        part = f" ({share(side.rows, of)})" if of else ""
        self.parts.append(text((SIDE + 70, middle + 4), f"{side.rows:,}", anchor="end", style="strong"))
        self.parts.append(text((SIDE + 80, middle + 4), named(side.name, 30)))
        if part:
            self.parts.append(text((WIDTH, middle + 4), part.strip(" ()"), anchor="end", style="muted"))


def flow_chart(
    stages: Sequence[Stage], *, sources: dict[str, int], splits: dict[str, int], examples: str = "rows"
) -> Markup:
    """The picture; `splits` are counted in `examples` (rows, or windows of documents)."""
    most = max((max(stage.before, stage.after) for stage in stages), default=1)
    canvas = Canvas(most)
    _sources(canvas, sources)
    first = stages[0].before if stages else 0
    canvas.level(first, "rows read")
    for stage in stages:
        _stage(canvas, stage)
    _splits(canvas, splits, rows=stages[-1].after if stages else 0, examples=examples)
    lost = "; ".join(f"{stage.name} loses {sum(each.rows for each in stage.lost):,}" for stage in stages if stage.lost)
    kept = ", ".join(f"{split} {count:,}" for split, count in splits.items())
    words = Words("flow", "From source to training row", f"{first:,} rows are read. {lost or 'None is lost'}. {kept}.")
    return picture(canvas.parts, words, width=WIDTH, height=canvas.y + 8)


def _sources(canvas: Canvas, sources: dict[str, int]) -> None:
    shown = list(sources.items())
    if len(shown) > MOST_SOURCES:
        rest = shown[MOST_SOURCES - 1 :]
        shown = [*shown[: MOST_SOURCES - 1], (f"{len(rest):,} more files", sum(rows for _name, rows in rest))]
    left, end = float(LEFT), canvas.y + LINE * len(shown) + 10
    for number, (name, rows) in reversed(list(enumerate(shown))):
        width = canvas.width(rows)
        middle = canvas.y + LINE * number + LINE / 2
        thick = min(max(THINNEST, width), THICKEST)
        canvas.parts.append(
            ribbon((left + width, left, end), (LEFT - 62, middle + thick / 2, middle - thick / 2), colour="base")
        )
        canvas.parts.append(text((LEFT - 70, middle + 4), named(name.rsplit("/", 1)[-1], 24), anchor="end"))
        left += width
    canvas.y = end


def _stage(canvas: Canvas, stage: Stage) -> None:
    """What one step does, and the bar of what it leaves."""
    lost = _sides(stage)
    made = [
        Side(f"created: {within(stage.name, one.reason)}", one.rows, FATE_COLOURS["created"]) for one in stage.created
    ]
    made = made[:MOST_LINES]
    height = max(30.0, 16 + LINE * (len(lost) + len(made)))
    gone = sum(one.rows for one in stage.lost)
    canvas.parts.append(text((0, canvas.y + height / 2 + 4), named(words(TITLES.get(stage.name, stage.name)), 24)))
    changed = sum(one.rows for one in stage.changed)
    if changed:
        canvas.parts.append(text((0, canvas.y + height / 2 + 19), f"changes {changed:,}", style="muted"))
        height = max(height, 44.0)
    canvas.band(stage.before - gone, height)
    canvas.leaving(lost, from_x=LEFT + canvas.width(stage.before), of=stage.before)
    far_end = (LEFT + canvas.width(stage.after), canvas.y + height)
    canvas.entering(made, at=far_end, first_line=len(lost))
    canvas.y += height
    canvas.level(stage.after, "")


def _sides(stage: Stage) -> list[Side]:
    losses = stage.lost
    sides = [Side(_loss(stage, one), one.rows, FATE_COLOURS.get(one.fate, "second")) for one in losses]
    if len(sides) > MOST_LINES:
        rest = losses[MOST_LINES - 1 :]
        sides = [
            *sides[: MOST_LINES - 1],
            Side(f"{len(rest)} more reasons", sum(one.rows for one in rest), FATE_COLOURS.get(rest[0].fate, "second")),
        ]
    return sides


def _loss(stage: Stage, one: Loss) -> str:
    return within(stage.name, one.reason) if one.fate != "quarantined" else f"set aside: {words(one.reason)}"


def _splits(canvas: Canvas, splits: dict[str, int], *, rows: int, examples: str) -> None:
    sides = [
        Side(split if examples == "rows" else f"{split}, {examples}", count, SPLIT_COLOURS.get(split, "tuned"))
        for split, count in splits.items()
        if count
    ]
    total = sum(side.rows for side in sides)
    scale = canvas.width(rows) / max(1.0, sum(canvas.width(side.rows) for side in sides))
    right = LEFT + canvas.width(rows)
    for number, side in enumerate(sides):
        width = canvas.width(side.rows) * scale
        middle = canvas.y + 8 + LINE * number + LINE / 2
        thick = min(max(THINNEST, width), THICKEST)
        end = (SIDE, middle - thick / 2, middle + thick / 2)
        canvas.parts.append(ribbon((right - width, right, canvas.y), end, colour=side.colour))
        canvas.words(side, middle, of=total)
        right -= width
    canvas.parts.append(text((0, canvas.y + 26), "divided"))
    canvas.y += 16 + LINE * len(sides)


def within(step: str, reason: str) -> str:
    """A reason in words where its step is named beside it."""
    return words(reason.removeprefix(f"{step}."))


def words(name: str) -> str:
    """A name of a step or a reason in words."""
    return name.replace("_", " ").replace(".", ": ", 1)
