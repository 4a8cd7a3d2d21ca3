"""Options of the step `quality`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from tunewright.recipe.fields import Part, Share, option

NAMES = ("chat", "gopher", "c4", "fineweb", "none")
RuleSet = Literal["chat", "gopher", "c4", "fineweb", "none"]
_ONE = {"enum": list(NAMES)}
RuleSets = Annotated[
    tuple[RuleSet, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}),
]


class Options(Part):
    """Drops rows that are written badly: repetition, length, strange words, symbols, markup; or a low score."""

    type: Literal["quality"] = "quality"
    version: Literal[1] = 1
    rules: RuleSets = option(
        ("chat",),
        "Sets of rules, one or several: chat, gopher, c4, fineweb, none. A row that breaks one is dropped.",
        why="chat: limits for short answers; the others are for web pages and drop every row of fewer than 50 words",
    )
    look_at: Literal["auto", "answers", "conversation"] = option(
        "auto",
        "auto: the assistant's turns, of plain text all, of labelled rows the question; answers; conversation.",
        why="auto: what the model learns to write",
    )
    least: Share | None = option(
        None, "Least score from 0 to 1.", why="none: the rules decide; look at kept scores before you set it"
    )
    least_words: int | None = option(None, "Fewest words of a text.", why="none: as the rules say", unit="words", ge=0)
    most_words: int | None = option(None, "Most words of a text.", why="none: as the rules say", unit="words", ge=1)
    repetition: Share | None = option(
        None, "Largest share of characters in runs of five words that stand before.", why="none: as the rules say"
    )
    unique_words: Share | None = option(
        None, "Least share of different words, over windows of 100.", why="none: as the rules say"
    )
    markup: Share | None = option(
        None, "Largest share of characters in tags, entities and addresses.", why="none: as the rules say"
    )
    symbols: float | None = option(
        None, "Most hash signs and most ellipses for a word.", why="none: as the rules say", ge=0
    )
    shortest_mean_word: float | None = option(
        None, "Least mean length of words.", why="none: as the rules say", unit="characters", ge=0
    )
    longest_mean_word: float | None = option(
        None, "Largest mean length of words.", why="none: as the rules say", unit="characters", ge=0
    )
    keep_score: bool = option(
        False, "Keep the score with each row, as the column `quality`.", why="off: it would lie in every copy"
    )
