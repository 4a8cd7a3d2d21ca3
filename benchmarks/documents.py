"""Documents of the near-duplicate benchmark: sentences of Python's manual, shuffled; one in ten is an edited copy.

A document has 12 to 22 sentences, about 2 kB; an edited copy has 1 to 12 % of its words replaced. The same for the same
number of documents on every machine.
"""

from __future__ import annotations

import random
import re
from pydoc_data.topics import topics
from typing import NamedTuple

SEED = 20261129
COPIES = 0.1


class Documents(NamedTuple):
    """`texts`, and of every planted copy the places of the copy and of what it was made from."""

    texts: list[str]
    planted: list[tuple[int, int]]


def documents(count: int) -> Documents:
    """So many documents; copies stand at random places among the others."""
    rng = random.Random(SEED)
    sentences = _sentences()
    words = " ".join(sentences).split()
    copies = round(count * COPIES)
    texts = [" ".join(rng.sample(sentences, rng.randint(12, 22))) for _ in range(count - copies)]
    pairs = []
    for at in range(copies):
        source = rng.randrange(count - copies)
        texts.append(_edited(texts[source], words, rng))
        pairs.append((count - copies + at, source))
    order = list(range(count))
    rng.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    return Documents([texts[old] for old in order], [(place[one], place[other]) for one, other in pairs])


def _sentences() -> list[str]:
    prose = " ".join(topics[name] for name in sorted(topics))
    prose = " ".join(re.sub(r"[*`_|=^+~-]{2,}|\W{4,}", " ", prose).split())
    found = [each for each in re.split(r"(?<=[.:;])\s", prose) if 8 <= len(each.split()) <= 40]
    return sorted(set(found))


def _edited(text: str, words: list[str], rng: random.Random) -> str:
    parts = text.split()
    for place in rng.sample(range(len(parts)), max(1, round(len(parts) * rng.uniform(0.01, 0.12)))):
        parts[place] = rng.choice(words)
    return " ".join(parts)
