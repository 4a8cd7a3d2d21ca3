"""Personal data in rows: every text is looked at, and what is written instead is what was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.errors import UserError
from tunewright.core.ports import Details, Message, Row
from tunewright.data.carry import carry
from tunewright.data.context import Context
from tunewright.data.crew import Crew
from tunewright.data.steps.personal_data import Work
from tunewright.detect.personal import KINDS, personal_spans
from tunewright.recipe.options.steps.personal_data import Options

VALUES = {
    "email": "ann.lee@mail.co.uk",
    "phone": "+49 30 901820",
    "card": "4111 1111 1111 1111",
    "iban": "DE89370400440532013000",
    "ssn": "536-90-4399",
    "ip": "203.0.113.7",
    "credentials": "AKIA" + "IOSFODNN7EXAMPLE",
}
KEY = "0123456789abcdef0123456789abcdef"
WORDS = ["please", "write to", "and", "or", "my", "in March", "\u200b", "12", "(see page 4)", "Straße", "\n", "{", "}"]
TEXTS = st.lists(st.sampled_from([*VALUES.values(), *WORDS]), max_size=8).map(" ".join)


@pytest.fixture
def keyed(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "key"
    path.write_text(KEY)
    return {"key_file": str(path)}


def after(given_row: Row, **options: Any) -> Row:
    (outcome,) = Work(Options(**options)).batch([given_row])
    assert outcome.row is not None
    return outcome.row


def changed(text: str, **options: Any) -> str:
    return after(row(text), **options).messages[0].get("content", "")


def test_redacts_every_kind_but_names() -> None:
    text = ", ".join(VALUES.values()) + ", Mrs. Ada Quill"
    assert changed(text) == "[EMAIL], [PHONE], [CARD], [IBAN], [SSN], [IP], [CREDENTIALS], Mrs. Ada Quill"
    assert changed("Mrs. Ada Quill", kinds={"name": "redact"}) == "Mrs. [NAME]"


def test_reasons_say_the_kinds() -> None:
    (outcome,) = Work(Options()).batch([row(f"{VALUES['email']} {VALUES['ip']} {VALUES['email']}")])
    assert outcome.changes == ("personal_data.email", "personal_data.ip")


def test_a_row_without_any_is_the_same_object() -> None:
    given_row = row("nothing here but 12 words and the year 2024")
    (outcome,) = Work(Options()).batch([given_row])
    assert outcome.row is given_row and outcome.changes == ()


def test_every_text_of_a_row_is_looked_at() -> None:
    mail = VALUES["email"]
    call = {"type": "function", "function": {"name": "send", "arguments": {"to": [mail, {"cc": mail}], "n": 3}}}
    turns: tuple[Message, ...] = (
        {"role": "system", "content": f"You are {mail}"},
        {"role": "user", "content": mail},
        {"role": "assistant", "content": "", "reasoning_content": f"hm {mail}", "tool_calls": [call]},
        {"role": "tool", "content": json.dumps({"sent": mail})},
        {"role": "assistant", "content": mail},
    )
    lost: tuple[Message, ...] = ({"role": "assistant", "content": f"no {mail}"},)
    details = Details(
        columns={"from": mail}, references=[mail], choices=[mail, "b"], context=mail, log_probabilities=[-1.0]
    )
    given_row = replace(row("x"), messages=turns, label=mail, rejected=lost, details=details)
    done = after(given_row)
    assert mail not in repr(done)
    assert repr(done).count("[EMAIL]") == 13
    assert done.label == done.target == "[EMAIL]"
    assert "log_probabilities" not in done.details


def test_the_name_of_an_argument_says_what_a_number_is() -> None:
    call = {"type": "function", "function": {"name": "find", "arguments": {"ssn": 536904399, "count": 536904399}}}
    turns: tuple[Message, ...] = ({"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]})
    done = after(replace(row("x"), messages=turns))
    found = done.messages[1].get("tool_calls", [])[0]["function"]["arguments"]
    assert found == {"ssn": "[SSN]", "count": 536904399}


def test_json_stays_json() -> None:
    text = '{"card": 4111111111111111, "mail": "ann@host.org", "list": [4111111111111111]}'
    assert json.loads(changed(text)) == {"card": "[CARD]", "mail": "[EMAIL]", "list": ["[CARD]"]}


def test_masks_all_but_the_last_four() -> None:
    assert changed("4111 1111 1111 1111", action="mask") == "**** **** **** 1111"
    assert changed("ann.lee@mail.co.uk", action="mask") == "***.***@****.co.uk"
    assert changed("8.8.8.8", action="mask") == "*.*.*.*"


def test_hashes_need_the_key_and_depend_on_it(keyed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    one = changed("4111 1111 1111 1111", action="hash", **keyed)
    assert one == changed("4111-1111-1111-1111", action="hash", **keyed)
    assert one.startswith("[CARD:") and len(one) == 23
    monkeypatch.setenv("OTHER_KEY", "another key of more than 16 bytes")
    assert one != changed("4111 1111 1111 1111", action="hash", key_variable="OTHER_KEY")


def test_pseudonyms_are_the_same_for_the_same_and_belong_to_nobody(keyed: dict[str, Any]) -> None:
    options = {"action": "pseudonym", "kinds": {"name": "pseudonym"}, **keyed}
    text = ", ".join(VALUES.values())
    done = changed(text, **options)
    assert done == changed(text, **options)
    assert not any(value in done for value in VALUES.values())
    assert personal_spans(done) == []
    names = changed("Mrs. Ada Quill met Dr. Ada Lovelace", **options).split()
    assert names[1] == names[5] != "Ada"


def test_drops_and_refuses() -> None:
    rows = [row("fine"), row(VALUES["card"], line=7), row(VALUES["email"], line=9)]
    outcomes = Work(Options(kinds={"card": "drop"})).batch(rows)  # type: ignore[arg-type]
    assert [outcome.reason for outcome in outcomes] == ["", "personal_data.card", ""]
    with pytest.raises(UserError) as caught:
        Work(Options(action="refuse")).batch(rows)
    assert [problem.where for problem in caught.value.problems] == ["f:7", "f:9"]
    assert "card" in str(caught.value) and not any(value in str(caught.value) for value in VALUES.values())


def test_a_key_is_asked_for_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="needs a key"):
        Options(action="hash")
    with pytest.raises(ValidationError, match="not both"):
        Options(action="hash", key_file="a", key_variable="B")
    context = Context(tmp_path, tmp_path, "2026-01-01", chat=None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="cannot be read"):
        Work(Options(action="hash", key_file="none")).bind(context)
    monkeypatch.setenv("SHORT", "abc")
    with pytest.raises(UserError, match="3 bytes"):
        Work(Options(action="hash", key_variable="SHORT")).parents(context)


def test_the_key_is_a_parent_of_the_data_set_but_never_shown(tmp_path: Path, keyed: dict[str, Any]) -> None:
    context = Context(tmp_path, tmp_path, "2026-01-01", chat=None)  # type: ignore[arg-type]
    (parent,) = Work(Options(action="hash", **keyed)).parents(context)
    assert KEY not in parent and len(parent) == 64
    assert Work(Options()).parents(context) == []


@given(TEXTS)
def test_no_planted_value_is_left_and_twice_is_once(text: str) -> None:
    for action in ("redact", "mask"):
        once = after(row(text, text), action=action)
        assert not any(value in repr(once) for value in VALUES.values())
        assert after(once, action=action).messages == once.messages


@given(st.lists(TEXTS, max_size=6), st.integers(min_value=1, max_value=6))
def test_batches_cut_elsewhere_change_nothing(texts: list[str], size: int) -> None:
    rows = [row(text, line=line) for line, text in enumerate(texts)]
    step = Work(Options(kinds={"ip": "drop"}))  # type: ignore[arg-type]
    parts = [outcome for at in range(0, len(rows), size) for outcome in step.batch(rows[at : at + size])]
    assert parts == step.batch(rows)
    assert len(carry(rows, [step])) == len(rows)


def test_other_processes_say_the_same(keyed: dict[str, Any]) -> None:
    rows = [row(f"{number} {' '.join(VALUES.values())}", line=number) for number in range(20)]
    batches = [rows[:7], rows[7:]]
    steps = [Work(Options(action="pseudonym", **keyed))]
    alone = [line.row for lines in Crew(1).through(batches, steps) for line in lines]
    assert [line.row for lines in Crew(2).through(batches, steps) for line in lines] == alone
    with pytest.raises(UserError, match="f:0"):
        list(Crew(2).through(batches, [Work(Options(action="refuse"))]))


@given(st.text(max_size=60), st.sampled_from(["redact", "mask", "drop"]))
def test_any_text_is_handled(text: str, action: str) -> None:
    (outcome,) = Work(Options(action=action, kinds={"name": action})).batch([row(text or "x", text)])  # type: ignore[arg-type]
    assert outcome.row is not None or outcome.reason.removeprefix("personal_data.") in KINDS


def test_the_stage_counts_and_shows_nothing(tmp_path: Path, chat) -> None:
    texts = [f"Question {number}: write to {VALUES['email']} please" for number in range(8)] + ["plain one", "two"]
    write_jsonl(tmp_path / "rows.jsonl", [{"text": text, "label": "ab"[len(text) % 2]} for text in texts])
    options = {"train": "rows.jsonl", "steps": ["personal_data"], "split": {"validation": 0.2, "test": 0.2}}
    version = prepared(tmp_path, chat, options=options)
    assert version.receipt.rows.changed == {"personal_data.email": 8}
    assert version.receipt.rows.balanced()
    folder = workspace_of(tmp_path).datasets / version.name
    for path in folder.rglob("*"):
        assert VALUES["email"].encode() not in path.read_bytes(), path.name
