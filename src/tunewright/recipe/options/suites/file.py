"""Options of the file suite: a user's own test file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from tunewright.recipe.fields import Part, PartOf, option


class Options(Part):
    """Your own test file, in any format and shape that data may have; results are called `file_<name of the file>`."""

    type: Literal["file"] = "file"
    version: Literal[1] = 1
    path: str = option("test.jsonl", "A file or a glob, relative to the recipe.", why="a usual name", min_length=1)
    format: str = option("auto", "File format: a source's name, or auto.", why="auto: by the file's ending")
    shape: Annotated[Any, PartOf("shapes", also=("auto",))] = option(
        "auto",
        "The form of a row: a shape, or `auto`.",
        why="auto: by the columns; `choices` and a question come first",
    )
    question: str = option("question", "Column of the question, of rows with choices.", why="the usual name")
    choices: str = option("choices", "Column with a list of answers to choose from.", why="the usual name")
    target: str = option(
        "answer",
        "Column of the right choice: its text, its letter, or its place from 0.",
        why="the usual name",
    )
    ask: Literal["auto", "likelihood", "generation"] = option(
        "auto",
        "Likelihood: the likeliest choice or label; generation: a written answer.",
        why="auto: likelihood for rows with choices, else generation, which is how a model is used",
    )
    max_rows: int | None = option(
        None, "At most so many rows, drawn with the seed.", why="none: they are your rows", unit="rows", ge=1
    )
    seed: int = option(0, "Seed of the draw.", why="fixed, so that every model answers the same rows", ge=0)
    max_tokens: int = option(
        4096,
        "Longest prompt; rows with a longer one are set aside.",
        why="one prompt of 100,000 tokens takes a processor many minutes, and most models do not read it",
        unit="tokens",
        ge=8,
        le=1_000_000,
    )
    max_new_tokens: int | None = option(
        None, "Longest written answer.", why="none: that of the evaluation", unit="tokens", ge=1
    )
    scorers: tuple[str, ...] = option(
        ("exact_match",),
        "Metrics.",
        why="means the same for texts, labels and choices; add rouge_l, chrf, accuracy or f1 where they fit",
        min_length=1,
    )
