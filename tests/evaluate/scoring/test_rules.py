"""Instruction rules: IFEval's, as lm-eval checks them, on random answers; and rules that nobody can check."""

from __future__ import annotations

import time
from typing import Any

import ifeval_reference
import numpy as np
import pytest
from parity_rows import shaped, text

from tunewright.evaluate.scoring.rules import RULES, followed, problem
from tunewright.evaluate.scoring.rules_of_words import count_sentences

COMPARED = sorted(set(ifeval_reference.REGISTRY) - ifeval_reference.LEFT_OUT)
SNIPPETS = (
    "P.S. bye", "p. p. s more", "My answer is yes.", "<<a title>>", "<<>>", "[name]", "[a] [b", "* item", "- item",
    "** bold **", "*one* *two*", "******", "***", "Section 1", "Section\n2", '"', "```json\n", "```", "{}", "NASA", "I",
    "\n\n", "\n", ",", "heart HEART Heart", "blood.", "o o o", "A-B", "(OK)",
)  # fmt: skip


def answers(seed: int, count: int) -> list[str]:
    """Random answers, shaped as rules ask for them about half of the time."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        parts = [str(part) for part in random.choice(SNIPPETS, int(random.integers(0, 6)))]
        parts += [text(random, 0, 5), shaped(random)][: int(random.integers(0, 3))]
        random.shuffle(parts)
        joined = str(random.choice(["", " ", "\n", "\n\n"])).join(parts)
        made.append([joined, joined.upper(), joined.lower(), f'"{joined}"'][int(random.integers(0, 4))])
    return made


@pytest.mark.parametrize("name", COMPARED)
def test_a_rule_is_followed_where_lm_eval_says_so(name: str) -> None:
    random, said = np.random.default_rng(11), set[bool]()
    for answer in answers(11, 600):
        (rule,) = [rule for rule in ifeval_reference.random_rules(random, answer) if rule["rule"] == name]
        ours, theirs = followed(rule, answer), ifeval_reference.follows(rule, answer)
        assert ours == theirs, (rule, answer)
        said.add(theirs)
    assert said == {True, False}, "the random answers never follow, or always"


def test_every_rule_of_ifeval_is_known_but_the_language() -> None:
    assert set(ifeval_reference.REGISTRY) - set(RULES) == {"language:response_language"}
    assert set(RULES) <= set(ifeval_reference.REGISTRY)


@pytest.mark.parametrize(
    ("text_", "count"),
    [
        ("", 0),
        ("...", 0),
        ("No mark at the end", 1),
        ("One. Two! Three? Four", 4),
        ("Dr. Smith paid 3.50 to Mr. Jones, i.e. nothing. He left.", 2),
        ('He said "stop." Then he left.', 2),
        ("Wait... what?! Yes.", 3),
        ("1. Milk\n2. Bread\n3. Salt", 3),
        ("A heading\n\nA paragraph. And more.", 3),
        ("これは文です。これも文です。", 2),
    ],
)
def test_sentences_are_counted(text_: str, count: int) -> None:
    assert count_sentences(text_) == count
    at_least = {"rule": "length_constraints:number_sentences", "num_sentences": count, "relation": "at least"}
    assert followed(at_least, text_) == bool(text_.strip())


def test_keys_of_ifevals_files_that_are_none_do_not_count() -> None:
    rule = {"rule": "keywords:existence", "keywords": ["sky"], "num_words": None, "relation": None}
    assert followed(rule, "Blue sky") is True
    assert (
        followed({"rule": "length_constraints:number_words", "num_words": 2.0, "relation": "at least"}, "a b") is True
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "no rule is called None"),
        ({"rule": "keywords:existense"}, "no rule is called 'keywords:existense'"),
        ({"rule": "language:response_language", "language": "de"}, "no rule is called"),
        ({"rule": "keywords:existence", "keywords": "sky"}, "a list of texts"),
        ({"rule": "keywords:existence", "keywords": []}, "a list of texts"),
        ({"rule": "keywords:existence", "keywords": [3]}, "a list of texts"),
        ({"rule": "length_constraints:number_words", "num_words": "9", "relation": "at least"}, "needs num_words"),
        ({"rule": "length_constraints:number_words", "num_words": True, "relation": "at least"}, "needs num_words"),
        ({"rule": "length_constraints:number_words", "num_words": 9, "relation": "more than"}, '"less than"'),
        ({"rule": "startend:end_checker"}, "needs end_phrase"),
    ],
)
def test_a_rule_that_nobody_can_check_says_why(rule: dict[str, Any], says: str) -> None:
    assert says in problem(rule)
    assert followed(rule, "some answer") is None


@pytest.mark.parametrize("piece", ["a", "*", "[", "<", "-", "\n", ".", "a. ", "* a\n", "Section ", "p.", '"', "'"])
def test_a_megabyte_is_checked_in_seconds(piece: str) -> None:
    answer, random = piece * (10**6 // len(piece)), np.random.default_rng(0)
    rules = ifeval_reference.random_rules(random, answer[:20])
    rules.append({"rule": "length_constraints:number_sentences", "num_sentences": 3, "relation": "at least"})
    started = time.process_time()
    assert None not in [followed(rule, answer) for rule in rules]
    assert time.process_time() - started < 15
