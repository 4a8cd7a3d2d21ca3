"""A stage of the flow: done once for a key, taken from its record after that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tunewright.app.project import Place, Project
from tunewright.core.events import Emit, StageDone, StageSkipped, StageStarted
from tunewright.core.nouns import Noun

NounT = TypeVar("NounT", bound=Noun)


@dataclass(frozen=True)
class Stage(Generic[NounT]):
    """How a noun is made for a key, and how to tell that its files are there."""

    name: str
    key: str
    kind: type[NounT]
    work: Callable[[], NounT]
    exists: Callable[[NounT], bool]

    def done(self, project: Place | Project, emit: Emit) -> NounT:
        """Do the stage, or take its record when its key and its files are there."""
        found = project.workspace.find_record(self.name, self.key, self.kind)
        if found is not None and self.exists(found):
            emit(StageSkipped(stage=self.name, name=found.name))
            return found
        began = project.clock()
        emit(StageStarted(stage=self.name, key=self.key))
        made = self.work()
        project.workspace.keep_record(self.name, self.key, made)
        emit(StageDone(stage=self.name, name=made.name, seconds=project.clock() - began))
        return made
