"""What training is made of, by port: whoever looks names up fills it in without loading what trains."""

from __future__ import annotations

from typing import NamedTuple

from tunewright.core.ports import Method, Objective, Optimiser, Schedule


class TrainParts(NamedTuple):
    """The parts of a recipe that training needs, loaded by `app.resolve`; `schedule` is never `auto` here."""

    method: Method
    objective: Objective
    optimiser: Optimiser
    schedule: Schedule
