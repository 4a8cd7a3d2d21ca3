"""Options of partial fine-tuning: some of the model's own weights train, the others stay as they are."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """The last blocks of the model, modules by name, or both; nothing is added to the model."""

    type: Literal["partial"] = "partial"
    version: Literal[1] = 1
    top_layers: int = option(
        2,
        "The last so many blocks train; 0: only `modules`.",
        why="two: fits small machines; a quarter of the blocks comes close to all of them (Lee et al., 2019, "
        "arXiv 1911.03090)",
        unit="blocks",
        ge=0,
    )
    modules: tuple[str, ...] = option(
        (),
        "Modules that train besides, by the end of their names, * for anything: `norm`, `lm_head`, "
        "`layers.0.mlp`, `*.self_attn`. The lowest decides the time of a step.",
        why="none: what the last blocks cannot learn is seldom in the norms or the embeddings",
    )

    @model_validator(mode="after")
    def _something_trains(self) -> Options:
        if not (self.top_layers or self.modules):
            raise ValueError("nothing trains; write top_layers, modules, or both.")
        return self
