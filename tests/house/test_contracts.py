"""Every part keeps what its kind promises; a part that breaks it is found."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.house.contracts import CONTRACTS
from tests.house.test_parts import HERE, load
from tunewright.core import catalog
from tunewright.core.ports import Gone, RawRow, StepResult


@pytest.mark.parametrize(("kind", "name"), HERE, ids=lambda word: word)
def test_a_part_keeps_the_contract_of_its_kind(kind: str, name: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    part = load(kind, name)
    assert CONTRACTS[kind](part.work(part.options()), tiny_model_folder, tmp_path) == []


def test_every_kind_has_a_contract() -> None:
    assert set(CONTRACTS) == set(catalog.kinds())


class RaisingSource:
    def read(self, path: Path) -> Any:
        yield RawRow(1, {"text": path.read_text(encoding="utf-8")})


class SilentSource:
    def read(self, path: Path) -> Any:
        yield RawRow(1, None)


class TrustingShape:
    options = catalog.options("shapes", "labelled")()

    def fits(self, columns: frozenset[str], example: Any) -> bool:
        return True

    def convert(self, value: Any) -> Any:
        return ({"role": "assistant", "content": value["text"]},), None


class LosingStep:
    def apply(self, rows: Any) -> StepResult:
        return StepResult({split: some[1:] for split, some in rows.items()}, [], {})


class MuteStep:
    def apply(self, rows: Any) -> StepResult:
        gone = [Gone(row, split, "dropped", "") for split, some in rows.items() for row in some]
        return StepResult({split: [] for split in rows}, gone, {})


class UpwardSchedule:
    def factor(self, step: int, total_steps: int) -> float:
        return step / 100


class SleepingSchedule:
    def factor(self, step: int, total_steps: int) -> float:
        return 0.0


class BackwardScorer:
    direction = "lower"
    range = (0.0, 1.0)
    census = False

    def score(self, rows: Any, labels: Any) -> float:
        return sum(row.answer == row.row.label for row in rows) / len(rows) if rows else math.nan

    def per_row(self, rows: Any) -> None:
        return None


class UnequalScorer(BackwardScorer):
    direction = "higher"

    def per_row(self, rows: Any) -> Any:
        return np.full(len(rows), 0.25)


class MeanObjective:
    def counts(self, examples: Any) -> dict[str, float]:
        return {"loss": sum(each.weights.mean() for each in examples) / len(examples)}


class SilentOptimiser:
    """Its groups do not say what multiplies their rate."""

    learning_rate_factor = 1.0
    schedule = "cosine"
    state_bytes = 8.0

    def build(self, parameters: Any, *, learning_rate: float, rates: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters.values(), lr=learning_rate)


class LooseOptimiser(SilentOptimiser):
    """It names a schedule that is not there."""

    schedule = "cosin"

    def build(self, parameters: Any, *, learning_rate: float, rates: Any) -> torch.optim.Optimizer:
        groups = [{"params": [each], "factor": rates.get(name, 1.0)} for name, each in parameters.items()]
        return torch.optim.Adam(groups, lr=learning_rate)


class WrongOptimiser(SilentOptimiser):
    def build(self, parameters: Any, *, learning_rate: float, rates: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters.values(), lr=learning_rate, maximize=True)


class ForgetfulAdam(torch.optim.Adam):
    def load_state_dict(self, state_dict: Any) -> None:
        self.state.clear()


class ForgetfulOptimiser(SilentOptimiser):
    def build(self, parameters: Any, *, learning_rate: float, rates: Any) -> torch.optim.Optimizer:
        return ForgetfulAdam(parameters.values(), lr=learning_rate)


class SecretMethod:
    """Trains everything and names one weight."""

    adapts = False
    learning_rate = 1e-3

    def attach(self, model: Any, *, seed: int) -> Any:
        return model

    def trainable(self, model: Any) -> dict[str, Any]:
        return dict(list(model.named_parameters())[:1])

    def content(self, model: Any, weights: Any) -> dict[str, Any]:
        return {}

    def read(self, folder: Path) -> dict[str, Any]:
        return {}

    def save(self, model: Any, weights: Any, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, model: Any, folder: Path) -> Any:
        return model


BREACHES = [
    ("sources", RaisingSource()),
    ("sources", SilentSource()),
    ("shapes", TrustingShape()),
    ("steps", LosingStep()),
    ("steps", MuteStep()),
    ("schedules", UpwardSchedule()),
    ("schedules", SleepingSchedule()),
    ("scorers", BackwardScorer()),
    ("scorers", UnequalScorer()),
    ("suites", SimpleNamespace(scorers=("none_such",), ways=("a",), styles=lambda offered, labels: ("bare",))),
    ("suites", SimpleNamespace(scorers=("loss",), ways=("a", "a"), styles=lambda offered, labels: ("bare",))),
    ("objectives", MeanObjective()),
    ("optimisers", SilentOptimiser()),
    ("optimisers", LooseOptimiser()),
    ("optimisers", WrongOptimiser()),
    ("optimisers", ForgetfulOptimiser()),
    ("methods", SecretMethod()),
]


@pytest.mark.parametrize(
    ("kind", "part"), BREACHES, ids=lambda one: one if isinstance(one, str) else type(one).__name__
)
def test_a_broken_promise_is_found(kind: str, part: Any, tiny_model_folder: Path, tmp_path: Path) -> None:
    assert CONTRACTS[kind](part, tiny_model_folder, tmp_path) != []
