"""Options of direct preference optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs: the winner's likelihood rises over a reference's by more than the loser's."""

    type: Literal["dpo"] = "dpo"
    version: Literal[1] = 1
    rows: ClassVar[Literal["pairs"]] = "pairs"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    beta: float = option(
        0.1,
        "How strongly the model is held to the reference; higher is closer.",
        why="0.1: the default of Rafailov et al., 2023 (arXiv 2305.18290), appendix B",
        gt=0,
    )
    label_smoothing: float = option(
        0.0, "Share of pairs whose order is taken for wrong.", why="0: labels are trusted", ge=0, lt=0.5
    )
    likelihood: float = option(
        0.0,
        "Weight of the winner's own cross-entropy, nats a token.",
        why="0: plain DPO; 1 keeps answers likely (Pang et al., 2024, arXiv 2404.19733)",
        ge=0,
    )
    reference: Literal["start", "base"] = option(
        "start",
        "The model that the trained one is held to: as it begins, or the base without model.start_from.",
        why="start: with a new adapter that is the base itself; after fine-tuning it is the fine-tuned model",
    )
