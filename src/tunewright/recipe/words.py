"""What a key may hold, and what was given, in words."""

from __future__ import annotations

import json
from typing import Any

from tunewright.recipe.keys import Keys, Schema, part_name

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
    "object": "a mapping",
}
_BOUNDS = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": 'a name of letters, digits, "_", "." and "-" (at most 64)',
    r"^[0-9a-f]{40}$": "a commit (40 hexadecimal digits)",
    "%": 'a share such as "1%"',
    "[KMGT]?B": 'a size such as "2 GB"',
}


def allowed(keys: Keys, field: Schema) -> str:
    """What a key may hold: 'a number above 0 and at most 10, or "auto"'."""
    found: list[str] = []
    for form in keys.forms(field):
        for words in (json.dumps(word) for word in form["enum"]) if "enum" in form else (one_form(keys, form),):
            if words not in found:
                found.append(words)
    if "a mapping" in found:
        found.remove("a mapping")
        found.append("a mapping")
    return join(found, "or")


def one_form(keys: Keys, form: Schema) -> str:
    """One alternative in words; lists of words are not for here."""
    if "const" in form:
        return json.dumps(form["const"])
    if "patternProperties" in form or ("properties" in form and part_name(form)):
        return "a mapping with `type` and the part's keys"
    if "properties" in form:
        return "a mapping"
    if form.get("type") == "array":
        return list_words(keys, form)
    if form.get("type") == "string":
        return text_words(form)
    bounds = [words.format(_number(form[key])) for key, words in _BOUNDS.items() if key in form]
    kind = _KINDS.get(form.get("type", ""), "anything")
    return f"{kind} {join(bounds, 'and')}".strip()


def list_words(keys: Keys, form: Schema) -> str:
    """A list and what its entries are."""
    least = ", at least one" if form.get("minItems") else ""
    return f"a list ({allowed(keys, form['items'])}{least})" if form.get("items") else "a list"


def text_words(form: Schema) -> str:
    """Text, and its form."""
    pattern = form.get("pattern", "")
    for part, words in _PATTERNS.items():
        if pattern and part in pattern:
            return words
    if pattern:
        return f"text of the form {pattern}"
    return "text (not empty)" if form.get("minLength") else "text"


def given(value: Any) -> str:
    """A value of the recipe as a short phrase."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, str) and len(value) > 60:
        value = value[:57] + "..."
    return json.dumps(value, ensure_ascii=False)


def join(words: list[str], last: str) -> str:
    """'a, b or c'."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
