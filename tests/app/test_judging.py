"""The verb `judge`, in this process and as a command: which evaluation is meant, and results in files and sentences."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.evaluate.judging.duels import Habits, write_evaluation
from tests.evaluate.judging.people import vote_by
from tests.evaluate.judging.scripted import answer, failure, server
from tests.house.process import TUNEWRIGHT, watched
from tunewright.app import flow
from tunewright.app.found import Found, find_evaluation
from tunewright.app.judging import Asked, Server, Terms, duel_of, judge_by_model
from tunewright.app.judging_people import open_session, results, serve
from tunewright.app.project import open_project
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import silent
from tunewright.core.nouns import Evaluation, ModelVersion, Numbers, Run
from tunewright.core.workspace import Workspace, lock
from tunewright.evaluate.judging.limits import Limits
from tunewright.evaluate.judging.record import Judging
from tunewright.evaluate.store import write_record

SECRET = "sk-planted-0123456789"


def evaluated(home: Path, count: int = 12, *, key: str = "e" * 64, model: str = "m" * 64, **how: Any) -> Path:
    """An evaluation in a workspace, with its record; returns its folder."""
    workspace = Workspace(home)
    evaluation = Evaluation(name=f"name of {key[:4]}", key=key, model=model, dataset="d", split="test", suites={})
    folder = write_evaluation(workspace.evaluations / key, count, **how)
    write_record(folder, evaluation)
    workspace.keep_record("evaluations", key, evaluation)
    return folder


def a_run(home: Path, recipe: Path, *, name: str = "m" * 64) -> Run:
    """A finished run of a recipe file, with its record."""
    numbers = Numbers(weights="bf16", products="bf16")
    model = ModelVersion(
        name=name,
        key="k",
        base="b",
        base_digest="b",
        method="lora",
        chat_digest="c",
        numbers=numbers,
        trained_parameters=1,
    )
    run = Run(
        name=name,
        key="r" * 64,
        recipe={"name": "n", "model": {"name": "m"}, "data": {"train": "rows.jsonl"}},
        recipe_file=str(recipe),
        used={},
        model=model,
        dataset="d",
        steps=1,
        loss=1.0,
        tokens=1,
        trained_tokens=1,
        tokens_per_s=1.0,
        train_s=1.0,
        peak_memory_bytes=1,
    )
    Workspace(home).keep_record("runs", run.key, run)
    return run


def judged(found: Found, url: str, **terms: Any) -> tuple[Judging, Path]:
    """What a judge behind `url` says about everything."""
    asked = Server(url, "judge", max_new_tokens=64, timeout_s=5)
    return judge_by_model(
        found, duel_of(found, Asked()), server=asked, terms=Terms(**terms), emit=silent, environment={}
    )


def test_an_evaluation_is_found_by_its_folder_its_recipe_its_run_and_its_model(tmp_path: Path) -> None:
    home, recipe = tmp_path / ".tunewright", tmp_path / "recipe.yaml"
    recipe.write_text("name: n\nmodel: {name: m}\ndata: {train: rows.jsonl}\n")
    a_run(home, recipe)
    old, new = evaluated(home, key="1" * 64), evaluated(home, key="2" * 64)
    evaluated(home, key="3" * 64, model="another")
    os.utime(home / "index" / "evaluations" / f"{'1' * 64}.json", (1, 1))
    assert find_evaluation(old).folder == old
    for folder in (home / "runs" / ("r" * 12), home / "models" / ("m" * 64)):
        folder.mkdir(parents=True)
        assert find_evaluation(folder).folder == new
    assert find_evaluation(recipe).folder == find_evaluation(tmp_path).folder == new
    assert find_evaluation(new).workspace == Workspace(home)


def test_what_was_not_evaluated_is_said(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: n\nmodel: {name: m}\ndata: {train: rows.jsonl}\n")
    with pytest.raises(UserError, match=r"not evaluated yet.*tunewright evaluate"):
        find_evaluation(recipe)
    with pytest.raises(UserError, match="no recipe, run or model"):
        find_evaluation(tmp_path.parent)
    folder = evaluated(tmp_path / "home")
    (folder / "evaluation.json").write_text('{"name": ')
    with pytest.raises(UserError, match="gone or damaged"):
        find_evaluation(folder)


def test_a_model_judges_and_a_rerun_asks_nothing(tmp_path: Path) -> None:
    found = find_evaluation(evaluated(tmp_path))
    with server(Habits(tuned=1.0)) as seen:
        first, file = judged(found, seen.url)
        second, again = judged(found, seen.url)
        assert len(seen.asked) == 24
    assert (first.win_rate.value, first.evaluation, file) == (1.0, "name of eeee", again)
    assert second.cost.requests == 0 and second.cost.kept == 24
    assert second.model_dump(exclude={"cost", "made_at"}) == first.model_dump(exclude={"cost", "made_at"})
    assert file.is_relative_to(found.folder / "judging")
    assert Judging.model_validate_json(file.read_text()) == second


def test_a_judge_that_fails_leaves_a_record_and_goes_on_later(tmp_path: Path) -> None:
    found = find_evaluation(evaluated(tmp_path, 30))
    sick = {"on": True}

    def script(body: dict[str, Any], number: int) -> Any:
        return failure(401, "who?") if sick["on"] and number >= 10 else Habits()(body, number)

    with server(script) as seen:
        with pytest.raises(OutsideError, match=r"5 questions in a row failed.*401 who.*What was judged is kept"):
            judged(found, seen.url)
        (file,) = (found.folder / "judging").glob("*/judging.json")
        part = Judging.model_validate_json(file.read_text())
        assert 0 < part.pairs.judged < 30 and part.pairs.failed and part.pairs.unasked
        asked = len(seen.asked)
        sick["on"] = False
        whole, _ = judged(found, seen.url)
        assert whole.pairs.judged == 30
        assert len(seen.asked) - asked < 60


def test_people_who_judged_are_compared_with(tmp_path: Path) -> None:
    found = find_evaluation(evaluated(tmp_path, 20, answers=lambda model, n: f"I am {model}, row {n}."))
    session = open_session(found, duel_of(found, Asked()))
    while (state := session.state("Ann"))["place"] is not None:
        left = "I am tuned" in state["left"]
        session.vote("Ann", place=state["place"], choice="left" if left else "right")
    record, file = results(session, found)
    assert (record.win_rate.value, file.parent.parent) == (1.0, found.folder / "people")
    with server(Habits(tuned=1.0)) as seen:
        judging, _ = judged(found, seen.url)
        labels = file.with_name("votes.parquet")
        named, _ = judged(found, seen.url, labels=labels, limits=Limits(max_requests=0))
    assert judging.people is not None
    assert (judging.people.pairs, judging.people.share.value, judging.people.raters) == (20, 1.0, 1)
    assert named.people == judging.people
    file.write_text("{}")
    with pytest.raises(UserError, match=r"damaged.*--results"), server(Habits()) as seen:
        judged(found, seen.url)


def test_preferences_of_people_are_training_data(tmp_path: Path, tiny_model_folder: Path) -> None:
    spoken = {"base": "alpha", "tuned": "beta"}
    found = find_evaluation(evaluated(tmp_path / "home", 40, answers=lambda model, n: f"{spoken[model]} {n}"))
    session = open_session(found, duel_of(found, Asked()))
    for rater in ("Ann", "Bo"):
        vote_by(session, rater, lambda number: "tuned" if number % 3 else "base")
    record, file = results(session, found)
    data = {"train": str(file.with_name("preferences.jsonl")), "keep": ["chosen_model"]}
    recipe = {"name": "n", "model": {"name": str(tiny_model_folder)}, "data": data}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    version = flow.prepare(open_project(tmp_path / "recipe.yaml"), silent)
    assert (version.shape, version.receipt.rows.kept, record.preferences) == ("preference", 40, 40)


def test_one_session_is_served_once_and_a_port_is_used_once(tmp_path: Path) -> None:
    found = find_evaluation(evaluated(tmp_path))
    session = open_session(found, duel_of(found, Asked()))
    told: list[str] = []
    with lock(session.folder / "lock", purpose="judge people"), pytest.raises(UserError, match="at work here"):
        serve(session, port=0, raters=1, ready=told.append)
    with server(Habits()) as seen, pytest.raises(OutsideError, match="port is taken"):
        serve(session, port=int(seen.url.split(":")[2].split("/")[0]), raters=1, ready=told.append)
    assert told == []


class Far:
    """A session behind the page's server, as `vote_by` uses one."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self, name: str) -> dict[str, Any]:
        return httpx.post(f"{self.url}state", json={"rater": name}).json()

    def vote(self, name: str, *, place: int, choice: str) -> None:
        httpx.post(f"{self.url}vote", json={"rater": name, "place": place, "choice": choice}).raise_for_status()


@contextmanager
def command(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`judge people` as a command, once its page is there; its address."""
    line = [TUNEWRIGHT, "judge", "people", *map(str, words), "--port", "0", "--json"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/\S+/", told)
        assert match, told
        yield process, match.group()
    finally:
        process.kill()
        process.wait()


def test_the_command_ends_when_its_raters_are_done(tmp_path: Path) -> None:
    spoken = {"base": "alpha", "tuned": "beta"}
    folder = evaluated(tmp_path, 6, answers=lambda model, number: f"{spoken[model]} {number}")
    with command(folder, "--raters", 2) as (process, url):
        far: Any = Far(url)
        vote_by(far, "Ann", lambda number: "tuned" if number else "base")
        httpx.post(f"{url}finish", json={"rater": "Ann"})
        vote_by(far, "Bo", lambda number: "tuned")
        done = httpx.post(f"{url}finish", json={"rater": "Bo"}).json()
        assert done["finished"] is True
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    told = json.loads(out)
    assert told["win_rate"]["value"] == pytest.approx(11 / 12)
    assert [rater["finished"] for rater in told["raters"]] == [True, True]
    assert Path(told["file"]).with_name("preferences.jsonl").read_text().count("\n") == 5
    again = watched([TUNEWRIGHT, "judge", "people", folder], tmp_path)
    assert again.exit_code == 0 and "2 raters are done already" in again.out
    assert "tuned wins 91.7 % of 6 pairs against base" in again.out


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_what_was_voted_before_the_command_ends_is_kept(tmp_path: Path, end: int) -> None:
    folder = evaluated(tmp_path, 6)
    with command(folder) as (process, url):
        for place in range(2):
            httpx.post(f"{url}vote", json={"rater": "Ann", "place": place, "choice": "tie"}).raise_for_status()
        process.send_signal(end)
        out, _ = process.communicate(timeout=60)
    if end == signal.SIGINT:
        assert process.returncode == 0
        assert json.loads(out)["raters"][0]["votes"] == 2
    with command(folder) as (_process, again):
        assert again.split("/")[-2] == url.split("/")[-2]
        assert httpx.post(f"{again}state", json={"rater": "ann"}).json()["done"] == 2
    shown = watched([TUNEWRIGHT, "judge", "people", folder, "--results"], tmp_path)
    assert shown.exit_code == 0 and "Ann: 2 of 6 pairs, 2 ties, 0 skipped, not done" in shown.out


def test_the_command_asks_a_model_and_stores_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWRIGHT_API_KEY", SECRET)
    folder = evaluated(tmp_path, 10)
    with server(Habits(tuned=1.0)) as seen:
        words = ["judge", "model", folder, "--url", seen.url, "--model", "big", "--max-tokens", "64"]
        limited = watched([TUNEWRIGHT, *words, "--max-requests", "8"], tmp_path)
        told = subprocess.run(
            [TUNEWRIGHT, *map(str, words), "--max-usd", "1", "--usd-per-million", "1", "2", "--json"],
            capture_output=True,
            text=True,
        )
        assert {head["authorization"] for head in seen.headers} == {f"Bearer {SECRET}"}
        assert len(seen.asked) == 20
    assert limited.exit_code == 0
    assert "Stopped at the limit of 8 requests: 4 of 10 pairs are judged." in limited.out
    document = json.loads(told.stdout)
    assert (document["win_rate"]["value"], document["judge"]["model"], document["cost"]["requests"]) == (1.0, "big", 12)
    assert document["cost"]["usd"] == pytest.approx(12 * (10 + 2 * 2) / 1e6)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in limited.out + told.stdout + told.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["model"], "needs --url and --model"),
        (["model", "--url", "http://127.0.0.1:1", "--model", "m", "--max-usd", "1"], "--usd-per-million"),
        (["model", "--port", "1"], "--port means nothing to `judge model`"),
        (["people", "--max-usd", "1"], "--max-usd means nothing to `judge people`"),
        (["people", "--between", "base", "gpt"], "gpt gave no answers here"),
        (["people", "--way", "nothing"], "no way of asking"),
        (["model", "--url", "nowhere", "--model", "m"], "no address of a server"),
        (["dogs"], "is not one of"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    folder = evaluated(tmp_path)
    seen = watched([TUNEWRIGHT, "judge", words[0], folder, *words[1:]], tmp_path)
    assert seen.exit_code == 2
    assert sentence in seen.out
    assert "Traceback" not in seen.out


def test_a_judge_that_answers_garbage_is_one_sentence_and_exits_3(tmp_path: Path) -> None:
    folder = evaluated(tmp_path, 3)
    with server(lambda _body, _number: answer("Banana.")) as seen:
        got = watched([TUNEWRIGHT, "judge", "model", folder, "--url", seen.url, "--model", "m"], tmp_path)
    assert got.exit_code == 3
    assert "none of 6 answers of the judge ends in a verdict" in got.out


def test_help_loads_neither_a_client_nor_a_server(tmp_path: Path) -> None:
    seen = watched([TUNEWRIGHT, "judge", "--help"], tmp_path)
    assert seen.exit_code == 0 and "never see which model is which" in seen.out
    assert seen.loaded("torch", "numpy", "pyarrow", "httpx", "starlette", "uvicorn") == set()
