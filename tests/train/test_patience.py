"""Early stopping's rules, without a model."""

from __future__ import annotations

import json
import math

from tunewright.recipe.training import EarlyStoppingOptions
from tunewright.train.patience import Patience


def test_the_best_is_remembered_and_patience_runs_out() -> None:
    patience = Patience(EarlyStoppingOptions(patience=2, least_gain=0.1))
    gains = [patience.validated(step, loss) for step, loss in enumerate([3.0, 2.95, 2.5, 2.45, 2.41], start=1)]
    assert gains == [True, False, True, False, False]
    assert (patience.best_step, patience.best_loss, patience.spent) == (3, 2.5, True)


def test_without_patience_a_run_goes_to_its_end() -> None:
    patience = Patience(EarlyStoppingOptions())
    for step in range(50):
        patience.validated(step, 5.0)
    assert not patience.spent


def test_nan_is_no_gain() -> None:
    patience = Patience(EarlyStoppingOptions(patience=3))
    assert not patience.validated(1, math.nan)
    assert patience.validated(2, 2.0)
    assert patience.best_loss == 2.0


def test_the_state_passes_through_json_exactly() -> None:
    patience = Patience(EarlyStoppingOptions(patience=5))
    for step, loss in enumerate([1.1, 0.3, 0.7]):
        patience.validated(step, loss)
    again = Patience(EarlyStoppingOptions(patience=5))
    again.restore(json.loads(json.dumps(patience.state())))
    assert again.state() == patience.state()
