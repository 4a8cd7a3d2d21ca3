"""What was raised becomes an exit code and sentences."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import click
import pytest

from tunewright.app.cli.ending import Ending
from tunewright.core.errors import LimitNotMet, OutsideError, Problem, Stopped, UserError


def end(error: BaseException, *, as_json: bool = False) -> int:
    with Ending(as_json=as_json, command="tunewright train") as ending:
        raise error
    return ending.code


CODES = [
    (LimitNotMet("too many rows."), 1),
    (UserError("wrong."), 2),
    (click.UsageError("wrong."), 2),
    (OutsideError("no disk."), 3),
    (MemoryError(), 3),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 3),
    (OSError(errno.ENOSPC, "No space left on device", "/a"), 3),
    (PermissionError(errno.EACCES, "Permission denied", "/a"), 3),
    (Stopped("stopped."), 75),
    (KeyboardInterrupt(), 130),
    (BrokenPipeError(), 141),
    (ZeroDivisionError("x"), 70),
    (OSError(errno.ENOENT, "No such file", "/a"), 70),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=[repr(error) for error, _code in CODES])
def test_codes(error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))
    monkeypatch.setattr("tunewright.app.cli.out.close", lambda: None)
    assert end(error) == code


def test_sentences_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(UserError.many((Problem("a.", "x:1", "Do b."), Problem("c.")))) == 2
    assert capsys.readouterr().err == "x:1: a. Do b.\nc.\n"


@pytest.mark.parametrize(
    ("message", "said"), [("Got extra argument (extra)", "Got extra argument (extra)."), ("Did you mean a?",) * 2]
)
def test_two_sentences_are_two(message: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    end(click.UsageError(message))
    assert capsys.readouterr().err == f"{said} Help: tunewright train --help\n"


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    end(OutsideError("a.", where="x", do="Do b."), as_json=True)
    seen = capsys.readouterr()
    assert seen.err == ""
    assert json.loads(seen.out) == {
        "error": {"problems": [{"what": "a.", "where": "x", "do": "Do b."}], "exit_code": 3}
    }


def test_a_bug_is_ours_and_its_traceback_lies_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TUNEWRIGHT_TRACEBACK", raising=False)
    assert end(ZeroDivisionError("by zero")) == 70
    (file,) = (tmp_path / "home").iterdir()
    said = capsys.readouterr().err
    assert said.startswith("this is our bug (ZeroDivisionError), not your mistake.")
    assert str(file) in said
    assert "Traceback" not in said
    assert "ZeroDivisionError: by zero" in file.read_text()


def test_a_bug_s_traceback_is_shown_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEWRIGHT_TRACEBACK", "1")
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))
    assert end(ZeroDivisionError("by zero")) == 70
    assert "ZeroDivisionError: by zero" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_raised_is_zero_and_exits_of_python_pass() -> None:
    with Ending(as_json=False, command="tunewright") as ending:
        pass
    assert ending.code == 0
    with pytest.raises(SystemExit):
        end(SystemExit(5))
