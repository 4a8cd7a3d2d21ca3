"""Hostile rows: thousands of mutated lines go through the stage `data`; it must not fall, and its receipt must add up.

    python scripts/mutate_rows.py [--rows 10000] [--seed 0]

Half of the rows are JSON Lines of chats, a quarter labelled JSON Lines, a quarter labelled CSV. Prints the receipts
and, last, a line that begins with OK; anything else is a failure (exit code 1).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunewright.app.resolve import data_parts
from tunewright.core.events import silent
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.dataset import open_dataset
from tunewright.data.encode import TrainingChat
from tunewright.data.prepare import Inputs, dataset_key, prepare
from tunewright.models.find import find
from tunewright.recipe.recipe import DataOptions, ModelOptions
from tunewright.text.chat import load_chat

REPOSITORY = Path(__file__).parent.parent
BIG_CHARACTERS = 2**20
WORDS = ["heart", "lung", "skin", "fever", "cough", "😀", "naïve", "中文", "left", "right", "of", "with,", "without;"]
JUNK: list[Any] = [
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "   ",
    [],
    {},
    [[]],
    {"a": 1},
    ["x"],
    "\u2028",
    "<|im_end|>",
    "\ufeff",
]
Row = dict[str, Any]


class Mutator:
    """Makes bytes of rows, most of them broken in one way; the same seed gives the same bytes."""

    def __init__(self, seed: int, *, big_characters: int = BIG_CHARACTERS) -> None:
        self.random = random.Random(seed)
        self.big_characters = big_characters
        self.last = b"{}"

    def text(self) -> str:
        """A short text, so short at times that equal ones come."""
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 8)))

    def labelled(self) -> Row:
        """A good labelled row."""
        return {"text": self.text(), "label": self.random.choice(["a", "b", 3, True])}

    def chat(self) -> Row:
        """A good chat row."""
        turns = [{"role": "system", "content": self.text()}] if self.random.random() < 0.3 else []
        for _ in range(self.random.randint(1, 3)):
            turns += [{"role": "user", "content": self.text()}, {"role": "assistant", "content": self.text()}]
        return {"messages": turns}

    def line(self, row: Row) -> bytes:
        """One line of JSON Lines, whole or broken."""
        if self.random.random() < 0.3:
            self.last = json.dumps(row).encode()
            return self.last
        return self.random.choice(BREAKS)(self, row)

    def somewhere(self, row: Row, value: Any) -> Row:
        """A copy of the row with a value put in place of a part of it."""
        copy = json.loads(json.dumps(row))
        place: Any = copy
        while True:
            key = self.random.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or self.random.random() < 0.3:
                place[key] = value
                return copy
            place = place[key]

    def cut(self, content: bytes) -> bytes:
        """A beginning of it."""
        return content[: self.random.randrange(len(content))]

    def flip(self, content: bytes) -> bytes:
        """Some bytes changed, line breaks among them."""
        changed = bytearray(content)
        for _ in range(self.random.randint(1, 5)):
            changed[self.random.randrange(len(changed))] = self.random.randrange(256)
        return bytes(changed)

    def big(self) -> str:
        """A long text, of words or of one letter."""
        part = self.random.choice(["word ", "x", "😀 ", "\n"])
        return (part * self.big_characters)[: self.big_characters]

    def record(self) -> bytes:
        """One CSV record, whole or broken."""
        row = self.labelled()
        out = io.StringIO(newline="")
        fields = [row["text"], row["label"]]
        if self.random.random() < 0.2:
            fields = self.random.choice([fields[:1], [*fields, "more"], ["", ""], ["a\nb\r\nc", "x"], ["\ufeff", "y"]])
        csv.writer(out).writerow(fields)
        content = out.getvalue().encode()
        ways: list[Callable[[bytes], bytes]] = [
            self.cut,
            self.flip,
            lambda line: b'"' + line,
            lambda line: b"\0" + line,
        ]
        if self.random.random() < 0.2:
            return self.random.choice(ways)(content).rstrip(b"\n") + b"\n"
        if self.random.random() < 0.02:
            return b"%s,a\n" % self.big().replace("\n", " ").encode()
        return content


def dump(value: Any) -> bytes:
    """A value as Python's JSON, NaN and lone surrogates included."""
    return json.dumps(value).encode()


BREAKS: list[Callable[[Mutator, Row], bytes]] = [
    lambda m, row: m.last,
    lambda m, row: m.cut(dump(row)),
    lambda m, row: m.flip(dump(row)),
    lambda m, row: dump(m.somewhere(row, m.random.choice(JUNK))),
    lambda m, row: dump(m.somewhere(row, m.random.choice(JUNK))),
    lambda m, row: dump(m.somewhere(row, "\ud83d" + m.text())),
    lambda m, row: dump(m.somewhere(row, float("nan"))),
    lambda m, row: dump(m.somewhere(row, "a\0b")),
    lambda m, row: dump(m.somewhere(row, m.text() + "<|im_end|>")),
    lambda m, row: dump(m.somewhere(row, m.big())) if m.random.random() < 0.1 else dump(row),
    lambda m, row: dump(m.somewhere(row, "9" * 5000)).replace(b'"' + b"9" * 5000 + b'"', b"9" * 5000),
    lambda m, row: dump(row).replace(b" ", b"\0", 1),
    lambda m, row: json.dumps(row, ensure_ascii=False).encode("utf-16-le"),
    lambda m, row: json.dumps({**row, "note": "naïve"}, ensure_ascii=False).encode("latin-1", errors="replace"),
    lambda m, row: dump(m.random.choice([[row], "row", 3, None, []])),
    lambda m, row: dump(row)[:-1] + b', "text": 1, "text": 2}',
    lambda m, row: b'{"messages": ' + b"[" * m.random.choice([900, 5000, 200_000]),
    lambda m, row: m.random.choice([b"", b"   ", b"\r", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"{}"]),
    lambda m, row: dump({key: value for key, value in row.items() if m.random.random() < 0.5}),
    lambda m, row: dump({"messages": m.random.choices(JUNK, k=3)}),
    lambda m, row: dump({"messages": [{"role": "assistant", "content": "alone", "weight": m.random.choice(JUNK)}]}),
    lambda m, row: dump(
        {"messages": [{"role": r, "content": "x"} for r in m.random.choices(["user", "tool", "system"], k=3)]}
    ),
]


def write_files(folder: Path, *, rows: int, seed: int, big_characters: int = BIG_CHARACTERS) -> None:
    """chat.jsonl, labelled.jsonl and labelled.csv with `rows` rows together, before breaks are counted."""
    mutator = Mutator(seed, big_characters=big_characters)
    chats = [mutator.line(mutator.chat()) for _ in range(rows // 2)]
    labelled = [mutator.line(mutator.labelled()) for _ in range(rows // 4)]
    records = [mutator.record() for _ in range(rows - rows // 2 - rows // 4)]
    (folder / "chat.jsonl").write_bytes(b"\n".join(chats))
    (folder / "labelled.jsonl").write_bytes(b"\n".join(labelled))
    (folder / "labelled.csv").write_bytes(b"text,label\n" + b"".join(records))


def prepare_file(path: Path, chat: TrainingChat, *, shape: str, overlong: str) -> tuple[DatasetVersion, Workspace]:
    """One file through the stage, without limits."""
    limits = {"quarantined_rows": None}
    options = DataOptions.model_validate(
        {"train": path.name, "shape": shape, "overlong": overlong, "limits": limits, "max_tokens": 256}
    )
    key = dataset_key(options, chat, folder=path.parent, loss_on="answers")
    workspace = Workspace(path.parent / "workspace")
    inputs = Inputs(chat, path.parent, "answers", key, "")
    return prepare(options, data_parts(options), inputs=inputs, workspace=workspace, emit=silent), workspace


def faults(path: Path, version: DatasetVersion, workspace: Workspace) -> list[str]:
    """What does not add up in a receipt, counted again from the files themselves."""
    receipt = version.receipt
    folder = workspace.datasets / version.name
    quarantine = (folder / "quarantine.jsonl").read_text(encoding="ascii").splitlines()
    reasons = [json.loads(line)["reason"] for line in quarantine]
    dataset = open_dataset(workspace, version)
    splits = [dataset.split(name) for name in receipt.splits]
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    claims = {
        "rows balance": receipt.rows.balanced(),
        "tokens balance": receipt.tokens.balanced(),
        "every line counts": path.suffix == ".csv" or receipt.rows.in_ == sum(bool(line.strip()) for line in lines),
        "quarantine lists all": len(quarantine) == receipt.rows.quarantined,
        "reasons have names": all(reason.isidentifier() for reason in reasons),
        "splits hold the kept rows": sum(map(len, splits)) == receipt.rows.kept == sum(receipt.splits.values()),
        "rows can be read": all(split.row(index).messages for split in splits for index in range(len(split))),
        "tokens are on disk": sum(int(split.lengths.sum()) for split in splits) == receipt.tokens.kept,
        "sources add up": sum(part.rows.in_ for part in receipt.sources.values()) == receipt.rows.in_,
        "every row trains": all((split.trained > 0).all() for split in splits),
        "limit holds": all((split.lengths <= version.max_tokens).all() for split in splits),
    }
    return [f"{path.name}: {claim}: no" for claim, holds in claims.items() if not holds]


RUNS = [("chat.jsonl", "chat", "split"), ("labelled.jsonl", "labelled", "cut"), ("labelled.csv", "labelled", "drop")]


def run(folder: Path, chat: TrainingChat) -> tuple[list[DatasetVersion], list[str]]:
    """Versions of the three files, and what does not add up."""
    versions: list[DatasetVersion] = []
    wrong: list[str] = []
    for name, shape, overlong in RUNS:
        version, workspace = prepare_file(folder / name, chat, shape=shape, overlong=overlong)
        versions.append(version)
        wrong += faults(folder / name, version, workspace)
    return versions, wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    workspace = Workspace(REPOSITORY / ".cache" / "tests")
    base = find(ModelOptions(name="builtin:smollm2-135m-instruct"), folder=REPOSITORY, workspace=workspace, emit=silent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, rows=asked.rows, seed=asked.seed)
        versions, wrong = run(folder, load_chat(base.path))
    for version in versions:
        print(version.receipt.model_dump_json(indent=1, by_alias=True, exclude={"lengths", "labels"}))
    rows = [version.receipt.rows for version in versions]
    print(*wrong, sep="\n")
    print(
        f"{'WRONG' if wrong else 'OK'}: {asked.rows:,} mutated rows, seed {asked.seed}: "
        f"in {sum(r.in_ for r in rows):,} + created {sum(sum(r.created.values()) for r in rows):,} = "
        f"kept {sum(r.kept for r in rows):,} + quarantined {sum(r.quarantined for r in rows):,} + "
        f"duplicate {sum(r.duplicate for r in rows):,} + dropped {sum(sum(r.dropped.values()) for r in rows):,}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
