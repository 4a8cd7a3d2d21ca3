"""Options of the archive suite: a public test set from a package that was fetched."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option

SetName = Literal[
    "bbq",
    "boolq",
    "boolq_combined",
    "crows_pairs",
    "do_not_answer",
    "harmbench",
    "icd10cm",
    "jailbreaks",
    "latent_injection",
    "logiqa",
    "medmcqa",
    "medqa",
    "mmlu",
    "mmlu_clinical",
    "nq_open",
    "openbookqa",
    "piqa",
    "pubmedqa",
    "real_toxicity_prompts",
    "stereoset",
    "toxic_prompts",
    "truthfulqa",
    "winobias",
]
"""The sets of `evaluate/archives`, known here without that room; a test holds the two together."""


class Options(Part):
    """A public test set out of a package that `tunewright suites fetch` brought; results carry the set's name."""

    type: Literal["archive"] = "archive"
    version: Literal[1] = 1
    set: SetName = option(
        "boolq", "The test set; `tunewright suites` lists them.", why="plain questions with two plain answers"
    )
    ask: Literal["auto", "likelihood", "generation", "both"] = option(
        "auto",
        "How choices are asked: by the likeliest one, by a written answer, or both.",
        why="auto: by likelihood, which needs a model that is here; other sets have one way only",
    )
    max_rows: int | None = option(
        500,
        "At most so many rows, drawn with the seed.",
        why="bounds a share to about four points; none takes all, which lasts hours on a processor for some sets",
        unit="rows",
        ge=1,
    )
    seed: int = option(0, "Seed of the draw.", why="fixed, so that every model answers the same rows", ge=0)
    max_new_tokens: int | None = option(
        None, "Longest written answer.", why="none: 16 for a choice, 32 for a question, else 64", unit="tokens", ge=1
    )
    scorers: tuple[str, ...] | Literal["auto"] = option(
        "auto", "Metrics.", why="auto: those that fit the set, see docs/how-to/public-test-sets.md"
    )
