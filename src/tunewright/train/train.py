"""The verb: a data set, a base model and a recipe become a Run, or go on where one stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunewright.core import digest, events
from tunewright.core.errors import UserError
from tunewright.core.events import AnyEvent, Emit, Event, EventFile, Note, RunResolved, RunResumed, StepDone, Validated
from tunewright.core.nouns import DatasetVersion, ModelVersion, Run
from tunewright.core.ports import Chat
from tunewright.core.workspace import Workspace, lock, write_json, write_text
from tunewright.data.dataset import Dataset
from tunewright.models.find import FoundModel
from tunewright.models.forward import causal_lm, prepare_for_packing
from tunewright.models.load import load
from tunewright.models.version import write_model_version
from tunewright.recipe.recipe import Recipe
from tunewright.train.batches import check_longest
from tunewright.train.checkpoints import CheckpointStore
from tunewright.train.loop import Bench, Hooks, Loop
from tunewright.train.masters import Masters
from tunewright.train.meter import peak_bytes
from tunewright.train.samples import sampler
from tunewright.train.settings import Settings, TrainParts
from tunewright.train.stop import stop_switch

BYTES_PER_WEIGHT = 12
"""A checkpoint holds the float32 weight and AdamW's two moments."""
LAST_STEPS = 10


@dataclass(frozen=True)
class TrainInputs:
    """Everything that training reads: parents, resolved settings and the key they give."""

    recipe: Recipe
    recipe_file: str
    dataset: Dataset
    version: DatasetVersion
    base: FoundModel
    chat: Chat
    settings: Settings
    key: str
    clock: Callable[[], float]
    made_at: str


def run_folder(workspace: Workspace, key: str) -> Path:
    """Where a run keeps its events, checkpoints and report."""
    return workspace.runs / digest.short(key)


def train(inputs: TrainInputs, parts: TrainParts, *, workspace: Workspace, emit: Emit) -> Run:
    """Train, or go on from the newest checkpoint, and write the Run.

    Raises UserError when another process trains the same run, Stopped when a signal asks to save and leave.
    """
    folder = run_folder(workspace, inputs.key)
    with lock(folder / "lock", purpose="train"), stop_switch() as switch:
        file = EventFile(folder / "events.jsonl", inputs.clock)
        tell = _tee(file, emit)
        _set_threads(folder, tell)
        write_text(folder / "recipe.json", inputs.recipe.model_dump_json(indent=1) + "\n")
        tell(RunResolved(used=inputs.settings.used() | {"threads": torch.get_num_threads()}))
        bench = _bench(inputs, parts)
        store = _store(inputs, bench, folder=folder, emit=tell)
        start = _restore(bench, store, emit=tell)
        hooks = Hooks(
            store,
            _checkpointer(bench, inputs, file=file),
            _sampler(bench, inputs, emit=tell),
            tell,
        )
        Loop(bench, hooks, options=inputs.recipe.training, settings=inputs.settings).run(start, switch=switch)
        version = write_model_version(
            workspace,
            _model_version(inputs, bench),
            weights=bench.masters.weights,
            write=lambda target: _write_weights(bench, inputs, target=target),
        )
        run = _run(inputs, version, history=events.standing(events.read(folder / "events.jsonl")))
        write_text(folder / "run.json", run.model_dump_json(indent=1) + "\n")
        return run


def _tee(file: EventFile, emit: Emit) -> Emit:
    def tell(event: Event) -> None:
        file(event)
        emit(event)

    return tell


def _set_threads(folder: Path, emit: Emit) -> None:
    """Use the thread count that the run began with: the order of sums, and so the bits, depend on it."""
    path = folder / "machine.json"
    if path.exists():
        threads = int(json.loads(path.read_text(encoding="utf-8"))["threads"])
        if threads != torch.get_num_threads():
            emit(Note(text=f"This run began with {threads} threads and goes on with them."))
            torch.set_num_threads(threads)
    else:
        write_json(path, {"threads": torch.get_num_threads(), "torch": torch.__version__})


def _bench(inputs: TrainInputs, parts: TrainParts) -> Bench:
    recipe = inputs.recipe
    train_split = inputs.dataset.split("train")
    budget_tokens = recipe.training.micro_batch_tokens
    check_longest(int(train_split.lengths.max()), budget_tokens=budget_tokens)
    model = load(inputs.base.path, precision=inputs.settings.precision)
    prepare_for_packing(model, train_split.encoded(0))
    model = parts.method.attach(model, seed=recipe.training.seed)
    if recipe.training.recompute == "layers":
        causal_lm(model).gradient_checkpointing_enable({"use_reentrant": False})
    masters = Masters(parts.method.trainable(model))
    optimiser = parts.optimiser.build(masters.weights, learning_rate=inputs.settings.learning_rate)
    has_validation = inputs.version.receipt.splits.get("validation", 0) > 0
    validation = inputs.dataset.split("validation") if has_validation else None
    if validation is not None:
        check_longest(int(validation.lengths.max()), budget_tokens=budget_tokens)
    return Bench(model, masters, optimiser, parts, train_split, validation)


def _checkpointer(bench: Bench, inputs: TrainInputs, *, file: EventFile) -> Callable[[Path], None]:
    """Writes a checkpoint's weights once the events before it are safe on disk: a resume relies on them."""

    def write(target: Path) -> None:
        file.sync()
        _write_weights(bench, inputs, target=target)

    return write


def _sampler(bench: Bench, inputs: TrainInputs, *, emit: Emit) -> Callable[[int], None]:
    split = bench.validation or bench.train
    return sampler(bench.model, inputs.chat, split=split, max_tokens=inputs.version.max_tokens, emit=emit)


def _store(inputs: TrainInputs, bench: Bench, *, folder: Path, emit: Emit) -> CheckpointStore:
    options = inputs.recipe.training.checkpoints
    store = CheckpointStore(folder / "checkpoints", keep=options.keep, disk_budget_bytes=options.disk_budget, emit=emit)
    store.sweep()
    store.check_budget(BYTES_PER_WEIGHT * _trained(bench))
    return store


def _restore(bench: Bench, store: CheckpointStore, *, emit: Emit) -> int:
    """Take over the newest checkpoint; returns the step it was made at, 0 for a new run."""
    checkpoint = store.newest()
    if checkpoint is None:
        if _events_exist(store.folder.parent):
            emit(RunResumed(step=0))
        return 0
    try:
        bench.masters.load(checkpoint.weights)
    except KeyError as error:
        raise UserError(
            f"the checkpoint of step {checkpoint.step} holds no weight called {error}.",
            where=str(store.folder),
            do="Remove the run's folder to begin anew.",
        ) from error
    bench.optimiser.load_state_dict(checkpoint.optimiser)
    torch.set_rng_state(checkpoint.random)
    emit(RunResumed(step=checkpoint.step))
    return checkpoint.step


def _events_exist(folder: Path) -> bool:
    """True when steps of an earlier try stand in the event file."""
    return any(isinstance(event, StepDone) for event in events.read(folder / "events.jsonl"))


def _trained(bench: Bench) -> int:
    return sum(weight.numel() for weight in bench.masters.weights.values())


def _write_weights(bench: Bench, inputs: TrainInputs, *, target: Path) -> None:
    """What a checkpoint and a model version share: the method's files, and the digest of the chat template."""
    bench.parts.method.save(bench.model, bench.masters.weights, target)
    write_json(
        target / "tunewright.json",
        {"base": inputs.base.source, "base_digest": inputs.base.digest, "chat_digest": inputs.chat.digest},
    )


def _model_version(inputs: TrainInputs, bench: Bench) -> dict[str, Any]:
    return {
        "key": inputs.key,
        "parents": (inputs.version.name, inputs.base.digest),
        "made_at": inputs.made_at,
        "base": inputs.base.source,
        "base_digest": inputs.base.digest,
        "method": inputs.recipe.method.type,
        "chat_digest": inputs.chat.digest,
        "precision": inputs.settings.precision,
        "trained_parameters": _trained(bench),
    }


def _run(inputs: TrainInputs, version: ModelVersion, *, history: list[AnyEvent]) -> Run:
    """The record, folded from the events that stand."""
    steps = [event for event in history if isinstance(event, StepDone)]
    if not steps:
        raise UserError(
            "the run's events are gone, so nobody can say what happened.",
            where=str(inputs.recipe_file),
            do="Remove the run's folder in the workspace and train again.",
        )
    checks = [event for event in history if isinstance(event, Validated)]
    train_s = sum(step.seconds for step in steps)
    last = steps[-LAST_STEPS:]
    return Run(
        name=version.name,
        key=inputs.key,
        parents=(inputs.version.name, inputs.base.digest),
        made_at=inputs.made_at,
        recipe=inputs.recipe.model_dump(mode="json"),
        recipe_file=inputs.recipe_file,
        used=inputs.settings.used() | {"threads": torch.get_num_threads()},
        model=version,
        dataset=inputs.version.name,
        steps=len(steps),
        loss=sum(step.loss for step in last) / len(last),
        validation_loss=checks[-1].loss if checks else None,
        tokens=sum(step.tokens for step in steps),
        trained_tokens=sum(step.trained_tokens for step in steps),
        tokens_per_s=sum(step.tokens for step in steps) / train_s,
        train_s=train_s,
        peak_memory_bytes=peak_bytes(),
        resumed=sum(isinstance(event, RunResumed) for event in history),
    )
