"""Pictures as inline SVG: elements with escaped text, in the colours of the page, with words for screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

SPLIT_COLOURS = {"train": "tuned", "validation": "second", "test": "base"}
FATE_COLOURS = {"duplicate": "base", "dropped": "second", "quarantined": "bad", "created": "good"}


Point = tuple[float, float]


class Words(NamedTuple):
    """What a picture is called, and what it shows in a sentence or two."""

    name: str
    title: str
    description: str


def picture(parts: Sequence[Markup], words: Words, *, width: int, height: float) -> Markup:
    """An `<svg>` of these parts that is as wide as its place, at most `width` pixels."""
    head = Markup(
        '<svg role="img" aria-labelledby="{name}-title {name}-desc" viewBox="0 0 {width} {height:.0f}" '
        'style="width:100%;max-width:{width}px;height:auto" xmlns="http://www.w3.org/2000/svg">'
        '<title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>'
    ).format(width=width, height=height, **words._asdict())
    return head + Markup("").join(parts) + Markup("</svg>")


def rectangle(at: Point, size: Point, *, colour: str, opacity: float = 0.9) -> Markup:
    """A filled rectangle in a colour of the page; `size` is width and height."""
    (x, y), (width, height) = at, size
    return Markup(
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}" '
        f'fill="var(--{colour})" fill-opacity="{opacity}"/>'
    )


def text(at: Point, content: Any, *, anchor: str = "start", style: str = "ink") -> Markup:
    """A line of text; `style` is ink, strong, or muted."""
    x, y = at
    colour = "muted" if style == "muted" else "ink"
    weight = ' font-weight="650"' if style == "strong" else ""
    return Markup(
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--{colour})" font-size="12.5"{weight}>'
        f"{escape(content)}</text>"
    )


def line(start: Point, end: Point, *, dashed: str = "", colour: str = "line") -> Markup:
    """A thin line."""
    (x1, y1), (x2, y2) = start, end
    return Markup(
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--{colour})" '
        f'stroke-dasharray="{dashed}"/>'
    )


def ribbon(top: tuple[float, float, float], side: tuple[float, float, float], *, colour: str) -> Markup:
    """A band that leaves a level bar at `top` (x from, x to, y) and ends upright at `side` (x, y from, y to)."""
    left, right, y = top
    x, upper, lower = side
    path = (
        f"M{left:.1f},{y:.1f} C{left:.1f},{lower:.1f} {left:.1f},{lower:.1f} {x:.1f},{lower:.1f} "
        f"L{x:.1f},{upper:.1f} C{right:.1f},{upper:.1f} {right:.1f},{upper:.1f} {right:.1f},{y:.1f} Z"
    )
    return Markup(f'<path d="{path}" fill="var(--{colour})" fill-opacity="0.75"/>')


def named(content: str, most: int = 26) -> str:
    """A name that fits: one line, printable, shortened in the middle."""
    clean = "".join(letter if letter.isprintable() else " " for letter in content.encode("utf-8", "replace").decode())
    half = most // 2
    return clean if len(clean) <= most else f"{clean[: half - 1]}…{clean[-half:]}"


def share(part: float, whole: float) -> str:
    """A share for people; what is not nothing is never 0 %."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
