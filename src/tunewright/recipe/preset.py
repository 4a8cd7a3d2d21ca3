"""Presets: values of a recipe under a name. They lie under what the recipe says, key by key. No pydantic here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath

from tunewright.core.errors import Problem
from tunewright.recipe.document import Node, Reader, walk
from tunewright.recipe.keys import Path, dotted

FOLDER = FilePath(__file__).with_name("presets")
METHODS = FilePath(__file__).parent / "options" / "methods"
KEY = "preset"
ORIGIN = "preset "
SpellOut = Callable[[Node, Path], dict[str, Node]]
"""A short form as a block, such as `model: x` as `{name: x}`; an empty one where there is no short form."""


def names() -> tuple[str, ...]:
    """Every preset, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def text(name: str) -> str:
    """What a preset says, as YAML."""
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def about(name: str) -> str:
    """What a preset is for: the comment that its file begins with."""
    return text(name).splitlines()[0].removeprefix("# ")


def values(name: str) -> dict[str, object]:
    """What a preset sets, by dotted key; the name of a part stands as `method.type`."""
    return {dotted(path): node.value for path, node in walk(tree_of(name))}


def tree_of(name: str) -> Node:
    """A preset as a tree whose nodes know that they come from it."""
    origin = f"{ORIGIN}{name}"
    return Reader(origin, origin=origin).read(text(name)) or Node({}, 1, origin=origin)


def under(tree: Node, spell_out: SpellOut, *, where: Callable[[Path], str], problems: list[Problem]) -> Node:
    """The tree with the presets that it names under it; a later preset lies over an earlier one."""
    laying = Laying(spell_out, where, problems)
    found: Node | None = None
    for name, place in asked(tree):
        if name not in names():
            problems.append(Problem(f'no preset is called "{name}".', where(place), nearest(name)))
            continue
        found = tree_of(name) if found is None else laying.over(tree_of(name), found, place=())
    return tree if found is None else laying.over(tree, found, place=())


def asked(tree: Node) -> Iterator[tuple[str, Path]]:
    """Names that stand under `preset`, each with its place; what is no text there is for the schema to judge."""
    node = tree.value.get(KEY) if isinstance(tree.value, dict) else None
    if node is None:
        return
    listed = enumerate(node.value) if isinstance(node.value, list) else ()
    places = [(item, (KEY, index)) for index, item in listed] or [(node, (KEY,))]
    for item, place in places:
        if isinstance(item.value, str):
            yield item.value, place


def nearest(wrong: str) -> str:
    """What to do about a name that no preset has."""
    if wrong in {path.stem for path in METHODS.glob("*.py")}:
        return f"It is a method: write method: {wrong}"
    close = difflib.get_close_matches(wrong, names(), n=1, cutoff=0.5)
    return f'Did you mean "{close[0]}"?' if close else f"There is: {', '.join(names())}."


class Laying:
    """Lays one tree over another."""

    def __init__(self, spell_out: SpellOut, where: Callable[[Path], str], problems: list[Problem]) -> None:
        self._spell_out, self._where, self._problems = spell_out, where, problems

    def over(self, upper: Node, lower: Node, *, place: Path) -> Node:
        """Keys of both; where both have one, the upper's, unless both are blocks: then the same again inside."""
        if not isinstance(lower.value, dict):
            return upper
        keys = dict(upper.value) if isinstance(upper.value, dict) else self._short(upper, place)
        if not keys:
            return upper
        kinds = [block["type"].value if "type" in block else None for block in (keys, lower.value)]
        if kinds[0] is not None and kinds[1] is not None and kinds[0] != kinds[1]:
            what = f"{lower.origin} is for {dotted(place)}: {kinds[1]}, and this says {kinds[0]}."
            self._problems.append(Problem(what, self._where(place), "Leave one of them out."))
            return upper
        merged = dict(lower.value)
        for name, node in keys.items():
            merged[name] = self.over(node, merged[name], place=(*place, name)) if name in merged else node
        lines = {name: upper.line for name in keys} | upper.key_lines
        return replace(upper, value=merged, key_lines=lines)

    def _short(self, upper: Node, place: Path) -> dict[str, Node]:
        """A short form as a block; what is none (a number, nothing) stays, so that it is refused."""
        return self._spell_out(upper, place) if isinstance(upper.value, str) else {}
