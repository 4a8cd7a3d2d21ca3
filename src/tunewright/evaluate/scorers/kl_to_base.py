"""Divergence from the base model, estimated on answers that the base model wrote."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.divergence import ESTIMATORS
from tunewright.evaluate.sums import FROM_ZERO, TokenMean
from tunewright.recipe.options.scorers.kl_to_base import Options


class Work(TokenMean):
    """Estimate of KL(base || model) in nats a token; range [0, inf), or all numbers for the plain estimator.

    `log_probabilities` are the model's for the tokens of an answer, `details["log_probabilities"]` those of the base
    that wrote it, sampled at temperature 1 from the whole vocabulary; for other sampling the estimate is biased. Rows
    without the base's, or with another number of tokens, are left out.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.range = FROM_ZERO if options.estimator == "schulman" else (-np.inf, np.inf)
        self.estimate = ESTIMATORS[options.estimator]

    def tokens(self, row: AnsweredRow) -> NDArray[np.float64]:
        """The estimate of each token."""
        model = np.asarray(row.log_probabilities, dtype=np.float64)
        base = np.asarray(row.row.details.get("log_probabilities", ()), dtype=np.float64)
        return self.estimate(base, model) if len(base) == len(model) else np.empty(0)
