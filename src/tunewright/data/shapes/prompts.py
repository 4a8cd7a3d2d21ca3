"""Prompts without answers: for generation, distillation and reinforcement learning, with a right answer kept beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Converted, Details, RowProblem
from tunewright.data.calls import to_tools
from tunewright.data.columns import ANSWERS, COMPLETIONS, PAIR, PROMPTS, REFERENCES, named, optional_text
from tunewright.data.keep import as_text
from tunewright.data.pairs import to_prompt
from tunewright.data.shapes.sharegpt import with_system
from tunewright.data.turns import check_prompt
from tunewright.recipe.options.shapes.prompts import Options

ANSWERED = PAIR | {COMPLETIONS[0], "output", "label", *ANSWERS, *COMPLETIONS[1:2]}
"""Columns that say a row is more than a prompt."""


class Work:
    """Fulfils the port Shape; its rows end where the assistant is to answer."""

    answered = False

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """A prompt and no answer; or turns that do not end with the assistant's."""
        if self.options.prompt in columns:
            return not columns & (ANSWERED | {self.options.messages})
        return is_open(example.get(self.options.messages)) and not columns & ANSWERED

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        references = REFERENCES if options.reference == REFERENCES[0] else (options.reference,)
        messages = (options.prompt, options.messages, options.system)
        return {"messages": messages, "tools": (options.tools,), "details": references}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The turns up to where the assistant is to answer. Raises RowProblem."""
        options = self.options
        turns = to_prompt(value, (named(value, options.prompt, known=PROMPTS), options.messages))
        if not turns:
            raise RowProblem("missing_column", f'there is neither "{options.prompt}" nor "{options.messages}"')
        system = optional_text(value, options.system)
        if system and system.strip():
            turns = with_system(turns, system)
        check_prompt(turns)
        given = value.get(named(value, options.reference, known=REFERENCES))
        details = Details() if given is None else Details(references=[as_text(given)])
        return Converted(turns, tools=to_tools(value.get(options.tools)), details=details)


def is_open(turns: Any) -> bool:
    """True for turns of which the last is not the assistant's: somebody waits for an answer."""
    if not isinstance(turns, list) or not turns:
        return False
    last = cast("list[Any]", turns)[-1]
    return isinstance(last, dict) and last.get("role") in ("user", "tool")
