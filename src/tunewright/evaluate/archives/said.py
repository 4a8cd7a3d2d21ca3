"""What a written answer means: which of the choices it is, or whether it is a right answer to a question."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

_AFTER = tuple(".,:;)!\n ")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def choice_said(answer: str, choices: Sequence[str]) -> str | None:
    """The choice that an answer is or begins with, case and brackets around it left out; None for anything else.

    A letter must end there: "B." and "(b) because" are B, "Because" and "A man" are nothing. Of several the longest.
    """
    said = answer.strip().lstrip("(*\"'").casefold()
    ends = _AFTER[:-1] if all(len(each) == 1 for each in choices) else _AFTER
    found = [each for each in choices if each and _is_said(said, each.strip().casefold(), ends)]
    return max(found, key=len, default=None)


def _is_said(said: str, choice: str, ends: Sequence[str]) -> bool:
    """True when a text is a choice, or begins with it and goes on with one of the ends."""
    if not said.startswith(choice):
        return False
    rest = said[len(choice) :]
    return not rest.strip(" .*\"')") or rest.startswith(tuple(ends))


def is_right(answer: str, references: Sequence[str]) -> bool:
    """True when an answer equals a reference after the usual normalisation of open questions (SQuAD, 2016).

    Case, punctuation, articles and repeated spaces do not count.
    """
    said = normal(answer)
    return bool(said) and said in {normal(each) for each in references}


def normal(text: str) -> str:
    """Lower case, without punctuation and English articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
