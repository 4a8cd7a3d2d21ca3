"""Two data sets held against one another: which rows came, went and changed, and their numbers side by side."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tunewright.core.nouns import DatasetVersion
from tunewright.data.catalogue import Entry
from tunewright.data.dataset import map_arrays
from tunewright.data.fates import differs_at, excerpt
from tunewright.data.rows import SPLITS
from tunewright.data.scan import blocks
from tunewright.data.search import texts_of
from tunewright.detect.language import language

EXAMPLES = 5
LOOKED_AT = 500
ALIKE = 0.3
"""Least share of common words (Jaccard) of rows that stand on one line of a file whose content is another now."""
WORD = re.compile(r"\w+")
PLACES = ("id", "source", "line", "details")
TEXTS = ("messages", "rejected", "label")


@dataclass(frozen=True)
class At:
    """A row by its place in a data set. `origin`: its id before steps changed it."""

    id: bytes
    split: str
    index: int
    source: str
    line: int
    origin: bytes


@dataclass(frozen=True)
class Example:
    """A row that differs: how it reads in either data set, None where it is not there."""

    source: str
    line: int
    split: str
    a: str | None
    b: str | None


@dataclass
class Difference:
    """Rows of A and B. `moved` stand in both in another split; `changed` are one row of a source with another text.

    The counts are by split, those of `removed` by A's, the others by B's. `options`: what both were made with.
    """

    a: str
    b: str
    same: int = 0
    moved: int = 0
    added: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    options: dict[str, tuple[object, object]] = field(default_factory=dict)
    statistics: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)
    languages: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of the rows that were looked at, at most `LOOKED_AT` of each data set, evenly taken."""
    examples: dict[str, list[Example]] = field(default_factory=dict)


def compare(a: Entry, b: Entry, *, examples: int = EXAMPLES) -> Difference:
    """The difference of two data sets. Raises UserError and OutsideError where one cannot be read."""
    before, after = a.opened(), b.opened()
    found = Difference(a.name, b.name)
    gone, new = _unmatched(a.folder, b.folder, found)
    certain = _certain(before, after)
    pairs = _alike(a.folder, b.folder, _pairs(gone, new, one_file=_one_file(before, after)), certain=certain)
    left, right = {old for old, _ in pairs}, {fresh for _, fresh in pairs}
    gone, new = [each for each in gone if each not in left], [each for each in new if each not in right]
    found.removed, found.added = by_split(gone), by_split(new)
    found.changed = by_split([fresh for _, fresh in pairs])
    found.options = options_of(before, after)
    left_numbers, right_numbers = statistics(a.folder, before), statistics(b.folder, after)
    found.statistics = {name: (left_numbers.get(name), right_numbers.get(name)) for name in left_numbers}
    found.labels = labels(before, after)
    counts = languages(a.folder, before), languages(b.folder, after)
    found.languages = {code: (counts[0][code], counts[1][code]) for code in sorted({*counts[0], *counts[1]})}
    found.examples = {
        "changed": _examples(a.folder, b.folder, pairs[:examples]),
        "added": _examples(a.folder, b.folder, [(None, each) for each in new[:examples]]),
        "removed": _examples(a.folder, b.folder, [(each, None) for each in gone[:examples]]),
    }
    return found


def _unmatched(a: Path, b: Path, found: Difference) -> tuple[list[At], list[At]]:
    """Rows of A that B lacks, and the other way round; equal rows that stand several times count each time."""
    splits: dict[bytes, list[int]] = defaultdict(lambda: [0] * len(SPLITS))
    for place, split in enumerate(SPLITS):
        for id_ in _ids(a, split):
            splits[id_][place] += 1
    new: list[At] = []
    elsewhere: list[At] = []
    for place, split in enumerate(SPLITS):
        for at in _rows(b, split):
            counts = splits.get(at.id)
            if counts is not None and counts[place]:
                counts[place] -= 1
                found.same += 1
            else:
                elsewhere.append(at)
    for at in elsewhere:
        counts = splits.get(at.id)
        if counts is not None and any(counts):
            counts[next(place for place, count in enumerate(counts) if count)] -= 1
            found.moved += 1
        else:
            new.append(at)
    gone: list[At] = []
    for place, split in enumerate(SPLITS):
        for at in _rows(a, split, only={id_ for id_, counts in splits.items() if counts[place]}):
            if splits[at.id][place]:
                splits[at.id][place] -= 1
                gone.append(at)
    return gone, new


def _ids(folder: Path, split: str) -> Iterator[bytes]:
    for _begin, block in blocks(folder / f"{split}.parquet", ("id",)):
        yield from map(bytes.fromhex, block["id"].to_pylist())


def _rows(folder: Path, split: str, *, only: set[bytes] | None = None) -> Iterator[At]:
    if only is not None and not only:
        return
    for begin, block in blocks(folder / f"{split}.parquet", PLACES):
        for index, row in enumerate(block.to_pylist(), start=begin):
            id_ = bytes.fromhex(row["id"])
            if only is None or id_ in only:
                was = json.loads(row.get("details") or "{}").get("before")
                yield At(id_, split, index, row["source"], row["line"], bytes.fromhex(was) if was else id_)


def _pairs(gone: Sequence[At], new: Sequence[At], *, one_file: bool) -> list[tuple[At, At]]:
    """Rows that may be one and the same in two wordings: of one origin, or alone on one line of one file."""
    by_origin: dict[bytes, At] = {each.origin: each for each in gone}
    pairs: list[tuple[At, At]] = []
    taken: set[At] = set()
    rest: list[At] = []
    for each in new:
        old = by_origin.pop(each.origin, None)
        if old is None:
            rest.append(each)
        else:
            taken.add(old)
            pairs.append((old, each))
    left = _alone((each for each in gone if each not in taken), one_file=one_file)
    right = _alone(rest, one_file=one_file)
    return pairs + [(left[place], right[place]) for place in right if place in left]


def _alone(rows: Iterable[At], *, one_file: bool) -> dict[tuple[str, int], At]:
    """Rows by file and line, where a line has only one of them."""
    found: dict[tuple[str, int], list[At]] = defaultdict(list)
    for each in rows:
        found["" if one_file else each.source, each.line].append(each)
    return {place: group[0] for place, group in found.items() if len(group) == 1}


def _one_file(a: DatasetVersion, b: DatasetVersion) -> bool:
    """True when both were read from a single file, which may have got another name."""
    return all(sum(counts.rows.in_ > 0 for counts in each.receipt.sources.values()) == 1 for each in (a, b))


def _certain(a: DatasetVersion, b: DatasetVersion) -> frozenset[str]:
    """Files that are the same in both: there a line is surely the same row."""
    old, new = a.receipt.sources, b.receipt.sources
    return frozenset(name for name in old if name in new and old[name].digest and old[name].digest == new[name].digest)


def _alike(a: Path, b: Path, pairs: Sequence[tuple[At, At]], *, certain: frozenset[str]) -> list[tuple[At, At]]:
    """The pairs that are one row; lines of a file that changed may have moved, so there their words must agree."""
    doubtful = [pair for pair in pairs if pair[0].origin != pair[1].origin and pair[0].source not in certain]
    left, right = _words(a, [old for old, _ in doubtful]), _words(b, [new for _, new in doubtful])
    unlike = {new for old, new in doubtful if _jaccard(left[old], right[new]) < ALIKE}
    return [pair for pair in pairs if pair[1] not in unlike]


def _words(folder: Path, rows: Sequence[At]) -> dict[At, frozenset[int]]:
    return {at: frozenset(hash(word) for word in WORD.findall(text.casefold())) for at, text in _texts(folder, rows)}


def _jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


def _texts(folder: Path, rows: Iterable[At]) -> Iterator[tuple[At, str]]:
    """The texts of some rows; others are not parsed."""
    wanted = {(each.split, each.index): each for each in rows}
    for split in SPLITS:
        for index, text in _at_indices(folder, split, frozenset(at for of, at in wanted if of == split)):
            yield wanted[split, index], text


def _at_indices(folder: Path, split: str, wanted: frozenset[int]) -> Iterator[tuple[int, str]]:
    if not wanted:
        return
    for begin, block in blocks(folder / f"{split}.parquet", TEXTS):
        for index in range(begin, begin + block.num_rows):
            if index in wanted:
                yield index, "\n".join(texts_of(block.slice(index - begin, 1).to_pylist()[0]))


def _examples(a: Path, b: Path, pairs: Sequence[tuple[At | None, At | None]]) -> list[Example]:
    left = dict(_texts(a, [old for old, _ in pairs if old is not None]))
    right = dict(_texts(b, [new for _, new in pairs if new is not None]))
    found: list[Example] = []
    for old, new in pairs:
        one = new or old
        assert one is not None, "a pair has a row"
        before, after = left.get(old) if old else None, right.get(new) if new else None
        start = differs_at(before, after) if before is not None and after is not None else 0
        shown = [None if text is None else excerpt(text, start) for text in (before, after)]
        found.append(Example(one.source, one.line, one.split, *shown))
    return found


def by_split(rows: Iterable[At]) -> dict[str, int]:
    """How many rows of each split, of those that have any."""
    counts = Counter(each.split for each in rows)
    return {split: counts[split] for split in SPLITS if counts[split]}


def options_of(a: DatasetVersion, b: DatasetVersion) -> dict[str, tuple[object, object]]:
    """What the two were made with, where it differs."""
    made = [
        {
            "recipe": each.recipe,
            "shape": each.shape,
            "steps": [dict(step) for step in each.steps],
            "max_tokens": each.max_tokens,
            "template and tokenizer": each.chat_digest[:12],
            "sources": {name: counts.digest[:12] for name, counts in each.receipt.sources.items()},
        }
        for each in (a, b)
    ]
    return {name: (made[0][name], made[1][name]) for name in made[0] if made[0][name] != made[1][name]}


def statistics(folder: Path, version: DatasetVersion) -> dict[str, float | None]:
    """Numbers of a data set: rows, tokens, lengths in tokens by quantile, and rows by fate."""
    receipt = version.receipt
    found: dict[str, float | None] = {f"{split} rows": receipt.splits.get(split, 0) for split in SPLITS}
    found |= {"tokens": receipt.tokens.kept, "trained tokens": receipt.tokens.trained}
    lengths = np.concatenate([np.diff(map_arrays(folder / f"{split}.safetensors")["offsets"]) for split in SPLITS])
    for name, quantile in (("shortest", 0.0), ("median length", 0.5), ("95 % are at most", 0.95), ("longest", 1.0)):
        found[name] = float(np.quantile(lengths, quantile)) if len(lengths) else None
    rows = receipt.rows
    found |= {"duplicates": rows.duplicate, "quarantined": rows.quarantined, "dropped": sum(rows.dropped.values())}
    return found | {"created": sum(rows.created.values()), "changes": sum(rows.changed.values())}


def labels(a: DatasetVersion, b: DatasetVersion) -> dict[str, tuple[int, int]]:
    """Rows of each label over all splits."""
    counts: list[Mapping[str, int]] = [sum(map(Counter, each.receipt.labels.values()), Counter()) for each in (a, b)]
    return {name: (counts[0].get(name, 0), counts[1].get(name, 0)) for name in sorted({*counts[0], *counts[1]})}


def languages(folder: Path, version: DatasetVersion) -> Counter[str]:
    """Rows by language, of the rows that are looked at."""
    rows = sum(version.receipt.splits.get(split, 0) for split in SPLITS)
    stride = max(1, -(-rows // LOOKED_AT))
    found: Counter[str] = Counter()
    for split in SPLITS:
        wanted = frozenset(range(0, version.receipt.splits.get(split, 0), stride))
        found.update(language(text).code for _index, text in _at_indices(folder, split, wanted))
    return found
