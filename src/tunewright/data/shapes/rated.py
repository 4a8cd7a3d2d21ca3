"""Rated answers: a prompt, an answer, and what the answer is worth.

The forms are those of TRL's data for KTO (`prompt`, `completion`, `label`), of UltraFeedback (`instruction`, a list of
`completions` with `overall_score`; Cui et al., 2023), and conversations with a tag (LLaMA-Factory's `kto_tag`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.ports import Converted, RowProblem
from tunewright.data.calls import to_tools
from tunewright.data.columns import ANSWERS, COMPLETIONS, PAIR, PROMPTS, RATINGS, named, optional_text
from tunewright.data.pairs import Turns, to_prompt, untrained
from tunewright.data.rating import Scale, is_rated, is_tagged
from tunewright.data.scored import Answer, Answers, to_answer
from tunewright.data.shapes.sharegpt import with_system
from tunewright.data.turns import check_order
from tunewright.recipe.options.shapes.rated import Options

CONVERSATIONS = ("messages", "conversations")


class Work:
    """Fulfils the ports Shape and SeveralRows."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scale = Scale(options.least, options.most, options.good)
        self.answers = Answers(options.completions, options.rating, scale=self.scale)

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """A prompt with a rated answer, or with a list of them; or a conversation that says yes or no about itself."""
        if columns >= PAIR:
            return False
        options = self.options
        if named(example, options.prompt, known=PROMPTS[:2]) in columns:
            alone = named(example, options.completion, known=COMPLETIONS[:2]) in columns and self._has_rating(example)
            return alone or self.answers.stands_in(example)
        turns = example.get(named(example, options.messages, known=CONVERSATIONS))
        return isinstance(turns, list) and is_tagged(example)

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        asked = (options.prompt, *PROMPTS) if options.prompt == PROMPTS[0] else (options.prompt,)
        said = (options.completion, *COMPLETIONS) if options.completion == COMPLETIONS[0] else (options.completion,)
        listed = (options.completions, *ANSWERS) if options.completions == ANSWERS[0] else (options.completions,)
        rated = RATINGS if options.rating == RATINGS[0] else (options.rating,)
        messages = dict.fromkeys((*asked, options.messages, options.system, *said, *listed))
        return {"messages": tuple(messages), "tools": (options.tools,), "details": rated}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The prompt, the answer and its rating; of a list of answers the first. Raises RowProblem."""
        found = self.convert_all(value)[0]
        if isinstance(found, RowProblem):
            raise found
        return found

    def convert_all(self, value: Mapping[str, Any]) -> Sequence[Converted | RowProblem]:
        """One row for each answer. Earlier answers in the prompt have the weight 0. Raises RowProblem."""
        prompt = self._prompt(value)
        if self.answers.stands_in(value):
            found = self.answers.read(value)
            return [each if isinstance(each, RowProblem) else self._row(value, prompt, each) for each in found]
        rating = self.scale.read(value, named(value, self.options.rating, known=RATINGS))
        if prompt:
            column = named(value, self.options.completion, known=COMPLETIONS)
            return [self._row(value, prompt, Answer(to_answer(_whole(value, column)), rating))]
        turns = to_prompt(value, (named(value, self.options.messages, known=CONVERSATIONS),))
        if not turns:
            raise RowProblem(
                "missing_column", f'there is neither "{self.options.prompt}" nor "{self.options.messages}"'
            )
        return [self._row(value, turns[:-1], Answer(turns[-1:], rating))]

    def _has_rating(self, example: Mapping[str, Any]) -> bool:
        return is_rated(example) if self.options.rating == RATINGS[0] else self.options.rating in example

    def _prompt(self, value: Mapping[str, Any]) -> Turns:
        return to_prompt(value, (named(value, self.options.prompt, known=PROMPTS),))

    def _row(self, value: Mapping[str, Any], prompt: Turns, answer: Answer) -> Converted | RowProblem:
        try:
            return _to_row(value, prompt, answer, system=self.options.system, tools=self.options.tools)
        except RowProblem as problem:
            return problem


def _to_row(value: Mapping[str, Any], prompt: Turns, answer: Answer, *, system: str, tools: str) -> Converted:
    """One row. Raises RowProblem."""
    told = optional_text(value, system)
    asked = with_system(prompt, told) if told and told.strip() else prompt
    turns = tuple(untrained(turn) for turn in (*asked, *answer.turns[:-1]))
    last = answer.turns[-1].copy()
    last.pop("weight", None)
    check_order((*turns, last))
    return Converted((*turns, last), tools=to_tools(value.get(tools)), details=answer.rating.details())


def _whole(value: Mapping[str, Any], column: str) -> Any:
    if value.get(column) is None:
        raise RowProblem("missing_column", f'there is no "{column}"')
    return value[column]
