"""The recipe: one frozen tree of options. Every key says what it means, why its default is what it is, and its unit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tunewright.recipe.fields import Options, PartOf, Presets, Share, ShareOrCount, Size, option


class ModelOptions(Options):
    """Which model is tuned, and in which number format it computes."""

    name: str = option(
        ...,
        "The base model: `builtin:NAME`, a folder, a `.gguf` file, or a name on the model hub.",
        why="no default: the base decides everything else",
        min_length=1,
    )
    revision: str | None = option(
        None,
        "Commit of a hub model.",
        why="empty: the newest commit is looked up once and pinned in the run",
        pattern="^[0-9a-f]{40}$",
    )
    weights: Literal["auto", "bf16", "fp32", "int8", "nf4"] = option(
        "auto",
        "How frozen weights are held: 32 or 16 bits, LLM.int8, or 4-bit normal floats; trained ones are float32.",
        why="auto: the type of the products; nf4 takes a quarter of bf16's memory for frozen weights and some time",
    )
    precision: Literal["auto", "bf16", "fp32"] = option(
        "auto",
        "Number format of products; quantised weights are computed in it.",
        why="auto: that of the weights; else bf16 where the processor multiplies it natively (half the memory, twice "
        "the speed), else fp32; resolved before the run is named",
    )
    double_quantisation: bool = option(
        True,
        "Quantise the scales of nf4 weights, too.",
        why="saves 0.37 bits a weight and loses nothing that was measured (Dettmers et al., 2023, section 3)",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option(
        "auto", "What the model computes on.", why="auto: cuda where there is one, else mps, else cpu"
    )
    template: str | None = option(
        None,
        "Chat template in place of the model's own: chatml, llama3, alpaca, user_assistant, or a file.",
        why="none: the model's own; a base model without one needs a name here",
        min_length=1,
    )
    added_tokens: tuple[str, ...] = option(
        (),
        "Tokens added to the vocabulary; their embeddings begin at the mean of all and train.",
        why="none: most tasks need no new tokens",
    )
    start_from: str | None = option(
        None,
        "Trained weights to go on from: a folder of an adapter, model, run or checkpoint, relative to the recipe.",
        why="none: a fresh start; the method and its shape must be those of the folder",
        min_length=1,
    )

    @model_validator(mode="after")
    def _numbers_agree(self) -> ModelOptions:
        plain = self.weights in ("bf16", "fp32")
        if plain and self.precision not in ("auto", self.weights):
            raise ValueError(
                f"weights {self.weights} and precision {self.precision} do not go together; leave precision out."
            )
        return self


class SourceOptions(Options):
    """Files that rows come from."""

    path: str = option(..., "A file or a glob, relative to the recipe.", why="no default", min_length=1)
    type: str = option(
        "auto", "File format: a source's name, or auto.", why="auto: by the file's ending (`.jsonl`, `.csv`)"
    )


class SplitOptions(Options):
    """How rows are divided where no file is given for a split."""

    validation: Share = option(
        0.1, "Share of rows for validation.", why="a tenth: the usual choice for a few thousand rows", unit="share"
    )
    test: Share = option(0.1, "Share of rows for the test.", why="as for validation", unit="share")
    seed: int = option(
        0, "Seed of the division.", why="fixed, so that the same rows fall on the same side each time", ge=0
    )
    stratify: Literal["auto", "label", "none"] = option(
        "auto", "Keep the shares of labels equal on all sides.", why="auto: by label where rows have labels"
    )

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> SplitOptions:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together take every row; leave some for training.")
        return self


class OverlongOptions(Options):
    """What happens to an example of more than `data.max_tokens` tokens."""

    action: Literal["refuse", "drop", "cut", "split"] = option(
        "refuse",
        "refuse: stop and say which; drop: leave the row out; cut: shorten it, keep the stop token; split: cut it up.",
        why="refuse: losing text is the user's decision, never ours",
    )
    side: Literal["start", "end"] = option(
        "start",
        "Which side of a cut row is lost.",
        why="start: the answer stands at the end, and it is what is trained",
    )


class LimitOptions(Options):
    """Losses past which the run refuses to start, as a share of rows read or a number of rows."""

    quarantined_rows: ShareOrCount | None = option(
        0.05,
        "Bad rows set aside.",
        why="more than one in twenty means a wrong shape or a broken export",
        unit="share or rows",
    )
    truncated_rows: ShareOrCount | None = option(
        None, "Rows that were shortened.", why="none: cutting is asked for by name", unit="share or rows"
    )
    dropped_rows: ShareOrCount | None = option(
        None, "Rows left out by steps or length.", why="none: dropping is asked for by name", unit="share or rows"
    )
    duplicate_rows: ShareOrCount | None = option(
        None, "Exact duplicates.", why="none: duplicates are harmless once removed", unit="share or rows"
    )


def _one_source(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class DataOptions(Options):
    """Where rows come from, what form they have, and what happens to them."""

    train: SourceOptions = option(..., "Training rows: a path, or a mapping with `path` and `type`.", why="no default")
    validation: SourceOptions | None = option(None, "Validation rows.", why="none: split off the training rows")
    test: SourceOptions | None = option(None, "Test rows.", why="none: split off the training rows")
    shape: Annotated[Any, PartOf("shapes", also=("auto",))] = option(
        "auto",
        "The form of a row: a shape, or `auto`.",
        why="auto: detected from the columns, and said in the receipt",
    )
    system: str | None = option(
        None, "A system turn put before rows that have none.", why="none: the template's own default stands"
    )
    steps: tuple[Annotated[Any, PartOf("steps")], ...] = option(
        ("deduplicate",),
        "What is done to rows, in order.",
        why="an example seen twice counts twice and can stand on both sides of a split",
    )
    split: SplitOptions = option({}, "How rows are divided.", why="see its keys")
    max_tokens: int = option(
        1024,
        "Longest example.",
        why="fits most chat data; raise it if the receipt says rows are longer",
        unit="tokens",
        ge=8,
        le=1_000_000,
    )
    overlong: OverlongOptions = option({}, "What happens to longer examples.", why="see its keys")
    limits: LimitOptions = option({}, "Losses past which the run refuses to start.", why="see its keys")

    _sources = field_validator("train", "validation", "test", mode="before")(_one_source)

    @field_validator("overlong", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"action": value} if isinstance(value, str) else value


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


class EvaluateOptions(Options):
    """What is measured after training, and against what."""

    suites: tuple[Annotated[Any, PartOf("suites")], ...] | Literal["auto"] = option(
        "auto", "What is measured.", why="auto: `heldout`, and `labels` where rows have labels, else `answers`"
    )
    split: Literal["test", "validation"] = option(
        "test", "Rows that are measured.", why="rows that no choice was made on"
    )
    max_rows: int | None = option(
        None,
        "At most so many rows, the first of the split.",
        why="none: every row; a limit is said in the report",
        unit="rows",
        ge=1,
    )
    base_prompts: tuple[Literal["bare", "labels_listed", "examples"], ...] = option(
        ("bare", "labels_listed"),
        "Prompts that the base model may use; the best on validation rows is compared.",
        why="`examples` (12 in the prompt) takes minutes on a processor; name it when you have them",
        min_length=1,
    )
    max_new_tokens: Annotated[int, Field(ge=1)] | Literal["auto"] = option(
        "auto", "Longest generated answer.", why="auto: twice the longest label (at least 8), else 128", unit="tokens"
    )
    seed: int = option(0, "Seed of resampling and of the examples in a prompt.", why="fixed", ge=0)


class OutputOptions(Options):
    """Where results go and how the report is called."""

    workspace: str | None = option(
        None,
        "The workspace folder, relative to the recipe.",
        why="none: TUNEWRIGHT_HOME, else `.tunewright` beside the recipe",
    )
    title: str | None = option(None, "Title of the report.", why="none: the recipe's name")
    trackers: tuple[Annotated[Any, PartOf("trackers")], ...] = option(
        (),
        "Where the run's numbers are shown besides: tensorboard, mlflow, wandb, local.",
        why="none: the event file of the run holds everything",
    )
    examples: int = option(10, "Answers shown side by side in the report.", why="ten fit on a page", ge=0, le=1000)


class Recipe(Options):
    """One recipe: from data to a measured model."""

    name: str = option(..., "Name of the task.", why="no default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    preset: Presets = option((), "Presets: values that lie under those of the recipe.", why="none: defaults stand")
    model: ModelOptions = option(..., "The base model: a name, or a mapping.", why="no default")
    data: DataOptions = option(..., "Where rows come from: a path, or a mapping.", why="no default")
    method: Annotated[Any, PartOf("methods")] = option(
        "lora",
        "How the model is trained.",
        why="LoRA: trains 1 % of the weights and loses little (Hu et al., 2021)",
    )
    objective: Annotated[Any, PartOf("objectives")] = option(
        "sft", "What it is trained for.", why="supervised: learn the answers in the data"
    )
    training: TrainingOptions = option({}, "The course of training.", why="see its keys")
    evaluate: EvaluateOptions = option({}, "What is measured.", why="see its keys")
    output: OutputOptions = option({}, "Where results go.", why="see its keys")

    @field_validator("model", mode="before")
    @classmethod
    def _model_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("data", mode="before")
    @classmethod
    def _data_path(cls, value: Any) -> Any:
        return {"train": value} if isinstance(value, str) else value
