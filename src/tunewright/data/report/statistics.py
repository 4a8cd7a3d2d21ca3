"""What the rows of a data set are like, found in one pass over its files; memory does not grow with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tunewright.core.ports import is_answered, prompt_of
from tunewright.data.dataset import map_arrays
from tunewright.data.report.distinct import Distinct, Variety, hash_of
from tunewright.data.report.forms import ends_whole, form_of, turns_of
from tunewright.data.report.lengths import Lengths
from tunewright.data.report.worth import Worth
from tunewright.data.rows import SPLITS

BLOCK_ROWS = 512
BLOCK_EXAMPLES = 8192
MOST_KINDS = 5000
"""Different values of one kind that are told apart; the rest are counted together."""
OTHER = "(others)"
LANGUAGE = "language"
PARTS = ("tokens", "prompts", "answers")


@dataclass
class SplitStatistics:
    """One split. Lengths by part: `tokens` of an example, letters of `prompts` and of `answers`."""

    rows: int = 0
    lengths: dict[str, Lengths] = field(default_factory=lambda: {part: Lengths() for part in PARTS})
    trained_tokens: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    weighted: int = 0
    changed: int = 0
    worth: Worth = field(default_factory=Worth)


@dataclass
class Statistics:
    """All splits; what is about words and forms is about the training rows, which are what a model learns from."""

    splits: dict[str, SplitStatistics] = field(default_factory=dict)
    prompts: Variety = field(default_factory=Variety)
    answers: Variety = field(default_factory=Variety)
    unique_prompts: Distinct = field(default_factory=Distinct)
    unique_answers: Distinct = field(default_factory=Distinct)
    forms: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    systems: Counter[str] = field(default_factory=Counter)
    whole_ends: int = 0

    @property
    def trained(self) -> SplitStatistics:
        """The training rows."""
        return self.splits["train"]


def statistics(folder: Path) -> Statistics:
    """Statistics of the data set in a folder."""
    found = Statistics()
    for split in SPLITS:
        one = found.splits[split] = SplitStatistics()
        _tokens(folder / f"{split}.safetensors", one)
        for block in _blocks(folder / f"{split}.parquet"):
            _rows(block, one)
            if split == "train":
                _words(block, found)
    return found


def _tokens(path: Path, found: SplitStatistics) -> None:
    """Lengths of examples in tokens, and how many tokens are learned from."""
    arrays = map_arrays(path)
    offsets, weights = arrays["offsets"], arrays["weights"]
    for begin in range(0, len(offsets) - 1, BLOCK_EXAMPLES):
        some = offsets[begin : begin + BLOCK_EXAMPLES + 1]
        found.lengths["tokens"].add(np.diff(some))
        found.trained_tokens += int(np.count_nonzero(weights[some[0] : some[-1]]))


@dataclass
class Block:
    """Some rows: their texts, and what is said about them; documents have no prompts, and prompts alone no answers.

    `said` and `lost` are the answers of every row, and of pairs those that lost; None where there is none.
    """

    prompts: list[str]
    answers: list[str]
    said: list[str | None]
    lost: list[str | None]
    messages: list[list[Any]]
    details: list[dict[str, Any]]
    labels: list[str | None]
    sources: list[str]


def _blocks(path: Path) -> Iterator[Block]:
    columns = ["messages", "label", "source", "details", "rejected"]
    for batch in pq.ParquetFile(path).iter_batches(batch_size=BLOCK_ROWS, columns=columns):
        messages = [json.loads(text) for text in batch["messages"].to_pylist()]
        details = [json.loads(text) if text else {} for text in batch["details"].to_pylist()]
        prompts = [_joined(asked) for turns in messages if (asked := prompt_of(tuple(turns)))]
        said = [_text(turns[-1]) if is_answered(turns) else None for turns in messages]
        answers = [text for text in said if text is not None]
        lost = [_joined(json.loads(text)) if text else None for text in batch["rejected"].to_pylist()]
        labels, sources = batch["label"].to_pylist(), batch["source"].to_pylist()
        yield Block(prompts, answers, said, lost, messages, details, labels, sources)


def _joined(turns: Iterable[Any]) -> str:
    return "\n".join(_text(turn) for turn in turns if turn.get("role") != "system")


def _text(turn: dict[str, Any]) -> str:
    return turn.get("content") or ""


def _rows(block: Block, found: SplitStatistics) -> None:
    found.rows += len(block.messages)
    found.lengths["prompts"].add(np.array([len(text) for text in block.prompts], np.int64))
    found.lengths["answers"].add(np.array([len(text) for text in block.answers], np.int64))
    count(found.sources, block.sources)
    count(found.labels, [label for label in block.labels if label is not None])
    columns = [details.get("columns", {}) for details in block.details]
    count(found.languages, [str(kept[LANGUAGE]) for kept in columns if LANGUAGE in kept])
    for details, said, lost in zip(block.details, block.said, block.lost, strict=True):
        found.worth.add(details, won=said or "", lost=lost)
    found.weighted += sum("weight" in details for details in block.details)
    found.changed += sum("changes" in details for details in block.details)


def _words(block: Block, found: Statistics) -> None:
    found.prompts.add(block.prompts)
    found.answers.add(block.answers)
    for counter, texts in ((found.unique_prompts, block.prompts), (found.unique_answers, block.answers)):
        counter.add(np.array([hash_of(text) for text in texts], np.uint64))
    calls = [bool(turns[-1].get("tool_calls")) for turns in block.messages if is_answered(turns)]
    forms = [form_of(text, calls=called) for text, called in zip(block.answers, calls, strict=True)]
    count(found.forms, forms)
    count(found.turns, [turns_of(turns) for turns in block.messages])
    firsts = [turns[0] for turns in block.messages]
    count(found.systems, [_text(turn)[:2000] for turn in firsts if turn.get("role") == "system"])
    found.whole_ends += sum(map(ends_whole, block.answers))


def count(counter: Counter[str], values: list[str]) -> None:
    """Count values; once very many different ones are known, new ones together."""
    for value in values:
        counter[value if value in counter or len(counter) < MOST_KINDS else OTHER] += 1
