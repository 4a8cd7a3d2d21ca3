"""What `export` shows of each form: for people a few lines, for programs a mapping."""

from __future__ import annotations

from typing import Any

from tunewright.app.cli import out
from tunewright.app.exporting import Exported
from tunewright.core.nouns import Comparison


def document(exported: Exported) -> dict[str, Any]:
    """One form as JSON: where it lies, None for one that was refused, and its proof."""
    folder = str(exported.folder) if exported.folder else None
    return {"form": exported.form, "folder": folder, "proof": exported.proof.model_dump(mode="json")}


def show(exported: Exported) -> None:
    """One form as lines."""
    proof = exported.proof
    state = "kept" if proof.passed else "refused"
    out.say(f"{exported.form}: {state}, {proof.bytes / 1e6:,.0f} MB")
    out.say(f"  mean KL {proof.kl_mean:.2g} nats (at most {proof.limit:.2g}; bf16 alone {proof.own_kl:.2g}),")
    out.say(f"  largest {proof.kl_max:.2g}, loss {proof.loss_difference:+.2g}, over {proof.positions:,} positions;")
    out.say(f"  the likeliest token is the same at {100 * proof.greedy_agreement:.1f} % of them")
    if proof.score is not None:
        out.say(f"  {scores(proof.score, proof.metric)}")
    if exported.folder:
        out.say(f"  {out.shown(exported.folder)}")


def scores(found: Comparison, metric: str) -> str:
    """Both models' metric, with the difference and its interval."""
    text = f"{metric} on {found.n:,} rows: trained {_number(found.base)}, this form {_number(found.tuned)}"
    if found.interval is None:
        return text
    return f"{text} ({found.difference:+.3f}, 95 % interval {found.interval[0]:+.3f} to {found.interval[1]:+.3f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
