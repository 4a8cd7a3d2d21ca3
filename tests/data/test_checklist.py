"""The checklist: what each rule measures, and that a rule set to refuse ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import LimitNotMet
from tunewright.core.nouns import DatasetVersion
from tunewright.data import checklist
from tunewright.data.checklist import Finding
from tunewright.recipe.rules import RuleOptions
from tunewright.text.chat import ChatFormat


def made(folder: Path, chat: ChatFormat, rows: list[dict[str, str]], **options: object) -> tuple[DatasetVersion, Path]:
    write_jsonl(folder / "rows.jsonl", rows)
    version = prepared(folder, chat, options={"train": "rows.jsonl", **options})
    return version, workspace_of(folder).datasets / version.name


def judged(found: tuple[DatasetVersion, Path], *, method: str = "lora", **rules: object) -> dict[str, Finding]:
    version, folder = found
    options = RuleOptions.model_validate(rules)
    return {
        each.name: each
        for each in checklist.findings(version, checklist.read_survey(folder), rules=options, method=method)
    }


def talks(count: int) -> list[dict[str, str]]:
    """Different questions and answers of usual length."""
    said = "and the answer goes on for some words so that it is long enough"
    return [{"prompt": f"Question {number}?", "completion": f"Answer {number}, {said}."} for number in range(count)]


def labels(counts: dict[str, int]) -> list[dict[str, str]]:
    return [{"text": f"text {name} {at}", "label": name} for name, count in counts.items() for at in range(count)]


def test_good_rows_meet_every_rule(tmp_path: Path, chat: ChatFormat) -> None:
    found = judged(made(tmp_path, chat, talks(400)), least_rows=300)
    assert {name: each.status for name, each in found.items()} == dict.fromkeys(
        ("enough_rows", "losses", "deduplicated", "split_sound", "consistent_format", "diversity", "lengths"), "pass"
    )
    assert all(each.sentence and each.source for each in found.values())


def test_rows_enough_for_the_method(tmp_path: Path, chat: ChatFormat) -> None:
    data = made(tmp_path, chat, talks(60))
    assert (judged(data)["enough_rows"].limit, judged(data)["enough_rows"].status) == (1000, "warn")
    assert judged(data, method="full")["enough_rows"].limit == 10_000
    assert judged(data, least_rows=10)["enough_rows"].status == "pass"


def test_labels_out_of_balance_and_at_odds(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [*labels({"a": 300, "b": 10}), {"text": "text a 0", "label": "b"}]
    found = judged(made(tmp_path, chat, rows))
    assert found["balance"].status == "warn" and found["balance"].value > 10
    assert found["label_noise"].status == "warn" and found["label_noise"].value == pytest.approx(2 / 311)
    assert judged(made(tmp_path / "even", chat, labels({"a": 100, "b": 100})))["balance"].status == "pass"


def test_rows_that_stand_twice_are_seen_without_the_step(tmp_path: Path, chat: ChatFormat) -> None:
    rows = talks(100) + talks(100)[:20]
    assert judged(made(tmp_path / "one", chat, rows, steps=[]))["deduplicated"].value > 0
    assert judged(made(tmp_path / "two", chat, rows))["deduplicated"].status == "pass"


def test_a_leak_between_files(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "test.jsonl", talks(50))
    found = judged(made(tmp_path, chat, talks(200), test="test.jsonl", steps=[]))
    assert found["split_sound"].status == "warn"
    assert "rows of validation and test are trained on" in found["split_sound"].sentence


def test_one_answer_for_everything(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"prompt": f"Question {number}?", "completion": "I do not know."} for number in range(200)]
    assert judged(made(tmp_path, chat, rows))["diversity"].status == "warn"


def test_a_rule_set_to_refuse_ends_the_run(tmp_path: Path, chat: ChatFormat) -> None:
    found = judged(made(tmp_path, chat, talks(60)), enough_rows="refuse", lengths="off", split_sound="refuse")
    assert "lengths" not in found and found["enough_rows"].status == "fail"
    with pytest.raises(LimitNotMet, match="48 training rows; 1,000 are advised") as caught:
        checklist.refuse(list(found.values()))
    assert caught.value.problems[0].where == "data.rules.enough_rows"
    assert [problem.where for problem in caught.value.problems][1:] == ["data.rules.split_sound"]
    checklist.refuse(list(judged(made(tmp_path / "b", chat, talks(60))).values()))  # warnings let it pass


def test_rules_change_no_data(tmp_path: Path, chat: ChatFormat) -> None:
    first, _ = made(tmp_path, chat, talks(60))
    second, _ = made(tmp_path, chat, talks(60), rules={"balance": "off"})
    assert (first.name, first.key) == (second.name, second.key)


def test_findings_are_kept_beside_the_rows(tmp_path: Path, chat: ChatFormat) -> None:
    version, folder = made(tmp_path, chat, talks(60))
    found = list(judged((version, folder)).values())
    checklist.write(folder, found)
    assert checklist.read(folder) == found
    assert checklist.read(tmp_path) == []
    (folder / checklist.NAME).write_text("{broken")
    assert checklist.read(folder) == []


def test_a_data_set_without_a_survey_is_judged_by_its_receipt(tmp_path: Path, chat: ChatFormat) -> None:
    version, folder = made(tmp_path, chat, talks(60))
    (folder / "survey.json").unlink()
    assert set(judged((version, folder))) == {"enough_rows", "losses"}
