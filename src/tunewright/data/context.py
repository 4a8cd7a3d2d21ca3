"""What a data step may ask for beside rows: the recipe's folder, evaluation rows, the base model, today's date."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.events import Emit, silent
from tunewright.core.language_model import LanguageModel
from tunewright.core.ports import Chat, Detector, Embedder, Row, Step
from tunewright.core.writing import Endpoint, Writer


def _no_rows() -> Mapping[str, list[Row]]:
    return {}


def _no_model() -> LanguageModel:
    raise NotImplementedError("no model was given")


def _no_embedder(_options: Any) -> Embedder:
    raise NotImplementedError("no embedder was given")


def _no_detector(_options: Any) -> Detector:
    raise NotImplementedError("no detector was given")


def _no_writer(_endpoint: Endpoint) -> Writer:
    raise NotImplementedError("no writer was given")


@dataclass(frozen=True)
class Context:
    """`folder`: the recipe's; `cache`: for what can be made again; `today`: an ISO date.

    `measured`: rows of the recipe's evaluation suites by suite, without those drawn from the data set itself. `model`
    opens the base model. `chat` has its tokens. `embedder` and `detector` make one from its options. The functions are
    called only by steps that need them.
    """

    folder: Path
    cache: Path
    today: str
    chat: Chat
    measured: Callable[[], Mapping[str, list[Row]]] = _no_rows
    model: Callable[[], LanguageModel] = _no_model
    model_digest: str = ""
    embedder: Callable[[Any], Embedder] = _no_embedder
    detector: Callable[[Any], Detector] = _no_detector
    writer: Callable[[Endpoint], Writer] = _no_writer
    """Opens a model behind a server."""
    emit: Emit = silent


class Asking:
    """A step that asks the tokenizer or the base model: what it needs, taken when the step is bound."""

    _context: Context | None = None

    def bind(self, context: Context) -> None:
        """Take the tokenizer and the base model."""
        self._context = context


def bound(steps: Sequence[Step], context: Context | None) -> tuple[Step, ...]:
    """The steps; those that have `bind(context)` take from it what they need.

    What a step keeps of it goes to other processes with the step: values, never the functions.
    """
    return tuple(_bound(step, context) for step in steps)


def _bound(step: Any, context: Context | None) -> Step:
    if context is None or not hasattr(step, "bind"):
        return step
    found = copy.copy(step)
    found.bind(context)
    return found


def parents_of(steps: Sequence[Step], context: Context) -> list[str]:
    """Digests of what steps use beside rows and options, of those that have `parents(context)`."""
    return [name for step in steps if hasattr(step, "parents") for name in step.parents(context)]  # pyright: ignore[reportAttributeAccessIssue]
