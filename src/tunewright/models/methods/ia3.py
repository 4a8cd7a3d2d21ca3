"""(IA)3 through PEFT (Liu et al., 2022, arXiv 2205.05638): values times learnt factors, one each.

l_k K, l_v V and, inside the MLP, l_ff times what goes into its second matrix (section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import IA3Config, PeftModel, get_peft_model
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.dropout import silence
from tunewright.models.ia3 import FAMILIES, paper_targets, whole_factors
from tunewright.models.targets import targets, turned
from tunewright.models.tensors import read_weights, write_weights
from tunewright.models.vocabulary import refuse_added
from tunewright.recipe.options.methods.ia3 import Options

ADAPTER = "default"


class Work:
    """One factor a value; the model itself is frozen."""

    adapts = True
    learning_rate = 1e-2
    """Measured on SmolLM2-135M, 60 steps of 8 rows of examples/icd with AdamW, one seed: loss 9.5, then 0.36 over the
    last ten steps, 0.40 on validation rows. At 3e-2 steps 11 to 15 were lower (0.70, here 1.10); no more of it was run.
    Liu et al. take 3e-3, with Adafactor and 1,000 steps."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> Any:
        """A PeftModel whose factors are 1: the start is the base's own, so `seed` changes nothing.

        Raises UserError when a target matches no linear layer, and for added tokens, whose rows would not train.
        """
        del seed
        refuse_added(model, method="ia3")
        silence(model)
        wrapped = get_peft_model(model, self._config(model), autocast_adapter_dtype=False)
        whole_factors(wrapped)
        return wrapped

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """Every factor, by the names under which PEFT saves it."""
        named = model.named_parameters()
        return {name.removesuffix(f".{ADAPTER}"): each for name, each in named if each.requires_grad}

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters."""
        del model
        return {name: tensor.detach() for name, tensor in weights.items()}

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """`adapter_model.safetensors` and `adapter_config.json`, as plain PEFT reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "adapter_model.safetensors", self.content(model, weights))
        model.peft_config[ADAPTER].save_pretrained(str(folder))

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        return read_weights(folder)

    def load(self, model: Any, folder: Path) -> Any:
        """The model with a saved adapter, for use."""
        wrapped = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=True)
        whole_factors(wrapped)
        return wrapped.eval()

    def _config(self, model: Any) -> IA3Config:
        asked = self.options.targets
        chosen = paper_targets(model) if asked == "auto" else targets(model, asked)
        return IA3Config(
            target_modules=list(chosen),
            feedforward_modules=self._feedforward(list(chosen)),
            fan_in_fan_out=turned(model),
            task_type="CAUSAL_LM",
        )

    def _feedforward(self, chosen: list[str]) -> list[str]:
        """Targets whose inputs are scaled. Raises UserError for one that is no target."""
        if self.options.feedforward == "auto":
            known = {names[-1] for names in FAMILIES}
            return [name for name in chosen if name in known]
        unknown = [name for name in self.options.feedforward if name not in chosen]
        if unknown:
            raise UserError(
                f"{unknown[0]} is not among the targets.",
                where="method.feedforward",
                do=f"The targets are: {', '.join(sorted(chosen))}.",
            )
        return list(self.options.feedforward)
