"""MLflow's client over a store of files; the real server is `scripts/mlflow_server_test.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from tests.house.process import watched
from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.mlflow import Work, flattened
from tunewright.recipe.options.trackers.mlflow import Options

RECIPE = {"name": "flow", "training": {"seed": 3, "clip_norm": None}, "data": {"steps": ["a", "b"], "path": "x"}}


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file:{tmp_path}/store"


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun("flow", "c" * 64, tmp_path, RECIPE, {"threads": 2, "dataset": "d" * 64})


def opened(uri: str, run: TrackedRun) -> Work:
    work = Work(Options(uri=uri))
    work.open(run)
    return work


def numbers(*steps: int) -> list[Measured]:
    return [Measured(step, 1000.5 + step, {"loss": 1 / step, "rate": 0.1}) for step in steps]


def only_run(uri: str) -> tuple[MlflowClient, str]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("flow")
    found = client.search_runs([experiment.experiment_id])
    assert len(found) == 1
    return client, found[0].info.run_id


def history(uri: str, name: str = "loss") -> list[tuple[int, int, float]]:
    client, run_id = only_run(uri)
    return sorted((each.step, each.timestamp, each.value) for each in client.get_metric_history(run_id, name))


def test_a_run_has_its_parameters_tags_numbers_and_end(uri: str, run: TrackedRun) -> None:
    work = opened(uri, run)
    work.send(numbers(1, 2))
    work.close(status="done", results={"loss": 0.25})
    client, run_id = only_run(uri)
    found = client.get_run(run_id)
    assert found.data.params == {
        "name": "flow",
        "training.seed": "3",
        "training.clip_norm": "null",
        "data.steps": '["a", "b"]',
        "data.path": "x",
        "used.threads": "2",
        "used.dataset": "d" * 64,
    }
    assert found.data.tags["tunewright.key"] == run.key
    assert found.data.tags["tunewright.final.loss"] == "0.25"
    assert (found.info.status, found.info.run_name) == ("FINISHED", "flow")
    assert found.info.end_time >= found.info.start_time
    assert history(uri) == [(1, 1001500, 1.0), (2, 1002500, 0.5)]


def test_another_process_goes_on_with_the_same_run_and_sends_nothing_twice(uri: str, run: TrackedRun) -> None:
    first = opened(uri, run)
    first.send(numbers(1, 2, 3))
    first.close(status="stopped", results={})
    second = opened(uri, run)
    client, run_id = only_run(uri)
    assert client.get_run(run_id).info.status == "RUNNING"
    second.send(numbers(1, 2, 3, 4, 5))
    assert [step for step, *_ in history(uri)] == [1, 2, 3, 4, 5]


def test_what_the_server_took_before_an_error_is_not_sent_again(uri: str, run: TrackedRun) -> None:
    work = opened(uri, run)
    client, run_id = only_run(uri)
    client.log_batch(run_id, metrics=[Metric("loss", 1.0, 1001500, 1), Metric("rate", 0.1, 1001500, 1)])
    work.send(numbers(1, 2))
    assert [step for step, *_ in history(uri)] == [1, 2]


def test_a_step_that_is_measured_again_is_one_more_point(uri: str, run: TrackedRun) -> None:
    work = opened(uri, run)
    work.send(numbers(1, 2))
    work.send([Measured(2, 2000.0, {"loss": 7.0, "rate": 0.1})])
    assert history(uri)[1:] == [(2, 1002500, 0.5), (2, 2000000, 7.0)]


def test_more_numbers_than_one_request_takes(uri: str, run: TrackedRun) -> None:
    opened(uri, run).send(numbers(*range(1, 701)))
    assert [step for step, *_ in history(uri)] == list(range(1, 701))


def test_other_keys_are_other_runs_and_parameters_that_changed_are_left(uri: str, run: TrackedRun) -> None:
    opened(uri, run)
    opened(uri, TrackedRun("flow", run.key, run.folder, {"name": "other", "new": 1}, {}))
    client, run_id = only_run(uri)
    assert client.get_run(run_id).data.params["name"] == "flow"
    assert client.get_run(run_id).data.params["new"] == "1"
    opened(uri, TrackedRun("flow", "e" * 64, run.folder, RECIPE, {}))
    assert len(client.search_runs([client.get_experiment_by_name("flow").experiment_id])) == 2


def test_trees_are_flattened() -> None:
    assert flattened({"a": {"b": {"c": 1.5}}, "d": []}) == {"a.b.c": "1.5", "d": "[]"}


def test_a_password_in_the_recipe_is_refused() -> None:
    with pytest.raises(ValidationError, match="no password belongs in a recipe"):
        Options(uri="http://me:secret@127.0.0.1:5000")


def test_a_run_reaches_for_nothing_but_its_store(tmp_path: Path) -> None:
    code = f"""
import os
for name in ("CI", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST"): os.environ.pop(name, None)
from pathlib import Path
from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.mlflow import Work
from tunewright.recipe.options.trackers.mlflow import Options
work = Work(Options(uri="file:{tmp_path}/store"))
work.open(TrackedRun("quiet", "f" * 64, Path("."), {{}}, {{}}))
work.send([Measured(1, 1.0, {{"loss": 1.0}})])
work.close(status="done", results={{}})
"""
    environment = {"MLFLOW_ALLOW_FILE_STORE": "true", "HOME": str(tmp_path)}
    seen = watched([sys.executable, "-c", code], tmp_path / "watch", environment=environment)
    assert (seen.exit_code, seen.out, seen.outbound) == (0, "", ())
