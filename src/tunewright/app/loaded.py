"""The models of a project: its base with the chat format, and the tuned one beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tunewright.app.applied import method_of
from tunewright.app.project import Project
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.language_model import HeadedModel, LanguageModel
from tunewright.core.nouns import Run
from tunewright.models.find import FoundModel, find
from tunewright.models.headed import Headed
from tunewright.models.heads import WithHead, read_head
from tunewright.models.language_model import BULK, open_language_model
from tunewright.models.load import load, resolve_device
from tunewright.models.start import start_digest, start_folder
from tunewright.models.vocabulary import resize
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.train.settings import numbers_of


@dataclass(frozen=True)
class Base:
    """Where the base model lies, and how it writes conversations.

    `under`: the folder of an adapter that stays under what trains; the digest of `found` is then that of both, because
    what trains over them fits nothing else.
    """

    found: FoundModel
    chat: ChatFormat
    under: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The models of a run, ready to answer."""

    base: LanguageModel
    tuned: LanguageModel
    head: HeadedModel | None = None
    """The tuned model with its head, where the objective trained one."""


def base_of(project: Project, emit: Emit) -> Base:
    """The base model of a project, converted or fetched if need be; its weights are not loaded yet."""
    asked = project.recipe.model
    found = find(asked, folder=project.folder, workspace=project.workspace, emit=emit)
    fallback = "user_assistant" if project.recipe.objective.rows == "documents" else None
    chat = load_chat(
        found.path, template=asked.template, added_tokens=asked.added_tokens, base=project.folder, fallback=fallback
    )
    if asked.under is None:
        return Base(found, chat)
    under = start_folder(asked.under, folder=project.folder, workspace=project.workspace, where="model.under")
    return Base(replace(found, digest=digest.of_json([found.digest, start_digest(under)])), chat, under)


def base_model(project: Project, base: Base) -> Callable[[], LanguageModel]:
    """A function that opens the base model, once, when it is first called."""

    @cache
    def opened() -> LanguageModel:
        numbers, device = numbers_of(project.recipe), resolve_device(project.recipe.model.device)
        model = load(base.found.path, numbers=numbers, device=device)
        resize(model, base.chat.vocabulary_size, added=tuple(base.chat.added_ids.values()))
        return _opened(model, base, compiled=project.workspace.compiled)

    return opened


def base_model_digest(project: Project, base: Base) -> str:
    """Digest of the base model and the number formats that it computes in."""
    return digest.of_json([base.found.digest, numbers_of(project.recipe).model_dump(mode="json")])


def check_context(max_tokens: int, base: Base) -> None:
    """Raise UserError for examples that the base model was not made to read."""
    context = base.found.context_tokens
    if context is not None and max_tokens > context:
        raise UserError(
            f"examples of {max_tokens} tokens are longer than the model reads ({context}).",
            where="data.max_tokens",
            do=f"Lower it to at most {context}, or choose another model.",
        )


def check_base(run: Run, base: Base) -> None:
    """Raise UserError when the base model or its template is not what the run was trained on."""
    if (run.model.base_digest, run.model.chat_digest) != (base.found.digest, base.chat.digest):
        raise UserError(
            "the base model or its chat template is not the one that this run was trained on.",
            where=str(base.found.path),
            do="Bring it back, or train again.",
        )


def models_of(project: Project, run: Run, *, base: Base) -> Loaded:
    """The tuned model of a run and its base, loaded; an adapter shares the base's weights.

    Raises UserError when the base is not what the run was trained on.
    """
    check_base(run, base)
    method = method_of(project.recipe)
    folder = project.workspace.models / run.name
    model = method.load(_plain(project, run, base=base), folder)
    compiled = project.workspace.compiled
    tuned = _opened(model, base, compiled=compiled)
    head = Headed(tuned, *read_head(folder)) if isinstance(method, WithHead) else None
    if method.adapts:
        return Loaded(tuned.without_adapter(), tuned, head)
    return Loaded(_opened(_plain(project, run, base=base), base, compiled=compiled), tuned, head)


def _opened(model: Any, base: Base, *, compiled: Path) -> LanguageModel:
    return open_language_model(
        model, decode=base.chat.decode, limits=BULK, base_digest=base.found.digest, compiled=compiled
    )


def _plain(project: Project, run: Run, *, base: Base) -> Any:
    """The base model in the number formats of a run, with room for added tokens."""
    model = load(base.found.path, numbers=run.model.numbers, device=resolve_device(project.recipe.model.device))
    resize(model, base.chat.vocabulary_size, added=tuple(base.chat.added_ids.values()))
    return model
