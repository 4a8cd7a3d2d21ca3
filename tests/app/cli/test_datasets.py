"""`tunewright datasets` as people and scripts meet it: tables, one JSON document, one sentence for a mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.app.cli.main import main
from tunewright.core.nouns import DatasetVersion
from tunewright.data.retention import keep_terms
from tunewright.recipe.retention import RetentionOptions
from tunewright.text.chat import ChatFormat, load_chat

HOSTILE = "\x1b[31mred\x1b[0m [bold]not bold[/bold]"


@pytest.fixture(scope="module")
def chat(tiny_tokenizer_folder: Path) -> ChatFormat:
    return load_chat(tiny_tokenizer_folder)


def row(number: int, word: str) -> dict[str, str]:
    return {"text": f"thing {number} of the {word} {HOSTILE}", "label": "ab"[number % 2]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, chat: ChatFormat) -> tuple[Path, list[DatasetVersion]]:
    """The home of a workspace with two data sets that differ in one row."""
    place = tmp_path_factory.mktemp("datasets")
    versions = []
    for word in ("house", "garden"):
        rows = [row(number, word if number == 7 else "house") for number in range(30)]
        write_jsonl(place / "rows.jsonl", [*rows, rows[3]])
        options = {"train": "rows.jsonl", "split": {"validation": 0, "test": 0}}
        versions.append(prepared(place, chat, options=options))
    return workspace_of(place).home, versions


def ask(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, str, str]:
    code = main(["datasets", *words, "--home", str(home)])
    said = capsys.readouterr()
    return code, said.out, said.err


def document(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> Any:
    code, said, _ = ask(capsys, home, *words, "--json")
    assert code == 0, said
    return json.loads(said)


def test_the_list(made, capsys) -> None:
    home, versions = made
    found = document(capsys, home)
    assert {each["dataset"] for each in found["datasets"]} == {version.name for version in versions}
    assert [each["splits"]["train"] for each in found["datasets"]] == [30, 30]
    assert found["read_bytes"] > found["stored_bytes"]
    code, text, _ = ask(capsys, home, "list")
    assert code == 0
    assert all(version.name[:12] in text for version in versions)
    assert "saved: equal files lie there once" in text


def test_show(made, capsys) -> None:
    home, versions = made
    found = document(capsys, home, "show", versions[0].name[:10])
    assert found["receipt"]["rows"]["in"] == 31
    assert [step["type"] for step in found["steps"]] == ["deduplicate"]
    assert found["parents"] == list(versions[0].parents)
    assert found["damage"] == ""
    text = ask(capsys, home, "show", versions[0].name[:10])[1]
    assert "1. deduplicate" in text
    assert "rows.jsonl" in text
    assert "No run has used it." in text


def test_diff(made, capsys) -> None:
    home, versions = made
    names = [version.name[:12] for version in versions]
    found = document(capsys, home, "diff", *names)
    assert (found["same"], found["changed"]) == (29, {"train": 1})
    text = ask(capsys, home, "diff", *names)[1]
    assert "29 rows are the same" in text
    assert "of the garden" in text
    assert "\x1b" not in text
    assert "[bold]not bold[/bold]" in text
    assert "of the garden" not in ask(capsys, home, "diff", *names, "--limit", "0")[1]


def test_lineage(made, capsys) -> None:
    home, versions = made
    found = document(capsys, home, "lineage", "rows.jsonl:31")["lineage"]
    assert [each["dataset"] for each in found] != []
    for each in found:
        assert each["story"]["events"][0]["reason"] == "duplicate_of_train"
        assert [one["line"] for one in each["story"]["instead"]] == [4]
    only = document(capsys, home, "lineage", "rows.jsonl:1", "--dataset", versions[0].name)["lineage"]
    assert [each["dataset"] for each in only] == [versions[0].name]
    text = ask(capsys, home, "lineage", "rows.jsonl:31")[1]
    assert "duplicate: duplicate_of_train" in text
    assert "in its place stands train" in text


def test_find(made, capsys) -> None:
    home, versions = made
    found = document(capsys, home, "find", "THE garden")
    assert (found["rows"], [each["dataset"] for each in found["found"]]) == (1, [versions[1].name])
    text = ask(capsys, home, "find", "thing", "--limit", "2")[1]
    assert "60 rows hold it, in 2 data sets." in text
    assert text.count("rows.jsonl:") == 4
    assert "\x1b" not in text


def test_export(made, capsys, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    assert document(capsys, made[0], "export", "--openlineage", str(file)) == {"file": str(file), "events": 2}
    assert len(file.read_text().splitlines()) == 2


def test_expire(tmp_path: Path, chat: ChatFormat, capsys) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row(number, "house") for number in range(30)])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    workspace = workspace_of(tmp_path)
    assert "No data set is past its last day." in ask(capsys, workspace.home, "expire")[1]
    terms = RetentionOptions(until="2020-01-01")
    keep_terms(workspace, version.name, terms=terms, recipe="r", now="2019-01-01T00:00:00+00:00")
    (found,) = document(capsys, workspace.home, "expire")["expired"]
    assert (found["name"], found["why"]) == (version.name, "it was to be used until 2020-01-01")
    assert document(capsys, workspace.home)["datasets"][0]["state"] == "expired"
    assert "deleted" in ask(capsys, workspace.home)[1]
    assert ask(capsys, workspace.home, "show", version.name[:8])[0] == 0
    code, _, said = ask(capsys, workspace.home, "diff", version.name, version.name)
    assert code == 2
    assert "is deleted since" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "name one data set"),
        (["show", "a", "b"], "name one data set"),
        (["show", "zzz"], 'no data set is called "zzz"'),
        (["diff", "a"], "name two data sets"),
        (["list", "a"], "it takes no names"),
        (["lineage"], "name one row"),
        (["lineage", "??"], '"??" is no row'),
        (["lineage", "nothing.jsonl:1"], "no data set knows the row"),
        (["lineage", "rows.jsonl:1", "--dataset", "zz"], 'no data set is called "zz"'),
        (["find"], "give one text"),
        (["find", " "], "there is nothing to look for"),
        (["export"], "export and --openlineage FILE go together"),
        (["list", "--openlineage", "x"], "export and --openlineage FILE go together"),
        (["expire", "zzz"], 'no data set is called "zzz"'),
        (["lost"], "lost"),
    ],
)
def test_a_mistake_is_one_sentence(made, capsys, words: list[str], said: str) -> None:
    code, out, err = ask(capsys, made[0], *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_an_empty_workspace(tmp_path: Path, capsys) -> None:
    assert document(capsys, tmp_path) == {"datasets": [], "read_bytes": 0, "stored_bytes": 0}
    assert "No data sets here yet" in ask(capsys, tmp_path)[1]
    for words in (["show", "a"], ["diff", "a", "b"], ["lineage", "a:1"], ["find", "a"]):
        code, _, said = ask(capsys, tmp_path, *words)
        assert code == 2
        assert "this workspace has no data sets" in said
    assert document(capsys, tmp_path, "expire") == {"expired": []}
    assert document(capsys, tmp_path, "export", "--openlineage", str(tmp_path / "e"))["events"] == 0


def test_a_damaged_data_set_is_listed_and_named(tmp_path: Path, chat: ChatFormat, capsys) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row(number, "house") for number in range(30)])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    workspace = workspace_of(tmp_path)
    (workspace.datasets / version.name / "test.parquet").write_bytes(b"x")
    assert "test.parquet: this file is damaged" in ask(capsys, workspace.home, "show", version.name[:8])[1]
    code, _, said = ask(capsys, workspace.home, "find", "thing")
    assert code == 3
    assert "test.parquet: this file is damaged" in said
    (workspace.datasets / version.name / "version.json").write_text("{")
    assert document(capsys, workspace.home)["datasets"][0]["state"] == "damaged"
    assert "cannot be searched: damaged" in ask(capsys, workspace.home, "find", "thing")[1]
