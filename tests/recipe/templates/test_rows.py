"""The rows of the starter recipes: enough of them, each its own, whole, and as their schema and policy say."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.recipe.templates.rows import NAMES, alikeness, folder, pairs_of_words, read

NEAR = 0.5
LARGEST_BYTES = 120_000
EXPECTED = {
    "chat": ("conversations.jsonl", 60),
    "classification": ("train.csv", 240),
    "customer-support": ("conversations.jsonl", 160),
    "finance": ("messages.jsonl", 200),
    "healthcare": ("messages.jsonl", 200),
    "instruction": ("tasks.json", 200),
    "legal": ("clauses.csv", 200),
}
ANSWERS = {
    "finance": ("record", "record.schema.json", "issue"),
    "healthcare": ("triage", "triage.schema.json", "urgency"),
}
TEAMS = {"safety", "security", "legal", "billing", "shipping", "care"}
HANDOVER = re.compile(r"\[handover: ([a-z]+)\]")
WRITTEN_NUMBERS = {"five": 5, "fifteen": 15, "sixty": 60, "twenty": 20, "eight": 8, "thirty": 30, "three": 3}


def question_of(row: dict[str, Any]) -> str:
    """What a row asks."""
    if "messages" in row:
        return row["messages"][0]["content"]
    if "instruction" in row:
        return f"{row['instruction']} {row['input']}"
    return row.get("message") or row.get("clause") or row["diagnosis"]


def test_every_template_is_expected_and_has_its_rows() -> None:
    assert sorted(EXPECTED) == NAMES
    short = {name: len(read(name, file)) for name, (file, least) in EXPECTED.items() if len(read(name, file)) < least}
    assert short == {}


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(name: str) -> None:
    sizes = {file.name: file.stat().st_size for file in folder(name).iterdir()}
    assert sizes
    assert max(sizes.values()) < LARGEST_BYTES


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"chat", "classification"}))
def test_no_two_questions_are_near_duplicates(name: str) -> None:
    texts = [question_of(row) for row in read(name, EXPECTED[name][0])]
    assert len({text.casefold() for text in texts}) == len(texts)
    sets = [(text, pairs_of_words(text)) for text in texts]
    near = [(one, two) for (one, a), (two, b) in combinations(sets, 2) if alikeness(a, b) >= NEAR]
    assert near == []


def test_near_duplicates_would_be_seen() -> None:
    one = pairs_of_words("How long do I have to pay an invoice?")
    assert alikeness(one, pairs_of_words("how long do I have to pay an invoice")) == 1
    assert alikeness(one, pairs_of_words("How long do I have to pay the invoice?")) >= NEAR
    assert alikeness(one, pairs_of_words("Where is my parcel?")) == 0


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_json_answers_fit_their_schema_and_the_kept_column_says_the_same(name: str) -> None:
    answer, schema_file, kept = ANSWERS[name]
    schema = json.loads((folder(name) / schema_file).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema)
    rows = read(name, "messages.jsonl")
    values = [json.loads(row[answer]) for row in rows]
    assert [error.message for value in values for error in checker.iter_errors(value)] == []
    assert [value[kept] for value in values] == [row[kept] for row in rows]
    for field, options in schema["properties"].items():
        if "enum" in options:
            assert {value[field] for value in values} == set(options["enum"])
    assert list(checker.iter_errors({})) != []


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_system_turn_names_every_word_of_the_schema(name: str) -> None:
    recipe = (folder(name) / "recipe.yaml").read_text(encoding="utf-8")
    system = " ".join(recipe.split("system: >-")[1].split("keep:")[0].split())
    schema = json.loads((folder(name) / ANSWERS[name][1]).read_text(encoding="utf-8"))
    words = [str(word) for field in schema["properties"].values() for word in field.get("enum", []) if word is not None]
    assert [word for word in [*words, *schema["properties"]] if word not in system] == []


def test_amounts_stand_in_their_message() -> None:
    wrong = []
    for row in read("finance", "messages.jsonl"):
        record = json.loads(row["record"])
        assert (record["amount"] is None) == (record["currency"] is None)
        said = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", row["message"])]
        said += [value for word, value in WRITTEN_NUMBERS.items() if word in row["message"].lower()]
        if record["amount"] is not None and record["amount"] not in said:
            wrong.append(row["message"])
    assert wrong == []


def test_currencies_stand_in_their_message() -> None:
    signs = {"EUR": r"€|euro|EUR", "USD": r"\$|dollar", "GBP": r"£|pound|quid"}
    rows = [(row["message"], json.loads(row["record"])["currency"]) for row in read("finance", "messages.jsonl")]
    assert [text for text, currency in rows if currency and not re.search(signs[currency], text, re.IGNORECASE)] == []


def test_conversations_are_whole_short_and_hand_over_to_known_teams() -> None:
    found: Counter[str] = Counter()
    lengths = []
    for row in read("customer-support", "conversations.jsonl"):
        turns = row["messages"]
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        lengths.append(len(turns))
        for turn in turns[1::2]:
            plain = HANDOVER.sub("", turn["content"])
            assert "[" not in plain
            assert "!" not in plain
            assert len(re.findall(r"[.?](?= |$)", plain.strip())) <= 3, turn["content"]
        marks = HANDOVER.findall(" ".join(turn["content"] for turn in turns))
        assert len(marks) <= 1
        assert not marks or turns[-1]["content"].endswith(f"[handover: {marks[0]}]")
        found.update(marks)
    assert set(found) == TEAMS
    assert found.total() >= 30
    assert sum(length > 2 for length in lengths) >= 15


def test_the_policy_knows_the_teams_and_the_numbers_that_answers_name() -> None:
    policy = (folder("customer-support") / "policy.md").read_text(encoding="utf-8")
    assert {line.split("|")[1].strip() for line in policy.splitlines() if line.startswith("| ")} >= TEAMS
    for number in ("4.90", "9.90", "12.90", "3.90", "45 days", "30 minutes", "3 years", "10 years", "300 euros"):
        assert number in policy


def test_clauses_are_balanced_over_fourteen_types() -> None:
    counts = Counter(row["type"] for row in read("legal", "clauses.csv"))
    assert len(counts) == 14
    assert set(counts.values()) == {16}


def test_tasks_are_of_the_alpaca_shape_and_answered() -> None:
    rows = read("instruction", "tasks.json")
    assert {frozenset(row) for row in rows} == {frozenset({"instruction", "input", "output"})}
    assert all(row["instruction"].strip() and row["output"].strip() == row["output"] != "" for row in rows)
    assert sum(bool(row["input"]) for row in rows) >= 60
