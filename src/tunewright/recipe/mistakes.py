"""From a draft to a Recipe: pydantic finds what is wrong, this module says it in words and in its place."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tunewright.core.errors import Problem
from tunewright.recipe import keys, words
from tunewright.recipe.document import walk
from tunewright.recipe.draft import Draft
from tunewright.recipe.keys import Path, Schema
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.schema import schema


def validate(draft: Draft) -> Recipe | None:
    """The Recipe of a draft; None when it has mistakes, which are then in `draft.problems`."""
    found: dict[Path, Problem] = {}
    recipe = None
    try:
        recipe = Recipe.model_validate(draft.plain)
    except ValidationError as error:
        found = problems_of(error.errors(include_url=False, include_input=False), draft)
    if any(isinstance(node.value, bool) for _path, node in walk(draft.tree)):
        found = flags(draft) | found
    draft.problems += found.values()
    return None if found else recipe


def problems_of(errors: list[ErrorDetails], draft: Draft) -> dict[Path, Problem]:
    """One problem a path: of the branches of an alternative, the ones that came deepest speak."""
    root = schema()
    placed = [(real_path(root, error, draft.plain), error) for error in errors]
    found: dict[Path, Problem] = {}
    for path, error in placed:
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _error in placed)
        if path not in found and not (deeper and path):
            found[path] = problem(root, path, error, draft=draft)
    return found


def real_path(root: Schema, error: ErrorDetails, plain: Any) -> Path:
    """Where an error lies in the file: pydantic's location without the names of branches that it tried."""
    path: Path = ()
    last = len(error["loc"]) - 1
    for index, step in enumerate(error["loc"]):
        unknown = index == last and error["type"] == "extra_forbidden"
        if unknown or keys.find(root, (*path, step), plain) is not None:
            path = (*path, step)
    return path


def problem(root: Schema, path: Path, error: ErrorDetails, *, draft: Draft) -> Problem:
    """One error in words."""
    if error["type"] == "part_name" and isinstance(draft.written(path), dict):
        path = (*path, "type")
    where, context = draft.where(path), error.get("ctx", {})
    known = keys.find(root, path, draft.plain)
    if error["type"] == "extra_forbidden":
        wrong = str(path[-1])
        near = keys.nearest(root, wrong, keys.names(root, path[:-1], draft.plain))
        return Problem(f'there is no key "{wrong}" here.', where, near)
    if error["type"] == "missing":
        return Problem("this key is missing.", where, f"Add it. {(known or {}).get('description', '')}".strip())
    if error["type"] == "part_name":
        return Problem(f'no {context["kind"]} is called "{context["name"]}".', where, context["hint"])
    if error["type"] == "value_error":
        return Problem(str(context["error"]), where)
    if known is None:
        return Problem(error["msg"], where)
    return wrong_value(root, path, known, draft=draft)


def wrong_value(root: Schema, path: Path, known: Schema, *, draft: Draft) -> Problem:
    """What a key may hold, what it holds, and what to do."""
    value = draft.written(path)
    may = words.allowed(root, known)
    but = "but it is empty" if value is None else f"not {words.given(value)}"
    return Problem(f"must be {may}, {but}.", draft.where(path), remedy(root, path, known, value=value))


def remedy(root: Schema, path: Path, known: Schema, *, value: Any) -> str:
    """The nearest word, quotes around a number meant as text, or where to read more."""
    forms = keys.forms(root, known)
    choices = [str(word) for form in forms for word in (*form.get("enum", ()), form.get("const", ""))]
    if isinstance(value, str) and (close := difflib.get_close_matches(value, choices, n=1, cutoff=0.6)):
        return f'Did you mean "{close[0]}"?'
    kinds = {form.get("type") for form in forms if "pattern" not in form and not {"enum", "const"} & form.keys()}
    if isinstance(value, int | float) and "string" in kinds and not kinds & {"integer", "number"}:
        return f'Put it in quotes: "{value}".'
    return f"More: tunewright explain {keys.dotted(tuple(step for step in path if isinstance(step, str)))}"


def flags(draft: Draft) -> dict[Path, Problem]:
    """True and false where a number is wanted: Python takes them for 1 and 0, people do not."""
    root = schema()
    found: dict[Path, Problem] = {}
    for path, node in walk(draft.tree):
        known = keys.find(root, path, draft.plain) if isinstance(node.value, bool) else None
        if known is not None and not any(form.get("type") == "boolean" for form in keys.forms(root, known)):
            found[path] = wrong_value(root, path, known, draft=draft)
    return found
