"""Walk the table methods x objectives on a tiny model and write what works: evidence, and the table in the docs.

    python scripts/methods_table.py                  walk every cell, write both
    python scripts/methods_table.py --rows 0:6       walk the first six methods, keep what stands there of the others
    python scripts/methods_table.py --rows 0:0       only write the docs from the evidence that is there

Writes the key `table` of docs/evidence/methods.json and the table of docs/how-to/choose-a-method.md. A cell that is
refused stands there with its reason; one that breaks a promise stops the script.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from tests.conftest import tiny_config, write_tiny_tokenizer  # noqa: E402
from tests.train.table import METHODS, ROWS, walk, write_rows  # noqa: E402
from tunewright.core.errors import UserError  # noqa: E402

EVIDENCE = REPOSITORY / "docs" / "evidence" / "methods.json"
PAGE = REPOSITORY / "docs" / "how-to" / "choose-a-method.md"
BEGIN, END = "<!-- table: scripts/methods_table.py -->", "<!-- end of table -->"
WORKS = "works"
Table = dict[str, dict[str, str]]


def main() -> int:
    """Walk, and write."""
    parser = argparse.ArgumentParser(description="Walk the table methods x objectives and write what works.")
    parser.add_argument("--rows", default=":", help="which methods to walk, FIRST:END, from 0")
    first, _, end = parser.parse_args().rows.partition(":")
    for method, row in walked(list(METHODS)[int(first or 0) : int(end) if end else None]):
        write_down(method, row)
    table: Table = json.loads(EVIDENCE.read_text(encoding="utf-8"))["table"]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{as_markdown(table)}\n{END}{after}", encoding="utf-8")
    cells = [cell for row in table.values() for cell in row.values()]
    print(f"{cells.count(WORKS)} of {len(cells)} cells work, {len(cells) - cells.count(WORKS)} are refused.")
    return 0


def write_down(method: str, row: dict[str, str]) -> None:
    """Put a row of the table into the evidence; rows of methods that are no more go."""
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.is_file() else {}
    known = evidence.get("table", {}) | {method: row}
    evidence["table"] = {name: known[name] for name in METHODS if name in known}
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")


def walked(methods: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Of each of these methods every cell: `works`, or why it is refused."""
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "tiny"
        base.mkdir()
        torch.manual_seed(7)
        LlamaForCausalLM(LlamaConfig(**tiny_config())).save_pretrained(base)
        write_tiny_tokenizer(base)
        recipe = write_rows(Path(place), base)
        for method in methods:
            row = {objective: said(recipe, (method, objective)) for objective in ROWS}
            print(f"{method}: {', '.join(sorted(set(row.values())))}", file=sys.stderr)
            yield method, row


def said(recipe: Path, cell: tuple[str, str]) -> str:
    """What a cell does."""
    try:
        walk(recipe, cell)
    except UserError as error:
        return f"refused: {error.problems[0].what}"
    return WORKS


def as_markdown(table: Table) -> str:
    """The table for people; reasons below it, each once."""
    names = list(ROWS)
    lines = [f"| method | {' | '.join(names)} |", f"| --- |{' :-: |' * len(names)}"]
    reasons: list[str] = []
    for method, row in table.items():
        marks = []
        for objective in names:
            if row[objective] == WORKS:
                marks.append("yes")
                continue
            reason = row[objective].removeprefix("refused: ")
            if reason not in reasons:
                reasons.append(reason)
            marks.append(f"no ({reasons.index(reason) + 1})")
        lines.append(f"| `{method}` | {' | '.join(marks)} |")
    return "\n".join([*lines, *(f"\n({number}) {reason}" for number, reason in enumerate(reasons, 1))])


if __name__ == "__main__":
    sys.exit(main())
