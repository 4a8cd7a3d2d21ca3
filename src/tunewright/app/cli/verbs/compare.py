"""Put two runs side by side: what got better, what got worse, and what they differ in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

comparing = Late("tunewright.app.comparing")
tables = Late("tunewright.app.cli.compare_tables")


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Compare this metric, and no other.")
@click.option("--rows", type=click.IntRange(0), default=10, show_default=True, help="Changed rows shown of a kind.")
@options.home
@options.as_json
def command(run_a: Path, run_b: Path, metrics: tuple[str, ...], rows: int, home: Path | None, as_json: bool) -> None:
    """Put two runs side by side, on the rows that both answered.

    RUN_A and RUN_B are a run's folder, a recipe (its latest run), a model of ours, or a folder below evaluations/; they
    may lie in different workspaces. Stored answers are compared, so no model is loaded.
    """
    found = comparing.compare(comparing.Asked((run_a, run_b), metrics, rows, home))
    if as_json:
        out.document(document(found))
    else:
        tables.two_runs(found)


def document(found: Any) -> dict[str, Any]:
    """`compare --json`: both sides, warnings, and the comparison way by way."""
    told = found.model_dump(mode="json")
    return {"a": told["a"], "b": told["b"], "warnings": told["warnings"], **told["found"]} | {
        key: told[key] for key in ("recipe", "used", "gates")
    }
