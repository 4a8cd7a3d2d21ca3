"""lm-eval's checks of IFEval's instructions, called without the data that they would download.

Left out: rules that need downloaded data or a language detector (sentences, the language of an answer). Where a check
asks for the language beside something else, the language is taken to be English.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from types import ModuleType
from typing import Any

import nltk
import numpy as np


def _stand_ins() -> dict[str, ModuleType]:
    """For two small packages that lm-eval's module imports: a detector that says English, and a read-only mapping."""
    detector, mapping = ModuleType("langdetect"), ModuleType("immutabledict")
    detector.detect = lambda text: "en"  # type: ignore[attr-defined]
    detector.LangDetectException = ValueError  # type: ignore[attr-defined]
    mapping.immutabledict = dict  # type: ignore[attr-defined]
    return {"langdetect": detector, "immutabledict": mapping}


def _registry() -> dict[str, Any]:
    """lm-eval's checkers by name. The stand-ins and the rank are only there while the module is imported."""
    rank, stand_ins = os.environ.get("LOCAL_RANK"), _stand_ins()
    before = {name: sys.modules.get(name) for name in stand_ins}
    os.environ["LOCAL_RANK"] = "1"  # only rank 0 downloads
    sys.modules.update(stand_ins)
    try:
        from lm_eval.tasks.ifeval import instructions, instructions_registry  # noqa: PLC0415 - after the stand-ins
    finally:
        _restore(sys.modules, before)
        _restore(os.environ, {"LOCAL_RANK": rank})
    words = ModuleType("nltk")
    words.tokenize = nltk.tokenize  # type: ignore[attr-defined]
    words.word_tokenize = lambda text: nltk.word_tokenize(text, preserve_line=True)  # type: ignore[attr-defined]
    instructions.instructions_util.nltk = words
    return instructions_registry.INSTRUCTION_DICT


def _restore(place: MutableMapping[str, Any], before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if value is None:
            del place[name]
        else:
            place[name] = value


REGISTRY = _registry()
LEFT_OUT = frozenset({"language:response_language", "length_constraints:number_sentences"})
WORDS = ("heart", "Blood", "and", "it", "A")
RELATIONS = ("less than", "at least")


def follows(rule: Mapping[str, Any], answer: str) -> bool:
    """What lm-eval says: strictly, an empty answer follows nothing."""
    checker = REGISTRY[rule["rule"]](rule["rule"])
    checker.build_description(**{key: value for key, value in rule.items() if key != "rule"})
    return bool(answer.strip()) and bool(checker.check_following(answer))


def random_rules(random: np.random.Generator, answer: str) -> list[dict[str, Any]]:
    """Each rule that is compared, with random keys that the answer has a fair chance to meet."""
    few, relation = int(random.integers(1, 5)), str(random.choice(RELATIONS))
    word = str(random.choice(WORDS))
    start = answer.split()[0].strip(".,?!'\"").lower() if answer.split() else "the"
    keys: dict[str, dict[str, Any]] = {
        "keywords:existence": {"keywords": [word]},
        "keywords:frequency": {"keyword": word, "frequency": few, "relation": relation},
        "keywords:forbidden_words": {"forbidden_words": [word]},
        "keywords:letter_frequency": {"letter": "o", "let_frequency": few, "let_relation": relation},
        "length_constraints:number_words": {"num_words": 4 * few, "relation": relation},
        "length_constraints:number_paragraphs": {"num_paragraphs": few},
        "length_constraints:nth_paragraph_first_word": {
            "num_paragraphs": few, "nth_paragraph": int(random.integers(1, few + 1)), "first_word": start or "the"
        },
        "detectable_content:number_placeholders": {"num_placeholders": few},
        "detectable_content:postscript": {"postscript_marker": str(random.choice(["P.S.", "P.P.S"]))},
        "detectable_format:number_bullet_lists": {"num_bullets": few},
        "detectable_format:constrained_response": {},
        "detectable_format:number_highlighted_sections": {"num_highlights": few},
        "detectable_format:multiple_sections": {"section_spliter": "Section", "num_sections": few},
        "detectable_format:json_format": {},
        "detectable_format:title": {},
        "change_case:english_capital": {},
        "change_case:english_lowercase": {},
        "change_case:capital_word_frequency": {"capital_frequency": few, "capital_relation": relation},
        "startend:end_checker": {"end_phrase": answer[-9:].strip() or "end"},
        "startend:quotation": {},
        "combination:two_responses": {},
        "combination:repeat_prompt": {"prompt_to_repeat": answer[:9].strip() or "go"},
        "punctuation:no_comma": {},
    }  # fmt: skip
    return [{"rule": name, **own} for name, own in keys.items()]
