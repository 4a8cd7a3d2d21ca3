"""Results for people: tables and coloured tokens on standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewright.app.cli.phrases import clean, duration, size
from tunewright.core.nouns import Comparison, DatasetVersion, Evaluation, Run, Verdict
from tunewright.data.checklist import Finding

TRAINED = "bold green"
FILE_WIDTH = 160
OPEN, CLOSE = "⟦", "⟧"
"""Marks around trained tokens where there is no colour."""


def console() -> Console:
    """Standard output; plain text when it is no terminal."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)


def grid(title: str, *columns: str) -> Table:
    """A table whose first column is names and whose others are numbers."""
    named = any(columns)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim", show_header=named)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def receipt(version: DatasetVersion) -> None:
    """What went in, what came out, and why the rest did not."""
    found = version.receipt
    rows, tokens = found.rows, found.tokens
    table = grid(f"Data {version.name[:12]} ({version.shape})", "", "rows", "tokens")
    table.add_row("read", f"{rows.in_:,}", f"{tokens.in_:,}")
    for reason, count in rows.created.items():
        table.add_row(f"created: {reason}", f"{count:,}", "")
    table.add_row("duplicates", f"{rows.duplicate:,}", "")
    table.add_row("quarantined", f"{rows.quarantined:,}", "")
    for reason, count in rows.dropped.items():
        table.add_row(f"dropped: {reason}", f"{count:,}", "")
    for reason, count in _reasons(found.sources).items():
        table.add_row(f"  noted: {reason}", f"{count:,}", "", style="dim")
    table.add_row("truncated", f"{found.truncated_rows:,}", f"{tokens.truncated:,}")
    table.add_row("kept", f"{rows.kept:,}", f"{tokens.kept:,}", style="bold")
    table.add_row("  of these trained", "", f"{tokens.trained:,}")
    for split, count in found.splits.items():
        table.add_row(f"  {split}", f"{count:,}", "")
    console().print(table)


def checklist(found: Sequence[Finding]) -> None:
    """How many rules of the checklist are met, and a line for each that is not."""
    if not found:
        return
    unmet = [finding for finding in found if finding.status != "pass"]
    table = grid(f"Checklist: {len(found) - len(unmet)} of {len(found)} rules met", "", "", "")
    for finding in unmet:
        table.add_row(
            f"{finding.name}:",
            finding.status,
            Text(clean(finding.sentence)),
            style="red" if finding.status == "fail" else "yellow",
        )
    console().print(table)


def _reasons(sources: Mapping[str, Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for source in sources.values():
        for reason, count in source.reasons.items():
            total[reason] = total.get(reason, 0) + count
    return total


def run(record: Run) -> None:
    """What training took and reached."""
    table = grid(f"Run {record.key[:12]}", "", "")
    table.add_row("steps", f"{record.steps:,}")
    table.add_row("loss", f"{record.loss:.4f}")
    if record.validation_loss is not None:
        table.add_row("validation loss", f"{record.validation_loss:.4f}")
    table.add_row("tokens", f"{record.tokens:,} ({record.trained_tokens:,} trained)")
    table.add_row("speed", f"{record.tokens_per_s:,.0f} tokens/s")
    table.add_row("time", duration(record.train_s))
    table.add_row("peak memory", size(record.peak_memory_bytes))
    console().print(table)


def answer(found: Any) -> None:
    """One target's evaluation and verdict."""
    console().print(Text(clean(found.target), style="bold"))
    evaluation(found.evaluation)
    if found.verdict is not None:
        verdict(found.verdict)


def verdict(record: Verdict) -> None:
    """What became of the gates; nothing where there are none."""
    if not record.gates:
        return
    table = grid("Gates", "", "value", "bound", "limit", "")
    for gate in record.gates:
        cells = [_number(each) for each in (gate.value, gate.bound, gate.limit)]
        table.add_row(
            clean(gate.rule), *cells, "met" if gate.passed else "NOT MET", style=None if gate.passed else "red"
        )
    console().print(table)


def evaluation(record: Evaluation) -> None:
    """Base beside tuned, metric by metric, and what was not measured."""
    for suite, metrics in record.suites.items():
        prompt = record.base_prompts.get(suite)
        title = f"{suite}, {record.split} rows" + (f"; the base's best prompt is {prompt}" if prompt else "")
        table = grid(title, "", "base", "same prompt", "tuned", "difference", "95 % interval", "p", "rows")
        for metric, comparison in metrics.items():
            table.add_row(metric, *_cells(comparison))
        console().print(table)
    for name, why in record.unmeasured.items():
        console().print(Text(clean(f"{name} was not measured: {why}."), style="yellow"))
    for name, tasks in record.left_out.items():
        for why in tasks.values():
            console().print(Text(clean(f"{name}: {why}"), style="dim"))


def _cells(comparison: Comparison) -> list[str]:
    interval = comparison.interval
    return [
        _number(comparison.base),
        _number(comparison.base_same_prompt),
        _number(comparison.tuned),
        "" if comparison.difference is None else f"{comparison.difference:+.4f}",
        "" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}",
        "" if comparison.p is None else f"{comparison.p:.2g}",
        f"{comparison.n:,}",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def tokens(view: Mapping[str, Any]) -> None:
    """A row's turns with their reasons, then its tokens; trained ones coloured, or marked where there is no colour."""
    screen = console()
    label = f", label {view['label']}" if view["label"] is not None else ""
    screen.print(Text(f"{view['source']}{label}", style="dim"))
    for turn in view["turns"]:
        trained = turn["why"].startswith("trained")
        screen.print(Text(f"{turn['role']}: {turn['why']}", style=TRAINED if trained else ""))
    screen.print()
    colour = screen.is_terminal and not screen.no_color
    screen.print(painted(view["tokens"], view["weights"], colour=colour), soft_wrap=True)
    trained = sum(weight > 0 for weight in view["weights"])
    screen.print(Text(f"\n{len(view['ids'])} tokens, {trained} trained", style="dim"))


def painted(pieces: list[str], weights: list[float], *, colour: bool) -> Text:
    """Tokens one after another. With colour, tokens alternate in underline so that their borders show."""
    text = Text()
    for index, (piece, weight) in enumerate(zip(pieces, weights, strict=True)):
        shown = clean(piece, keep="\n")
        if colour:
            text.append(shown, style=f"{TRAINED if weight else 'dim'}{' underline' if index % 2 else ''}")
            continue
        starts = weight > 0 and (index == 0 or weights[index - 1] == 0)
        ends = weight > 0 and (index + 1 == len(weights) or weights[index + 1] == 0)
        text.append(f"{OPEN if starts else ''}{shown}{CLOSE if ends else ''}")
    return text
