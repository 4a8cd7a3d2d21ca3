"""How near an exported form must be to the trained model: one block of the recipe."""

from __future__ import annotations

from tunewright.recipe.fields import Options, Share, option


class ProofOptions(Options):
    """What an export is measured on, and how far each form may be from the trained model.

    Distances are mean Kullback-Leibler divergences of next-token distributions, in nats, from the trained model in
    float32. Several limits are multiples of the model's own: the distance of the trained model in bf16.
    """

    rows: int = option(
        128,
        "Held-out rows that distributions are compared on: the first of the test split, else of validation.",
        why="some hundred positions: the mean of their distances is known to a few per cent",
        unit="rows",
        ge=1,
    )
    score_rows: int = option(
        100,
        "Held-out rows that both models answer, to compare the answers' score; 0: none.",
        why="a hundred answers show a loss of 8 points; more cost time",
        unit="rows",
        ge=0,
    )
    margin: Share = option(
        0.02,
        "A form is refused when the interval of its score's difference lies wholly below minus this.",
        why="two points: what two runs of one recipe with different seeds differ by",
    )
    merged: float = option(
        1e-6,
        "Largest mean KL of merged weights in float32, which every form is made from.",
        why="rounding in float32 gives 1e-9 or less (3e-12 on the demo's model); a delta scaled by 0.9 gives far more",
        unit="nats",
        gt=0,
    )
    half: float = option(
        2.0,
        "Largest mean KL of merged bf16 weights and of GGUF f16, as a multiple of the model's own.",
        why="rounding once more may add as much again as bf16 products do",
        gt=0,
    )
    q8_0: float = option(
        5.0,
        "Largest mean KL of GGUF Q8_0, as a multiple of the model's own.",
        why="eight bits and a scale for 32 weights are about as fine as bf16",
        gt=0,
    )
    int8: float = option(
        0.005,
        "Largest mean KL of int8.",
        why="seven times the 0.0007 of the built-in model trained on the demo's rows (2026-11-30, 74 positions)",
        unit="nats",
        gt=0,
    )
    q4_0: float = option(
        0.1,
        "Largest mean KL of GGUF Q4_0.",
        why="twice the 0.05 of the built-in model trained on the demo's rows (2026-11-30, 74 positions)",
        unit="nats",
        gt=0,
    )
