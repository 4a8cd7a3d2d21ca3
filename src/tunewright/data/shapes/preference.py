"""Preference pairs: a prompt, the answer that won, and the turns that lost in its place.

The forms are those of TRL (`prompt`, `chosen`, `rejected`; or whole conversations in `chosen` and `rejected`, whose
common beginning is the prompt), of LLaMA-Factory's ranking sets (`conversations` and two turns), of HH-RLHF
(dialogues as text, Bai et al., 2022), and of UltraFeedback (a list of scored answers; Cui et al., 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.ports import Converted, Details, NothingLearnt, RowProblem
from tunewright.data.calls import to_tools
from tunewright.data.columns import ANSWERS, PROMPTS, RATINGS, named, optional_text, required_text
from tunewright.data.pairs import (
    NO_COMMON_PROMPT,
    Turns,
    follows,
    is_dialogue,
    part,
    to_dialogue,
    to_prompt,
    to_turns,
    untrained,
)
from tunewright.data.rating import to_number
from tunewright.data.scored import Answer, Answers, best_and_others
from tunewright.data.shapes.sharegpt import with_system
from tunewright.data.turns import check_order
from tunewright.recipe.options.shapes.preference import Options


class Work:
    """Fulfils the ports Shape and SeveralRows."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.answers = Answers(options.completions, options.score, ("score", *RATINGS))

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Both answers are there, and a prompt: in a column of its own, or as the beginning of whole conversations."""
        if not {self.options.chosen, self.options.rejected} <= columns:
            return False
        chosen = example.get(self.options.chosen)
        return bool({self.options.prompt, self.options.conversations} & columns) or _is_whole(chosen)

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become; the prompt may be the beginning of both sides."""
        options = self.options
        listed = ANSWERS if options.completions == ANSWERS[0] else (options.completions,)
        messages = (options.prompt, options.conversations, options.system, options.chosen, *listed)
        scores = (options.margin, *self._scores)
        rejected = (options.rejected, *listed)
        return {"messages": messages, "rejected": rejected, "tools": (options.tools,), "details": scores}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The pair of a row; of a list of answers the first pair. Raises RowProblem."""
        found = self.convert_all(value)[0]
        if isinstance(found, RowProblem):
            raise found
        return found

    def convert_all(self, value: Mapping[str, Any]) -> Sequence[Converted | RowProblem]:
        """Each pair: turns of the prompt and the answer that won, and those that lost after the same prompt.

        Earlier answers in the prompt have the weight 0: training learns the answer that won. Raises RowProblem.
        """
        if self.options.chosen in value or self.options.rejected in value or not self.answers.stands_in(value):
            return [self._given(value)]
        prompt = to_prompt(value, (named(value, self.options.prompt, known=PROMPTS), self.options.conversations))
        if not prompt:
            raise RowProblem(NO_COMMON_PROMPT, "there is no prompt beside the list of answers")
        answers = self.answers.read(value)
        good = [each for each in answers if isinstance(each, Answer)]
        bad = [each for each in answers if isinstance(each, RowProblem)]
        if len(good) < 2:
            return bad or [RowProblem("one_answer", "one answer alone makes no pair")]
        pairs = best_and_others(good, every=self.options.pairs == "all")
        return [*(self._scored(value, prompt, pair) for pair in pairs), *bad]

    def _given(self, value: Mapping[str, Any]) -> Converted:
        """The pair that a row holds as one."""
        prompt = to_prompt(value, (self.options.prompt, self.options.conversations))
        chosen, rejected = (self._side(value, name, prompt) for name in (self.options.chosen, self.options.rejected))
        margin, scores = value.get(self.options.margin), [value.get(name) for name in self._scores]
        details = Details()
        if all(score is not None for score in scores):
            details = self._margin(*map(to_number, scores, self._scores))
        if margin is not None:
            details["margin"] = to_number(margin, self.options.margin)
            if details["margin"] < 0:
                raise RowProblem("wrong_margin", f'"{self.options.margin}" is below 0: the other answer won')
        return self._pair(value, (chosen, rejected), details)

    def _scored(self, value: Mapping[str, Any], prompt: Turns, pair: tuple[Answer, Answer]) -> Converted | RowProblem:
        """A pair of a list, or what is wrong with it."""
        won, lost = pair
        try:
            details = self._margin(won.rating.value, lost.rating.value)
            return self._pair(value, ((*prompt, *won.turns), (*prompt, *lost.turns)), details)
        except RowProblem as problem:
            return problem

    def _margin(self, won: float, lost: float) -> Details:
        """Margin and scores. Raises NothingLearnt for a tie, RowProblem where the loser has the higher score."""
        if abs(won - lost) <= self.options.tie_margin:
            raise NothingLearnt("tie", f"the scores are {won:g} and {lost:g}")
        if won < lost:
            raise RowProblem("wrong_margin", f"the answer that won has the score {won:g}, the other one {lost:g}")
        return Details(margin=won - lost, scores=[won, lost])

    def _pair(self, value: Mapping[str, Any], sides: tuple[Turns, Turns], details: Details) -> Converted:
        """A pair of conversations as a row. Raises RowProblem."""
        common, won, lost = part(*sides)
        system = optional_text(value, self.options.system)
        if system and system.strip():
            common = with_system(common, system)
        for answer in (won, lost):
            check_order((*common, *answer))
        asked = tuple(untrained(turn) for turn in common)
        return Converted((*asked, *won), None, to_tools(value.get(self.options.tools)), lost, details)

    @property
    def _scores(self) -> tuple[str, str]:
        """Columns of the scores of both sides."""
        return f"{self.options.score}_{self.options.chosen}", f"{self.options.score}_{self.options.rejected}"

    def _side(self, value: Mapping[str, Any], column: str, prompt: Turns) -> Turns:
        """One side as a whole conversation. Raises RowProblem."""
        given = value.get(column)
        if given is None or isinstance(given, str):
            text = required_text(value, column)
            if not prompt and is_dialogue(text):
                return to_dialogue(text)
            turns: Turns = ({"role": "assistant", "content": text},)
        else:
            turns = to_turns(given, column)
        if turns[0].get("role") in ("system", "user"):
            return self._whole(value, column, (prompt, turns))
        if not prompt:
            raise RowProblem(NO_COMMON_PROMPT, f'there is no prompt, and "{column}" does not begin with one')
        return (*prompt, *turns)

    def _whole(self, value: Mapping[str, Any], column: str, found: tuple[Turns, Turns]) -> Turns:
        """A side that brings its own prompt; a prompt of turns beside it must be how it begins."""
        prompt, turns = found
        listed = not isinstance(value.get(self.options.prompt), str)
        if prompt and listed and not follows(turns, prompt):
            raise RowProblem(NO_COMMON_PROMPT, f'"{column}" is a conversation that does not begin with the prompt')
        return turns


def _is_whole(chosen: Any) -> bool:
    return isinstance(chosen, list) or (isinstance(chosen, str) and is_dialogue(chosen))
