"""Preference pairs: a prompt, the answer that won, and the turns that lost in its place.

The forms are those of TRL (`prompt`, `chosen`, `rejected`; or whole conversations in `chosen` and `rejected`, whose
common beginning is the prompt), of LLaMA-Factory's ranking sets (`conversations` and two turns), and of HH-RLHF
(dialogues as text, Bai et al., 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted, Message, RowProblem
from tunewright.data.calls import to_tools
from tunewright.data.columns import optional_text, required_text
from tunewright.data.pairs import NO_COMMON_PROMPT, Turns, follows, is_dialogue, part, to_dialogue, to_turns
from tunewright.data.shapes.sharegpt import with_system
from tunewright.data.turns import check_order
from tunewright.recipe.options.shapes.preference import Options


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Both answers are there, and a prompt: in a column of its own, or as the beginning of whole conversations."""
        if not {self.options.chosen, self.options.rejected} <= columns:
            return False
        chosen = example.get(self.options.chosen)
        return bool({self.options.prompt, self.options.conversations} & columns) or _is_whole(chosen)

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become; the prompt may be the beginning of both sides."""
        options = self.options
        messages = (options.prompt, options.conversations, options.system, options.chosen)
        return {"messages": messages, "rejected": (options.rejected,), "tools": (options.tools,)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """Turns of the prompt and the answer that won; `rejected` are the turns that lost after the same prompt.

        Earlier answers in the prompt have the weight 0: training learns the answer that won. Raises RowProblem.
        """
        prompt = self._prompt(value)
        sides = (self._side(value, column, prompt) for column in (self.options.chosen, self.options.rejected))
        common, won, lost = part(*sides)
        system = optional_text(value, self.options.system)
        if system and system.strip():
            common = with_system(common, system)
        for answer in (won, lost):
            check_order((*common, *answer))
        asked = tuple(_untrained(turn) for turn in common)
        return Converted((*asked, *won), tools=to_tools(value.get(self.options.tools)), rejected=lost)

    def _prompt(self, value: Mapping[str, Any]) -> Turns:
        """Turns of the prompt where a column holds them, else none."""
        for column in (self.options.prompt, self.options.conversations):
            given = value.get(column)
            if isinstance(given, str):
                return ({"role": "user", "content": required_text(value, column)},)
            if given is not None:
                return to_turns(given, column)
        return ()

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


def _untrained(turn: Message) -> Message:
    return {**turn, "weight": 0.0} if turn.get("role") == "assistant" else turn
