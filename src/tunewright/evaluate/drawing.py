"""A sheet to draw on with matplotlib, and its way into a page: inline SVG whose colours are the page's own.

Colours are stand-ins that become CSS variables, so one picture serves light, dark and paper. Text stays text. One inch
is 100 pixels on the page, so letters are equally large in all pictures. Matplotlib's settings are changed only while
a picture is made; no pyplot.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, LINE, TUNED, BASE, SECOND, PAPER = (f"#0000{number:02x}" for number in range(1, 8))
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    TUNED: "tuned",
    BASE: "base",
    SECOND: "second",
    PAPER: "paper",
}
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "text.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": MUTED,
    "legend.fontsize": 8.5,
    "legend.handlelength": 1.2,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
}
LONGEST_NAME = 26


@contextmanager
def sheet(width_inch: float, height_inch: float, *, axes: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with axes side by side, under our settings while the block lasts."""
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width_inch, height_inch), layout="constrained")
        yield figure, list(figure.subplots(1, axes, squeeze=False)[0])


def inline(figure: Figure, *, name: str, title: str) -> Markup:
    """The figure as an `<svg>` element for a page; `title` is what a screen reader says. Call inside `sheet`."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var(--{variable})")
    svg = re.sub(r"""font: ([0-9.]+)px 'DejaVu Sans'""", r"font-size: \1px", svg)
    width = f"{figure.get_figwidth() * 100:.0f}px"
    head = f'<svg role="img" aria-label="{escape(title)}" style="width:100%;max-width:{width};height:auto"'
    return Markup(re.sub(r"<svg\b([^>]*?) width=\"[^\"]*\"", lambda found: head + found.group(1), svg, count=1))


def named(text: str) -> str:
    """A name that fits beside an axis: one line, printable, shortened in the middle."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text.encode("utf-8", "replace").decode())
    half = LONGEST_NAME // 2
    return clean if len(clean) <= LONGEST_NAME else f"{clean[: half - 1]}…{clean[-half:]}"
