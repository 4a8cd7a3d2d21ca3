"""A YAML text as a tree that knows its lines: read from parser events, so that nothing is ever constructed by a tag."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from tunewright.core.errors import Problem, UserError
from tunewright.recipe.scalars import Scalar, read_scalar

LIMIT_NODES = 20_000
LIMIT_DEPTH = 32
LIMIT_BYTES = 1_000_000
_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_parse = cast("Callable[..., Iterator[yaml.Event]]", yaml.parse)  # pyright: ignore[reportUnknownMemberType]
_FORBIDDEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ud800-\\udfff]")
_HAND_WRITTEN = "Recipes are written by hand: keep it small."


@dataclass
class Node:
    """A scalar, a list or a mapping. `line` counts from 1; `size` counts nodes with aliases written out.

    `key_lines` has the line of each key of a mapping; `origin` names the `--set` that a node came from.
    """

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    size: int = 1
    key_lines: dict[str, int] = field(default_factory=dict)
    origin: str = ""


@dataclass
class _Open:
    """A list or mapping whose end is not reached; `key` is the mapping's key that waits for its value."""

    node: Node
    anchor: str | None
    key: tuple[str, int] | None = None


class _Refused(Exception):
    """Text that is YAML but no recipe: `what`, `line`, `do`."""


class Reader:
    """Builds the tree from events. Duplicate keys are noted in `problems`; everything worse raises `_Refused`."""

    def __init__(self, where: str, *, origin: str = "") -> None:
        self.where = where
        self._origin = origin
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None

    def read(self, text: str) -> Node | None:
        """The tree of the first document, None when there is none. Raises UserError with the line."""
        try:
            for event in _parse(text, Loader=_PARSER):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = f"this is not YAML: {error.problem or error.context}."
            raise self._error(what, mark.line + 1 if mark else 0, "Look at this line and the one before it.") from error
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            raise self._error("a character here may not stand in YAML.", bad_line(text), "Remove it.") from error
        except _Refused as error:
            raise self._error(*error.args) from None
        return self._root

    def _error(self, what: str, line: int, do: str) -> UserError:
        return UserError(what, where=self._place(line), do=do)

    def _place(self, line: int) -> str:
        return self.where if self._origin or not line else f"{self.where}:{line}"

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise _Refused("a second document begins here.", line, "Remove the line `---`: one file is one recipe.")
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event, line)
            self._add(Node(scalar_of(event), line, origin=self._origin), event.anchor, event.value)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event, line)
            empty: list[Node] | dict[str, Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._begin(Node(empty, line, origin=self._origin), event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            self._add(done.node, done.anchor, None)

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.tag not in (None, "!"):
            what = f'the tag "{event.tag.removeprefix("tag:yaml.org,2002:")}" is not used in recipes.'
            raise _Refused(what, line, "Write the plain value.")

    def _alias(self, name: str, line: int) -> None:
        if name not in self._anchors:
            raise _Refused(f'the alias "*{name}" points to nothing that is complete here.', line, "Write the value.")
        self._add(self._anchors[name], None, None)

    def _begin(self, node: Node, anchor: str | None) -> None:
        if len(self._stack) >= LIMIT_DEPTH:
            raise _Refused(f"brackets are nested more than {LIMIT_DEPTH} deep.", node.line, _HAND_WRITTEN)
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].key is None:
            raise _Refused("a key must be a word, not a list or mapping.", node.line, "Write `key: value`.")
        self._stack.append(_Open(node, anchor))

    def _add(self, node: Node, anchor: str | None, text: str | None) -> None:
        """Put a complete node where it belongs; `text` is the source text of a scalar, which may be a key."""
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        if isinstance(parent.node.value, dict):
            if parent.key is None:
                parent.key = self._key(node, text)
                return
            self._pair(parent, node)
        elif isinstance(parent.node.value, list):
            parent.node.value.append(node)
        parent.node.size += node.size
        if parent.node.size > LIMIT_NODES:
            raise _Refused(f"more than {LIMIT_NODES} values, aliases written out.", node.line, _HAND_WRITTEN)

    def _key(self, node: Node, text: str | None) -> tuple[str, int]:
        if text is None:
            if not isinstance(node.value, str):
                raise _Refused("a key must be a word.", node.line, "Write `key: value`.")
            text = node.value
        return text, node.line

    def _pair(self, parent: _Open, node: Node) -> None:
        assert parent.key is not None and isinstance(parent.node.value, dict)
        (key, line), parent.key = parent.key, None
        if key in parent.node.value:
            first = parent.node.key_lines[key]
            what = f'the key "{key}" stands here a second time; the first is on line {first}.'
            self.problems.append(Problem(what, self._place(line), "Remove one of them."))
            return
        parent.node.value[key] = node
        parent.node.key_lines[key] = line


def scalar_of(event: yaml.ScalarEvent) -> Scalar:
    """The value of a scalar: quoted and block text as it stands, plain text by YAML 1.2."""
    if event.style in (None, "") and event.tag is None:
        return read_scalar(event.value)
    return event.value


def bad_line(text: str) -> int:
    """The line of the first character that YAML forbids."""
    for number, line in enumerate(text.split("\n"), 1):
        if _FORBIDDEN.search(line):
            return number
    return 1


def walk(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Every scalar with its path, aliases written out."""
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from walk(child, (*path, index))
    else:
        yield path, node
