"""What the rows of a data set are like as a whole: counted once before they are encoded, for the checklist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tunewright.core.ports import Row, is_answered
from tunewright.data.rows import content_key, is_compared, prompt_key, side_key
from tunewright.data.shelf import wholes
from tunewright.data.step import evenly

NAME = "survey.json"
SAMPLE = 2000
"""Training rows whose text is looked at, evenly taken."""
SHORTEST, LONGEST = 10, 500
"""Words of a conversation (guide S3, score of data quality)."""
Keys = NDArray[np.uint64]


class Survey(BaseModel):
    """Counts over the rows that steps left. `sampled` rows had their text looked at; the others are counted alone.

    `repeated`: training rows whose content stands before. `prompts`: different prompts of training rows. `leaked`:
    by split, rows whose content is trained on; of pairs and rated answers those whose prompt is. `forms`: sampled
    rows by the form of their conversation. `answers`: different answers of sampled rows without a label, of
    `unlabelled` such rows. `usual_lengths`: sampled rows of 10 to 500 words. Of sampled rows `compared` are pairs
    and rated answers, `pairs` the first, of which the answer that won is the `longer` one in so many; `good` and
    `bad` are rated answers that count as such.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    train: int
    repeated: int
    prompts: int
    leaked: dict[str, int]
    sampled: int
    forms: dict[str, int]
    unlabelled: int
    answers: int
    usual_lengths: int
    documents: bool
    compared: int = 0
    pairs: int = 0
    longer: int = 0
    good: int = 0
    bad: int = 0


def survey(rows: Mapping[str, Sequence[Row]]) -> Survey:
    """Look at rows by split, as they are before encoding. Memory: 16 bytes a row and the sample."""
    train = rows.get("train", ())
    keys = _keys(train, content_key)
    sides = _keys(train, side_key)
    leaked = {
        split: int(np.isin(_keys(group, side_key), sides).sum()) for split, group in rows.items() if split != "train"
    }
    sample = list(wholes(evenly(train, most=SAMPLE)))
    counted = [_words(row) for row in sample]
    forms = Counter(form(row) for row in sample)
    answers = [row.target for row in sample if row.label is None and is_answered(row.messages)]
    pairs = [row for row in sample if row.rejected]
    verdicts = Counter(row.details.get("desirable") for row in sample)
    return Survey(
        train=len(train),
        repeated=len(keys) - len(np.unique(keys)),
        prompts=len(np.unique(_keys(train, prompt_key))),
        leaked=leaked,
        sampled=len(sample),
        forms=dict(forms.most_common()),
        unlabelled=len(answers),
        answers=len(set(answers)),
        usual_lengths=sum(SHORTEST <= len(words) <= LONGEST for words in counted),
        documents=bool(sample) and sample[0].messages[0].get("role") == "document",
        compared=sum(map(is_compared, sample)),
        pairs=len(pairs),
        longer=sum(len(row.target) > sum(len(turn.get("content", "")) for turn in row.rejected) for row in pairs),
        good=verdicts[True],
        bad=verdicts[False],
    )


def form(row: Row) -> str:
    """Roles of a conversation in order, repeated exchanges as one: `system (user assistant)+`."""
    roles = [turn.get("role", "") for turn in row.messages]
    start = ["system"] if roles[:1] == ["system"] else []
    rest = roles[len(start) :]
    exchanges = len(rest) % 2 == 0 and rest == ["user", "assistant"] * (len(rest) // 2)
    told = ["(user assistant)+"] if exchanges and rest else list(dict.fromkeys(rest))
    return " ".join([*start, *told, *(["tools"] if row.tools else []), *(["rejected"] if row.rejected else [])])


def _words(row: Row) -> list[str]:
    return " ".join(turn.get("content", "") for turn in row.messages if turn.get("role") != "system").lower().split()


def _keys(rows: Sequence[Row], key: Any) -> Keys:
    return np.fromiter((int.from_bytes(key(row)[:8]) for row in rows), np.uint64, len(rows))
