"""The record of a proof: how near an exported form is to the model that was trained."""

from __future__ import annotations

from tunewright.core.nouns import Comparison, Noun


class Proof(Noun):
    """How far a form of a trained model is from it, on held-out rows. Writer: models. `name` is that of the form.

    `kl_*`: Kullback-Leibler divergence of next-token distributions, trained model first, in nats, over the positions
    that predict an answer's tokens. The trained model computes in float32 without rounding; `own_kl` is the distance of
    the same model in bf16. `limit` is what `kl_mean` may be. `loss_difference` = form - trained, nats a token;
    `greedy_agreement` the share of positions with one likeliest token. `score`: the answers' metric, the trained model
    as `base` and the form as `tuned`. `problems` are sentences; without any the form is written as a model version.
    """

    form: str
    model: str
    dataset: str
    split: str
    rows: int
    positions: int
    kl_mean: float
    kl_max: float
    own_kl: float
    limit: float
    merge_kl: float
    """Mean KL of the merged float32 weights that the form was made from."""
    loss_difference: float
    greedy_agreement: float
    metric: str = ""
    score: Comparison | None = None
    problems: tuple[str, ...] = ()
    bytes: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """True when no limit was broken."""
        return not self.problems
