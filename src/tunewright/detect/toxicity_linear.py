"""Toxicity of an English text by a linear model over hashed pieces of words, beside the lexicon. No network.

A logistic regression over which words, pairs of words and runs of 2 to 5 bytes a sentence holds. Its weights are made
by `scripts/train_toxicity.py` and lie beside this file as safetensors; that script's docstring says from which data.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from tunewright.detect.letters import plain_letters
from tunewright.detect.toxicity import SENTENCE_END, toxicity

WEIGHTS = Path(__file__).with_name("toxicity_en.safetensors")
BITS = 16
"""Of a feature's place: 65,536 for words, as many for runs of bytes."""
RUNS = (2, 3, 4, 5)
WORD = re.compile(r"[\w*@$!']+")
BLANKS = re.compile(r"\s+")
LEAST, MOST = 40, 400
"""Characters of a piece: short sentences are joined, long ones are cut."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Model(NamedTuple):
    """`words` and `runs` float32 [2 ** BITS], a bias, and how the two scorers add up: linear, lexicon, bias."""

    words: NDArray[np.float32]
    runs: NDArray[np.float32]
    bias: float
    together: tuple[float, float, float]


def combined(text: str) -> float:
    """How likely a text is toxic by words, patterns and the linear model, in [0, 1]: that of its worst piece."""
    return max((_both(piece) for piece in pieces(text)), default=0.0)


def linear(text: str) -> float:
    """The same by the linear model alone."""
    return max((sigmoid(logit(piece)) for piece in pieces(text)), default=0.0)


def _both(piece: str) -> float:
    of_linear, of_lexicon, bias = _model().together
    return sigmoid(of_linear * logit(piece) + of_lexicon * toxicity(piece) + bias)


def logit(piece: str) -> float:
    """The linear model's log-odds of one piece."""
    model = _model()
    words, runs = features(piece)
    found = model.bias
    for weights, places in ((model.words, words), (model.runs, runs)):
        if len(places):
            found += float(weights[places].sum()) / math.sqrt(len(places))
    return found


def pieces(text: str) -> Iterator[str]:
    """Sentences of a text, short ones joined with the next, long ones cut."""
    waiting = ""
    start = 0
    for match in SENTENCE_END.finditer(text):
        waiting += text[start : match.end()]
        start = match.end()
        if len(waiting.strip()) >= LEAST:
            yield from _cut(waiting)
            waiting = ""
    yield from _cut(waiting + text[start:])


def _cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), MOST):
        part = text[start : start + MOST]
        if any(map(str.isalpha, part)):
            yield part


def features(piece: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the words and pairs of a piece, and of its runs of bytes, each once."""
    plain = BLANKS.sub(" ", plain_letters(piece)).strip()
    words = WORD.findall(plain)
    grams = [*words, *(f"{one} {other}" for one, other in pairwise(words))]
    of_words = np.fromiter((zlib.crc32(gram.encode()) for gram in grams), np.uint64, len(grams))
    letters = np.frombuffer(f" {plain} ".encode(), np.uint8).astype(np.uint64)
    found: list[NDArray[np.uint64]] = []
    for size in RUNS:
        if len(letters) < size:
            break
        runs = np.full(len(letters) - size + 1, size, np.uint64)
        for at in range(size):
            runs = runs * np.uint64(257) + letters[at : len(letters) - size + 1 + at]
        found.append(runs)
    return _places(of_words), _places(np.concatenate(found) if found else np.zeros(0, np.uint64))


def _places(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    with np.errstate(over="ignore"):
        return np.unique(((hashes + np.uint64(1)) * MULTIPLIER) >> np.uint64(64 - BITS)).astype(np.int64)


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), for any value."""
    return 0.5 * (1 + math.tanh(value / 2))


@cache
def _model() -> Model:
    with safe_open(WEIGHTS, framework="numpy") as file:
        words, runs, more = (file.get_tensor(name) for name in ("words", "runs", "scalars"))
    bias, *together = (float(value) for value in more)
    return Model(words.astype(np.float32), runs.astype(np.float32), bias, (together[0], together[1], together[2]))


def forget() -> None:
    """Read the weights again when they are next needed: for the script that makes them."""
    _model.cache_clear()
