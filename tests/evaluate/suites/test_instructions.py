"""The suite `instructions`: every kind of rule, said in the prompt as it is checked, and possible to follow."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.evaluate.fakes import RuleModel, last_turn, local, scorer, suite
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.own_rows import own_set
from tunewright.evaluate.scoring.rules import RULES, problem
from tunewright.evaluate.suite import Bench

PROMPTS = own_set("instructions")
LANGUAGE = "language:response_language"
UNSAID = {"rule", "language"}
NEVER_BOTH = [
    {"change_case:english_capital", "change_case:english_lowercase"},
    {"combination:two_responses", "combination:repeat_prompt"},
    {"detectable_format:json_format", "startend:quotation"},
    {"detectable_format:json_format", "startend:end_checker"},
]
GOOD = {
    "Describe a rainy day": "She shook her umbrella and stepped into a puddle.",
    "Write a poem about the sea": "Wave after wave, and then a wave that stays.",
    "Describe snow without": "It falls in flakes and hushes the street.",
    "Describe a quiet evening. The letter q": "A quiet evening by the quay.",
    "Explain photosynthesis": "Plants need light. They take in water. They breathe in air. They make sugar.",
    "Give a reason for reading books": "Books let us borrow other lives.",
    "Write about the advantages of public": "It saves space.\n***\nIt saves fuel.",
    "What does a bank do?": "A bank keeps money and lends it.",
    "Write at least 100 words about the history": "Chocolate was first a drink. " * 25,
    "Write two paragraphs about honey bees": "Bees live together.\n\nHowever, some live alone.",
    "Write a template for an invitation": "Dear [name], come on [date] to [place].",
    "Write a postcard": "It is lovely here.\n\nP.S. The cows say hello.",
    "Write a short email to a colleague": "See you at ten.\n\nP.P.S Bring the plans.",
    "List exactly three reasons": "* It cools.\n* It cleans.\n* It is cheap.",
    "Is a tomato a fruit?": "My answer is yes.",
    "Explain how a bill becomes a law": "A *bill* is read and *debated*.",
    "Write a short guide to keeping a goldfish": "Section 1\nBuy a tank.\nSection 2\nFeed it.",
    "Give me the name, the age": '{"name": "Ida", "age": 41, "profession": "baker"}',
    "Write a poem about autumn": "<<Leaves>>\nThey fall and fall.",
    "Suggest a name for a black cat": "Sooty\n******\nMidnight",
    "Name three animals that live in Africa": "Name three animals that live in Africa.\nLions, zebras and hippos.",
    "Tell me how to boil an egg": "Boil it for six minutes. Enjoy your breakfast!",
    "What is the meaning of courage?": '"To go on although one is afraid."',
    "Warn people about thin ice": "DANGER! The ice is THIN. KEEP away.",
    "Announce the arrival": "THE TRAIN FROM LEEDS IS NOW ARRIVING AT PLATFORM TWO.",
    "Describe a kitten": "it is small and soft and it sleeps in a shoe.",
    "Describe the taste of a lemon": "It is sharp and fresh.",
    "Write about whales": "Whales live in the ocean. They sing. They breathe air.",
    "Give exactly three bullet points (each": "* Take a blanket.\n* Drink tea.\n* Wear socks. Keep cosy.",
    "Write an announcement for a village fair": "COME TO the FAIR on [date] at [place]!\n\nP.S. Bring cake.",
    "In less than 60 words and without": "The flame bends and the flame stands.",
    "Write two paragraphs about tea": "Tea is *warm*.\n***\nIt is old.",
}
"""An answer that keeps all rules of the prompt that begins so."""


def prompts_of(start: str) -> list[dict[str, object]]:
    return [each for each in PROMPTS if each["prompt"].startswith(start)]


def test_there_are_enough_prompts_with_one_to_three_rules() -> None:
    assert len(PROMPTS) >= 120
    assert {len(each["rules"]) for each in PROMPTS} == {1, 2, 3}


def test_every_kind_is_asked_for_several_times() -> None:
    counts = Counter(rule["rule"] for each in PROMPTS for rule in each["rules"])
    assert set(counts) == {*RULES, LANGUAGE}
    assert min(counts.values()) >= 5


def test_every_rule_can_be_checked() -> None:
    rules = [rule for each in PROMPTS for rule in each["rules"] if rule["rule"] != LANGUAGE]
    assert [(rule, problem(rule)) for rule in rules if problem(rule)] == []


def test_no_two_rules_of_a_prompt_exclude_each_other() -> None:
    for each in PROMPTS:
        names = [rule["rule"] for rule in each["rules"]]
        assert len(set(names)) == len(names)
        assert not any(pair <= set(names) for pair in NEVER_BOTH)


def test_what_is_checked_is_said_in_the_prompt() -> None:
    """Words, phrases and markers of a rule stand in its prompt."""
    for each in PROMPTS:
        for rule in each["rules"]:
            values = [value for key, value in rule.items() if key not in UNSAID and not key.endswith("relation")]
            said = [word for value in values for word in (value if isinstance(value, list) else [value])]
            words = [word for word in said if isinstance(word, str)]
            assert [word for word in words if word.casefold() not in each["prompt"].casefold()] == [], each["prompt"]


@pytest.mark.parametrize("start", GOOD)
def test_a_good_answer_keeps_all_rules(start: str) -> None:
    assert len(prompts_of(start)) == 1
    answers = asked(lambda prompt: GOOD[start] if last_turn(prompt).startswith(start) else "", max_new_tokens=1000)
    (good,) = [each for each in answers if each.answer]
    assert scorer("rules_followed").score([good], ()) == 1.0


def test_good_answers_cover_every_kind_that_is_checked() -> None:
    rules = {rule["rule"] for start in GOOD for each in prompts_of(start) for rule in each["rules"]}  # type: ignore[attr-defined]
    assert rules == set(RULES)


def test_a_model_that_says_nothing_of_use_keeps_few_rules() -> None:
    answers = asked(lambda _prompt: "Sure, I would be happy to help you with this.")
    assert scorer("rules_followed").score(answers, ()) < 0.3
    assert scorer("rules_followed_each").score(answers, ()) < 0.4


def test_limits_of_rows_and_tokens() -> None:
    answers = asked(lambda _prompt: "word " * 500, max_rows=7, max_new_tokens=20)
    assert [len(each.answer) for each in answers] == [20] * 7


def asked(rule: object, **keys: object) -> list[AnsweredRow]:
    """Answers of a model that answers by rule."""
    work, bench = suite("instructions", **keys), Bench()
    model = local(RuleModel(rule))  # type: ignore[arg-type]
    return work.answer("instructions", model, sample=work.examples(bench), style="bare", bench=bench)
