"""Options of the suite that runs a task of lm-eval (EleutherAI's lm-evaluation-harness)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunewright.recipe.fields import Part, option

Positive = Annotated[int, Field(ge=1)]


class Options(Part):
    """A task file of lm-eval over local data; the result is called `lm_eval_<file name>`."""

    type: Literal["lm_eval"] = "lm_eval"
    version: Literal[1] = 1
    file: str = option(
        "",
        "The task's YAML file, relative to the recipe; its data files are relative to it.",
        why="there is no default",
    )
    examples: Annotated[int, Field(ge=0)] | None = option(
        None, "Worked examples before each question.", why="none: what the task says, as in lm-eval"
    )
    prompts: Literal["plain", "chat"] = option(
        "plain",
        "How a question is written: as plain text, or by the model's chat template (system turn, user turn, examples "
        "as earlier turns).",
        why="lm-eval's own default, so that published numbers compare",
    )
    functions: Literal["refuse", "run"] = option(
        "refuse",
        "What becomes of a task that names Python functions (`!function`, `class`): running them runs code that came "
        "with the task.",
        why="a task file is data; code has to be asked for",
    )
    max_rows: Positive | None = option(None, "The first so many documents.", why="none: all of them")
    context_tokens: Positive | Literal["auto"] = option(
        "auto",
        "Longest context; what is longer loses its beginning, and texts are read in windows of it.",
        why="auto: what the model reads, else 2048 as in lm-eval",
        unit="tokens",
    )
    scorers: tuple[str, ...] | Literal["auto"] = option(
        "auto",
        "Metrics of ours; those of the task itself are recorded beside them.",
        why="auto: accuracy of choices; exact match of answers; loss, perplexity and bits per byte of texts",
    )
