"""Bottleneck adapters (Houlsby et al., 2019, arXiv 1902.00751; Pfeiffer et al., 2021; He et al., 2022).

Their curve bends, so that no weight of the base computes what they do: `export.merge` refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from tunewright.models.bottleneck import OTHER, WHERE, Adapter, BottleneckModel, Form
from tunewright.models.bottleneck_files import read_adapter, write_adapter
from tunewright.models.drawn import draw_uniform
from tunewright.models.dropout import silence
from tunewright.models.sublayers import blocks
from tunewright.models.tensors import read_weights
from tunewright.models.vocabulary import refuse_added
from tunewright.recipe.options.methods.bottleneck import Options

ADAPTER = "default"
PARALLEL_SCALE = 4.0
"""He et al., 2022, for adapters beside the MLP."""


class Work:
    """Two small layers and a curve in every block; the model itself is frozen."""

    adapts = True
    learning_rate = 1e-3
    """Within the 3e-5 to 3e-3 that Houlsby et al., 2019, searched. Seen on SmolLM2-135M, the first 15 steps of 8 rows
    of examples/icd with AdamW, one seed: loss 9.5, then 1.17 (parallel) and 0.60 (pfeiffer) over steps 11 to 15,
    without a jump. No other rate was run."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> BottleneckModel:
        """The model inside a BottleneckModel: W_down drawn at random from `seed` and its own name, the rest zero.

        Raises UserError where the model has no such blocks, and for added tokens, whose rows would not train.
        """
        refuse_added(model, method="bottleneck")
        silence(model)
        model.requires_grad_(False)
        wrapped = BottleneckModel(model)
        adapter = wrapped.add_adapter(ADAPTER, self._form(wrapped)).requires_grad_(True)
        for name, parameter in adapter.named_parameters():
            if name.endswith("down.weight"):
                draw_uniform(parameter, name, seed=seed)
        return wrapped

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """Every weight of the adapter."""
        return dict(cast("Adapter", model.adapters[ADAPTER]).named_parameters())

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters."""
        del model
        return {name: tensor.detach() for name, tensor in weights.items()}

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """`adapter_model.safetensors` and `bottleneck_config.json`, our own: PEFT has no such adapters."""
        write_adapter(folder, model.adapters[ADAPTER].form, weights=self.content(model, weights))

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        return read_weights(folder)

    def load(self, model: Any, folder: Path) -> BottleneckModel:
        """The model with a saved adapter, in the type of its products, for use. Raises UserError for a spoilt one."""
        wrapped = BottleneckModel(model)
        read_adapter(wrapped, ADAPTER, folder=folder)
        return wrapped.eval()

    def _form(self, wrapped: BottleneckModel) -> Form:
        options, config = self.options, wrapped.config
        every = range(len(blocks(wrapped.get_base_model(), where=WHERE, do=OTHER)))
        return Form(
            form=options.form,
            model_width=config.hidden_size,
            width=options.width or max(1, round(config.hidden_size / options.reduction)),
            activation=options.activation,
            dropout=options.dropout,
            layers=tuple(every) if options.layers == "all" else tuple(sorted(options.layers)),
            scale=_scale(options),
        )


def _scale(options: Options) -> float:
    if options.scale != "auto":
        return options.scale
    return PARALLEL_SCALE if options.form == "parallel" else 1.0
