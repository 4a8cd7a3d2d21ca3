"""MLflow's tracking server, by MLflow's own client (REST API 2.0)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from mlflow.entities import Metric, Param, Run, RunStatus
from mlflow.telemetry.client import _set_telemetry_client
from mlflow.tracking import MlflowClient

from tunewright.core.ports import Measured, TrackedRun
from tunewright.recipe.options.trackers.mlflow import Options

MOST_METRICS = 1000
MOST_PARAMS = 100
MOST_CHARACTERS = 6000
"""Limits of one request and of a parameter's value: https://mlflow.org/docs/latest/api_reference/rest-api.html."""
KEY = "tunewright.key"
STATUS = {"done": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class Work:
    """Keeps one MLflow run a key. What the server has is asked of the server, so nothing is sent twice."""

    def __init__(self, options: Options) -> None:
        self.options = options
        _set_telemetry_client(None)  # MLflow has no switch but variables, and those are the user's
        self._client: Any = None
        self._run_id = ""
        self._sure = False

    def open(self, run: TrackedRun) -> None:
        """Find the MLflow run with this key, or make it; add the parameters that it lacks."""
        self._client = MlflowClient(tracking_uri=self.options.uri)
        self._sure = False
        found = self._find(run) or self._client.create_run(
            self._experiment(run), run_name=run.name, tags={KEY: run.key, "tunewright.recipe": run.name}
        )
        self._run_id = found.info.run_id
        if found.info.status != "RUNNING":
            self._set_status("RUNNING")
        lacking = [Param(name, value) for name, value in parameters(run).items() if name not in found.data.params]
        for start in range(0, len(lacking), MOST_PARAMS):
            self._client.log_batch(self._run_id, params=lacking[start : start + MOST_PARAMS])

    def send(self, numbers: Sequence[Measured]) -> None:
        """Log metrics in requests of at most 1000; those of a step that the server has already are left out."""
        new = list(numbers) if self._sure else self._missing(numbers)
        self._sure = False
        for metrics in _requests(new):
            self._client.log_batch(self._run_id, metrics=metrics)
        self._sure = True

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """Log the final numbers as tags and end the MLflow run."""
        for name, value in results.items():
            self._client.set_tag(self._run_id, f"tunewright.final.{name}", repr(value))
        self._set_status(STATUS[status], end_time_ms=round(time.time() * 1000))

    def _experiment(self, run: TrackedRun) -> str:
        name = self.options.experiment or run.name
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else self._client.create_experiment(name)

    def _find(self, run: TrackedRun) -> Run | None:
        found = self._client.search_runs(
            [self._experiment(run)], filter_string=f"tags.`{KEY}` = '{run.key}'", max_results=1
        )
        return found[0] if found else None

    def _set_status(self, status: str, end_time_ms: int | None = None) -> None:
        """By the store: the client's own way prints an address to the standard output."""
        store = self._client._tracking_client.store
        store.update_run_info(self._run_id, RunStatus.from_string(status), end_time_ms, None)

    def _missing(self, numbers: Sequence[Measured]) -> list[Measured]:
        """Numbers that the server does not have. A step's numbers go in one request, so the first stands for all."""
        there = self._client.get_run(self._run_id).data.metrics
        marks = {_mark(each) for each in numbers} & set(there)
        had = {name: self._history(name) for name in marks}
        return [each for each in numbers if (each.step, _ms(each)) not in had.get(_mark(each), ())]

    def _history(self, name: str) -> set[tuple[int, int]]:
        return {(each.step, each.timestamp) for each in self._client.get_metric_history(self._run_id, name)}


def parameters(run: TrackedRun) -> dict[str, str]:
    """The recipe and what was used, flat, as texts."""
    flat = {**flattened(run.options), **{f"used.{name}": str(value) for name, value in run.used.items()}}
    return {name: value[:MOST_CHARACTERS] for name, value in flat.items()}


def flattened(options: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A tree of options as dotted names and texts; lists as JSON."""
    flat: dict[str, str] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _mark(numbers: Measured) -> str:
    return min(numbers.values, default="")


def _ms(numbers: Measured) -> int:
    return round(numbers.time_s * 1000)


def _requests(numbers: Sequence[Measured]) -> Iterator[list[Metric]]:
    """Metrics in lists that one request takes; those of one step are never divided."""
    metrics: list[Metric] = []
    for each in numbers:
        if metrics and len(metrics) + len(each.values) > MOST_METRICS:
            yield metrics
            metrics = []
        metrics += [Metric(name, value, _ms(each), each.step) for name, value in each.values.items()]
    if metrics:
        yield metrics
