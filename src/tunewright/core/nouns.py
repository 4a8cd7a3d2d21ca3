"""The records that flow from left to right. Frozen, without I/O; each has one writer and carries its parents.

`key` = digest of parents, options and part versions: decides what may be skipped.
`name` = digest of the canonical content: equal on any machine.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["bf16", "fp32", "fp64"]
Weights = Literal["bf16", "fp32", "fp64", "int8", "nf4"]
Device = Literal["cpu", "cuda", "mps"]


class Numbers(BaseModel):
    """Number formats of a model: how frozen `weights` are held, and which type `products` have.

    They are the same but for int8 (LLM.int8, Dettmers et al., 2022) and nf4 (QLoRA, Dettmers et al., 2023), where
    weights are dequantised to the type of the products; `double_quantisation` is for nf4 only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    weights: Weights
    products: Precision
    double_quantisation: bool = True


"""Number format of frozen weights and of products."""


class Noun(BaseModel):
    """What every record has."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    name: str
    key: str
    parents: tuple[str, ...] = ()
    made_at: str = ""


class RowCounts(BaseModel):
    """Rows by fate. Always: in + created = kept + quarantined + duplicate + dropped.

    `changed` counts rows that stay and are another now, by reason; one row may stand under several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    in_: int = Field(0, alias="in")
    kept: int = 0
    quarantined: int = 0
    duplicate: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    created: dict[str, int] = Field(default_factory=dict)
    changed: dict[str, int] = Field(default_factory=dict)

    def balanced(self) -> bool:
        """True when no row is lost."""
        fates = self.kept + self.quarantined + self.duplicate + sum(self.dropped.values())
        return self.in_ + sum(self.created.values()) == fates


class TokenCounts(BaseModel):
    """Tokens of the rows that were encoded. Always: in = kept + truncated + dropped; kept = trained + masked."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    in_: int = Field(0, alias="in")
    kept: int = 0
    truncated: int = 0
    dropped: int = 0
    trained: int = 0
    masked: int = 0

    def balanced(self) -> bool:
        """True when no token is lost."""
        return self.in_ == self.kept + self.truncated + self.dropped and self.kept == self.trained + self.masked


class SourceCounts(BaseModel):
    """The row counts of one file, and why rows were set aside."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    rows: RowCounts = Field(default_factory=lambda: RowCounts.model_validate({}))
    reasons: dict[str, int] = Field(default_factory=dict)
    digest: str = ""


class Receipt(BaseModel):
    """What went in, what came out, and why the rest did not; per source and reason."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    rows: RowCounts
    tokens: TokenCounts
    truncated_rows: int = 0
    splits: dict[str, int]
    sources: dict[str, SourceCounts] = Field(default_factory=dict)
    labels: dict[str, dict[str, int]] = Field(default_factory=dict)
    lengths: dict[str, list[int]] = Field(default_factory=dict)
    """Per split, a histogram of tokens a row: entry i counts rows of [2**(i/2), 2**((i+1)/2)) tokens."""


class DatasetVersion(Noun):
    """Rows and their encoding for one tokenizer and template, immutable. Writer: data.

    Lies in `datasets/<name>/`: `<split>.parquet` (rows), `<split>.safetensors` (tokens, weights, offsets),
    `quarantine.jsonl`, `receipt.json`. `parents` are digests of the source files; `steps` the options of every step in
    order, `recipe` the name of the recipe that first made it, `columns` of what columns of which files each column of a
    row was made: all three empty in records of earlier versions.
    """

    recipe: str = ""
    steps: tuple[dict[str, Any], ...] = ()
    columns: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    shape: str
    labels: tuple[str, ...] = ()
    max_tokens: int
    chat_digest: str
    receipt: Receipt


class ModelVersion(Noun):
    """Trained weights with what they need. Writer: models. Lies in `models/<name>/`, readable by plain PEFT.

    `form` is empty for what training wrote. Else it was made from another ModelVersion, its first parent, and
    `proof.json` says how near it is: `merged-bf16`, `merged-fp32`, `int8`, `gguf-f16`, `gguf-q8_0`, `gguf-q4_0`.
    """

    base: str
    base_digest: str
    method: str
    chat_digest: str
    numbers: Numbers
    trained_parameters: int
    template: str | None = None
    """Name or digest of the chat template that the recipe put in place of the model's own."""
    added_tokens: tuple[str, ...] = ()
    form: str = ""


class Run(Noun):
    """One training run that ended. Writer: train. `name` is the digest of the trained weights."""

    recipe: dict[str, Any]
    recipe_file: str = ""
    used: dict[str, str | int | float]
    model: ModelVersion
    dataset: str
    steps: int
    loss: float
    validation_loss: float | None = None
    tokens: int
    trained_tokens: int
    tokens_per_s: float
    train_s: float
    peak_memory_bytes: int
    resumed: int = 0
    guard_decisions: int = 0
    """Batches left out and returns to a checkpoint with a lower rate."""
    stopped_early_at: int | None = None


Interval = tuple[float, float]


class Comparison(BaseModel):
    """One metric of base and tuned model on the same rows.

    `base` is the base model on its best prompt (chosen on validation rows), `base_same_prompt` on the trained prompt.
    `difference` = tuned - base, with a paired interval at 95 %; `base_interval` and `tuned_interval` are those of each
    model alone. `p` is exact where an answer is right or wrong; `p_holm` is corrected for all the metrics of the
    evaluation. `n` counts rows that could be measured, `families` those that do not depend on one another, and
    `unmeasured` rows that the metric says nothing about. `census`: the value is a count of these rows, without sampling
    error. `detectable`: the smallest difference that this many rows show with 80 % power, where that can be said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    base: float | None
    base_same_prompt: float | None
    tuned: float | None
    base_interval: Interval | None = None
    tuned_interval: Interval | None = None
    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    n: int
    families: int = 0
    unmeasured: int = 0
    direction: Literal["higher", "lower", "neither"] = "higher"
    census: bool = False
    detectable: float | None = None


class Slice(BaseModel):
    """A part of the rows of one way of asking: the main metric of base and tuned model on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    value: str
    n: int
    base: float | None
    tuned: float | None
    tuned_interval: Interval | None = None


class LabelScore(BaseModel):
    """One label's precision, recall and F1, each in [0, 1], and how many measured rows have it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str
    precision: float
    recall: float
    f1: float
    rows: int


class Answered(BaseModel):
    """One evaluation row with every model's answer, for people and for scorers.

    `base_value` and `tuned_value` are the row's values of the way's main metric, where it has any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    row: str
    prompt: str
    target: str
    base: str
    tuned: str
    source: str = ""
    base_value: float | None = None
    tuned_value: float | None = None


class Evaluation(Noun):
    """What was measured, base beside tuned. Writer: evaluate. `answers` lie in `evaluations/<key>/answers.parquet`.

    `suites` holds the metrics by way of asking; `ways` says which ways a suite has. `unmeasured` says of a suite or a
    way why it was not measured, `left_out` of a task why it does not count.
    """

    model: str
    dataset: str
    split: str
    suites: dict[str, dict[str, Comparison]]
    ways: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    base_prompts: dict[str, str] = Field(default_factory=dict)
    """Per suite, the name of the base's best prompt."""
    confusion: dict[str, list[list[int]]] = Field(default_factory=dict)
    by_label: dict[str, tuple[LabelScore, ...]] = Field(default_factory=dict)
    """As `confusion`, by "<way>.<model>"."""
    labels: tuple[str, ...] = ()
    examples: tuple[Answered, ...] = ()
    best: tuple[Answered, ...] = ()
    worst: tuple[Answered, ...] = ()
    extremes_way: str = ""
    """The way and, after a point, the metric that `best` and `worst` are about."""
    slices: dict[str, tuple[Slice, ...]] = Field(default_factory=dict)
    unmeasured: dict[str, str] = Field(default_factory=dict)
    left_out: dict[str, dict[str, str]] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    """What people call `base` and `tuned`."""
    forward: dict[str, str] = Field(default_factory=dict)
    """What computed `base` and `tuned`: `tunewright`, or `transformers` with the reason."""
    seconds: float = 0.0


class GateResult(BaseModel):
    """What became of one gate. `value` is the tuned model's metric, `bound` what was held against `limit`.

    `short_by` is how much is missing, in the unit of the metric; `rows` are ids of rows that speak against it, the
    worst first, and `examples` the first of them for people: where it stands, what was asked, what was answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    rule: str
    metric: str
    suite: str
    way: str
    passed: bool
    value: float | None
    bound: float | None
    limit: float | None
    short_by: float | None = None
    reason: str = ""
    rows: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


class Verdict(Noun):
    """Whether an evaluation meets the gates of a recipe. Writer: evaluate. Lies beside the answers as `gates.json`."""

    evaluation: str
    gates: tuple[GateResult, ...]

    @property
    def passed(self) -> bool:
        """True when every gate is met."""
        return all(gate.passed for gate in self.gates)


class SamplingSettings(BaseModel):
    """How tokens are chosen: at temperature 0 the likeliest, whatever `top_p` is, else drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    temperature: float
    top_p: float
    repetition_penalty: float


class TriedSettings(BaseModel):
    """Settings of a search, and the metric over the search rows that they were asked; None: no finite number."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    settings: SamplingSettings
    rows: int
    value: float | None


class SamplingSearch(Noun):
    """A search of sampling settings on validation rows, and its check on test rows. Writer: evaluate.

    Lies in `evaluations/<key>/sampling.json`, the answers beside it. `tried` is the best first; `winner` the first of
    it. `heldout` holds the winner (`tuned`) against greedy answers (`base`) on test rows; None where greedy won.
    `search_difference` is the same difference on the search rows, where the best of many looks better than it is.
    """

    model: str
    dataset: str
    way: str
    metric: str
    direction: Literal["higher", "lower"]
    samples: int
    """Answers a row under settings that draw."""
    search_rows: int
    heldout_rows: int
    tried: tuple[TriedSettings, ...]
    winner: SamplingSettings
    search_difference: float | None = None
    heldout: Comparison | None = None
    recommended: bool
    verdict: str
    answers: int
    """Answers that were written or taken from earlier searches."""
    seconds: float = 0.0
