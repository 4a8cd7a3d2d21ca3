"""Patterns of threats and insults in English: who, what is wished or called, joined from short lists.

Each matches text in small letters with straight apostrophes; its weight is the chance that the text is toxic for it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tunewright.detect.phrases import one_of


class Attack(NamedTuple):
    """A pattern with its kind and weight."""

    score: float
    kind: str
    pattern: re.Pattern[str]


YOU = one_of("you you're u ur ya")
THEM = one_of("they they're he he's she she's these_people_are those_people_are your_kind_is your_mother_is")
INTENT = one_of("'ll will shall 'm_going_to am_going_to 'm_gonna gonna 're_going_to want_to")
HARM = one_of("kill bomb murder shoot stab strangle hang behead burn beat slaughter rape destroy gut torture end")
WHOM = one_of("you u them him her your every_one_of_you all_of_you")
DONE = one_of(
    "shot killed hanged raped beaten burned exterminated gassed lynched executed castrated beheaded burned_alive"
)
LOW = one_of(
    "trash garbage filth dirt animals? pigs? rats? cockroach(?:es)? monkeys? dogs? parasites? disease cancer waste"
)
BAD = one_of(
    "disgrace embarrassment failure nobody worthless useless pathetic stupid ugly disgusting brainless fat creep liar"
    " fool monster psycho"
)
FILLER = one_of(
    "all just nothing_but such really a an the bunch_of pieces?_of total complete absolute human little fucking"
)
GROUP = one_of(
    "women men jews muslims christians blacks whites gays immigrants foreigners asians mexicans arabs gypsies liberals"
    " conservatives"
)
SLANDER = one_of(
    "stupid inferior dirty lazy evil criminals? terrorists? thieves animals rats parasites disgusting a_disease"
    " a_cancer scum subhuman vermin worthless"
)
HATED = one_of("you all these those every them") + "|" + GROUP
_PATTERNS = (
    (0.8, "threat", rf"\b(?:i|we) ?{INTENT} (?:\w+ )?{HARM} {WHOM}\b"),
    (0.8, "threat", rf"\b(?:deserves?|deserved|ought|needs?) to (?:die|be {DONE})\b"),
    (0.8, "threat", rf"\b{one_of('kill hang shoot')} (?:yourself|urself|yourselves)\b"),
    (0.7, "threat", rf"\b(?:hope|wish) (?:{YOU}|your \w+) (?:all )?(?:die|dies|died|rot|burn|gets? cancer)\b"),
    (0.7, "threat", r"\bgo (?:and )?(?:die|kill|hang|drown)\b"),
    (0.7, "threat", rf"\b(?:should|must|ought to|needs? to) (?:all )?be {DONE}\b"),
    (0.6, "insult", rf"\b{YOU}(?: are| r)? (?:{FILLER} )*(?:{LOW}|{BAD})\b"),
    (0.6, "insult", rf"\b{THEM}(?: are| is)? (?:{FILLER} )*(?:{LOW}|{BAD})\b"),
    (0.6, "insult", r"\bshut (?:your (?:mouth|face|trap)|(?:(?:the|your|ur) \w+ )?up)\b"),
    (0.55, "insult", r"\b(?:go to hell|burn in hell|pieces? of (?:trash|garbage|filth))\b"),
    (0.55, "insult", r"\b(?:nobody|no one|everyone) (?:likes|loves|wants|hates) (?:you|u)\b"),
    (0.6, "insult", rf"\bi (?:hate|despise|loathe) (?:{HATED})\b"),
    (0.6, "insult", rf"\b{GROUP} are (?:all |just |nothing but )*{SLANDER}\b"),
)


@cache
def attacks() -> tuple[Attack, ...]:
    """Every pattern, ready to search."""
    return tuple(Attack(score, kind, re.compile(pattern)) for score, kind, pattern in _PATTERNS)
