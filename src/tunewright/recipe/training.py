"""The course of training: one block of the recipe, with checkpoints, guard and early stopping inside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tunewright.recipe.fields import Options, PartOf, Size, option


class CheckpointOptions(Options):
    """What is kept on disk while a run goes on."""

    keep: int = option(
        2, "Newest checkpoints kept.", why="two: if the newest is damaged, the one before it serves", ge=2, le=100
    )
    disk_budget: Size = option(
        20 * 10**9,
        'Checkpoints of a run together stay below this; may be written "2 GB".',
        why="a laptop's disk; a run that cannot keep two says so before it starts",
        unit="bytes",
    )


class RegularisationOptions(Options):
    """What holds weights near where they began, so that a model keeps what it knew."""

    l2_to_start: float = option(
        0.0,
        "Half of this times the squared distance of what trains from its start is added to the loss.",
        why="0: nothing is held; 1e-4 to 1e-1 are worth trying, and cost one copy of what trains",
        ge=0,
    )
    ewc: float = option(
        0.0,
        "The same, each weight times its Fisher information on general rows (Kirkpatrick et al., 2017, "
        "arXiv 1612.00796, equation 3).",
        why="0: nothing is held; it needs general_rows, one backward pass over each of them, and two copies",
        ge=0,
    )
    general_rows: str | None = option(
        None, "A file of rows that stand for what the model should keep.", why="none: needed for ewc alone"
    )
    fisher_rows: int = option(
        128, "At most so many of the general rows, the first.", why="enough for a diagonal; each costs a pass", ge=1
    )


class GuardOptions(Options):
    """What happens when a loss or gradient is NaN or infinite, or a loss jumps."""

    action: Literal["skip", "lower_rate", "stop"] = option(
        "skip",
        "skip: leave the batch out; lower_rate: go back to the last checkpoint and go on with a lower rate (and leave "
        "the batch out if it goes wrong again); stop.",
        why="skip: one bad batch in a thousand should not end a night's work; every decision is told and recorded",
    )
    spike: float | None = option(
        6.0,
        "A loss is a spike when it lies above the median of the window by more than this many robust deviations "
        "(1.48 times the median absolute deviation, at least 0.5); none: only NaN and infinity count.",
        why="six: on losses that vary as usual never reached, and at least 3 nats above the median",
        gt=0,
    )
    window: int = option(
        50,
        "Losses that the median is taken over; nothing is a spike before a fifth of them is seen.",
        why="long enough to be steady, short enough to follow the fall",
        unit="steps",
        ge=5,
        le=10_000,
    )
    limit: int = option(
        5, "Decisions in a run; one more stops it and names the rows.", why="more than a few mean a wrong rate", ge=0
    )
    rate_factor: float = option(
        0.5, "What lower_rate multiplies the rate by each time.", why="half: the usual step down", gt=0, lt=1
    )


class EarlyStoppingOptions(Options):
    """When training stops because validation gains nothing, and which weights become the model."""

    patience: int | None = option(
        None,
        "Stop after so many validations in a row without a gain.",
        why="none: the schedule is made for the whole run",
        unit="validations",
        ge=1,
    )
    least_gain: float = option(
        0.0,
        "A validation counts as a gain when its loss is lower by more than this.",
        why="0: any gain",
        unit="nats",
        ge=0,
    )
    keep: Literal["last", "best"] = option(
        "last",
        "Which weights become the model: those of the last step, or of the validation with the lowest loss.",
        why="last: what the schedule ends with; best when you stop early",
    )


class TrainingOptions(Options):
    """The course of training."""

    epochs: float = option(
        1.0,
        "Passes over the training rows.",
        why="one pass is the safe start; more over-fits small data",
        gt=0,
        le=10_000,
    )
    max_steps: int | None = option(None, "Optimiser steps; wins over epochs.", why="none: epochs decide", ge=1)
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["auto"] = option(
        16,
        "Examples a step; auto: as many as fill one measured pass, between 8 and 64.",
        why="small batches learn more per example with LoRA (Schulman, 2025, LoRA Without Regret)",
        unit="examples",
    )
    micro_batch_tokens: Annotated[int, Field(ge=16)] | Literal["auto"] = option(
        4096,
        "Tokens computed at once; the result depends on it by rounding only. auto: measured with real steps.",
        why="enough to fill a processor's matrix units, about 1.6 GB of activations on a 135M model",
        unit="tokens",
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] | Literal["auto"] = option(
        "auto",
        "Highest learning rate.",
        why="auto: the method's own (LoRA needs about ten times the rate of full fine-tuning)",
    )
    optimiser: Annotated[Any, PartOf("optimisers")] = option(
        "adamw", "The update rule.", why="AdamW: the field's standard (Loshchilov and Hutter, 2019)"
    )
    schedule: Annotated[Any, PartOf("schedules", also=("auto",))] = option(
        "cosine",
        "The course of the learning rate; auto: what fits the optimiser (constant for schedule-free ones).",
        why="cosine with a short warm-up: a safe choice for a known length",
    )
    clip_norm: float | None = option(
        1.0,
        "Largest gradient norm; none for no clipping.",
        why="1.0: the field's usual guard against a bad batch",
        gt=0,
    )
    seed: int = option(0, "Seed of order, starts and dropout.", why="fixed, so that two runs are equal", ge=0, lt=2**32)
    recompute: Literal["none", "layers"] = option(
        "none",
        "layers: keep only each layer's input and compute the rest again (gradient checkpointing).",
        why="none: faster by a third; choose layers when memory is short",
    )
    checkpoint_every: int = option(
        100,
        "A checkpoint each so many steps.",
        why="costs under a second for an adapter; a kill loses at most this much",
        unit="steps",
        ge=1,
    )
    checkpoints: CheckpointOptions = option({}, "What is kept on disk.", why="see its keys")
    guard: GuardOptions = option({}, "What happens when a step goes wrong.", why="see its keys")
    regularisation: RegularisationOptions = option({}, "What holds weights near their start.", why="see its keys")
    early_stopping: EarlyStoppingOptions = option({}, "When to stop before the end.", why="see its keys")
    evaluate_every: int | None = option(
        None, "Validation loss each so many steps.", why="none: ten times in a run", unit="steps", ge=1
    )
    validation_rows: int = option(
        256,
        "At most so many validation rows for the loss during training.",
        why="enough to see over-fitting; the evaluation after training uses every row",
        unit="rows",
        ge=1,
    )
    sample_every: int | None = option(
        None, "A sample answer each so many steps.", why="none: with every validation", unit="steps", ge=1
    )
