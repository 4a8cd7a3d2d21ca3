"""Reads a task file of lm-eval as data: YAML with included files, data files beside it, and no code.

lm-eval's own reader runs the Python that a file names with `!function`; this one refuses it, and whatever else would be
fetched or run. Format: https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/task_guide.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from tunewright.core.errors import UserError

READERS = ("arrow", "csv", "json", "parquet", "text")
"""The readers of the package datasets that open local files and nothing else."""
READER_KEYS = frozenset(
    ("column_names", "data_files", "delimiter", "encoding", "field", "header", "names", "quotechar", "sep")
)
OUTSIDE = ("custom_dataset", "unsafe_code", "use_prompt")
"""Keys that fetch or run something."""


def read_task_file(file: Path) -> dict[str, Any]:
    """The configuration of a task, included files merged under it, its own keys first.

    Raises UserError for a file that is missing or broken, and for one that would run or fetch something.
    """
    config = _merged(file, ())
    for key in OUTSIDE:
        if config.get(key):
            raise _unusable(f"`{key}` would fetch or run something", file, "Take it out.")
    for metric in _entries(config.get("metric_list")):
        if metric.get("hf_evaluate"):
            raise _unusable(f"the metric {metric.get('metric')} would be fetched", file, "Use one of lm-eval's own.")
    return config


def local_data(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The keys for the reader of a task's data, its files as absolute paths by split.

    Raises UserError where the data is not local, or not there.
    """
    if not isinstance(config.get("task"), str):
        raise _unusable("the key `task` must name one task", file, "Groups are not read: give each task its own suite.")
    if config.get("dataset_path") not in READERS:
        raise _unusable(
            "`dataset_path` names no local data", file, f"Use one of {', '.join(READERS)}, with data_files."
        )
    given = cast("dict[str, Any]", config.get("dataset_kwargs") or {})
    if wrong := sorted(set(given) - READER_KEYS):
        raise _unusable(f"`dataset_kwargs` holds {wrong[0]}", file, f"It may hold {', '.join(sorted(READER_KEYS))}.")
    files = given.get("data_files")
    splits = cast("dict[str, Any]", files) if isinstance(files, dict) else {"train": files}
    return {**given, "data_files": {name: _paths(each, file) for name, each in splits.items()}}


def _paths(names: Any, file: Path) -> list[str]:
    listed = cast("list[Any]", names) if isinstance(names, list) else [names]
    paths = [file.resolve().parent / str(name) for name in listed if name]
    if empty := [path for path in paths if path.is_file() and not path.stat().st_size]:
        raise _unusable(f"the data file {empty[0]} is empty", file, "Put documents into it.")
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        what = f"the data file {missing[0]} is not there" if missing else "`data_files` names no file"
        raise _unusable(what, file, "Paths are relative to the task file; addresses are not read.")
    return [str(path) for path in paths]


def _merged(file: Path, above: Sequence[Path]) -> dict[str, Any]:
    """A file over those that it includes."""
    file = file.resolve()
    if file in above:
        raise _unusable("the file includes itself", file, "Take the key `include` out of one of them.")
    config = _parsed(file)
    included: Any = config.pop("include", None) or []
    merged: dict[str, Any] = {}
    for name in cast("list[Any]", included) if isinstance(included, list) else [included]:
        merged |= _merged(file.parent / str(name), (*above, file))
        merged.pop("task_list", None)
    return merged | config


def _parsed(file: Path) -> dict[str, Any]:
    """One file; its nodes are looked at before anything is made of them."""
    try:
        text = file.read_text(encoding="utf-8")
        if code := _code(yaml.SafeLoader(text).get_single_node()):
            raise UserError(
                f"this task runs Python that came with it: {code}.",
                where=str(file),
                do="Read that code; to run it, write `functions: run`.",
            )
        config = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise _unusable(f"it cannot be read: {' '.join(str(error).split())[:200]}", file, "Mend it.") from error
    if not isinstance(config, dict):
        raise _unusable("it is no mapping of keys", file, "Write a task as lm-eval's task guide says.")
    return cast("dict[str, Any]", config)


def _code(root: yaml.Node | None) -> str:
    """The first thing in a document that would run Python, with its line; empty for data."""
    for node in _nodes(root):
        if node.tag.startswith("!") or ":python/" in node.tag:
            return f"{node.tag} {node.value} in line {node.start_mark.line + 1}"
    keys = [key for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
    return next((f"`class` in line {key.start_mark.line + 1}" for key in keys if key.value == "class"), "")


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    """Every node of a document once, in order."""
    waiting, seen = [root] if root is not None else [], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        children: list[yaml.Node] = list(node.value) if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [each for pair in node.value for each in pair]
        waiting += reversed(children)


def _entries(value: Any) -> list[dict[str, Any]]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", each) for each in listed if isinstance(each, dict)]


def _unusable(what: str, file: Path, do: str) -> UserError:
    return UserError(f"this task cannot be used: {what}.", where=str(file), do=do)
