"""`tunewright review` and `data --report` as commands: a killed server goes on; decisions change the data."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.house.process import TUNEWRIGHT


@pytest.fixture
def recipe(tmp_path: Path, tiny_model_folder: Path) -> Path:
    rows = [{"question": f"Question {n}?", "answer": f"Answer {n}."} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: questions\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\n"
        "data: {train: rows.jsonl, steps: [clean, review]}\n",
        encoding="utf-8",
    )
    return path


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    """A command until its end."""
    return subprocess.run([TUNEWRIGHT, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def reviewing(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`review` as a command, once its page is there; its address."""
    line = [TUNEWRIGHT, "review", *map(str, words), "--port", "0", "--json", "--quiet"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told, match = "", None
        while match is None and (read := process.stderr.readline()):
            told += read
            match = re.search(r"http://127\.0\.0\.1:\d+/\S+/", told)
        assert match, told
        yield process, match.group()
    finally:
        process.kill()
        process.wait()


def ask(url: str, act: str, rater: str, **more: Any) -> dict[str, Any]:
    """What the page asks of its server."""
    return httpx.post(f"{url}{act}", json={"rater": rater, **more}).raise_for_status().json()


def test_decisions_outlive_a_killed_server_and_change_the_next_data_set(recipe: Path) -> None:
    with reviewing(recipe, "--sample", 4) as (process, url):
        first = ask(url, "state", "Ann")
        assert first["total"] == 4
        second = ask(url, "decide", "Ann", row=first["row"], verdict="reject", rating=1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with reviewing(recipe, "--sample", 4, "--raters", 1) as (process, again):
        assert again.split("/")[-2] == url.split("/")[-2]
        state = ask(again, "state", "ann")
        assert (state["done"], state["row"]) == (1, second["row"])
        other = ran("review", recipe, "--port", "0")
        assert other.returncode == 2 and "is at work here" in other.stderr
        edited = state["row"]
        state = ask(again, "decide", "Ann", row=edited, verdict="accept", rating=4, answer="Better.")
        while state["row"] is not None:
            state = ask(again, "decide", "Ann", row=state["row"], verdict="accept", rating=5)
        ask(again, "finish", "Ann")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    told = json.loads(out)
    assert (told["rows"], told["rejected"], told["edited"], told["rating"], told["step"]) == (4, 1, 1, 3.75, True)
    assert Path(told["file"]) == recipe.with_name("review.jsonl")
    data = json.loads(ran("data", recipe, "--json", "--quiet").stdout)
    rows = data["receipt"]["rows"]
    assert rows["dropped"] == {"review.rejected": 1}
    assert rows["changed"] == {"review.edited": 1}
    shown = ran("review", recipe, "--summary")
    assert shown.returncode == 0
    assert "Average rating: 3.75 of 5" in shown.stdout


def test_a_report_is_written_where_it_was_asked_for(recipe: Path) -> None:
    told = json.loads(ran("data", recipe, "--json", "--quiet", "--report").stdout)
    path = Path(told["report"])
    assert path == recipe.parent / ".tunewright" / "datasets" / told["dataset"] / "report.html"
    assert "Every row is accounted for" in path.read_text()
    assert json.loads(path.with_suffix(".json").read_text())["dataset"] == told["dataset"]
    named = ran("data", recipe, "--report", recipe.with_name("mine.html"), "--quiet")
    assert named.returncode == 0 and "mine.html" in named.stdout
    assert json.loads(ran("data", recipe, "--json", "--quiet").stdout)["dataset"] == told["dataset"]
    for wrong, sentence in ((recipe, "a report is an HTML file"), (recipe.with_name("rows.html"), "")):
        refused = ran("data", recipe, "--report", wrong)
        assert refused.returncode == (2 if sentence else 0), refused.stderr
        assert sentence in refused.stderr
    assert "name: questions" in recipe.read_text()


def test_help_of_review_loads_neither_a_server_nor_the_data_room(tmp_path: Path) -> None:
    script = (
        "import sys; from tunewright.app.cli.main import main; main(['review', '--help']); "
        "print(sorted(name for name in ('uvicorn', 'starlette', 'pyarrow', 'torch') if name in sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert told.stdout.strip().endswith("[]")
