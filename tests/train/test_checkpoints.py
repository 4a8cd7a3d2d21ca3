"""Checkpoints: whole or absent, damaged ones set aside, budgets kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import CheckpointRefused, Event
from tunewright.models import tensors
from tunewright.models.tensors import read_weights
from tunewright.recipe.training import CheckpointOptions
from tunewright.train.checkpoints import CheckpointStore, State, size_bytes


def trained(steps: int) -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    weight = torch.nn.Parameter(torch.arange(12.0).view(3, 4))
    optimiser = torch.optim.AdamW([weight], lr=0.1, fused=True)
    for _ in range(steps):
        (weight**2).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    return weight, optimiser


def writer(weight: torch.Tensor) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        save_file({"w": weight.detach()}, folder / "adapter_model.safetensors")

    return write


def store_in(folder: Path, seen: list[Event], *, keep: int = 2, budget: int = 10**9) -> CheckpointStore:
    options = CheckpointOptions(keep=keep, disk_budget=budget)
    return CheckpointStore(folder, options=options, read_model=read_weights, emit=seen.append)


def state(step: int, write: Callable[[Path], None], optimiser: torch.optim.Optimizer) -> State:
    return State(step, optimiser.state_dict(), {"ended": False}, write)


def test_what_is_saved_comes_back_to_the_bit(tmp_path: Path) -> None:
    weight, optimiser = trained(3)
    store = store_in(tmp_path, [])
    store.save(state(3, writer(weight), optimiser))
    found = store.newest()
    assert found is not None and found.step == 3
    other, fresh = trained(0)
    with torch.no_grad():
        other.copy_(found.weights["w"])
    fresh.load_state_dict(found.optimiser)
    for one, two in ((weight, optimiser), (other, fresh)):
        (one**3).sum().backward()
        two.step()
    assert torch.equal(weight, other)


@pytest.mark.parametrize("file", ["model/adapter_model.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_one_is_refused_and_the_one_before_it_taken(tmp_path: Path, file: str, damage: str) -> None:
    seen: list[Event] = []
    weight, optimiser = trained(2)
    store = store_in(tmp_path, seen)
    for step in (4, 8):
        store.save(state(step, writer(weight), optimiser))
    path = store.paths()[-1] / file
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    found = store.newest()
    assert found is not None and found.step == 4
    refused = [event for event in seen if isinstance(event, CheckpointRefused)]
    assert [event.step for event in refused] == [8]


def test_only_the_newest_are_kept_and_the_budget_holds(tmp_path: Path) -> None:
    weight, optimiser = trained(1)
    store = store_in(tmp_path, [], keep=3)
    for step in range(1, 6):
        store.save(state(step, writer(weight), optimiser))
    assert [path.name for path in store.paths()] == ["step-00000003", "step-00000004", "step-00000005"]
    one = size_bytes(store.paths()[-1])
    tight = store_in(tmp_path, [], keep=3, budget=int(one * 2.5))
    tight.save(state(6, writer(weight), optimiser))
    assert [path.name for path in tight.paths()] == ["step-00000005", "step-00000006"], "the newest is never given up"
    tight.save(state(7, writer(weight), optimiser))
    assert [path.name for path in tight.paths()] == ["step-00000006", "step-00000007"]
    with pytest.raises(UserError, match=r"training.checkpoints.disk_budget: two checkpoints of this run take"):
        tight.check_budget(2 * one)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    _, optimiser = trained(1)
    store = store_in(tmp_path, [])

    def fail(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "half").write_text("x")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        store.save(state(1, fail, optimiser))
    assert list(tmp_path.iterdir()) == []
    assert store.newest() is None


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, optimiser = trained(1)

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensors, "save_file", full)
    with pytest.raises(OutsideError, match="the disk is full"):
        store_in(tmp_path, []).save(state(1, writer(weight), optimiser))
    assert list(tmp_path.iterdir()) == []
