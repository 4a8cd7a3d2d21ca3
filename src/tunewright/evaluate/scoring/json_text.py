"""Reads answers as JSON, as strictly as RFC 8259: no NaN, no Infinity, nothing before or after."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NoReturn

Around = Literal["nothing", "code_fence"]
FENCED = re.compile(r"```[a-zA-Z0-9]*[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)
LONGEST_INTEGER = 4_000


class NoJson(ValueError):
    """The text is not JSON."""


def read_json(text: str, around: Around = "nothing") -> Any:
    """The value of a text. Raises NoJson.

    `around`: what may stand around it, white space or the marks of a code block. Nesting deeper than the reader can
    follow (about a thousand) counts as no JSON. Of an object that names a key twice the last value counts.
    """
    text = text.strip()
    if around == "code_fence" and (block := FENCED.fullmatch(text)):
        text = block.group(1)
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)) from error


def is_json(text: str, around: Around = "nothing") -> bool:
    """True when the text is JSON."""
    try:
        read_json(text, around)
    except NoJson:
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise NoJson(f"{name} is no JSON")


def _integer(digits: str) -> int | float:
    """Python refuses to read longer ones, in a time that grows with the square; JSON knows no limit."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)
