"""The verb: a data set, a base model and a recipe become a Run, or go on where one stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from tunewright.core import events
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Event, EventFile, RunResolved, RunResumed, StepDone
from tunewright.core.nouns import Run
from tunewright.core.workspace import Workspace, lock, write_json, write_text
from tunewright.models.version import write_model_version
from tunewright.train import machine
from tunewright.train.bench import Bench
from tunewright.train.best import BestStore
from tunewright.train.checkpoints import CheckpointStore
from tunewright.train.inputs import TrainInputs, run_folder
from tunewright.train.loop import Hooks, Loop
from tunewright.train.meter import peak_bytes
from tunewright.train.parts import TrainParts
from tunewright.train.record import record
from tunewright.train.samples import sampler
from tunewright.train.set_up import set_up
from tunewright.train.stop import stop_switch
from tunewright.train.world import ALONE, World


def train(
    inputs: TrainInputs, parts: TrainParts, *, workspace: Workspace, emit: Emit, world: World = ALONE
) -> Run | None:
    """Train, or go on from the newest checkpoint, and write the Run; None on ranks beside the first.

    Raises UserError when another process trains the same run, Stopped when a signal asks to save and leave, LimitNotMet
    when the guard gives up.
    """
    folder = run_folder(workspace, inputs.key)
    with ExitStack() as stack:
        switch = stack.enter_context(stop_switch())
        tell: Emit = events.silent
        file: EventFile | None = None
        if world.first:
            stack.enter_context(lock(folder / "lock", purpose="train"))
            file = EventFile(folder / "events.jsonl", inputs.clock)
            tell = _tee(file, emit)
            write_text(folder / "recipe.json", inputs.recipe.model_dump_json(indent=1) + "\n")
        machine.take_up(folder, world, emit=tell)
        tell(RunResolved(used=inputs.settings.used() | _shared_by(world)))
        bench = set_up(inputs, parts, world=world, emit=tell)
        hooks = _hooks(inputs, bench, folder=folder, file=file, emit=tell)
        loop = Loop(bench, hooks, options=inputs.recipe.training, settings=inputs.settings)
        loop.run(_resume(loop, folder, emit=tell), switch=switch)
        peak = round(world.sums(peak_bytes())[0])
        return _finish(inputs, loop, workspace=workspace, peak=peak) if world.first else None


def _tee(file: EventFile, emit: Emit) -> Emit:
    def tell(event: Event) -> None:
        file(event)
        emit(event)

    return tell


def _shared_by(world: World) -> dict[str, int]:
    return {"threads": torch.get_num_threads(), "processes": world.size}


def _hooks(inputs: TrainInputs, bench: Bench, *, folder: Path, file: EventFile | None, emit: Emit) -> Hooks:
    store = CheckpointStore(
        folder / "checkpoints",
        options=inputs.recipe.training.checkpoints,
        read_model=bench.parts.method.read,
        emit=emit,
    )
    if bench.world.first:
        store.sweep()
    held = bench.parts.method.content(bench.model, bench.masters.weights)
    state_bytes = bench.parts.optimiser.state_bytes * bench.trained_parameters()
    store.check_budget(round(sum(tensor.nbytes for tensor in held.values()) + state_bytes))
    split = (bench.validation or bench.train).split
    return Hooks(
        store,
        BestStore(folder / "best"),
        _writer(inputs, bench, file=file),
        sampler(bench.model, inputs.chat, split=split, max_tokens=inputs.version.max_tokens, emit=emit),
        emit,
    )


def _writer(inputs: TrainInputs, bench: Bench, *, file: EventFile | None) -> Callable[[Path], None]:
    """Writes a checkpoint's weights once the events before it are safe on disk: a resume relies on them."""

    def write(target: Path) -> None:
        if file is not None:
            file.sync()
        _write_weights(bench, inputs, target=target)

    return write


def _write_weights(bench: Bench, inputs: TrainInputs, *, target: Path) -> None:
    """What a checkpoint and a model version share: the method's files, and what they belong to."""
    bench.parts.method.save(bench.model, bench.masters.weights, target)
    facts = {"base": inputs.base.source, "base_digest": inputs.base.digest, "chat_digest": inputs.chat.digest}
    write_json(target / "tunewright.json", facts)


def _resume(loop: Loop, folder: Path, *, emit: Emit) -> int:
    """Take over the newest checkpoint; returns the step it was made at, 0 for a new run."""
    try:
        step = loop.resume()
    except KeyError as error:
        raise UserError(
            f"the newest checkpoint holds no weight called {error}.",
            where=str(loop.hooks.store.folder),
            do="Remove the run's folder to begin anew.",
        ) from error
    tried_before = any(isinstance(event, StepDone) for event in events.read(folder / "events.jsonl"))
    if step or tried_before:
        emit(RunResumed(step=step))
    return step


def _finish(inputs: TrainInputs, loop: Loop, *, workspace: Workspace, peak: int) -> Run:
    """Write the model version and the record."""
    bench, folder = loop.bench, run_folder(workspace, inputs.key)
    method = bench.parts.method
    with bench.for_use():
        if inputs.recipe.training.early_stopping.keep == "best" and loop.patience.best_loss is not None:
            bench.masters.load(method.read(loop.hooks.best.path(loop.patience.best_step)))
        version = write_model_version(
            workspace,
            _model_version(inputs, bench),
            weights=method.content(bench.model, bench.masters.weights),
            write=lambda target: _write_version(bench, inputs, target=target),
        )
    history = events.standing(events.read(folder / "events.jsonl"))
    run = record(inputs, version, history=history, world=bench.world, peak_bytes=peak)
    write_text(folder / "run.json", run.model_dump_json(indent=1) + "\n")
    return run


def _write_version(bench: Bench, inputs: TrainInputs, *, target: Path) -> None:
    """A model version also holds the tokenizer and the template that it was trained with."""
    _write_weights(bench, inputs, target=target)
    inputs.chat.save(target)


def _model_version(inputs: TrainInputs, bench: Bench) -> dict[str, Any]:
    return {
        "key": inputs.key,
        "parents": (inputs.version.name, inputs.base.digest),
        "made_at": inputs.made_at,
        "base": inputs.base.source,
        "base_digest": inputs.base.digest,
        "method": inputs.recipe.method.type,
        "chat_digest": inputs.chat.digest,
        "numbers": inputs.settings.numbers,
        "trained_parameters": bench.trained_parameters(),
        "template": inputs.recipe.model.template,
        "added_tokens": inputs.recipe.model.added_tokens,
    }
