"""How many planted pairs are found, by their exact similarity, and whether any row goes that is alike to none.

    python scripts/near_duplicates_curve.py          3,000 pairs; prints the table, merges docs/evidence/data.json

Documents are shuffled sentences of Python's manual of 40 to 300 words; of each a copy is made with words replaced until
the similarity of the pair (Jaccard over runs of three words, by plain Python sets) is what was drawn. Ends with 0 when
98 % of the pairs at or above the threshold are found and no row goes below it.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import sys
from pathlib import Path
from pydoc_data.topics import topics

from tunewright.core.ports import Converted, Message, Row
from tunewright.data.rows import make_row
from tunewright.data.steps.near_duplicates import Work
from tunewright.recipe.options.steps.near_duplicates import Options
from tunewright.stats.single import share_interval

EVIDENCE = Path(__file__).resolve().parent.parent / "docs" / "evidence" / "data.json"
PAIRS, SEED, THRESHOLD, NGRAM = 3000, 20261129, 0.7, 3
BUCKETS = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.01)


def main() -> int:
    """Plant, find, tell."""
    rng = random.Random(SEED)
    prose = " ".join(topics[name] for name in sorted(topics))
    sentences = sorted({each for each in re.split(r"(?<=[.])\s+", prose) if 6 <= len(each.split()) <= 40})
    words = sorted(set(prose.split()))
    pairs = [_pair(sentences, words, rng) for _ in range(PAIRS)]
    rows = [_row(text, line) for line, text in enumerate(text for pair in pairs for text in pair)]
    order = list(rows)
    rng.shuffle(order)
    result = Work(Options(threshold=THRESHOLD, ngram=NGRAM)).apply({"train": order})
    gone = {each.row.line for each in result.gone}
    by_id = {row.id: row for row in rows}
    false = sum(_similarity(_text(each.row), _text(by_id[each.of])) < THRESHOLD for each in result.gone)
    print("| similarity of the pair | pairs | found | 95 % interval |\n|---|---|---|---|")
    hits = total = 0
    for low, high in itertools.pairwise(BUCKETS):
        here = [at for at, pair in enumerate(pairs) if low <= _similarity(*pair) < high]
        found = sum(2 * at in gone or 2 * at + 1 in gone for at in here)
        bounds = share_interval(found, len(here)) if here else (0.0, 1.0)
        print(f"| {low:.2f} to {min(high, 1):.2f} | {len(here)} | {_share(found, len(here))} | {_range(bounds)} |")
        if low >= THRESHOLD:
            hits, total = hits + found, total + len(here)
    low, high = share_interval(hits, total)
    print(f"\n{hits} of {total} pairs of similarity {THRESHOLD} and more were found; {len(gone)} rows went,", end=" ")
    print(f"{false} of them alike to none that stays.")
    known = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
    known["near_duplicates"] = {
        "precision": round(1 - false / len(gone), 4),
        "recall": round(hits / total, 4),
        "interval": [round(low, 4), round(high, 4)],
        "n": total,
    }
    EVIDENCE.parent.mkdir(exist_ok=True)
    EVIDENCE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
    return 0 if hits >= 0.98 * total and not false else 1


def _pair(sentences: list[str], words: list[str], rng: random.Random) -> tuple[str, str]:
    """A document and a copy with words replaced, one by one, until their similarity is what was drawn."""
    text = " ".join(" ".join(rng.sample(sentences, 14)).split()[: rng.randint(40, 300)])
    wanted, parts, copy = rng.uniform(0.55, 1), text.split(), text
    for place in rng.sample(range(len(parts)), len(parts)):
        if _similarity(text, copy) <= wanted:
            break
        parts[place] = rng.choice(words)
        copy = " ".join(parts)
    return text, copy


def _similarity(one: str, other: str) -> float:
    first, second = _set(one), _set(other)
    return len(first & second) / len(first | second)


def _set(text: str) -> set[tuple[str, ...]]:
    words = "".join(each if each.isalnum() else " " for each in text.casefold()).split()
    return {tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)}


def _row(text: str, line: int) -> Row:
    turns: tuple[Message, ...] = ({"role": "document", "content": text},)
    return make_row(Converted(turns), source="documents", line=line)


def _text(row: Row) -> str:
    return row.messages[0].get("content", "")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.1%} to {bounds[1]:.1%}"


if __name__ == "__main__":
    sys.exit(main())
