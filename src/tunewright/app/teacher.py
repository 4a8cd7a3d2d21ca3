"""The teacher of a distillation: another model with the same tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunewright.app.loaded import Base
from tunewright.app.project import Project
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.ports import Encoded
from tunewright.models.find import FoundModel, find
from tunewright.models.forward import prepare_for_packing
from tunewright.models.load import load, resolve_device
from tunewright.models.vocabulary import resize
from tunewright.recipe.recipe import ModelOptions
from tunewright.text.chat import load_chat
from tunewright.train.settings import numbers_of


@dataclass(frozen=True)
class Teacher:
    """A teacher that is found and not yet loaded."""

    found: FoundModel
    open: Callable[[], Any]


def teacher_of(project: Project, *, base: Base, example: Callable[[], Encoded], emit: Emit) -> Teacher | None:
    """The teacher that a recipe's objective names, None where it names none.

    Raises UserError when there is no such model, or when it knows other tokens than the one that learns.
    """
    name = getattr(project.recipe.objective, "teacher", None)
    if not name:
        return None
    try:
        found = find(ModelOptions(name=name), folder=project.folder, workspace=project.workspace, emit=emit)
    except UserError as error:
        first = error.problems[0]
        raise UserError(first.what, where="objective.teacher", do=first.do) from error
    asked = project.recipe.model
    chat = load_chat(found.path, template=asked.template, added_tokens=asked.added_tokens, base=project.folder)
    if chat.tokenizer.get_vocab() != base.chat.tokenizer.get_vocab():
        raise UserError(
            "the teacher knows other tokens than the model that learns, so their distributions cannot be compared.",
            where="objective.teacher",
            do="Choose a teacher of the same family.",
        )

    def opened() -> Any:
        recipe = project.recipe
        model: Any = load(found.path, numbers=numbers_of(recipe), device=resolve_device(recipe.model.device))
        resize(model, chat.vocabulary_size, added=tuple(chat.added_ids.values()))
        prepare_for_packing(model, example())
        return model

    return Teacher(found, opened)
