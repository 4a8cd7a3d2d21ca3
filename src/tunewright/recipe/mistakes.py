"""From a draft to a Recipe: pydantic finds what is wrong, this module says it in words and in its place."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tunewright.core.errors import Problem
from tunewright.recipe import preset, words
from tunewright.recipe.document import walk
from tunewright.recipe.draft import Draft
from tunewright.recipe.keys import Keys, Path, Schema, dotted
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.schema import schema


def validate(draft: Draft) -> Recipe | None:
    """The Recipe of a draft; None when it has mistakes, which are then in `draft.problems`."""
    found: dict[Path, Problem] = {}
    recipe = None
    try:
        recipe = Recipe.model_validate(draft.plain)
    except ValidationError as error:
        found = Speaker(draft, Keys(schema())).problems(error.errors(include_url=False, include_input=False))
    if any(isinstance(node.value, bool) for _path, node in walk(draft.tree)):
        found = Speaker(draft, Keys(schema())).flags() | found
    draft.problems += [problem for path, problem in found.items() if not below_unset(path, draft)]
    return None if found else recipe


def below_unset(path: Path, draft: Draft) -> bool:
    """True where a variable is missing: that is said already, and the rest follows from it."""
    return any(path[:end] in draft.unset for end in range(len(path) + 1))


@dataclass(frozen=True)
class Speaker:
    """Puts the errors of one draft in words."""

    draft: Draft
    keys: Keys

    def problems(self, errors: list[ErrorDetails]) -> dict[Path, Problem]:
        """One problem a path: of the branches of an alternative, the ones that came deepest speak."""
        placed = [(self.place(error), error) for error in errors]
        found: dict[Path, Problem] = {}
        for path, error in placed:
            deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _error in placed)
            if path not in found and not (deeper and path):
                found[path] = self.problem(path, error)
        return found

    def place(self, error: ErrorDetails) -> Path:
        """Where an error lies in the file: pydantic's location without the names of branches that it tried."""
        path: Path = ()
        last = len(error["loc"]) - 1
        for index, step in enumerate(error["loc"]):
            unknown = index == last and error["type"] == "extra_forbidden"
            if unknown or self.keys.find((*path, step), self.draft.plain) is not None:
                path = (*path, step)
        return path

    def problem(self, path: Path, error: ErrorDetails) -> Problem:
        """One error in words."""
        if error["type"] == "part_name" and isinstance(self.draft.written(path), dict):
            path = (*path, "type")
        where, context = self.draft.where(path), error.get("ctx", {})
        known = self.keys.find(path, self.draft.plain)
        if error["type"] == "extra_forbidden":
            wrong = str(path[-1])
            near = self.keys.nearest(wrong, self.keys.names(path[:-1], self.draft.plain))
            return Problem(f'there is no key "{wrong}" here.', where, near)
        if error["type"] == "missing":
            return Problem("this key is missing.", where, f"Add it. {(known or {}).get('description', '')}".strip())
        if error["type"] == "part_name":
            name = context["name"]
            hint = f"It is a preset: write preset: {name}" if name in preset.names() else context["hint"]
            return Problem(f'no {context["kind"]} is called "{name}".', where, hint)
        if error["type"] == "value_error":
            return Problem(str(context["error"]), where)
        return Problem(error["msg"], where) if known is None else self.wrong_value(path, known)

    def wrong_value(self, path: Path, known: Schema) -> Problem:
        """What a key may hold, what it holds, and what to do."""
        value = self.draft.written(path)
        may = words.allowed(self.keys, known)
        but = "but it is empty" if value is None else f"not {words.given(value)}"
        do = self._remedy(known, value) or f"More: tunewright explain {_key(path)}"
        return Problem(f"must be {may}, {but}.", self.draft.where(path), do)

    def _remedy(self, known: Schema, value: Any) -> str:
        """The nearest word, or quotes around a number meant as text."""
        forms = self.keys.forms(known)
        choices = [str(word) for form in forms for word in form.get("enum", ())]
        if isinstance(value, str) and (close := difflib.get_close_matches(value, choices, n=1, cutoff=0.6)):
            return f'Did you mean "{close[0]}"?'
        kinds = {form.get("type") for form in forms if "pattern" not in form and not {"enum", "const"} & form.keys()}
        if isinstance(value, int | float) and "string" in kinds and not kinds & {"integer", "number"}:
            return f"Put it in quotes: {words.given(words.given(value))}."
        return ""

    def flags(self) -> dict[Path, Problem]:
        """True and false where a number is wanted: Python takes them for 1 and 0, people do not."""
        found: dict[Path, Problem] = {}
        for path, node in walk(self.draft.tree):
            known = self.keys.find(path, self.draft.plain) if isinstance(node.value, bool) else None
            if known is not None and not any(form.get("type") == "boolean" for form in self.keys.forms(known)):
                found[path] = self.wrong_value(path, known)
        return found


def _key(path: Path) -> str:
    return dotted(tuple(step for step in path if isinstance(step, str)))
