"""Two runs side by side, for people: what is wrong with comparing them first, then numbers, then rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tunewright.app.cli import out, tables
from tunewright.app.cli.phrases import clean, duration, short, size

if TYPE_CHECKING:
    from tunewright.app.comparing import Different, Facts, PairedGate, TwoRuns
    from tunewright.evaluate.changed_rows import ChangedRows, LostSlice, PairedRow
    from tunewright.evaluate.side_by_side import PairedMetric, PairedWay, SideBySide

NONE = "–"
NAMED = 3
"""Metrics that the summary names, of those that got better and of those that got worse."""
WIDE = 48
"""Characters of a prompt or an answer in a table."""
TITLE = "italic"
STYLES = {"better": "green", "worse": "red"}
COUNTS: dict[str, Callable[[Any], str]] = {
    "steps": lambda value: f"{value:,}",
    "tokens": lambda value: f"{value:,}",
    "trained_tokens": lambda value: f"{value:,}",
    "tokens_per_s": lambda value: f"{value:,.0f} tokens/s",
    "train_s": duration,
    "peak_memory_bytes": size,
    "loss": lambda value: f"{value:.4f}",
    "validation_loss": lambda value: f"{value:.4f}",
    "dataset": lambda value: value[:12] or NONE,
    "model": lambda value: value[:12],
    "run": lambda value: value[:12],
    "evaluation": lambda value: value[:12],
}
NAMES = {
    "target": "given as",
    "name": "name",
    "run": "run",
    "model": "model",
    "evaluation": "evaluation",
    "evaluated_at": "evaluated at",
    "base_model": "base model",
    "method": "method",
    "dataset": "data set",
    "split": "split",
    "steps": "steps",
    "loss": "loss",
    "validation_loss": "validation loss",
    "tokens": "tokens",
    "trained_tokens": "  of these trained",
    "tokens_per_s": "speed",
    "train_s": "training time",
    "peak_memory_bytes": "peak memory",
}
"""Facts in the order in which they are shown."""


def two_runs(found: TwoRuns) -> None:
    """Everything about B against A."""
    for text in found.warnings:
        _line(text, style="yellow")
    _line(summary(found.found), style="bold")
    facts(found.a, found.b)
    for name, way in found.found.ways.items():
        _way(name, way)
    for side, only in (("A", found.found.only_a), ("B", found.found.only_b)):
        for name, why in only.items():
            _line(f"Only {side} has {name}; the other: {why}.", style="dim")
    for side, one in (("A", found.a), ("B", found.b)):
        if one.other_evaluations:
            told = f"{one.other_evaluations} more of {side}'s model; give a folder below evaluations/ to compare it"
            _line(f"Evaluations: {told}.", style="dim")
    _gates(found.gates)
    _keys("What differs in the recipes", found.recipe, equal="The recipes are equal.")
    _keys("What the runs used on their machines", found.used, equal="The runs used the same.")


def summary(found: SideBySide) -> str:
    """What B is, in a sentence."""
    named = {
        f"{name} of {way}": metric.verdict for way, one in found.ways.items() for name, metric in one.metrics.items()
    }
    counts = Counter(verdict for verdict in named.values() if verdict)
    if not counts:
        return "Nothing here says whether B is better than A."
    better, worse = (
        _some([name for name, verdict in named.items() if verdict == kind]) for kind in ("better", "worse")
    )
    return (
        f"B is better than A in {counts['better']}{better} and worse in {counts['worse']}{worse} of "
        f"{_counted(counts.total(), 'metric')}; no clear difference in {counts['no clear difference']}."
    )


def _some(names: Sequence[str]) -> str:
    """The first of some names, in brackets."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({', '.join(names[:NAMED])}{more})" if names else ""


def _counted(count: int, what: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def facts(a: Facts, b: Facts) -> None:
    """Both sides, fact by fact; what neither has is left out."""
    table = _texts("", "A", "B")
    for field, name in NAMES.items():
        values = [getattr(one, field) for one in (a, b)]
        if any(value not in (None, "") for value in values):
            table.add_row(Text(name), *(_fact(field, value) for value in values))
    _show(table)
    out.say("")


def _fact(field: str, value: Any) -> Text:
    if value is None or value == "":
        return Text(NONE)
    return Text(clean(COUNTS.get(field, str)(value)))


def _way(name: str, way: PairedWay) -> None:
    beside = {"only A answered": way.only_a, "only B answered": way.only_b, "of one id differ": way.differing}
    told = [
        f"{_counted(way.rows, 'row')} that both answered",
        *(f"{count:,} {what}" for what, count in beside.items() if count),
    ]
    _line(f"{name}: {', '.join(told)}", style=TITLE)
    table = tables.grid("", "", "A", "B", "B − A", "95 % interval", "p", "p (Holm)", "B is")
    for metric, one in way.metrics.items():
        table.add_row(metric, *_cells(one), style=STYLES.get(one.verdict))
    _show(table)
    for metric, one in way.metrics.items():
        _line(_beside(metric, one, rows=way.rows), style="dim")
    if way.changed:
        _changed(way.changed, name)
    _slices(way.lost_slices, way.changed.metric if way.changed else "")
    out.say("")


def _cells(one: PairedMetric) -> list[str]:
    interval = one.interval
    return [
        number(one.a),
        number(one.b),
        signed(one.difference),
        NONE if interval is None else f"{signed(interval[0])} to {signed(interval[1])}",
        chance(one.p),
        chance(one.p_holm),
        one.verdict or NONE,
    ]


def _beside(metric: str, one: PairedMetric, *, rows: int) -> str:
    """What a metric's numbers rest on; nothing where it is all rows, and no power can be said."""
    told = [f"measured on {one.n:,} of {_counted(rows, 'row')}"] if one.n != rows else []
    told += [f"{one.families:,} families of rows that count as one"] if 0 < one.families < one.n else []
    told += ["a count, without sampling error"] if one.census else []
    told += [f"a difference of {number(one.detectable)} would be seen with 80 % power"] if one.detectable else []
    return f"{metric}: {'; '.join(told)}" if told else ""


def number(value: float | None) -> str:
    """Four digits behind the point, fewer of a large number; or a dash."""
    return NONE if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def signed(value: float | None) -> str:
    """The same with its sign."""
    return NONE if value is None else f"{'+' if value >= 0 else ''}{number(value)}"


def chance(p: float | None) -> str:
    """A p, or a dash."""
    return NONE if p is None else f"{p:.2g}"


def _changed(changed: ChangedRows, way: str) -> None:
    """Rows on which B lost and gained, both answers beside each other."""
    what = ("right in A and wrong in B", "wrong in A and right in B") if changed.right_or_wrong else ("lost", "gained")
    for told, count, rows in ((what[0], changed.lost, changed.losses), (what[1], changed.gained, changed.gains)):
        shown = f", {len(rows)} of them" if 0 < len(rows) < count else ""
        _line(f"{changed.metric} of {way}: {_counted(count, 'row')} {told}{shown}", style=TITLE if rows else "dim")
        table = _texts("prompt", "right answer", "A", "B")
        for row in rows:
            table.add_row(*_row(row, right_or_wrong=changed.right_or_wrong))
        _show(table)


def _texts(*columns: str) -> Table:
    """A table of texts."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _row(row: PairedRow, *, right_or_wrong: bool) -> list[Text]:
    said = [(row.a, row.a_value), (row.b, row.b_value)]
    answers = [text if right_or_wrong else f"{number(value)} {text}" for text, value in said]
    return [Text(short(text, WIDE)) for text in (row.prompt, row.target, *answers)]


def _slices(lost: Sequence[LostSlice], metric: str) -> None:
    if not lost:
        return
    _line(f"Where B lost most {metric} (untested)", style=TITLE)
    table = tables.grid("", "", "A", "B", "B − A", "rows")
    for one in lost:
        name = Text(short(f"{one.kind}: {one.value}", WIDE))
        table.add_row(name, number(one.a), number(one.b), signed(one.difference), f"{one.n:,}")
    _show(table)


def _gates(gates: Sequence[PairedGate]) -> None:
    if not gates:
        return
    told: Mapping[bool | None, str] = {True: "met", False: "NOT MET", None: NONE}
    _line("Gates", style=TITLE)
    table = tables.grid("", "", "A", "B")
    for gate in gates:
        table.add_row(Text(clean(gate.rule)), told[gate.a], told[gate.b], style="red" if gate.b is False else None)
    _show(table)
    out.say("")


def _keys(title: str, found: Sequence[Different] | None, *, equal: str) -> None:
    if found is None:
        return
    if not found:
        _line(equal, style="dim")
        return
    _line(title, style=TITLE)
    table = _texts("", "A", "B")
    for one in found:
        table.add_row(Text(one.key), *(Text(_value(each)) for each in (one.a, one.b)))
    _show(table)


def _value(value: Any) -> str:
    return NONE if value is None else short(value if isinstance(value, str) else json.dumps(value), WIDE)


def _line(text: str, *, style: str) -> None:
    if text:
        tables.console().print(Text(clean(text), style=style))


def _show(table: Table) -> None:
    """A table; one without rows is not there."""
    if table.row_count:
        table.title = None
        tables.console().print(table)
