"""Combine adapters over one base into one: a weighted sum, TIES or DARE."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

combines = Late("tunewright.models.combine")
combining = Late("tunewright.app.combining")
progress = Late("tunewright.app.cli.progress")


@click.command()
@click.argument("path", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--way", type=click.Choice(("linear", "ties", "dare")), default="linear", show_default=True)
@click.option("--weight", "weights", multiple=True, type=float, help="One a model, in order; none: equal ones.")
@click.option("--density", type=options.Number(0, 1, min_open=True), default=0.5, help="Share kept by ties and dare.")
@click.option("--rank", type=click.IntRange(1), help="Rank of the result of ties and dare; none: the ranks together.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of what dare drops.")
@options.home
@options.quiet
@options.as_json
def command(
    path: tuple[Path, ...],
    way: str,
    weights: tuple[float, ...],
    density: float,
    rank: int | None,
    seed: int,
    home: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Combine the LoRA adapters of PATH... (folders of runs or models over one base) into one model version.

    `linear` is exact; `ties` and `dare` are factored to a rank again. Plain PEFT reads the result.
    """
    asked = combines.Recipe(way=way, weights=weights, density=density, rank=rank, seed=seed)
    with progress.watch(quiet=quiet) as emit:
        asked = combining.with_equal_weights(asked, len(path))
        version, folder = combining.combine_runs(path, asked, home=home, emit=emit)
    if as_json:
        out.document({"model": version.model_dump(mode="json"), "folder": str(folder)})
        return
    out.say(f"{len(path)} adapters as one ({way}): {out.shown(folder)}")
