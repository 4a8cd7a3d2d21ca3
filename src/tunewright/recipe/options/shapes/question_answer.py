"""Options of the question and answer shape."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A question, an optional context, and an answer."""

    type: Literal["question_answer"] = "question_answer"
    version: Literal[1] = 1
    question: str = option("question", "Column of the question.", why="the usual name")
    context: str = option("context", "Column of the context; may be absent or empty.", why="the usual name")
    answer: str = option("answer", "Column of the answer.", why="the usual name")
