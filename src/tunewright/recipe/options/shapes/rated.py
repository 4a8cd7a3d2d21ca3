"""Options of rated answers: a prompt, an answer, and what the answer is worth."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A prompt with one rated answer, or with a list of them: one row an answer. Usual names are known as well."""

    type: Literal["rated"] = "rated"
    version: Literal[1] = 1
    prompt: str = option("prompt", "Column of the prompt: a text, or turns.", why="TRL's name")
    completion: str = option("completion", "Column of the answer: a text, a turn, or turns.", why="TRL's name")
    rating: str = option(
        "rating",
        "Column of the rating: a number, true and false, or up and down; also its name inside a list of answers.",
        why="the usual name; label, score, overall_score, desirable and kto_tag are found without it",
    )
    completions: str = option(
        "completions", "Column of a list of answers, each with its rating, in place of one.", why="UltraFeedback's name"
    )
    messages: str = option(
        "messages", "Column of a conversation whose last answer is rated, in place of both.", why="the OpenAI format"
    )
    system: str = option("system", "Column of the system turn; may be absent.", why="as LLaMA-Factory's sets have it")
    tools: str = option("tools", "Column of the tools' JSON schemas; may be absent.", why="as TRL's sets have it")
    least: float | None = option(None, "Lowest rating of the scale.", why="none: any number is a rating")
    most: float | None = option(None, "Highest rating of the scale.", why="none: any number is a rating")
    good: float | None = option(
        None,
        "From which rating on an answer counts as good.",
        why="none: the upper half of the scale; without a scale, true and up alone are known to be good",
    )

    @model_validator(mode="after")
    def _is_a_scale(self) -> Options:
        least, most, good = self.least, self.most, self.good
        if least is not None and most is not None and least >= most:
            raise ValueError("the scale ends before it begins: `most` must be above `least`.")
        if good is not None and ((least is not None and good < least) or (most is not None and good > most)):
            raise ValueError("`good` lies outside the scale.")
        return self
