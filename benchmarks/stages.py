"""What each stage of preparing data costs: rows a second and peak memory, each in a process of its own, one thread.

    python benchmarks/stages.py                                    every stage over documents and chats
    python benchmarks/stages.py --kind documents --stage clean     one of them; --rows 2000: nothing is written
    python benchmarks/stages.py --peer presidio                    beside Presidio; data_juicer: beside data-juicer

A process loads the rows as `tunewright data` does, carries out the stage by the code that the command runs, and tells
the time of the stage alone, without start-up and reading, and the peak memory of it all. Speeds are by processor time,
which other work on the machine changes less than time by the clock; the pieces have both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from environments import PIECES, REPOSITORY, environment
from planted import rows_file

from tunewright.core.events import silent
from tunewright.core.workspace import Workspace
from tunewright.detect.personal import personal_spans
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions

ROWS = {"documents": 200_000, "chats": 1_000_000}
FEWER = {
    "documents": {"personal_data": 50_000, "quality": 50_000, "encode": 50_000},
    "chats": {"personal_data": 200_000, "encode": 200_000},
}
"""Of slow stages; the table says how many."""
MODEL = "builtin:smollm2-135m-instruct"
STAGES = ("load", "clean", "near_duplicates", "personal_data", "quality", "encode")
OF_PEERS = 20_000
FOLDER = PIECES / "rows"
ALONE = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
NO_INSTALL = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
"""A peer must not fetch anything while it runs."""


class Peer(NamedTuple):
    """What stands beside our steps `ours`: the script, its packages, and those that are taken out of them again."""

    ours: str
    script: str
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()


PEERS = {
    "presidio": Peer("personal_data", "peer_presidio.py", ("presidio-analyzer==2.2.366", "spacy==3.8.18")),
    "data_juicer": Peer(
        "clean+quality",
        "peer_data_juicer.py",
        ("py-data-juicer==1.6.1", "ftfy==6.3.1", "aiohttp==3.14.5", "ray==2.60.0"),
        without=("uv",),
    ),
}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=list(ROWS), action="append")
    parser.add_argument("--stage", choices=STAGES, action="append")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--peer", choices=list(PEERS), action="append")
    asked = parser.parse_args()
    stages = asked.stage or STAGES
    for kind in () if asked.peer else asked.kind or ROWS:
        for stage in stages:
            count = asked.rows or rows_of(kind, stage)
            found = one_stage(kind, stage, count)
            tell(f"stage-{kind}-{stage}", found, write=not asked.rows)
    for name in asked.peer or (() if asked.kind or asked.stage else PEERS):
        tell(f"peer-{name}", beside(name, asked.rows or OF_PEERS), write=not asked.rows)
    return 0


def rows_of(kind: str, stage: str) -> int:
    """How many rows a stage is measured over."""
    return FEWER[kind].get(stage, ROWS[kind])


def tell(name: str, found: dict[str, Any], *, write: bool) -> None:
    """Show what was measured, and lay it aside for the table."""
    print(name, json.dumps(found), flush=True)
    if write:
        (PIECES / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def one_stage(kind: str, stage: str, count: int) -> dict[str, Any]:
    """One stage in a process of its own. `stage` may be several steps, as in `clean+quality`."""
    path = rows_file(FOLDER, kind, count)
    home = Workspace(REPOSITORY / ".cache" / "tests")
    model = find(ModelOptions(name=MODEL), folder=REPOSITORY, workspace=home, emit=silent).path
    command = [sys.executable, str(Path(__file__).with_name("stage_alone.py")), str(path), stage, str(model)]
    return last_line(command, ALONE)


def beside(name: str, count: int) -> dict[str, Any]:
    """A peer and our steps over the same documents, one after the other."""
    peer = PEERS[name]
    python = environment(name, peer.packages, without=peer.without)
    ours = one_stage("documents", peer.ours, count)
    script = Path(__file__).with_name(peer.script)
    path = rows_file(FOLDER, "documents", count)
    theirs = last_line([str(python), str(script), str(path)], ALONE | NO_INSTALL)
    speed = theirs["documents"] / theirs["cpu_s"]
    recall = {"recall": our_recall(path)} if "recall" in theirs else {}
    return {
        "documents": count,
        "documents_per_s": ours["rows_per_s"],
        "peak_memory_bytes": ours["peak_memory_bytes"],
        f"{name}_documents_per_s": round(speed, 1),
        f"{name}_peak_memory_bytes": theirs["peak_memory_bytes"],
        "ratio": round(ours["rows_per_s"] / speed, 1),
        "seconds": ours["seconds"],
        f"{name}_seconds": round(theirs["seconds"], 2),
        "left": ours["left"],
        **recall,
        **{f"{name}_{key}": value for key, value in theirs.items() if key in ("recall", "left", "operators")},
    }


def our_recall(path: Path) -> dict[str, float]:
    """Share of planted values that a finding of their kind covers whole, by kind."""
    planted: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "planted" not in row:
            continue
        kind, value = row["planted"]
        start = row["text"].index(value)
        spans = [span for span in personal_spans(row["text"]) if span.kind == kind]
        planted[kind] += 1
        covered[kind] += any(span.start <= start and start + len(value) <= span.end for span in spans)
    return {kind: round(covered[kind] / planted[kind], 4) for kind in planted}


def last_line(command: Sequence[str], more: dict[str, str]) -> dict[str, Any]:
    """What a command says in its last line. Ends with what went wrong when it fails."""
    said = subprocess.run(command, capture_output=True, text=True, env=os.environ | more, check=False)
    if said.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {said.returncode}:\n{said.stderr[-3000:]}")
    return json.loads(said.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
