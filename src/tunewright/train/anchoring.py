"""Builds what holds weights near their start, as the recipe asks; a measured Fisher information is kept and reused."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.models.start import start_digest
from tunewright.train.anchor import Anchor, fisher, keep, stored
from tunewright.train.inputs import TrainInputs
from tunewright.train.masters import Masters
from tunewright.train.world import World

WHERE = "training.regularisation"


def anchor_of(inputs: TrainInputs, model: Any, *, masters: Masters, world: World, emit: Emit) -> Anchor | None:
    """The anchor of a run at its start, None where nothing is held. Raises UserError where ewc has no general rows."""
    asked = inputs.recipe.training.regularisation
    if not (asked.l2_to_start or asked.ewc):
        return None
    start = masters.copy()
    if not asked.ewc:
        return Anchor(start, asked.l2_to_start)
    if inputs.general is None:
        raise UserError(
            "ewc needs rows that stand for what the model should keep.",
            where=f"{WHERE}.general_rows",
            do="Name a file of them, or use l2_to_start.",
        )
    found = _fisher(inputs, model, masters=masters, world=world, emit=emit)
    if not any(bool(each.any()) for each in found.values()):
        raise UserError(
            "no weight that trains says anything about the general rows, so nothing would be held.",
            where=f"{WHERE}.general_rows",
            do="Give rows with answers.",
        )
    return Anchor(start, asked.l2_to_start, asked.ewc, found)


def _fisher(inputs: TrainInputs, model: Any, *, masters: Masters, world: World, emit: Emit) -> dict[str, Tensor]:
    general = inputs.general
    assert general is not None, "checked before"
    rows = general.split("train")
    count = min(len(rows), inputs.recipe.training.regularisation.fisher_rows)
    facts = [
        inputs.base.digest,
        start_digest(inputs.start) if inputs.start is not None else "",
        inputs.recipe.method.model_dump(mode="json"),
        inputs.recipe.training.seed,
        inputs.settings.numbers.model_dump(mode="json"),
        general.version.name,
        count,
    ]
    folder = inputs.cache / "fisher" / digest.short(digest.of_json(facts))
    found = stored(folder, masters)
    if found is None and world.first:
        found = fisher(model, masters, rows=[rows.encoded(row) for row in range(count)], emit=emit)
        keep(folder, found)
    world.wait()
    found = found or stored(folder, masters)
    assert found is not None, "the first rank has written it"
    return found
