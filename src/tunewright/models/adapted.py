"""Models with adapters around a base, whoever made them: one of the adapters, some, or none in use for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE
from tunewright.models.adapter_config import ADAPTER_CONFIG
from tunewright.models.bottleneck import KIND, BottleneckModel
from tunewright.models.bottleneck_files import is_bottleneck, read_adapter
from tunewright.models.config import read_json
from tunewright.models.forward import causal_lm
from tunewright.models.ia3 import whole_factors
from tunewright.models.tensors import read_weights
from tunewright.models.under import FILE as UNDER_FILE
from tunewright.models.under import KIND as STACK
from tunewright.models.under import UNDER, Under, under_of
from tunewright.models.version import check_trained_over
from tunewright.models.virtual import VirtualModel
from tunewright.models.virtual_files import is_virtual, read_virtual

REFUSALS = (ValueError, RuntimeError, OSError, KeyError, TypeError, SafetensorError)
"""What PEFT raises for an adapter that does not fit."""
OURS = (BottleneckModel, VirtualModel)
"""Coats of our own, which lie around PEFT's."""


class Adapted(Protocol):
    """One coat of adapters around a model, at most one of them in use: what PEFT's models and our own share."""

    active_adapter: Any

    def set_adapter(self, adapter_name: str) -> None:
        """Use another adapter of this coat."""
        ...

    def disable_adapter(self) -> AbstractContextManager[Any]:
        """None of this coat's adapters in the block: what they were trained over."""
        ...

    def delete_adapter(self, adapter_name: str) -> None:
        """Forget an adapter."""
        ...


def coats(model: Any) -> list[Adapted]:
    """The coats of a model, the outermost first; empty for a model without adapters."""
    if isinstance(model, OURS):
        return [cast("Adapted", model), *coats(model.model)]
    under = under_of(causal_lm(model)) if model is not None else None
    outer = [cast("Adapted", model)] if isinstance(model, PeftModel) else []
    return [*outer, under] if under is not None else outer


def names_in(coat: Adapted) -> tuple[str, ...]:
    """Names of the adapters of a coat."""
    if isinstance(coat, Under):
        return (UNDER,)
    return tuple(sorted(coat.adapters if isinstance(coat, BottleneckModel) else cast("Any", coat).peft_config))


def kinds_in(model: Any) -> set[str]:
    """The kinds of adapters that a model has, by PEFT's names and ours."""
    found: set[str] = set()
    for coat in coats(model):
        if isinstance(coat, BottleneckModel):
            found.add(KIND)
        elif isinstance(coat, Under):
            found.add(STACK)
        else:
            kinds = [config.peft_type for config in cast("Any", coat).peft_config.values()]
            found |= {str(getattr(kind, "value", kind)) for kind in kinds}
    return found


@contextmanager
def bare(model: Any) -> Iterator[None]:
    """Every adapter off in the block: the base."""
    with ExitStack() as stack:
        for coat in coats(model):
            stack.enter_context(coat.disable_adapter())
        yield


class Wardrobe:
    """The adapters of one model: what it was opened with, and what was loaded since. Shared by all its views."""

    def __init__(self, model: Any, *, base_digest: str | None = None) -> None:
        if any(isinstance(coat, PeftModel) and coat.active_peft_config.is_prompt_learning for coat in coats(model)):
            raise UserError("virtual tokens inside a model of PEFT cannot be used.", do="Load them from their folder.")
        self.model, self.base_digest = model, base_digest
        self._own = {id(coat): coat.active_adapter for coat in coats(model)}

    @property
    def names(self) -> tuple[str, ...]:
        """Every adapter that can be used by its name, sorted."""
        found = (coat for coat in coats(self.model) if not isinstance(coat, Under))
        return tuple(sorted(name for coat in found for name in names_in(coat)))

    @contextmanager
    def wearing(self, name: str) -> Iterator[None]:
        """In the block one adapter alone is in use; "": those that the model was opened with, `BASE`: none."""
        if name in self._own.values():
            name = ""
        with ExitStack() as stack:
            for coat in coats(self.model):
                wanted = self._own.get(id(coat), "") if name == "" else name
                known = names_in(coat)
                if isinstance(wanted, str) and wanted not in known:
                    stack.enter_context(coat.disable_adapter())
                elif wanted != coat.active_adapter:
                    stack.callback(_use, coat, coat.active_adapter)
                    coat.set_adapter(wanted)
            yield

    def load(self, name: str, folder: Path) -> None:
        """Take in an adapter. Raises UserError, with nothing taken in, when it does not fit or is spoilt."""
        if not name or "." in name or name == BASE or name in self.names:
            raise UserError(f"an adapter cannot be called {name!r} here.", do="Choose a name that is not in use.")
        if (folder / UNDER_FILE).is_file():
            raise UserError(
                "this adapter is refused: it was trained over another one, which lies beside it.",
                where=str(folder),
                do="Open it as a model of its own.",
            )
        check_trained_over(folder, self.base_digest)
        if is_bottleneck(folder):
            self._load_bottleneck(name, folder)
        elif is_virtual(folder):
            self._load_virtual(name, folder)
        else:
            self._load_peft(name, folder)

    def forget(self, name: str) -> None:
        """Forget an adapter that is there."""
        for coat in coats(self.model):
            left = [each for each in names_in(coat) if each != name]
            if len(left) == len(names_in(coat)):
                continue
            if self._own.get(id(coat)) == name:
                del self._own[id(coat)]
            if not left and isinstance(coat, PeftModel):  # PEFT does nothing without an adapter to ask
                self._put_inside(coat.unload())
                continue
            coat.delete_adapter(name)
            if left and coat.active_adapter not in left:
                coat.set_adapter(left[0])

    def _load_bottleneck(self, name: str, folder: Path) -> None:
        worn = next((coat for coat in coats(self.model) if isinstance(coat, BottleneckModel)), None)
        outer = worn or BottleneckModel(self.model)
        read_adapter(outer, name, folder=folder)
        if worn is None:
            self.model = outer.train(self.model.training)

    def _load_virtual(self, name: str, folder: Path) -> None:
        worn = next((coat for coat in coats(self.model) if isinstance(coat, VirtualModel)), None)
        outer = worn or VirtualModel(self.model)
        read_virtual(outer, name, folder=folder)
        if worn is None:
            self.model = outer.train(self.model.training)

    def _load_peft(self, name: str, folder: Path) -> None:
        found = _finite_weights(folder)
        coat = next((each for each in coats(self.model) if isinstance(each, PeftModel)), None)
        whole = _kind(folder) == "IA3"  # float32 before they are read, or they are rounded
        try:
            if coat is None:
                coat = PeftModel.from_pretrained(self._inside, folder, adapter_name=name, autocast_adapter_dtype=whole)
                self._put_inside(coat)
            else:
                coat.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=whole)
        except REFUSALS as error:
            if coat is None:
                _strip(self._inside)
            short = " ".join(str(error).split())[:200]
            raise UserError(f"this adapter is refused: {short}.", where=str(folder)) from error
        whole_factors(coat)
        missing = sorted(get_peft_model_state_dict(coat, adapter_name=name).keys() - found.keys())
        if missing:
            self.forget(name)
            raise UserError(
                f"this adapter is refused: {len(missing)} of its weights are missing, among them {missing[0]}.",
                where=str(folder),
                do="Save it again, or load it over the model that it was trained on.",
            )

    @property
    def _inside(self) -> Any:
        """What a coat of PEFT goes around."""
        found = self.model
        while isinstance(found, OURS):
            found = found.model
        return found

    def _put_inside(self, model: Any) -> None:
        """Put a model with or without a coat of PEFT in the place of the one that is there."""
        ours = [coat for coat in coats(self.model) if isinstance(coat, OURS)]
        if ours:
            ours[-1].model = model
        else:
            self.model = model


def _strip(model: Any) -> None:
    """Take out what PEFT has put into a model by the time that it raises."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            model.set_submodule(name, module.get_base_layer())
    vars(model).pop("peft_config", None)


def _use(coat: Adapted, name: Any) -> None:
    """Back to an adapter, where it is still there."""
    if isinstance(name, str) and name in names_in(coat):
        coat.set_adapter(name)


def _kind(folder: Path) -> str:
    """PEFT's name of an adapter's kind. Raises UserError where the folder says none."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        raise UserError(f"this adapter is refused: there is no {ADAPTER_CONFIG}.", where=str(folder))
    return str(read_json(path).get("peft_type"))


def _finite_weights(folder: Path) -> Mapping[str, Tensor]:
    """The weights of an adapter. Raises UserError where there are none, or one is NaN or infinite."""
    try:
        found = read_weights(folder)
    except SafetensorError as error:
        raise UserError(f"its weights cannot be read ({error}).", where=str(folder), do="Copy it again.") from error
    if not found:
        raise UserError("this adapter is refused: it holds no adapter_model.safetensors.", where=str(folder))
    spoilt = next((name for name, tensor in found.items() if not bool(torch.isfinite(tensor).all())), None)
    if spoilt is not None:
        raise UserError(
            f"this adapter is refused: {spoilt} holds NaN or infinity.",
            where=str(folder),
            do="Train it again; its run diverged.",
        )
    return found
