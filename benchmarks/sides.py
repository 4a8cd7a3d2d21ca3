"""Sides of a benchmark, each in a process of its own, repeats in another order each time; one piece of JSON a side."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training import MODEL, PIECES, REPOSITORY, watched

from tunewright.app.cli.launch import find_allocator
from tunewright.core.events import silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions


@dataclass(frozen=True)
class Bench:
    """A benchmark: the script that measures each side, the beginning of its pieces' names, more of the environment.

    `unsaid` are keys of a piece that are kept and not printed.
    """

    scripts: Mapping[str, str]
    prefix: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    unsaid: Collection[str] = ()

    def run(self, about: str, end: Callable[[], int]) -> int:
        """What the command line asks for: some sides, some repeats, or all of them and then `end`."""
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--side", choices=list(self.scripts), action="append", help="these sides")
        parser.add_argument("--repeat", type=int, action="append", help="these repeats, from 1")
        parser.add_argument("--join", action="store_true", help="what is written, from the pieces that are there")
        asked = parser.parse_args()
        if not asked.join:
            for repeat in asked.repeat or (1, 2, 3):
                sides = list(asked.side or self.scripts)
                turn = repeat % len(sides)
                for side in [*sides[turn:], *sides[:turn]]:
                    self.piece(side, repeat)
        return end() if asked.join or not (asked.side or asked.repeat) else 0

    def piece(self, side: str, repeat: int) -> None:
        """One side once; what was measured before is not measured again."""
        PIECES.mkdir(parents=True, exist_ok=True)
        file = PIECES / f"{self.prefix}{side}-{repeat}.json"
        if file.exists():
            print(f"{file.name}: there already", flush=True)
            return
        workspace = Workspace(REPOSITORY / ".cache" / "tests")
        model = find(ModelOptions(name=MODEL), folder=REPOSITORY, workspace=workspace, emit=silent)
        allocator = find_allocator(os.environ)
        script = Path(__file__).with_name(self.scripts[side])
        command = [sys.executable, str(script), str(model.path), "--side", side, "--order", str(repeat)]
        more = dict(self.environment) | ({"LD_PRELOAD": str(allocator)} if allocator else {})
        with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
            said, _ = watched(command, Path(work), more)
        found = json.loads(said.strip().splitlines()[-1])
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        for name, each in found.items():
            shown = {key: value for key, value in each.items() if key not in self.unsaid}
            print(f"{side} {repeat} {name}:", shown, flush=True)
