"""Options of the preference shape: a prompt, the answer that won, and the one that lost."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A prompt (a text or turns), and two answers (each a text, a turn or turns) of which one is preferred.

    Or a list of scored answers, out of which pairs are made.
    """

    type: Literal["preference"] = "preference"
    version: Literal[1] = 1
    prompt: str = option("prompt", "Column of the prompt; absent where both sides begin with it.", why="TRL's name")
    chosen: str = option("chosen", "Column of the answer that won.", why="TRL's name")
    rejected: str = option("rejected", "Column of the answer that lost.", why="TRL's name")
    conversations: str = option(
        "conversations", "Column of the prompt as turns with `from` and `value`.", why="as LLaMA-Factory's sets have it"
    )
    system: str = option("system", "Column of the system turn; may be absent.", why="as LLaMA-Factory's sets have it")
    tools: str = option("tools", "Column of the tools' JSON schemas; may be absent.", why="as TRL's sets have it")
    margin: str = option("margin", "Column of by how much the one won; may be absent.", why="TRL's name")
    score: str = option(
        "score",
        "What scores are called: `score_chosen` and `score_rejected` beside a pair, `score` inside a list of answers.",
        why="UltraFeedback's name; rating and overall_score are found in a list without it",
    )
    completions: str = option(
        "completions", "Column of a list of scored answers, in place of both.", why="UltraFeedback's name"
    )
    pairs: Literal["best_and_worst", "all"] = option(
        "best_and_worst",
        "Which pairs are made of a list: the best with the worst, or every two.",
        why="best_and_worst: the clearest difference, and every prompt counts once",
    )
    tie_margin: float = option(
        0.0, "Scores that differ by no more than this are a tie; ties are dropped.", why="0: equal scores alone", ge=0
    )
