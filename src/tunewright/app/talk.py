"""Talking to the model of a project: the tuned one, the base, or both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tunewright.app import resolve
from tunewright.app.loaded import Loaded, base_of, models_of
from tunewright.app.project import Project
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.language_model import GREEDY, Request, Sampling
from tunewright.core.nouns import Run
from tunewright.core.ports import Message
from tunewright.models.wording import Wording
from tunewright.text.chat import ChatFormat

MAX_NEW_TOKENS = 256


@dataclass(frozen=True)
class Talk:
    """A conversation with loaded models. `run` is the run whose model answers, None when only the base is there."""

    chat: ChatFormat
    models: Loaded
    run: Run | None
    system: str | None
    context_tokens: int | None = None

    def answer(self, messages: list[Message], *, base: bool, max_new_tokens: int = MAX_NEW_TOKENS) -> str:
        """The greedy answer to a conversation that ends with a user turn. Raises UserError as `stream` does."""
        return "".join(self.stream(messages, base=base, max_new_tokens=max_new_tokens))

    def stream(
        self,
        messages: list[Message],
        *,
        base: bool,
        max_new_tokens: int = MAX_NEW_TOKENS,
        sampling: Sampling = GREEDY,
    ) -> Iterator[str]:
        """The answer to a conversation that ends with a user turn, in pieces as they come; nothing is held back long.

        Raises UserError for text that holds a control token or is not Unicode, for one that is too long, and where the
        model's scores are not numbers.
        """
        model = self.models.base if base else self.models.tuned
        first: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        if (problem := self.chat.problem(messages)) is not None:
            raise UserError(f"the message cannot be written as tokens: {problem.detail}.", do="Leave that out.")
        prompt = self.chat.prompt_ids([*first, *messages])
        if self.context_tokens is not None and len(prompt) + max_new_tokens > self.context_tokens:
            raise UserError(
                f"the conversation has {len(prompt)} tokens; with an answer of {max_new_tokens} the model reads "
                f"at most {self.context_tokens}.",
                do="Shorten the message, or begin a new conversation.",
            )
        request = Request(tuple(prompt), max_new_tokens, self.chat.stop_ids, sampling=sampling)
        wording = Wording(self.chat.decode)
        for piece in model.stream([request]):
            if piece.answer is None:
                yield wording.add(piece.token)
            elif piece.answer.finish == "error":
                raise UserError("the model computes NaN or infinity for this conversation.", do="Train it again.")
        yield wording.end()


def open_talk(project: Project, emit: Emit, *, run: Run | None = None) -> Talk:
    """Load the newest trained model of a project, or of the run given.

    Raises UserError when nothing was trained yet, and for a model with a head.
    """
    found = run or run_of(project)
    if resolve.head(project.recipe) is not None:
        raise UserError(
            f"a model that was trained for {project.recipe.objective.type} has a head that says numbers, and does not "
            "talk.",
            where=found.name,
            do="See what it says with: tunewright evaluate",
        )
    base = base_of(project, emit)
    models = models_of(project, found, base=base)
    return Talk(base.chat, models, found, project.recipe.data.system, base.found.context_tokens)


def run_of(project: Project) -> Run:
    """The newest run of a project. Raises UserError when nothing was trained yet."""
    found = newest_run(project)
    if found is None:
        raise UserError(
            "no model was trained from this recipe yet.",
            where=str(project.file),
            do=f"Run: tunewright train {project.file.parent.name}",
        )
    return found


def newest_run(project: Project) -> Run | None:
    """The newest finished run whose recipe has this project's name, method and base."""
    for run in project.workspace.records("runs", Run):
        same = run.recipe["name"] == project.recipe.name and run.recipe["model"] == project.recipe.model.model_dump(
            mode="json"
        )
        if same and run.recipe["method"] == project.recipe.method.model_dump(mode="json"):
            return run
    return None
