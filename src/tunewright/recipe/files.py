"""What a recipe says about the world outside it: are the files there, and is their format known? No pydantic here."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

from tunewright.core.errors import Problem
from tunewright.recipe import remote
from tunewright.recipe.draft import Draft
from tunewright.recipe.keys import Path, below, mapping, sequence

SPLITS = ("train", "validation", "test")
OPTIONS = FilePath(__file__).with_name("options")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
BUILTIN = "builtin:"
BUILTINS = ("smollm2-135m-instruct",)
"""Names of the built-in models, known here without the room `models`; a test holds the two together."""
GGUF = b"GGUF"
ENDINGS = {"ndjson": "jsonl", "txt": "text", "md": "text", "pq": "parquet", "feather": "arrow", "ipc": "arrow"}
"""Endings of files that are not the name of their source."""
PACKED = ("gz", "bz2", "xz", "zst", "lz4", "zip", "7z", "tar", "tgz")
"""Endings of archives and compressed files, which no source reads."""
TEST_FILE = "test.jsonl"
"""The file of a suite `file` that names none; a test holds it and the suite's option together."""
WRITE_A_FILE = "Write a file or a glob, relative to the recipe's folder."
WRITE_AN_ADDRESS = f"An address begins with one of: {remote.schemes()}."
WRITE_A_MODEL = "Write builtin:NAME, a folder, a .gguf file, or a hub name such as a/b."
Known = Callable[[str], tuple[str, ...]]


def own_parts(kind: str) -> tuple[str, ...]:
    """Names of the parts of a kind that come with Tunewright; those of other packages are not looked for."""
    return tuple(sorted(path.stem for path in (OPTIONS / kind).glob("*.py") if path.stem != "__init__"))


def problems(draft: Draft, known: Known) -> list[Problem]:
    """Missing files, unknown formats and metrics; `known` gives the names of a kind of part."""
    found = [*_model(draft), *_scorers(draft, known), *_test_files(draft, known)]
    for split in SPLITS:
        for source in sources(draft.plain, split):
            found += _source(draft, source, key="type", known=known)
    return [*found, *_join(draft, known)]


def sources(plain: dict[str, Any], split: str) -> list[tuple[Path, Any, Any]]:
    """Path of the key, the file, glob or address, and the type of each source of a split, short forms resolved."""
    data: Any = plain.get("data")
    if isinstance(data, str):
        return [(("data",), data, "auto")] if split == "train" else []
    given, place = below(data, split), ("data", split)
    if not isinstance(given, list):
        return [_one(given, place)]
    return [_one(each, (*place, index)) for index, each in enumerate(sequence(given))]


def _one(source: Any, place: Path) -> tuple[Path, Any, Any]:
    block = mapping(source)
    if block is None:
        return place, source, "auto"
    return (*place, "path"), block.get("path"), block.get("type", "auto")


def _join(draft: Draft, known: Known) -> Iterator[Problem]:
    """The file that columns are joined from."""
    block = mapping(below(below(draft.plain.get("data"), "map"), "join"))
    name = (block or {}).get("path")
    if block is None or not isinstance(name, str) or not name:
        return
    place: Path = ("data", "map", "join", "path")
    if remote.store_of(name) is not None:
        yield Problem("joined columns come from a local file.", draft.where(place), WRITE_A_FILE)
        return
    yield from _source(draft, (place, name, block.get("type", "auto")), key="type", known=known)


def _test_files(draft: Draft, known: Known) -> Iterator[Problem]:
    """The files of suites that measure a file of the user's, or a task in one."""
    for index, suite in enumerate(sequence(below(draft.plain.get("evaluate"), "suites"))):
        block: dict[str, Any] = mapping(suite) or {"type": suite}
        if block.get("type") == "file":
            source = ("evaluate", "suites", index, "path"), block.get("path", TEST_FILE), block.get("format", "auto")
            yield from _source(draft, source, key="format", known=known)
        task = block.get("file") if block.get("type") == "lm_eval" else None
        if isinstance(task, str) and task and not os.path.isfile(draft.file.parent / task):  # noqa: PTH113 - as below
            where = draft.where(("evaluate", "suites", index, "file"))
            yield Problem(absence(task, draft.file.parent), where, "Write a file, relative to the recipe's folder.")


def _source(draft: Draft, source: tuple[Path, Any, Any], *, key: str, known: Known) -> Iterator[Problem]:
    """What is wrong with a file or glob (path of its key, name, type); `key` is where its type is named."""
    place, name, kind = source
    if not isinstance(name, str) or not name:
        return
    names = known("sources")
    store = remote.store_of(name)
    if store == "":
        what = f'nothing here reads addresses that begin with "{remote.scheme(name)}://".'
        yield Problem(what, draft.where(place), WRITE_AN_ADDRESS)
    files = matches(name, draft.file.parent, kind=str(kind)) if store is None else []
    if store is None and not files:
        yield Problem(absence(name, draft.file.parent), draft.where(place), WRITE_A_FILE)
    if kind == "auto":
        found = {file.suffix: file.suffix.lstrip(".").lower() for file in files}
        endings = sorted(suffix for suffix, ending in found.items() if ENDINGS.get(ending, ending) not in names)
        if endings and endings[0].lstrip(".").lower() in PACKED:
            packed = next(file.name for file in files if file.suffix == endings[0])
            yield Problem(f"{packed} is packed.", draft.where(place), "Unpack it, and name what was in it.")
        elif endings:
            what = f'the ending "{endings[0]}" does not say the format.'
            yield Problem(what, draft.where(place), f"Add `{key}`, one of: {', '.join(names)}.")
    elif isinstance(kind, str) and kind not in names:
        yield Problem(f'no source is called "{kind}".', draft.where((*place[:-1], key)), near(kind, names))


def absence(name: str, folder: FilePath) -> str:
    """Why a path or glob has no file."""
    if os.path.isdir(folder / os.path.expanduser(name)):  # noqa: PTH111, PTH112 - as in `matches`
        return f'"{name}" is a folder without a text file (.txt, .md).'
    if os.path.islink(folder / os.path.expanduser(name)):  # noqa: PTH111, PTH114 - as in `matches`
        return f'"{name}" is a link, and leads to no file.'
    return f'no file is called "{name}" here.'


def endings(kind: str) -> tuple[str, ...]:
    """Endings of the files of a format that are read below a folder; `auto` means texts."""
    kind = "text" if kind == "auto" else kind
    return (kind, *(ending for ending, source in ENDINGS.items() if source == kind))


def known_endings() -> tuple[str, ...]:
    """Endings of every format that comes with Tunewright."""
    return (*own_parts("sources"), *ENDINGS)


def texts_below(folder: FilePath, kind: str) -> list[FilePath]:
    """Files of a format below a folder, hidden ones left out, links to folders not followed."""
    found: list[FilePath] = []
    wanted = endings(kind)
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        found += [FilePath(root) / each for each in sorted(files) if not each.startswith(".")]
    return [path for path in found if path.suffix.lstrip(".").lower() in wanted and path.is_file()]


def matches(name: str, folder: FilePath, *, kind: str = "auto") -> list[FilePath]:
    """Files that a path or glob names; a file whose name looks like a glob comes first.

    Of a folder those below it that are of the format `kind`; `auto` means texts.
    """
    name = os.path.expanduser(name)  # noqa: PTH111 - pathlib's raises for a user who does not exist
    if "\0" in name:
        return []
    if os.path.isfile(folder / name):  # noqa: PTH113 - pathlib's raises for names that are too long
        return [folder / name]
    if os.path.isdir(folder / name):  # noqa: PTH112 - as above
        return texts_below(folder / name, kind)
    found = (folder / each for each in glob.iglob(name, root_dir=folder, recursive=True))  # noqa: PTH207 - takes `/a/*`
    return [path for path in found if path.is_file()]


def near(wrong: str, names: tuple[str, ...]) -> str:
    """The nearest name, or all of them."""
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f'Did you mean "{close[0]}"?' if close else f"There is: {', '.join(names)}."


def _model(draft: Draft) -> Iterator[Problem]:
    model: Any = draft.plain.get("model")
    block = mapping(model)
    place: Path = ("model",) if block is None else ("model", "name")
    name = model if block is None else block.get("name")
    if not isinstance(name, str) or not name:
        return
    if name.startswith(BUILTIN):
        short = name.removeprefix(BUILTIN)
        if short not in BUILTINS:
            yield Problem(f'no built-in model is called "{short}".', draft.where(place), near(short, BUILTINS))
    elif what := no_model(name, draft.file.parent):
        yield Problem(what, draft.where(place), WRITE_A_MODEL)


def no_model(name: str, folder: FilePath) -> str:
    """Why no model can lie behind a path or hub name, as far as a look at names shows; else empty."""
    path = folder / os.path.expanduser(name)  # noqa: PTH111 - as above
    if not os.path.exists(path):  # noqa: PTH110 - as above
        return "" if hub_name(name) else f'there is no model at "{name}".'
    if path.is_dir():
        if not (path / "config.json").is_file():
            return f'the folder "{name}" is no model: there is no config.json in it.'
        has_weights = any(path.glob("*.safetensors"))
        return "" if has_weights else f'the folder "{name}" is no model: there is no .safetensors file in it.'
    if path.suffix.lower() != ".gguf" or not path.is_file():
        return f'"{name}" is no model: a model is a folder or a .gguf file.'
    try:
        with path.open("rb") as file:
            return "" if file.read(len(GGUF)) == GGUF else f'"{name}" is not a GGUF file.'
    except OSError as error:
        return f'"{name}" cannot be read: {error.strerror}.'


def hub_name(name: str) -> bool:
    """True for a name that has the form of a hub name and not that of a path."""
    return _HUB_NAME.fullmatch(name) is not None and not name.endswith(".gguf")


def _scorers(draft: Draft, known: Known) -> Iterator[Problem]:
    suites = below(draft.plain.get("evaluate"), "suites")
    for index, suite in enumerate(sequence(suites)):
        for number, name in enumerate(sequence(below(suite, "scorers"))):
            yield from _scorer(draft, name, ("evaluate", "suites", index, "scorers", number), known=known)
    for index, gate in enumerate(sequence(draft.plain.get("gates"))):
        yield from _scorer(draft, below(gate, "metric"), ("gates", index, "metric"), known=known)


def _scorer(draft: Draft, name: Any, place: Path, *, known: Known) -> Iterator[Problem]:
    if isinstance(name, str) and name and name not in known("scorers"):
        yield Problem(f'no scorer is called "{name}".', draft.where(place), near(name, known("scorers")))
