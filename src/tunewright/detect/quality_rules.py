"""Rules on measures of a text, in sets of a published source, and the score that they add up to.

A rule is broken past its limit. The score of a rule is 1 up to half of an upper limit, 0.5 at it, 0 from half as much
again on; for a lower limit the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tunewright.detect import quality as q
from tunewright.detect.passage import Passage

Kind = Literal["length", "repetition", "words", "symbols", "markup", "lines", "boilerplate"]


class Rule(NamedTuple):
    """A measure may be at least `low` and at most `high`; texts of fewer than `from_words` words are not asked.

    These are words with a letter or a digit.
    """

    name: str
    kind: Kind
    measure: q.Measure
    low: float | None = None
    high: float | None = None
    from_words: int = 0


class Finding(NamedTuple):
    """What one rule says of a text: the measured value, its part of the score, and whether the rule is broken."""

    rule: Rule
    value: float
    part: float
    broken: bool


GOPHER = (
    Rule("words", "length", q.words, low=50, high=100_000),
    Rule("mean_word_length", "words", q.mean_word_length, low=3, high=10),
    Rule("hashes", "symbols", q.hashes, high=0.1),
    Rule("ellipses", "symbols", q.ellipses, high=0.1),
    Rule("bullet_lines", "lines", q.bullet_lines, high=0.9),
    Rule("ellipsis_lines", "lines", q.ellipsis_lines, high=0.3),
    Rule("alphabetic_words", "words", q.alphabetic_words, low=0.8),
    Rule("stop_words", "words", q.stop_words, low=2),
    Rule("duplicate_paragraphs", "repetition", q.duplicate_paragraphs, high=0.3),
    Rule("duplicate_paragraph_characters", "repetition", q.duplicate_paragraph_characters, high=0.2),
    Rule("duplicate_lines", "repetition", q.duplicate_lines, high=0.3),
    Rule("duplicate_line_characters", "repetition", q.duplicate_line_characters, high=0.2),
    *(
        Rule(f"top_{size}_grams", "repetition", q.top_gram(size), high=high)
        for size, high in ((2, 0.2), (3, 0.18), (4, 0.16))
    ),
    *(
        Rule(f"duplicate_{size}_grams", "repetition", q.duplicate_grams(size), high=high)
        for size, high in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    ),
)
"""Rae et al. 2021, section A.1.1 and table A1."""
C4 = (
    Rule("c4_placeholder", "boilerplate", q.c4_placeholder, high=0),
    Rule("c4_sentences", "length", q.c4_sentences, low=5),
)
"""Raffel et al. 2020, section 2.2, what concerns whole pages; lines are not taken out of rows here."""
FINEWEB = (
    Rule("terminal_lines", "lines", q.terminal_lines, low=0.12),
    Rule("short_lines", "lines", q.short_lines, high=0.67),
    Rule("fineweb_duplicate_characters", "repetition", q.fineweb_duplicate_characters, high=0.01),
    Rule("line_ends", "lines", q.line_ends, high=0.3),
)
"""Penedo et al. 2024, section 3.6, as their code has them (datatrove's FineWebQualityFilter)."""
CHAT = (
    Rule("words", "length", q.words, low=1, high=8_000),
    Rule("repeats_in_a_row", "repetition", q.repeats_in_a_row, high=0.3, from_words=6),
    Rule("duplicate_line_characters", "repetition", q.duplicate_line_characters, high=0.3, from_words=20),
    Rule("top_3_grams", "repetition", q.top_gram(3), high=0.4, from_words=20),
    Rule("duplicate_5_grams", "repetition", q.duplicate_grams(5), high=0.4, from_words=30),
    Rule("unique_words", "words", q.unique_words, low=0.25, from_words=30),
    Rule("mean_word_length", "words", q.mean_word_length, high=15, from_words=8),
    Rule("strange_characters", "symbols", q.strange_characters, high=0.25),
    Rule("hashes", "symbols", q.hashes, high=0.3, from_words=10),
    Rule("ellipses", "symbols", q.ellipses, high=0.3, from_words=10),
    Rule("markup", "markup", q.markup, high=0.5, from_words=3),
)
"""Fit for rows of instructions: one right word is an answer, lists and code are common, so that lower limits fall and
repetition counts from a length on where it means something."""
RULES: Mapping[str, Sequence[Rule]] = {"gopher": GOPHER, "c4": C4, "fineweb": FINEWEB, "chat": CHAT, "none": ()}


def judge(text: str, rules: Sequence[Rule]) -> list[Finding]:
    """What every rule says of a text, in their order."""
    passage = Passage(text)
    count = len(passage.bare)
    return [_finding(rule, rule.measure(passage)) for rule in rules if count >= rule.from_words]


def score(findings: Sequence[Finding]) -> tuple[float, dict[str, float]]:
    """One score from 0 to 1, and its parts by kind: each the worst rule of the kind, the score their mean."""
    parts: dict[str, float] = {}
    for finding in findings:
        parts[finding.rule.kind] = min(finding.part, parts.get(finding.rule.kind, 1.0))
    return (sum(parts.values()) / len(parts) if parts else 1.0), parts


def _finding(rule: Rule, value: float) -> Finding:
    part = 1.0
    if rule.low is not None:
        part = min(part, _between(value / rule.low - 0.5) if rule.low else 1.0)
    if rule.high is not None:
        part = min(part, _between(1.5 - value / rule.high) if rule.high else float(value <= 0))
    broken = (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high)
    return Finding(rule, value, part, broken)


def _between(value: float) -> float:
    return min(1.0, max(0.0, value))
