"""A recipe as it was written: file, `--set` and environment taken together, every value with its place. No pydantic."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from tunewright.core.errors import Problem, UserError
from tunewright.recipe import preset
from tunewright.recipe.document import LIMIT_BYTES, LIMIT_DEPTH, Node, Reader, walk
from tunewright.recipe.keys import Keys, Path, dotted, part_name

RECIPE_FILE = "recipe.yaml"
COMMITTED = FilePath(__file__).with_name("schema.json")
LISTS_OF_PARTS = (("data", "steps"), ("evaluate", "suites"), ("evaluate", "scorers"), ("output", "trackers"))
_VARIABLE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class Draft:
    """`tree` knows places, `plain` is the same with environment variables filled in, as validation wants it.

    `unset` has the paths whose variables are not set: what stands there is not what was meant.
    """

    file: FilePath
    shown: str
    tree: Node
    plain: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    unset: set[Path] = field(default_factory=set[Path])

    def where(self, path: Path) -> str:
        """The place of a key for people: "recipe.yaml:12: training.epochs", or "--set training.epochs"."""
        node, line = self.tree, 1
        for step in path:
            inside = child(node, step)
            if inside is None:
                break
            line, node = node.key_lines.get(str(step), inside.line), inside
        if node.origin.startswith(preset.ORIGIN):
            return f"{node.origin}: {dotted(path)}"
        return node.origin or f"{self.shown}:{line}: {dotted(path)}"

    def written(self, path: Path) -> Any:
        """The value at a path as it was written, before variables were filled in; None when there is none.

        Text in place of a block stands for one of its keys, so it is the value of that key.
        """
        node = self.tree
        for step in path:
            inside = child(node, step)
            if inside is None:
                return node.value if isinstance(node.value, str) else None
            node = inside
        return node.value


def child(node: Node, step: str | int) -> Node | None:
    """One step down the tree; None when there is nothing."""
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


@cache
def committed() -> Keys:
    """The committed schema: what is known of keys without loading pydantic."""
    return Keys(json.loads(COMMITTED.read_text(encoding="utf-8")))


def read_draft(path: FilePath, *, sets: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Draft:
    """Read a recipe file, or `recipe.yaml` of a folder.

    Raises UserError when there is nothing to look into: no file, not YAML, no mapping. Lesser mistakes: `problems`.
    """
    file = path / RECIPE_FILE if path.is_dir() else path
    reader = Reader(str(file))
    tree = reader.read(read_text(file))
    if tree is None or not isinstance(tree.value, dict):
        what = "the recipe is empty." if tree is None or tree.value in (None, "") else "a recipe is a mapping of keys."
        raise UserError(what, where=str(file), do='Begin with the keys "name", "model" and "data".')
    problems = list(reader.problems)
    tree = with_names_as_types(tree)
    for setting in sets:
        tree = apply(tree, setting, problems=problems)
    draft = Draft(file, str(file), tree, {}, problems)
    draft.tree = preset.under(tree, _block, where=draft.where, problems=problems)
    draft.plain = fill(draft, os.environ if environment is None else environment)
    return draft


def read_text(file: FilePath) -> str:
    """The text of a file. Raises UserError when there is none that can be a recipe."""
    try:
        with file.open("rb") as content:
            start = content.read(LIMIT_BYTES + 1)
        if len(start) > LIMIT_BYTES:
            raise UserError("this file is larger than 1 MB; it is no recipe.", where=str(file), do="Name another file.")
        return start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"byte {error.start} of this file is not UTF-8.", where=str(file), do="Save it as UTF-8."
        ) from error
    except FileNotFoundError as error:
        raise UserError(
            "there is no such recipe.", where=str(file), do="Name a recipe, or make one: tunewright init FOLDER"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"this file cannot be read: {error}.", where=str(file), do="Name a recipe file.") from error


def apply(tree: Node, setting: str, *, problems: list[Problem]) -> Node:
    """The tree with one `--set KEY=VALUE` in it; nodes that aliases share are copied, not changed."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    origin = f"--set {key}"
    steps = key.split(".")
    if not equals or not all(steps) or len(steps) > LIMIT_DEPTH:
        problems.append(Problem("this is not KEY=VALUE.", f"--set {setting}", "Write, say: --set training.epochs=2"))
        return tree
    try:
        reader = Reader(origin, origin=origin)
        value = reader.read(text) or Node(None, 1, origin=origin)
    except UserError as error:
        problems.extend(error.problems)
        return tree
    problems.extend(reader.problems)
    if is_word_with_colon(value, text):
        value = Node(text.strip(), 1, origin=origin)
    path = tuple(int(step) if step.isdecimal() and len(step) < 6 else step for step in steps)
    return put(tree, path, value=value, place=())


def is_word_with_colon(value: Node, text: str) -> bool:
    """True for `builtin:`, which YAML takes for a key without a value; nobody means that by `--set`."""
    return isinstance(value.value, dict) and len(value.value) == 1 and text.rstrip().endswith(":")


def with_names_as_types(tree: Node) -> Node:
    """The tree with parts that are written as a name over its keys, in lists of parts, as blocks with a `type`."""
    for block, key in LISTS_OF_PARTS:
        inside = child(tree, block)
        parts = child(inside, key) if inside is not None else None
        if parts is not None and isinstance(parts.value, list):
            new = replace(parts, value=[_with_name_as_type(part) for part in parts.value])
            tree = put(tree, (block, key), value=new, place=())
    return tree


def _with_name_as_type(part: Node) -> Node:
    if not isinstance(part.value, dict) or len(part.value) != 1:
        return part
    ((name, inside),) = part.value.items()
    if name == "type" or not (isinstance(inside.value, dict) or inside.value is None):
        return part
    line = part.key_lines.get(name, part.line)
    keys = {"type": Node(name, line, origin=part.origin), **(inside.value or {})}
    return replace(part, value=keys, key_lines={"type": line, **inside.key_lines})


def put(node: Node, rest: Path, *, value: Node, place: Path) -> Node:
    """A copy of `node` with `value` at the path `rest`; `place` is the path of `node` itself."""
    if not rest:
        return value
    step, origin = rest[0], value.origin
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        items = list(node.value)
        items[step] = put(items[step], rest[1:], value=value, place=(*place, step))
        return replace(node, value=items)
    keys = dict(node.value) if isinstance(node.value, dict) else spelled_out(node, place, origin=origin)
    old = keys.get(str(step), Node(None, node.line, origin=origin))
    keys[str(step)] = put(old, rest[1:], value=value, place=(*place, step))
    from_file = isinstance(node.value, dict) or len(keys) > 1
    lines = {str(step): node.line} | node.key_lines
    return replace(node, value=keys, key_lines=lines, origin=node.origin if from_file else origin)


def spelled_out(node: Node, place: Path, *, origin: str) -> dict[str, Node]:
    """A short form as a block, such as `model: x` as `{name: x}`; a part that is absent as its default."""
    known = committed().find(place)
    if known is None:
        return {}
    inside = committed().forms(known)
    short = next((form["short_for"] for form in inside if "short_for" in form), None)
    if any("properties" in form and part_name(form) for form in inside):
        short = "type"
    if isinstance(node.value, str) and short:
        return {short: node}
    default = known.get("default")
    if short == "type" and isinstance(default, str):
        return {short: Node(default, node.line, origin=origin)}
    return {}


def _block(node: Node, place: Path) -> dict[str, Node]:
    return spelled_out(node, place, origin=node.origin)


def fill(draft: Draft, environment: Mapping[str, str]) -> dict[str, Any]:
    """Plain values of the tree, `${NAME}` replaced; variables that are not set are noted once a place."""
    for path, node in walk(draft.tree):
        for name in variables(node.value):
            if name not in environment:
                draft.unset.add(path)
                what = f"the environment variable {name} is not set."
                draft.problems.append(Problem(what, draft.where(path), "Set it, or write the value."))
    return _plain(draft.tree, environment)


def variables(value: Any) -> list[str]:
    """Names of the variables that a text asks for; `$${NAME}` is the text itself."""
    if not isinstance(value, str) or "${" not in value:
        return []
    return [found.group(1) for found in _VARIABLE.finditer(value) if not found.group().startswith("$$")]


def _plain(node: Node, environment: Mapping[str, str]) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child, environment) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child, environment) for child in node.value]
    if isinstance(node.value, str) and "${" in node.value:
        return _VARIABLE.sub(lambda found: _filled(found, environment), node.value)
    return node.value


def _filled(found: re.Match[str], environment: Mapping[str, str]) -> str:
    text = found.group()
    return text[1:] if text.startswith("$$") else environment.get(found.group(1), "")
