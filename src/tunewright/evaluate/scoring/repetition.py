"""How much of a text is said again: repeated sequences of words, and a loop that the text ends in."""

from __future__ import annotations

from tunewright.evaluate.scoring.words import WORD

LEAST_TURNS = 4
LEAST_LOOP = 20
TAIL = 4_000


def repeated(text: str, *, words: int) -> float:
    """The greater of the share of repeated sequences of words and the share of the closing loop, in [0, 1].

    The second sees what the first cannot: a character or a syllable that goes on and on, and text without spaces.
    """
    return max(repeated_ngrams(text, words), loop_share(text))


def repeated_ngrams(text: str, words: int) -> float:
    """1 - distinct / all sequences of `words` words, case left out; 0 for a text without two of them.

    The sequence-level repetition of Welleck et al. 2020 (arXiv 1908.04319).
    """
    every = [word.lower() for word in WORD.findall(text)]
    sequences = [tuple(every[start : start + words]) for start in range(len(every) - words + 1)]
    return 1 - len(set(sequences)) / len(sequences) if sequences else 0.0


def loop_share(text: str) -> float:
    """Share of the text that is its closing loop: one piece, at least four times, at least 20 characters together.

    A piece is at most 1,000 characters long. The time grows with the length of the text, not with its square.
    """
    text = text.strip()
    period = _closing_period(text[-TAIL:][::-1])
    if not period:
        return 0.0
    length = period
    while length < len(text) and text[-length - 1] == text[-length - 1 + period]:
        length += 1
    return length / len(text)


def _closing_period(backwards: str) -> int:
    """Length of the piece of the longest loop that a reversed text begins with; 0 when it begins with none.

    A beginning of n characters has the least period n - b, b being its longest border (Knuth, Morris, Pratt 1977).
    """
    borders, best, border = [0], 0, 0
    for place in range(1, len(backwards)):
        while border and backwards[border] != backwards[place]:
            border = borders[border - 1]
        border += backwards[border] == backwards[place]
        borders.append(border)
        period = place + 1 - border
        if place + 1 >= max(LEAST_LOOP, LEAST_TURNS * period):
            best = period
    return best
