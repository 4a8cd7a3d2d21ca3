"""The method of a recipe as it is applied to a trained model: with what lies under it, and the head over it.

Apart from `resolve`, which verbs without a model load, too.
"""

from __future__ import annotations

from tunewright.app import resolve
from tunewright.core.ports import HasOutputs, Method
from tunewright.models.heads import WithHead
from tunewright.models.over import OverAdapter
from tunewright.recipe.recipe import Recipe


def method_of(recipe: Recipe) -> Method:
    """The method of a recipe, for use; with what lies under it, and the head that its objective trains."""
    objective, found = resolve.part("objectives", recipe.objective), resolve.part("methods", recipe.method)
    if recipe.model.under is not None:
        found = OverAdapter(found, None)
    return WithHead(found, objective.outputs(())) if isinstance(objective, HasOutputs) else found
