"""Instruction rules: what an answer can be asked to be so that a program can check it, in the kinds of IFEval.

Zhou et al. 2023, arXiv 2311.07911. The names and keys are IFEval's, so that its rows can be read; the checks are our
own, and mean the same (docs/explanation/scorers.md says where they differ). A rule is a mapping with its name under
`rule` and its keys beside it; keys that are None are as if absent, as in IFEval's files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.evaluate.scoring import rules_of_form as form
from tunewright.evaluate.scoring import rules_of_words as words
from tunewright.evaluate.scoring.json_text import is_json

RELATIONS = ("less than", "at least")
Check = Callable[..., bool]


@dataclass(frozen=True)
class Rule:
    """A check of (answer, **keys), and the type of each key that it takes."""

    check: Check
    keys: Mapping[str, type]


RELATED = {"relation": str}
RULES: Mapping[str, Rule] = {
    "keywords:existence": Rule(words.has_keywords, {"keywords": list}),
    "keywords:frequency": Rule(words.keyword_frequency, {"keyword": str, "frequency": int, **RELATED}),
    "keywords:forbidden_words": Rule(words.has_none_of, {"forbidden_words": list}),
    "keywords:letter_frequency": Rule(
        words.letter_frequency, {"letter": str, "let_frequency": int, "let_relation": str}
    ),
    "length_constraints:number_words": Rule(words.number_words, {"num_words": int, **RELATED}),
    "length_constraints:number_sentences": Rule(words.number_sentences, {"num_sentences": int, **RELATED}),
    "length_constraints:number_paragraphs": Rule(form.number_paragraphs, {"num_paragraphs": int}),
    "length_constraints:nth_paragraph_first_word": Rule(
        form.nth_paragraph_first_word, {"num_paragraphs": int, "nth_paragraph": int, "first_word": str}
    ),
    "detectable_content:number_placeholders": Rule(form.number_placeholders, {"num_placeholders": int}),
    "detectable_content:postscript": Rule(form.has_postscript, {"postscript_marker": str}),
    "detectable_format:number_bullet_lists": Rule(form.number_bullets, {"num_bullets": int}),
    "detectable_format:constrained_response": Rule(form.is_constrained, {}),
    "detectable_format:number_highlighted_sections": Rule(form.number_highlights, {"num_highlights": int}),
    "detectable_format:multiple_sections": Rule(form.has_sections, {"section_spliter": str, "num_sections": int}),
    "detectable_format:json_format": Rule(lambda answer: is_json(form.without_fence(answer)), {}),
    "detectable_format:title": Rule(form.has_title, {}),
    "change_case:english_capital": Rule(words.is_upper, {}),
    "change_case:english_lowercase": Rule(words.is_lower, {}),
    "change_case:capital_word_frequency": Rule(
        words.capital_words, {"capital_frequency": int, "capital_relation": str}
    ),
    "startend:end_checker": Rule(form.ends_with, {"end_phrase": str}),
    "startend:quotation": Rule(form.is_quoted, {}),
    "combination:two_responses": Rule(form.has_two_responses, {}),
    "combination:repeat_prompt": Rule(form.repeats_prompt, {"prompt_to_repeat": str}),
    "punctuation:no_comma": Rule(lambda answer: "," not in answer, {}),
}
"""Every rule that can be checked, by IFEval's name. Not among them: `language:response_language`."""


def followed(rule: Mapping[str, Any], answer: str) -> bool | None:
    """True when the answer follows the rule; an empty answer follows none. None when `problem` has something to say."""
    if problem(rule):
        return None
    known = RULES[rule["rule"]]
    return bool(answer.strip()) and known.check(answer, **{key: rule[key] for key in known.keys})


def problem(rule: Mapping[str, Any]) -> str:
    """Why a rule cannot be checked, as the end of a sentence; empty when it can."""
    name = rule.get("rule")
    if not isinstance(name, str) or name not in RULES:
        return f"no rule is called {name!r}"
    for key, kind in RULES[name].keys.items():
        value = rule.get(key)
        if not _is_of(value, kind):
            return f"{name} needs {key}, a {'list of texts' if kind is list else kind.__name__}; it is {value!r}"
        if key.endswith("relation") and value not in RELATIONS:
            return f'{name}: {key} is "less than" or "at least", not {value!r}'
    return ""


def _is_of(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, str) and one for one in value)
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return (whole or (isinstance(value, float) and value.is_integer())) and value >= 0
    return isinstance(value, kind) and bool(value)
