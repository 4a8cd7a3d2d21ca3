"""The report's pictures, each one function from counts or events to inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tunewright.core.events import StepDone, Validated
from tunewright.core.nouns import Receipt
from tunewright.evaluate.drawing import BASE, INK, LINE, MUTED, PAPER, SECOND, TUNED, inline, named, sheet
from tunewright.evaluate.words import Headline, number

WIDE, HALF = 8.4, 4.1
SPLITS = ("train", "validation", "test")
SHADES = {"train": (TUNED, 0.9), "validation": (SECOND, 0.9), "test": (BASE, 0.9)}
FATES = {"kept": (TUNED, 0.9), "duplicate": (BASE, 0.9), "dropped": (SECOND, 0.55), "quarantined": (SECOND, 1.0)}
MOST_LABELS = 24
_THOUSANDS = FuncFormatter(lambda value, _position: f"{value:,.0f}")


def gain(found: Headline) -> Markup:
    """Base and tuned as bars on one line from 0; for shares the axis ends at 100 %."""
    one = found.comparison
    bars = [("Tuned model", one.tuned, TUNED), ("Base model at its best", one.base, BASE)]
    if one.base_same_prompt != one.base:
        bars.append(("Base model, same prompt", one.base_same_prompt, BASE))
    shown = [bar for bar in bars if bar[1] is not None]
    with sheet(WIDE, 0.22 + 0.34 * len(shown)) as (figure, (axes,)):
        values = [value or 0.0 for _name, value, _colour in shown]
        places = np.arange(len(shown))[::-1]
        axes.barh(places, values, height=0.62, color=[colour for _name, _value, colour in shown])
        axes.set_yticks(places, [name for name, _value, _colour in shown], color=INK)
        top = 1.0 if one.direction == "higher" else max([*values, 1e-9])
        for place, value in zip(places, values, strict=True):
            axes.text(value + 0.01 * top, place, number(value, found.metric), va="center", fontweight="bold")
        axes.set_xlim(0, 1.12 * top)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        return inline(figure, name="gain", title="Tuned model and base model compared")


def fates(receipt: Receipt) -> Markup:
    """What became of the rows of each file, as shares of that file."""
    files = list(receipt.sources.items())
    with sheet(WIDE, 0.62 + 0.26 * len(files)) as (figure, (axes,)):
        places = np.arange(len(files))[::-1]
        left = np.zeros(len(files))
        for fate, (colour, alpha) in FATES.items():
            counts = np.array([_fate(source.rows.model_dump(), fate) for _name, source in files], dtype=float)
            total = np.array([max(1, source.rows.in_ + sum(source.rows.created.values())) for _name, source in files])
            if counts.any():
                axes.barh(places, counts / total, left=left, height=0.6, color=colour, alpha=alpha, label=fate)
            left += counts / total
        axes.set_yticks(places, [named(name.rsplit("/", 1)[-1]) for name, _source in files], color=INK)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{100 * value:.0f} %"))
        _legend(axes, columns=4)
        return inline(figure, name="fates", title="Rows by file and fate")


def _fate(rows: Mapping[str, object], fate: str) -> int:
    value = rows[fate]
    return sum(value.values()) if isinstance(value, dict) else int(value)  # type: ignore[arg-type]


def lengths(receipt: Receipt, *, max_tokens: int, height_inch: float) -> Markup:
    """Histogram of tokens a row, splits stacked; lengths grow by the square root of 2 from bar to bar."""
    bins = max((len(counts) for counts in receipt.lengths.values()), default=0)
    padded = {split: np.array(counts + [0] * (bins - len(counts))) for split, counts in receipt.lengths.items()}
    filled = np.flatnonzero(sum(padded.values(), np.zeros(bins)))
    first, last = (int(filled[0]), int(filled[-1])) if filled.size else (0, 1)
    with sheet(HALF, height_inch) as (figure, (axes,)):
        bottom = np.zeros(bins)
        for split in [*SPLITS, *sorted(set(padded) - set(SPLITS))]:
            if split in padded:
                colour, alpha = SHADES.get(split, (MUTED, 0.9))
                axes.bar(
                    np.arange(bins) + 0.5, padded[split], 0.92, bottom=bottom, color=colour, alpha=alpha, label=split
                )
                bottom += padded[split]
        axes.set_xlim(first - 0.6, last + 1.6)
        ticks = [place for place in range(first, last + 2) if place % 2 == 0]
        axes.set_xticks(ticks, [f"{2 ** (place // 2):,}" for place in ticks])
        limit = 2 * np.log2(max_tokens)
        if limit <= last + 1.6:
            axes.axvline(limit, color=INK, linewidth=1, linestyle=(0, (2, 2)))
            axes.annotate(
                "limit",
                (limit, 1),
                (-4, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right",
                va="top",
                color=MUTED,
            )
        axes.set_title("Tokens a row")
        _counts(axes)
        _legend(axes, columns=3)
        return inline(figure, name="lengths", title="Histogram of tokens a row")


def label_height_inch(receipt: Receipt) -> float:
    """Height of the picture of labels; its neighbour takes the same."""
    labels = {label for counts in receipt.labels.values() for label in counts}
    return max(2.5, 0.75 + 0.19 * min(MOST_LABELS, len(labels)))


def balance(receipt: Receipt) -> Markup:
    """Rows of each label, splits stacked, the most frequent first; at most 24 labels are shown."""
    total: dict[str, int] = {}
    for counts in receipt.labels.values():
        for label, rows in counts.items():
            total[label] = total.get(label, 0) + rows
    shown = sorted(total, key=lambda label: (-total[label], label))[:MOST_LABELS]
    with sheet(HALF, label_height_inch(receipt)) as (figure, (axes,)):
        places = np.arange(len(shown))[::-1]
        left = np.zeros(len(shown))
        for split in [*SPLITS, *sorted(set(receipt.labels) - set(SPLITS))]:
            counts = np.array([receipt.labels.get(split, {}).get(label, 0) for label in shown], dtype=float)
            if counts.any():
                colour, alpha = SHADES.get(split, (MUTED, 0.9))
                axes.barh(places, counts, left=left, height=0.7, color=colour, alpha=alpha, label=split)
                left += counts
        axes.set_yticks(places, [named(label) for label in shown], color=INK)
        rest = f" (the first {MOST_LABELS} of {len(total)})" if len(total) > len(shown) else ""
        axes.set_title(f"Rows a label{rest}")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(_THOUSANDS)
        _legend(axes, columns=3)
        return inline(figure, name="balance", title="Rows of each label")


def loss_curve(steps: Sequence[StepDone], validated: Sequence[Validated]) -> Markup:
    """Training loss of each step with its running mean, and validation loss."""
    with sheet(WIDE, 2.8) as (figure, (axes,)):
        places = [event.step for event in steps]
        losses = np.array([event.loss for event in steps])
        window = max(1, len(losses) // 20)
        axes.plot(places, losses, color=TUNED, alpha=0.3, linewidth=1, label="training, each step")
        if window > 1:
            axes.plot(places, _smooth(losses, window), color=TUNED, label=f"training, mean of {window} steps")
        if validated:
            axes.plot(
                [event.step for event in validated],
                [event.loss for event in validated],
                color=SECOND,
                marker="o",
                markersize=3.5,
                label="validation",
            )
        axes.set_title("Loss, nats a trained token")
        axes.set_ylim(bottom=0)
        _course(axes)
        axes.legend(loc="upper right", ncols=1)
        return inline(figure, name="loss", title="Training and validation loss by step")


def small_curves(steps: Sequence[StepDone]) -> Markup:
    """Learning rate, gradient norm and speed, side by side."""
    places = [event.step for event in steps]
    columns = (
        ("Learning rate", [event.learning_rate for event in steps], MUTED),
        ("Gradient norm", [event.gradient_norm for event in steps], TUNED),
        ("Tokens a second", [event.tokens_per_s for event in steps], TUNED),
    )
    with sheet(WIDE, 1.75, axes=3) as (figure, every):
        for axes, (title, values, colour) in zip(every, columns, strict=True):
            axes.plot(places, values, color=colour, linewidth=1.2)
            axes.set_title(title)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_locator(MaxNLocator(3))
            _course(axes)
        every[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
        every[2].yaxis.set_major_formatter(_THOUSANDS)
        return inline(figure, name="curves", title="Learning rate, gradient norm and speed by step")


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str], *, name: str, title: str) -> Markup:
    """Confusion matrix: true labels down, predicted across, the last column any other answer; darker is more."""
    colour = TUNED if name.endswith("tuned") else BASE
    size = max(2.6, 1.25 + 0.215 * len(labels))
    with sheet(HALF, size) as (figure, (axes,)):
        for line, counts in enumerate(matrix):
            rows = max(1, sum(counts))
            for column, rows_here in enumerate(counts):
                _cell(axes, column + (0.25 if column == len(labels) else 0), line, rows_here / rows, colour=colour)
                if rows_here:
                    x = column + 0.5 + (0.25 if column == len(labels) else 0)
                    strong = rows_here / rows > 0.5 and colour == TUNED
                    axes.text(
                        x,
                        line + 0.52,
                        str(rows_here),
                        ha="center",
                        va="center",
                        fontsize=6.5,
                        color=PAPER if strong else INK,
                    )
        axes.set_xlim(0, len(labels) + 1.25)
        axes.set_ylim(len(labels), 0)
        axes.set_yticks(np.arange(len(labels)) + 0.5, [named(label) for label in labels], color=INK, fontsize=7.5)
        across = [*(np.arange(len(labels)) + 0.5), len(labels) + 0.75]
        axes.set_xticks(across, [*(named(label) for label in labels), "other"], rotation=90, fontsize=7.5)
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        axes.set_title(title)
        return inline(figure, name=name.replace(".", "-"), title=title)


def _cell(axes: Axes, x: float, y: float, share: float, *, colour: str) -> None:
    """One cell: a faint frame, filled by its share of the true label's rows."""
    axes.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, facecolor=LINE, alpha=0.35, linewidth=0))
    if share > 0:
        axes.add_patch(
            Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, facecolor=colour, alpha=0.15 + 0.85 * share, linewidth=0)
        )


def _smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last `window` values, of fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _course(axes: Axes) -> None:
    axes.grid(axis="y")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.margins(x=0.01)


def _counts(axes: Axes) -> None:
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(_THOUSANDS)


def _legend(axes: Axes, *, columns: int) -> None:
    """Below the picture, in one line."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(handles, names, loc="outside lower left", ncols=columns, columnspacing=1.4)
