"""What the records say of a model version, gathered: the one source of its card and of its bill of materials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from tunewright.core.nouns import DatasetVersion, Evaluation, ModelVersion, Run, Verdict
from tunewright.core.proof import Proof

HUB_BASE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)@(?P<commit>[0-9a-f]{40})")
LOCAL = re.compile(r"(?<![\w:/.@])(?:~|\.{1,2})?/[^\s,;:'\")]+")
"""A path of some machine within a text."""
NO_OPTIONS = frozenset(("type", "version", "checkpoints", "checkpoint_every", "sample_every"))
"""Keys of the recipe that say nothing about the weights."""
SAFE_WORDS = re.compile(r"[\w.+%-]{1,40}")
"""What an option's word looks like; whatever is longer may be somebody's text."""


@dataclass(frozen=True)
class Licence:
    """A licence by its SPDX name, and where that was read."""

    name: str
    said_by: str


@dataclass(frozen=True)
class Measured:
    """An evaluation with what became of its gates; None where no gate was decided."""

    evaluation: Evaluation
    verdict: Verdict | None


@dataclass(frozen=True)
class Form:
    """A form that was made, or refused, from a model: `version` is None for one that was refused."""

    proof: Proof
    version: ModelVersion | None


@dataclass(frozen=True)
class Story:
    """All that is known of a version. What nobody wrote down is None or empty, and nobody is told about it.

    `runs`: the run that trained it, or its parents' where it was made from trained models. `machine`: what the run
    wrote of it. `files`: paths inside the version's folder, with their sizes in bytes.
    """

    version: ModelVersion
    folder: Path
    runs: tuple[Run, ...] = ()
    dataset: DatasetVersion | None = None
    evaluations: tuple[Measured, ...] = ()
    forms: tuple[Form, ...] = ()
    proof: Proof | None = None
    licence: Licence | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)

    @property
    def run(self) -> Run | None:
        """The run that its weights come from, where there is one."""
        return self.runs[0] if len(self.runs) == 1 else None

    @property
    def title(self) -> str:
        """What people call it: its recipe's name, and its form."""
        names = [str(run.recipe.get("name") or "") for run in self.runs]
        name = " + ".join(filter(None, dict.fromkeys(names))) or self.version.name[:12]
        return f"{name} ({self.version.form})" if self.version.form else name

    @property
    def base_name(self) -> str:
        """The base as others know it: without the folders of this machine."""
        return public_name(self.version.base)

    @property
    def hub_base(self) -> tuple[str, str] | None:
        """Name and commit of a base that came from a hub."""
        found = HUB_BASE.fullmatch(self.version.base)
        return (found["name"], found["commit"]) if found else None

    @property
    def head(self) -> bool:
        """True for a model that answers with numbers of a head."""
        return any(name.startswith("head/") for name in self.files)


def public_name(name: str) -> str:
    """A name without the folders of this machine: names of a hub, `builtin:` and plain names stay as they are."""
    return PurePath(name).name if name.startswith(("/", "~", "./", "../")) or "\\" in name else name


def public_text(text: str) -> str:
    """A sentence in which paths of this machine are cut to their last part."""
    return LOCAL.sub(lambda found: PurePath(found[0]).name, text)


def public_options(options: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Options by their dotted names: numbers, switches and single words, never texts, paths or addresses."""
    if isinstance(options, Mapping):
        for key, value in options.items():
            if key == "type" and name:
                yield name, str(value)
            elif key not in NO_OPTIONS:
                yield from public_options(value, f"{name}.{key}" if name else str(key))
    elif isinstance(options, list | tuple):
        if options and all(_told(each) for each in options):
            yield name, ", ".join(map(str, options))
    elif _told(options):
        yield name, str(options)


def _told(value: Any) -> bool:
    """True for what is no secret by its kind: None says nothing, a long or spaced text may be anything."""
    return isinstance(value, bool | int | float) or (isinstance(value, str) and bool(SAFE_WORDS.fullmatch(value)))
