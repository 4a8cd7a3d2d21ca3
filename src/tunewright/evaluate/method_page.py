"""The table of methods for people: a page with a picture, the same as Markdown, and the records as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tunewright.core.markdown import cell
from tunewright.core.workspace import write_bytes
from tunewright.evaluate import words
from tunewright.evaluate.drawing import BASE, INK, LINE, TUNED, inline, named, sheet
from tunewright.evaluate.method_table import MethodPair, MethodRow, MethodTable
from tunewright.evaluate.report import page_environment
from tunewright.evaluate.titles import PERCENT, metric_in_a_sentence

PAGE = "methods.html.j2"
WIDE, HIGH = 8.4, 3.2
COLUMNS = (
    "Method",
    "Base",
    "Tuned",
    "95 % interval",
    "Gain",
    "95 % interval, paired",
    "General text, loss",
    "Peak memory",
    "Training",
    "Steps",
    "Tokens/s",
    "Learning rate",
    "Trained",
    "On disk",
    "Gates",
)
PAIR_COLUMNS = ("A", "B", "B − A", "95 % interval", "p", "p (Holm)", "Rows", "B is")


def write_page(path: Path, table: MethodTable) -> Path:
    """Write the page as one file without any outside reference, and beside it `.md` and `.json`; returns the first.

    Raises OutsideError when the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path.with_suffix(".json"), (table.model_dump_json(indent=1) + "\n").encode())
    write_bytes(path.with_suffix(".md"), markdown(table).encode("utf-8", "replace"))
    write_bytes(path, html(table).encode("utf-8", "replace"))
    return path


def html(table: MethodTable) -> str:
    """The page; what others wrote is escaped."""
    return (
        page_environment(autoescape=True)
        .get_template(PAGE)
        .render(
            table=table,
            lead=lead(table),
            picture=picture(table),
            columns=COLUMNS,
            rows=[(each, cells(each, table.metric)) for each in table.rows],
            pair_columns=PAIR_COLUMNS,
            pairs=[pair_cells(each, table.metric) for each in table.pairs],
        )
    )


def markdown(table: MethodTable) -> str:
    """The tables and what to know; without the picture."""
    lines = [f"# {cell(table.title)}: methods compared", "", lead(table), ""]
    lines += _rows(COLUMNS, [_filled(each, table.metric) for each in table.rows])
    if table.pairs:
        lines += ["", *_rows(PAIR_COLUMNS, [pair_cells(each, table.metric) for each in table.pairs])]
    lines += ["", *(f"- {note}" for note in table.notes), "", f"    {table.command}"]
    return "\n".join(lines) + "\n"


def lead(table: MethodTable) -> str:
    """What was compared, in a sentence or two."""
    done = sum(not each.error for each in table.rows)
    failed = f" {len(table.rows) - done} of {len(table.rows)} failed." if done < len(table.rows) else ""
    asked = f"{metric_in_a_sentence(table.metric)} ({table.way}) on {table.split} rows"
    return f"{done} compared by {asked}; {table.budget}.{failed}"


def _filled(row: MethodRow, metric: str) -> tuple[str, ...]:
    """Cells of a row, one a column; of one that failed its reason and nothing more."""
    return (row.label, f"failed: {row.error}", *[""] * (len(COLUMNS) - 2)) if row.error else cells(row, metric)


def cells(row: MethodRow, metric: str) -> tuple[str, ...]:
    """A row in words; what is not known is a dash."""
    one = row.quality
    pace = f" ({row.pace_s:.3g} s each, measured)" if row.pace_s is not None else ""
    fixed = " (fixed)" if row.rate_is_fixed else " (auto)"
    return (
        row.label,
        words.number(one.base if one else None, metric),
        words.number(one.tuned if one else None, metric),
        words.span(one.tuned_interval if one else None, metric),
        words.difference(one.difference if one else None, metric),
        words.interval(one.interval if one else None, metric),
        _forgetting(row),
        words.NONE if row.peak_memory_bytes is None else words.size(row.peak_memory_bytes),
        words.NONE if row.train_s is None else words.duration(row.train_s),
        words.NONE if row.steps is None else f"{row.steps:,}{pace}",
        words.NONE if row.tokens_per_s is None else f"{row.tokens_per_s:,.0f}",
        words.NONE if row.learning_rate is None else f"{row.learning_rate:g}{fixed}",
        words.NONE if row.trained_parameters is None else f"{row.trained_parameters:,}",
        words.NONE if row.disk_bytes is None else words.size(row.disk_bytes),
        {True: "met", False: "not met", None: words.NONE}[row.gates_met],
    )


def _forgetting(row: MethodRow) -> str:
    """The loss before and after, and the paired interval of the difference: "3.82 → 4.19 (+0.37, 0.35 to 0.39)"."""
    one = row.forgetting
    if one is None or one.tuned is None:
        return words.NONE
    gap = words.difference(one.difference, "loss")
    bounds = f", {words.interval(one.interval, 'loss')}" if one.interval else ""
    return f"{words.number(one.base, 'loss')} → {words.number(one.tuned, 'loss')} ({gap}{bounds})"


def pair_cells(pair: MethodPair, metric: str) -> tuple[str, ...]:
    """A pair in words."""
    return (
        pair.a,
        pair.b,
        words.difference(pair.difference, metric),
        words.interval(pair.interval, metric),
        words.p_value(pair.p),
        words.p_value(pair.p_holm),
        f"{pair.n:,}",
        pair.verdict or words.NONE,
    )


def _rows(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    texts = [columns, ["---"] * len(columns), *([cell(text, 400) for text in line] for line in lines)]
    return ["| " + " | ".join(line) + " |" for line in texts]


def notes_of(table: MethodTable) -> tuple[str, ...]:
    """What to know before believing the table."""
    done = [each for each in table.rows if not each.error]
    fixed = [each for each in done if each.rate_is_fixed]
    rates = {each.learning_rate for each in fixed}
    notes = [
        "Intervals are over test rows. Each method was trained once with one seed, so chance in training is not in "
        "them.",
        "Peak memory is main memory of the training process, libraries included; training time is that of optimiser "
        "steps alone, without validation and measuring.",
    ]
    if len(fixed) > 1 and len(rates) == 1:
        notes.append(
            f"The recipe fixes one learning rate ({rates.pop():g}) for all, which is unfair: each method has its own. "
            "Add --set training.learning_rate=auto."
        )
    elif any(each.rate_is_fixed for each in done):
        notes.append("Learning rates marked fixed were named; the others are each method's own default, not searched.")
    else:
        notes.append("Each learning rate is the method's own default (auto); none was searched.")
    if any(each.other_tokens for each in table.pairs):
        notes.append(
            f"Some models split text into other tokens: {table.metric} does not compare where it is a token's."
        )
    if len({each.model for each in done}) > 1:
        notes.append("The gain is over each method's own base model.")
    return tuple(notes)


def picture(table: MethodTable) -> Markup | None:
    """Quality with its interval against peak memory and against training time; None where nothing was measured."""
    rows = [each for each in table.rows if each.quality is not None and each.quality.tuned is not None]
    if not rows:
        return None
    with sheet(WIDE, HIGH, axes=2) as (figure, (memory, time)):
        _scatter(memory, rows, [(each.peak_memory_bytes or 0) / 1e9 for each in rows], metric=table.metric)
        memory.set_xlabel("Peak memory, GB")
        _scatter(time, rows, [each.train_s or 0.0 for each in rows], metric=table.metric)
        time.set_xlabel("Training, seconds")
        memory.set_title(f"{metric_in_a_sentence(table.metric).capitalize()}, 95 % interval")
        return inline(figure, name="methods", title="Quality of each method against memory and against time")


def _scatter(axes: Axes, rows: Sequence[MethodRow], places: Sequence[float], *, metric: str) -> None:
    """A point with its bar for each; a dashed line for each base model. Names stand above and below in turn."""
    order = sorted(zip(places, rows, strict=True), key=lambda pair: pair[0])
    for number, (place, each) in enumerate(order):
        one = each.quality
        assert one is not None and one.tuned is not None
        low, high = one.tuned_interval or (one.tuned, one.tuned)
        axes.plot([place, place], [low, high], color=TUNED, alpha=0.6, linewidth=2)
        axes.plot([place], [one.tuned], color=TUNED, marker="o", markersize=5)
        above = (6, -11) if number % 2 else (6, 4)
        axes.annotate(named(each.label), (place, one.tuned), above, textcoords="offset points", color=INK)
    for base in {each.quality.base for each in rows if each.quality and each.quality.base is not None}:
        axes.axhline(base, color=BASE, linewidth=1, linestyle=(0, (3, 3)))
        axes.annotate(
            "base",
            (1, base),
            (0, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=BASE,
        )
    axes.margins(x=0.28, y=0.14)
    axes.grid(visible=True, axis="y", color=LINE)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if metric in PERCENT:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{100 * value:.0f} %"))
