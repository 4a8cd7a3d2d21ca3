"""The stage `data`: files to a DatasetVersion with a receipt that accounts for every row and token."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tunewright.core.digest import short
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Note
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Row, Shape, Source, Step
from tunewright.core.store import Store
from tunewright.core.workspace import Workspace, lock, new_folder, outside_errors, write_json, write_text
from tunewright.data.arrange import CONFLICTING, Work, arrange
from tunewright.data.context import Context, bound
from tunewright.data.crew import Crew, workers
from tunewright.data.encode import Encoder, TrainingChat
from tunewright.data.fates import NAME, SAMPLES_NAME, Fates
from tunewright.data.fetch import Fetched
from tunewright.data.files import LOCAL, dataset_key, find_files
from tunewright.data.forms import Rows, check_form, check_overlong
from tunewright.data.keep import nowhere
from tunewright.data.mapping import mapped
from tunewright.data.objects import OBJECTS, share
from tunewright.data.origins import Origins, origins_of
from tunewright.data.read import Reader
from tunewright.data.receipt import Ledger, Quarantine, check_limits, labels_of
from tunewright.data.retention import refuse_deleted
from tunewright.data.rows import SPLITS
from tunewright.data.seal import seal
from tunewright.data.shape import choose_shape, told_columns
from tunewright.data.shelf import Shelf
from tunewright.data.survey import NAME as SURVEY
from tunewright.data.survey import survey
from tunewright.recipe import remote
from tunewright.recipe.recipe import DataOptions
from tunewright.recipe.sources import sources_of
from tunewright.text.spans import LossOn

__all__ = ["DataParts", "Inputs", "dataset_key", "prepare"]


@dataclass(frozen=True)
class DataParts:
    """The parts at work: sources by name, shapes by name (all known when the recipe says auto, else one), steps."""

    sources: Mapping[str, Source]
    shapes: Mapping[str, Shape]
    steps: tuple[Step, ...]
    stores: Mapping[str, Store] = field(default_factory=dict)
    """Those that the recipe's remote sources lie in."""


@dataclass(frozen=True)
class Inputs:
    """What is not in the data options; `folder` is the recipe's, `made_at` an ISO time."""

    chat: TrainingChat
    folder: Path
    loss_on: LossOn
    key: str
    made_at: str
    rows: Rows = "conversations"
    """What the objective trains on."""
    context: Context | None = None
    """What steps may ask for beside rows."""
    recipe: str = ""
    """The recipe's name."""
    fetched: Fetched = LOCAL
    """Copies of remote sources."""


def prepare(
    options: DataOptions, parts: DataParts, *, inputs: Inputs, workspace: Workspace, emit: Emit
) -> DatasetVersion:
    """Read, check, deduplicate, split and encode; the result lies in `datasets/<name>/`.

    Raises UserError (no file, no shape, no row left, over-long rows) and LimitNotMet; after these the rows that were
    set aside stay listed in `scratch/data-<key>/quarantine.jsonl`.
    """
    place = workspace.home / "scratch" / f"data-{short(inputs.key)}"
    with lock(place.with_suffix(".lock"), purpose="data"), outside_errors(place), fresh(place) as work:
        with (
            Quarantine(place / "quarantine.jsonl") as quarantine,
            Shelf(place / "rows.jsonl") as shelf,
            Fates(work) as fates,
        ):
            ledger = Ledger(fates)
            desk = Desk(inputs, ledger, quarantine, shelf, emit)
            shape, rows, columns = read(options, parts, desk=desk)
            check_limits(options.limits, ledger, quarantine=quarantine.path)
            crew = Crew(workers(options.workers, rows=sum(map(len, rows.values()))))
            steps = bound(parts.steps, inputs.context)
            rows = arrange(rows, steps, options=options.split, work=Work(ledger, crew=crew, shelf=shelf, emit=emit))
            write_json(work / SURVEY, survey(rows).model_dump())
            encoder = Encoder(options, inputs.chat, inputs.loss_on, ledger, quarantine, emit, inputs.rows)
            name = encoder.write(rows, work)
            fates.finish()
            for step, report in ledger.reports.items():
                write_json(work / f"report-{step}.json", report)
        check_limits(options.limits, ledger, quarantine=quarantine.path)
        check_not_empty(ledger.splits["train"], ledger, options=options, quarantine=quarantine)
        tell_conflicts(ledger, emit)
        version = DatasetVersion(
            name=name,
            key=inputs.key,
            made_at=inputs.made_at,
            parents=tuple(sorted({tally.digest for tally in ledger.sources.values()} - {""})),
            recipe=inputs.recipe,
            steps=tuple(step.model_dump(mode="json") for step in options.steps),
            columns=columns,
            shape=shape,
            labels=labels_of(ledger.labels),
            max_tokens=options.max_tokens,
            chat_digest=inputs.chat.digest,
            receipt=ledger.receipt(),
        )
        publish(version, place=place, work=work, target=workspace.datasets / name)
    return version


@contextmanager
def fresh(place: Path) -> Iterator[Path]:
    """An empty folder for files on their way; it is gone afterwards, what lies beside it stays."""
    shutil.rmtree(place, ignore_errors=True)
    work = place / "work"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True)
class Desk:
    """What lies open while rows are read."""

    inputs: Inputs
    ledger: Ledger
    quarantine: Quarantine
    shelf: Shelf
    emit: Emit


def read(options: DataOptions, parts: DataParts, *, desk: Desk) -> tuple[str, dict[str, list[Row]], Origins]:
    """Name of the shape, rows by split as the files hold them, and what their columns came from."""
    files = find_files(options, folder=desk.inputs.folder, fetched=desk.inputs.fetched)
    sources, join = mapped(parts.sources, options.map, folder=desk.inputs.folder)
    shape_name, shape = choose_shape(parts.shapes, sources, files=files["train"])
    check_form(shape_name, desk.inputs.rows, where=files["train"][0].name)
    check_overlong(desk.inputs.rows, options.overlong)
    if len(parts.shapes) > 1:
        seen = told_columns(sources, files=files["train"])
        desk.emit(Note(text=f"The rows have the shape {shape_name}, by their columns: {seen}."))
    keep = options.keep
    reader = Reader(sources, shape, options.system, desk.ledger, desk.quarantine, desk.emit, desk.shelf, keep)
    rows = reader.read(files)
    check_not_empty(len(rows["train"]), desk.ledger, options=options, quarantine=desk.quarantine)
    tell_columns(keep, desk, rows=sum(map(len, rows.values())))
    return shape_name, rows, origins_of(options, shape, tallies=desk.ledger.sources, joined=join)


def check_not_empty(rows: int, ledger: Ledger, *, options: DataOptions, quarantine: Quarantine) -> None:
    """Raise UserError when no row is left to train on, with what became of the others, and the first of the bad."""
    if rows:
        return
    whole = ledger.total()
    fates = whole.quarantined + whole.dropped + Counter(duplicate=whole.duplicate.total())
    told = [f"{reason} {count:,}" for reason, count in fates.most_common(5)]
    for reason, _count in fates.most_common(1):
        if reason in quarantine.first:
            file, line, detail = quarantine.first[reason]
            place = f"line {line}" if file == told_of(options) else f"{file}:{line}"
            told[0] += f" ({place}: {detail})" if detail else f" ({place})"
    reasons = ", ".join(told)
    raise UserError(
        f"no row is left to train on, of {whole.rows_in:,} read" + (f": {reasons}." if reasons else "."),
        where=told_of(options),
        do=f"Bad rows are listed in {quarantine.path}." if whole.quarantined else "Name other files in data.train.",
    )


def told_of(options: DataOptions) -> str:
    """What training rows are said to come from, as the recipe has it."""
    return ", ".join(remote.shown(source.path) for source in sources_of(options.train))


def tell_columns(keep: Sequence[str], desk: Desk, *, rows: int) -> None:
    """Say which columns were to be kept and stand in no row."""
    for name in nowhere(keep, desk.ledger.total().notes, rows=rows):
        desk.emit(Note(text=f'data.keep: no row has a column "{name}"; nothing is kept of it.'))


def tell_conflicts(ledger: Ledger, emit: Emit) -> None:
    """Say once that equal prompts have several labels."""
    count = ledger.total().notes[CONFLICTING]
    if count:
        emit(Note(text=f"{count:,} rows have a prompt that also stands with another label; no model can learn both."))


def publish(version: DatasetVersion, *, place: Path, work: Path, target: Path) -> None:
    """Put the finished files in their place in one step; what was there before stands.

    Raises UserError when the same rows were deleted because their time was over.
    """
    refuse_deleted(target)
    with new_folder(target) as folder:
        for split in SPLITS:
            for path in sorted((*work.glob(f"{split}.parquet"), *work.glob(f"{split}*.safetensors"))):
                path.replace(folder / path.name)
        for path in (work / NAME, work / SAMPLES_NAME, work / SURVEY, *sorted(work.glob("report-*.json"))):
            path.replace(folder / path.name)
        shutil.copyfile(place / "quarantine.jsonl", folder / "quarantine.jsonl")
        write_text(folder / "receipt.json", version.receipt.model_dump_json(indent=1, by_alias=True) + "\n")
        write_text(folder / "version.json", version.model_dump_json(indent=1, by_alias=True) + "\n")
        seal(folder)
        share(folder, objects=target.parent / OBJECTS)
    shutil.rmtree(place, ignore_errors=True)
