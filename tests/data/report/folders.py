"""Data sets as they lie in their folder, of any size, made without a tokenizer."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Changed, Converted, Details, Gone, Message, Row
from tunewright.data.fates import Fates
from tunewright.data.receipt import Ledger, histogram
from tunewright.data.rows import SPLITS, make_row
from tunewright.data.store import SplitWriter

WORDS = ("invoice", "account", "refund", "order", "parcel", "address", "delivery", "broken", "late", "please", "help")


def conversation(prompt: str, answer: str, *, label: str | None = None, line: int = 1, source: str = "a.jsonl") -> Row:
    """A row of one question and one answer."""
    turns: tuple[Message, ...] = ({"role": "user", "content": prompt}, {"role": "assistant", "content": answer})
    return make_row(Converted(turns, label, details=Details(columns={"language": "en"})), source=source, line=line)


def many(count: int) -> Iterable[Row]:
    """Different rows of some words, with labels."""
    draw = random.Random(1)
    for number in range(count):
        prompt, answer = (" ".join(draw.choices(WORDS, k=draw.randint(5, 40))) for _ in range(2))
        source = f"part-{number % 3}.jsonl"
        yield conversation(f"{prompt} {number}", f"{answer} {number}.", label=answer[:3], line=number, source=source)


def folder_of(
    folder: Path, rows: Iterable[Row], *, lost: Iterable[Gone] = (), changed: Iterable[Changed] = (), broken: int = 0
) -> DatasetVersion:
    """A folder with rows, nine in ten for training, what was lost beside them, and its record."""
    folder.mkdir(parents=True)
    with Fates(folder) as fates:
        ledger = Ledger(fates)
        for gone in lost:
            ledger.sources[gone.row.source].rows_in += 1
            ledger.lose(gone)
        for one in changed:
            ledger.change(one)
        fates.finish()
    writers = {split: SplitWriter(folder, split) for split in SPLITS}
    for split in SPLITS:
        ledger.labels[split] = Counter()
    for number, row in enumerate(rows):
        split = {0: "validation", 10: "test"}.get(number % 20, "train")
        tokens = 4 + len(row.target) // 4
        weights = np.r_[np.zeros(2), np.ones(tokens - 2)].astype(np.float32)
        writers[split].add(row, (np.zeros(tokens, np.int32), weights))
        ledger.sources[row.source].rows_in += 1
        ledger.sources[row.source].kept += 1
        ledger.tokens.update({"in": tokens, "kept": tokens, "trained": tokens - 2, "masked": 2})
        if row.label is not None:
            ledger.labels[split][row.label] += 1
    with (folder / "quarantine.jsonl").open("w", encoding="utf-8") as quarantine:
        for line in range(broken):
            ledger.sources["a.jsonl"].rows_in += 1
            ledger.sources["a.jsonl"].quarantined["broken_json"] += 1
            bad = {"file": "a.jsonl", "line": line, "reason": "broken_json", "detail": "<i>bad</i>", "raw": "{"}
            quarantine.write(json.dumps(bad) + "\n")
    for split, writer in writers.items():
        writer.finish()
        ledger.splits[split] = len(writer.lengths)
        ledger.lengths[split] = histogram(writer.lengths)
    return DatasetVersion(
        name=folder.name,
        key="k",
        shape="chat",
        max_tokens=512,
        chat_digest="c",
        made_at="now",
        receipt=ledger.receipt(),
    )


def spoilt(row: Row, **turns: Any) -> Row:
    """The row with another answer."""
    return conversation(row.messages[0].get("content", ""), turns["answer"], source=row.source, line=row.line)
