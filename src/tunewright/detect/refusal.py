"""Refusals: whether an answer declines to do what was asked. By patterns: English, and a few forms of three languages.

A refusal is said in the first person and early: patterns count in the first three sentences alone. What only sounds
like one ("I can't help but", "I'm sorry to hear that", a quotation) is no refusal, and one that helps all the same
("I can't give legal advice, but in general ...") scores below one half.
"""

from __future__ import annotations

import re

from tunewright.detect.letters import small_letters
from tunewright.detect.phrases import one_of
from tunewright.detect.spans import Span

FIRST_SENTENCES = 3
LONGEST_LOOKED_AT = 2_000
SURE, LIKELY, HELPS_ANYWAY = 0.95, 0.8, 0.35

NOT = one_of(
    "can_?not can't cant won't will_not shouldn't should_not am_unable_to 'm_unable_to are_unable_to am_not_able_to"
    " 'm_not_able_to are_not_able_to am_not_allowed_to 'm_not_allowed_to am_not_permitted_to 'm_not_going_to"
    " am_not_going_to won't_be_able_to will_not_be_able_to am_not_willing_to 'm_not_willing_to do_not_feel_comfortable"
    " don't_feel_comfortable am_not_comfortable 'm_not_comfortable cannot_and_will_not don't_think_i_(?:can|should)"
)
ADVERB = one_of("in_good_conscience really simply just ever also directly personally currently possibly")
DO = one_of(
    "help(?:ing)? assist(?:ing)? provid(?:e|ing) compl(?:y|ying) fulfill?(?:ing)? answer(?:ing)? engag(?:e|ing)"
    " participat(?:e|ing) generat(?:e|ing) creat(?:e|ing) writ(?:e|ing) produc(?:e|ing) shar(?:e|ing) support(?:ing)?"
    " giv(?:e|ing) offer(?:ing)? discuss(?:ing)? describ(?:e|ing) explain(?:ing)? tell(?:ing)?_you do_that do_this"
    " do_it do_so continu(?:e|ing) process(?:ing)? accommodat(?:e|ing) take_part be_part respond(?:ing)?"
    " complet(?:e|ing) condon(?:e|ing) promot(?:e|ing) draft(?:ing)? teach(?:ing)? instruct(?:ing)? perform(?:ing)?"
    " recommend_(?:ways|how)"
)
NO_REFUSAL = r"(?! but\b| wondering| thinking| noticing| feeling|ed\b)"
RULES = one_of("guidelines? polic(?:y|ies) programming principles rules terms values")
WRONG = one_of("inappropriate unethical wrong irresponsible dangerous illegal harmful")
REPORTS = one_of(
    "find see access open read confirm verify accept attend be_sure say_for tell_if locate recall imagine believe"
)
SAYING = one_of("write answer help say do discuss give provide talk share")
SUBJECT = one_of("help_with content discussions? material instructions information advice_on assistance")
SURELY = (
    rf"\b(?:i|we) ?{NOT}(?: {ADVERB})? {DO}\b{NO_REFUSAL}",
    r"\b(?:i|we) (?:(?:must|have to|need to|will have to|am going to|'m going to) )?(?:\w+ly )?"
    r"(?:decline|refuse)(?: to| this| that| your| the|[.;,!]|$)",
    r"\bi(?:'m| am) (?:going to|afraid i (?:must|have to)) (?:decline|refuse)\b",
    rf"\b(?:i'd|i would) (?:rather|prefer) not(?: to)? {SAYING}\b",
    r"(?:\bnot|n't) (?:something|anything|a (?:task|topic|request)) (?:that )?i(?:'m| am)? ?"
    r"(?:can|able|could|will|allowed)\b",
    rf"\bsomething (?:that )?i ?{NOT} {DO}\b",
    rf"\b(?:against|violat(?:es?|ing)|breach(?:es)?) (?:my|our|the) (?:\w+ )?{RULES}\b",
    rf"\bmy {RULES} (?:do not|don't|does not|doesn't|won't) (?:allow|permit|let)\b",
    rf"\b(?:it is|it's|it would be|would be) (?:not (?:possible|appropriate|right|ethical)|{WRONG}) for me to\b",
    r"\bi(?:'m| am| was| have been) (?:designed|programmed|trained|made|built) not to\b",
    rf"\b(?:i|we) (?:do not|don't) {DO} (?:in )?{SUBJECT}\b",
    r"\bno way (?:that )?i (?:can|will|could) (?:help|do|assist)\b",
    r"\b(?:request|prompt|question|message) (?:has been|was|is) (?:denied|blocked|refused|rejected)\b",
    r"\boff[- ]limits for me\b",
    r"^(?:no|nope|sorry|absolutely not)\W+(?:i )?(?:can't|cannot|won't|will not)(?: \w+)* (?:help|assist|do|write)\b",
    r"^(?:i'm|i am) sorry[.,;!]* (?:but )?(?:i )?(?:can't|cannot)[.!]",
)
PROBABLY = (
    r"\b(?:sorry|apologi[sz]e|apologies|unfortunately|regret|regrettably|afraid)\b[^.!?]{0,80}?"
    rf"\b(?:i|we) ?(?:{NOT}|must refuse|must decline)\b(?! {REPORTS})",
    rf"\bas an? (?:ai|large language|language|artificial|assistant)\b[^.!?]{{0,40}}\bi ?{NOT}\b(?! {REPORTS})",
    rf"\bwould be {WRONG}\b[^.!?]{{0,60}}\bi ?{NOT}",
    r"\b(?:kann|darf|werde) ich (?:\w+ ){0,3}nicht (?:helfen|unterstützen|beantworten|tun|machen)\b",
    r"\bich (?:kann|darf|werde) (?:\w+ ){0,4}nicht (?:helfen|unterstützen|beantworten)\b",
    r"\bje ne (?:peux|puis) pas (?:vous |t'|te )?(?:aider|répondre|fournir|assister|faire (?:cela|ça))\b",
    r"\bno puedo (?:ayudar(?:te|le|los)?|responder|proporcionar|hacer (?:eso|esto)|asistir(?:te|le)?)\b",
)
_HELPS = re.compile(
    r"\b(?:but|however|that said|still|though)\b[^.!?]{0,30}\b"
    r"(?:in general|generally|here (?:is|are)|here's|usually|typically"
    r"|common(?:ly)?|the (?:steps|basics|general))\b"
)
_QUOTED = re.compile(r"[\"“«„][^\"”»“]*[\"”»“]")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_PATTERNS = tuple(
    [(SURE, re.compile(pattern)) for pattern in SURELY] + [(LIKELY, re.compile(pattern)) for pattern in PROBABLY]
)


def refusal(text: str) -> float:
    """How likely an answer refuses, in [0, 1]; 0 for an empty one, and for one that says nothing like a refusal."""
    return max((span.score for span in refusal_spans(text)), default=0.0)


def refusal_spans(text: str) -> list[Span]:
    """The phrases that refuse, in the order of the text; their kind is `refusal`."""
    start = _plain(text[:LONGEST_LOOKED_AT])
    limit = _end_of_first_sentences(start)
    found = [
        Span(match.start(), match.end(), "refusal", HELPS_ANYWAY if _HELPS.search(start, match.end()) else score)
        for score, pattern in _PATTERNS
        if (match := pattern.search(start, 0, limit))
    ]
    return sorted(found)


def _plain(text: str) -> str:
    """Small letters, with blanks for what is quoted; as long as the text was."""
    return _QUOTED.sub(lambda match: " " * len(match.group()), small_letters(text))


def _end_of_first_sentences(text: str) -> int:
    sentences = [match for match in _SENTENCE.finditer(text) if match.group().strip(" .!?\n")]
    return sentences[:FIRST_SENTENCES][-1].end() if sentences else 0
