"""The recipe: one frozen tree of options. Every key says what it means, why its default is what it is, and its unit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from tunewright.recipe.fields import Options, PartOf, Presets, Share, ShareOrCount, option
from tunewright.recipe.gates import GateOptions
from tunewright.recipe.map import MapOptions
from tunewright.recipe.proof import ProofOptions
from tunewright.recipe.retention import RetentionOptions
from tunewright.recipe.rules import RuleOptions
from tunewright.recipe.sources import Sources
from tunewright.recipe.training import TrainingOptions


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
    under: str | None = option(
        None,
        "A LoRA adapter that stays as it is under the one that trains: a folder, as in `start_from`.",
        why="none: what trains lies over the base itself",
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
    by: str | None = option(
        None,
        "A column that data.keep keeps; rows with one value of it (a patient, a document) stand on one side.",
        why="none: rows are taken to be independent; equal rows and families stand together in any case",
        min_length=1,
    )
    time: str | None = option(
        None,
        "A column that data.keep keeps, with a number or an ISO date; the newest rows are the test, those before them "
        "the validation.",
        why="none: a random test; with a time, it measures how the model does on what comes next",
        min_length=1,
    )

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> SplitOptions:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together take every row; leave some for training.")
        if self.stratify == "label" and (self.by or self.time):
            raise ValueError("stratify: label does not go with by or time; leave it out.")
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


MAX_KEPT_COLUMNS = 20


def _few_columns(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > MAX_KEPT_COLUMNS:
        raise ValueError(f"{len(value)} columns are too many; at most {MAX_KEPT_COLUMNS} are kept with each row.")
    if len(set(value)) < len(value):
        raise ValueError("a column is named twice.")
    return value


class DataOptions(Options):
    """Where rows come from, what form they have, and what happens to them."""

    train: Sources = option(..., "Training rows: a path, a mapping with `path`, or a list of these.", why="no default")
    validation: Sources | None = option(None, "Validation rows.", why="none: split off the training rows")
    test: Sources | None = option(None, "Test rows.", why="none: split off the training rows")
    map: MapOptions | None = option(
        None, "How columns of another schema become those of a shape.", why="none: rows stand as they are"
    )
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
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = option(
        "auto",
        "Processes that carry out steps; the rows are the same, however many.",
        why="auto: one a core from 20,000 rows on; fewer are done before another process has started",
    )
    keep: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        AfterValidator(_few_columns),
        WithJsonSchema(
            {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MAX_KEPT_COLUMNS, "rules": True}
        ),
    ] = option(
        (),
        "Columns kept with each row as text, for groups and slices; at most 20, of each value 1,000 characters.",
        why="none: what a shape does not read is not needed for training",
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
    retention: RetentionOptions = option({}, "Who may use the rows, and until when.", why="see its keys")
    rules: RuleOptions = option({}, "The checklist that prepared rows are held against.", why="see its keys")

    @field_validator("overlong", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"action": value} if isinstance(value, str) else value


class EvaluateOptions(Options):
    """What is measured after training, and against what."""

    suites: tuple[Annotated[Any, PartOf("suites")], ...] | Literal["auto"] = option(
        "auto",
        "What is measured.",
        why="auto: `head` where the objective trains one; else `heldout`, and `preferences` for pairs, `labels` where "
        "rows have labels, else `answers`; and every suite that a gate names",
    )
    scorers: tuple[Annotated[Any, PartOf("scorers")], ...] = option(
        (), "Metrics with options of their own, such as {type: reward, model: FOLDER}.", why="none: each has defaults"
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

    @model_validator(mode="after")
    def _trackers_differ(self) -> OutputOptions:
        types = [each.type for each in self.trackers]
        if len(set(types)) < len(types):
            raise ValueError("two trackers have one type; a run is shown once in each.")
        return self


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
    gates: tuple[GateOptions, ...] = option(
        (), "Limits that the tuned model must meet; one that is not met ends the run with exit code 1.", why="none"
    )
    proof: ProofOptions = option({}, "How near an exported form must be to the trained model.", why="see its keys")
    output: OutputOptions = option({}, "Where results go.", why="see its keys")

    @field_validator("model", mode="before")
    @classmethod
    def _model_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("data", mode="before")
    @classmethod
    def _data_path(cls, value: Any) -> Any:
        return {"train": value} if isinstance(value, str) else value
