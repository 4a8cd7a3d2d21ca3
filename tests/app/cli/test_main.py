"""The command as a process sees it: exit codes, sentences, one JSON document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tests.recipe.drafts import GOOD, write
from tunewright.app.cli.main import VERBS, main, tunewright

BAD = "name: a b\nmodel: b/c\ndata: rows.jsonl\ntrainin: {}\n"


def command(*words: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "TUNEWRIGHT_LAUNCHED": "1"} | (environment or {})
    line = [sys.executable, "-m", "tunewright", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, env=variables)


def test_every_file_is_a_verb_and_help_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    names = {path.stem.replace("_", "-") for path in VERBS.glob("*.py")} - {"--init--"}
    assert names == {
        "init",
        "check",
        "explain",
        "schema",
        "data",
        "show",
        "train",
        "evaluate",
        "judge",
        "review",
        "combine",
        "compare",
        "compare-methods",
        "export",
        "sampling",
        "suites",
        "run",
        "chat",
        "track",
        "doctor",
        "datasets",
        "models",
    }
    assert all(f"\n  {name} " in shown for name in names)
    assert "Usage: tunewright" in shown


@pytest.mark.parametrize("name", sorted({path.stem.replace("_", "-") for path in VERBS.glob("*.py")} - {"--init--"}))
def test_help_of_a_verb(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: tunewright {name}" in capsys.readouterr().out


def test_no_words_mean_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Verbs:" in capsys.readouterr().out


def test_check_of_a_good_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, GOOD)
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: no mistakes.\n"


def test_check_says_every_mistake_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, BAD)
    assert main(["check", str(path), "--set", "x=1"]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert [line.split(": ")[:2] for line in seen.err.splitlines()] == [
        [f"{path}:1", "name"],
        [f"{path}:4", "trainin"],
        ["--set x", 'there is no key "x" here. There is'],
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chek"], 'no verb is called "chek". Did you mean "check"? Help: tunewright --help\n'),
        (["check", "--jsn"], "No such option"),
        (["check", "a", "b"], "Got unexpected extra argument"),
        (["explain", "epochs"], 'there is no key "epochs". Did you mean "training.epochs"?\n'),
        (["chat", ".", "--json"], "--json needs --message"),
    ],
)
def test_mistakes_on_the_command_line(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    seen = capsys.readouterr()
    found = seen.err or json.loads(seen.out)["error"]["problems"][0]["what"]
    assert found.startswith(sentence)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one document of a process; json.loads refuses anything beside it."""
    return json.loads(done.stdout)


def test_json_is_one_document_when_all_is_well(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert document(command("check", path, "--json")) == {"recipe": str(path), "problems": []}
    assert document(command("explain", "method.rank", "--json"))["key"] == "method.rank"
    assert document(command("schema", "--json"))["title"] == "Recipe"
    made = document(command("init", tmp_path / "new", "--json", "--template", "chat"))
    assert made["files"] == ["README.md", "conversations.jsonl", "recipe.yaml"]


def test_json_is_one_document_when_something_is_wrong(tmp_path: Path) -> None:
    done = command("check", write(tmp_path, BAD), "--json")
    assert done.returncode == 2
    assert done.stderr == ""
    error = document(done)["error"]
    assert error["exit_code"] == 2
    assert [set(problem) for problem in error["problems"]] == [{"what", "where", "do"}] * 2
    done = command("chek", "--json")
    assert (done.returncode, document(done)["error"]["exit_code"]) == (2, 2)


def test_a_verb_of_the_flow_reports_the_recipe_s_mistakes_as_json(tmp_path: Path) -> None:
    done = command("data", write(tmp_path, BAD), "--json")
    assert done.returncode == 2
    assert len(document(done)["error"]["problems"]) == 2


def test_a_reader_that_leaves_is_no_bug(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    for words in (["schema"], ["schema", "--json"], ["check", path], ["check", path, "--json"], ["explain"]):
        read, written = os.pipe()
        os.close(read)
        line = [sys.executable, "-m", "tunewright", *words]
        done = subprocess.run(line, stdout=written, stderr=subprocess.PIPE, text=True)
        os.close(written)
        assert (done.returncode, done.stderr) == (141, "")


def test_the_verbs_are_a_click_group_whose_commands_agree_with_their_files() -> None:
    context = click.Context(tunewright)
    for name in tunewright.list_commands(context):
        verb = tunewright.get_command(context, name)
        assert verb is not None
        assert any(option.name == "as_json" for option in verb.params)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--temperature", "nan"), "nan is not a number"),
        (("--top-p", "nan"), "nan is not a number"),
        (("--temperature", "-1"), "is not in the range"),
        (("--seed", str(1 << 64)), "is not in the range"),
    ],
)
def test_chat_refuses_what_cannot_be_drawn_with(words: tuple[str, str], why: str, tmp_path: Path) -> None:
    said = command("chat", tmp_path, *words)
    assert said.returncode == 2
    assert why in said.stderr
