"""Whether an answer has anything to do with its question, and whether a source supports it. By words alone."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.words import LETTERS, content_words, names, number_words, numbers, share_in
from tunewright.evaluate.sums import right_answers


def is_off_topic(row: AnsweredRow, least_words: int) -> bool | None:
    """True when no content word of the answer is in the question, the source or a right answer.

    None for answers of fewer than `least_words` content words, and where there is nothing to compare with.
    """
    own = content_words(row.answer)
    subject = {word for text in _subject(row) for word in content_words(text)}
    if len(own) < least_words or not subject:
        return None
    return subject.isdisjoint(own)


def _subject(row: AnsweredRow) -> list[str]:
    asked = [turn.get("content", "") for turn in row.row.prompt if turn.get("role") == "user"]
    return [*asked, row.row.details.get("context", ""), *right_answers(row)]


def support(answer: str, *, context: str, question: str) -> float | None:
    """How far a source supports an answer, in [0, 1]: the least of three shares, of those that there are.

    The shares of content words, of numbers, and of names that also stand in the source or the question. The least, so
    that one made-up number is not lost among forty words that are right. None for an answer without any of the three.
    """
    source = f"{context}\n{question}".replace("’", "'")
    words = {word.lower().removesuffix("'s") for word in LETTERS.findall(source)}
    shares = [
        share_in(content_words(answer), set(content_words(source))),
        share_in(numbers(answer), {*numbers(source), *number_words(source)}),
        share_in(names(answer), words),
    ]
    known = [share for share in shares if share is not None]
    return min(known) if known else None
