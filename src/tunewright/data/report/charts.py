"""Histograms and bars of the data report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tunewright.data.report.lengths import Lengths, joined
from tunewright.data.report.svg import SPLIT_COLOURS, Words, line, named, picture, rectangle, text

WIDTH, TALL = 420, 190
BOTTOM, LEFT = 34, 46
ROW = 22.0
MOST_TICKS = 7
MOST_BARS = 24


def histogram(series: Mapping[str, Lengths], words: Words, *, limit: int = 0) -> Markup | None:
    """Lengths by split, stacked; bars grow by the square root of 2. `limit` is marked. None where there is nothing."""
    bars, counts = joined(dict(series))
    if not bars:
        return None
    tops = [sum(own[place] for own in counts.values()) for place in range(len(bars))]
    most = nice(max(tops))
    height, step = TALL - BOTTOM - 10, (WIDTH - LEFT - 6) / len(bars)
    parts = _grid(most, height)
    floor = [0.0] * len(bars)
    for split, own in counts.items():
        for place, number in enumerate(own):
            if number:
                tall = height * number / most
                y = 10 + height - floor[place] - tall
                colour = SPLIT_COLOURS.get(split, "tuned")
                parts.append(rectangle((LEFT + place * step + 0.5, y), (max(1.0, step - 1), tall), colour=colour))
                floor[place] += tall
    every = max(1, -(-len(bars) // MOST_TICKS))
    for place in range(0, len(bars), every):
        parts.append(
            text((LEFT + place * step, TALL - BOTTOM + 18), short(bars[place][0]), anchor="middle", style="muted")
        )
    if limit and bars[0][0] <= limit <= bars[-1][1]:
        place = next(n for n, (_least, below) in enumerate(bars) if limit <= below) + 1
        x = LEFT + place * step
        parts += [
            line((x, 6), (x, 10 + height), dashed="3 3", colour="ink"),
            text((x - 4, 16), "limit", anchor="end", style="muted"),
        ]
    parts += legend([split for split in counts if any(counts[split])], y=TALL + 4)
    return picture(parts, words, width=WIDTH, height=TALL + 12)


def _grid(most: int, height: float) -> list[Markup]:
    parts: list[Markup] = []
    for quarter in (0, 1, 2):
        y = 10 + height * (1 - quarter / 2)
        parts.append(line((LEFT, y), (WIDTH, y)))
        value = most * quarter / 2
        if value == int(value):
            parts.append(text((LEFT - 6, y + 4), short(int(value)), anchor="end", style="muted"))
    return parts


def bars(rows: Sequence[tuple[str, Mapping[str, int]]], words: Words, *, width: int = WIDTH) -> Markup | None:
    """Counts by name and split as level bars, the most frequent first; at most 24."""
    shown = [(name, counts) for name, counts in rows if sum(counts.values())][:MOST_BARS]
    if not shown:
        return None
    most = max(sum(counts.values()) for _name, counts in shown)
    left, right = 150, 66
    parts: list[Markup] = []
    for number, (name, counts) in enumerate(shown):
        x, y = float(left), 4 + ROW * number
        parts.append(text((left - 8, y + 14), named(name, 21), anchor="end"))
        for split, count in counts.items():
            long = (width - left - right) * count / most
            parts.append(rectangle((x, y + 2), (long, ROW - 7), colour=SPLIT_COLOURS.get(split, "tuned")))
            x += long
        parts.append(text((x + 6, y + 14), f"{sum(counts.values()):,}", style="muted"))
    height = 8 + ROW * len(shown)
    splits = [split for split in SPLIT_COLOURS if any(counts.get(split) for _name, counts in shown)]
    if len(splits) > 1:
        parts += legend(splits, y=height + 12)
        height += 20
    return picture(parts, words, width=width, height=height)


def legend(splits: Sequence[str], *, y: float) -> list[Markup]:
    """What the colours of splits mean."""
    parts: list[Markup] = []
    x = float(LEFT)
    for split in splits:
        parts += [
            rectangle((x, y - 9), (10, 10), colour=SPLIT_COLOURS.get(split, "tuned")),
            text((x + 15, y), split, style="muted"),
        ]
        x += 30 + 7 * len(split)
    return parts


def nice(value: int) -> int:
    """The next even number of one or two digits and zeros."""
    unit = 10 ** max(0, len(str(value)) - 2)
    top = -(-value // unit)
    return max(2, top + top % 2) * unit


def short(value: int) -> str:
    """A number for an axis: 1,500 or 12 k or 3 M."""
    if value >= 1_000_000:
        return f"{value / 1e6:.3g} M"
    return f"{value / 1e3:.3g} k" if value >= 10_000 else f"{value:,}"
