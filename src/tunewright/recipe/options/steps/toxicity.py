"""Options of the step `toxicity`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Drops or marks rows with toxic English text: insults, threats, slurs, profanity."""

    type: Literal["toxicity"] = "toxicity"
    version: Literal[1] = 1
    threshold: Share = option(
        0.5,
        "The score from which a text counts as toxic.",
        why="set where 1 % of calm texts score higher; measured in docs/explanation/data-steps-toxicity.md",
    )
    action: Literal["drop", "mark"] = option(
        "drop",
        "drop: leave the row out; mark: keep it with its score as the column `toxicity`.",
        why="drop: what is in the data is what the model learns to say",
    )
    scorer: Literal["combined", "lexicon"] = option(
        "combined",
        "combined: words, patterns and the linear model; lexicon: words and patterns alone, which can be explained.",
        why="combined: finds more at the same false alarms (docs/explanation/data-steps-toxicity.md)",
    )
    look_at: Literal["conversation", "answers", "everything"] = option(
        "conversation",
        "conversation: the user's and the assistant's turns; answers: the assistant's; everything: rejected ones, too.",
        why="conversation: rejected answers of a pair are meant to be bad",
    )
