"""The table of `doctor`: check, found, needed, remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tunewright.app.cli.phrases import clean
from tunewright.app.cli.tables import console

MARKS = {"ok": ("ok", "green"), "warn": ("!", "yellow"), "fail": ("FAIL", "bold red")}


def show(findings: Sequence[Any]) -> None:
    """One line a finding, and how many need something."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "check", "found", "needed", "remedy"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        word, style = MARKS[finding.status]
        cells = (finding.check, finding.found, finding.needed, finding.remedy)
        table.add_row(Text(word, style=style), *(Text(clean(cell)) for cell in cells))
    screen = console()
    screen.print(table)
    failed = sum(finding.status == "fail" for finding in findings)
    warned = sum(finding.status == "warn" for finding in findings)
    screen.print(f"{len(findings)} checks: {failed} failed, {warned} to look at.")
