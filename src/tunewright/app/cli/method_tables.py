"""Several methods side by side, for people: numbers, pairs, what to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tunewright.app.cli import tables
from tunewright.app.cli.phrases import clean
from tunewright.evaluate.method_page import COLUMNS, PAIR_COLUMNS, cells, lead, pair_cells

if TYPE_CHECKING:
    from tunewright.evaluate.method_table import MethodTable

STYLES = {"better": "green", "worse": "red"}


def methods(found: MethodTable) -> None:
    """The whole table: a column a method, since there are more numbers than methods."""
    console = tables.console()
    console.print(Text(lead(found), style="bold"))
    console.print(_numbers(found))
    for row in found.rows:
        if row.error:
            console.print(Text(clean(f"{row.label} failed: {row.error}"), style="red"))
    if found.pairs:
        console.print(_pairs(found))
    for note in found.notes:
        console.print(Text(note, style="dim"))


def _numbers(found: MethodTable) -> Table:
    done = [cells(row, found.metric) for row in found.rows if not row.error]
    table = tables.grid("", "", *(clean(each[0]) for each in done))
    for place, name in enumerate(COLUMNS[1:], start=1):
        table.add_row(name, *(each[place] for each in done))
    return table


def _pairs(found: MethodTable) -> Table:
    table = Table(title="Each against each", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for place, name in enumerate(PAIR_COLUMNS):
        table.add_column(name, justify="right" if 2 <= place < len(PAIR_COLUMNS) - 1 else "left")
    for pair in found.pairs:
        table.add_row(*map(clean, pair_cells(pair, found.metric)), style=STYLES.get(pair.verdict, ""))
    return table
