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
    """Rows by fate. Always: in + created = kept + quarantined + duplicate + dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    in_: int = Field(0, alias="in")
    kept: int = 0
    quarantined: int = 0
    duplicate: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    created: dict[str, int] = Field(default_factory=dict)

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
    `quarantine.jsonl`, `receipt.json`.
    """

    shape: str
    labels: tuple[str, ...] = ()
    max_tokens: int
    chat_digest: str
    receipt: Receipt


class ModelVersion(Noun):
    """Trained weights with what they need. Writer: models. Lies in `models/<name>/`, readable by plain PEFT."""

    base: str
    base_digest: str
    method: str
    chat_digest: str
    numbers: Numbers
    trained_parameters: int
    template: str | None = None
    """Name or digest of the chat template that the recipe put in place of the model's own."""
    added_tokens: tuple[str, ...] = ()


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


class Comparison(BaseModel):
    """One metric of base and tuned model on the same rows.

    `base` is the base model on its best prompt (chosen on validation rows), `base_same_prompt` on the trained prompt.
    `difference` = tuned - base, with a paired interval at 95 %; `p` is exact where an answer is right or wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    base: float | None
    base_same_prompt: float | None
    tuned: float | None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    n: int
    direction: Literal["higher", "lower"] = "higher"


class Answered(BaseModel):
    """One evaluation row with every model's answer, for people and for scorers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    row: str
    prompt: str
    target: str
    base: str
    tuned: str


class Evaluation(Noun):
    """What was measured, base beside tuned. Writer: evaluate. `answers` lie in `evaluations/<key>/answers.parquet`."""

    model: str
    dataset: str
    split: str
    suites: dict[str, dict[str, Comparison]]
    base_prompts: dict[str, str] = Field(default_factory=dict)
    """Per suite, the name of the base's best prompt."""
    confusion: dict[str, list[list[int]]] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()
    examples: tuple[Answered, ...] = ()
    forward: dict[str, str] = Field(default_factory=dict)
    """What computed `base` and `tuned`: `tunewright`, or `transformers` with the reason."""
    seconds: float = 0.0
