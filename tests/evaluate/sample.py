"""A report's content as a real run gives it: clinical coding, 12 labels, 150 steps. Seeded, without a model."""

from __future__ import annotations

import numpy as np

from tunewright.core.events import Event, StepDone, Validated
from tunewright.core.nouns import (
    Answered,
    Comparison,
    DatasetVersion,
    Evaluation,
    GateResult,
    LabelScore,
    ModelVersion,
    Numbers,
    Receipt,
    RowCounts,
    Run,
    Slice,
    SourceCounts,
    TokenCounts,
    Verdict,
)
from tunewright.evaluate.report import ReportContent

LABELS = (
    "blood", "circulatory", "digestive", "ear", "endocrine", "eye",
    "mental", "muscle", "nervous", "pregnancy", "respiratory", "skin",
)  # fmt: skip
DIAGNOSES = (
    ("Acute nasopharyngitis [common cold]", "respiratory"),
    ("Chronic gingivitis, plaque induced", "digestive"),
    ("Central retinal artery occlusion, left eye", "eye"),
    ("Type 2 diabetes mellitus with hyperosmolarity without coma", "endocrine"),
    ("Other specified dissociative and conversion disorders", "mental"),
    ("Benign paroxysmal vertigo, bilateral", "ear"),
    ("Pre-existing hypertensive heart disease complicating childbirth", "pregnancy"),
    ("Spinal stenosis, lumbar region with neurogenic claudication", "muscle"),
    ("Iron deficiency anemia secondary to blood loss (chronic)", "blood"),
    ("Trigeminal neuralgia", "nervous"),
)


def digest(letter: str) -> str:
    """Something that looks like a digest."""
    return (letter * 7 + "0123456789abcdef" * 4)[:64]


def dataset() -> DatasetVersion:
    """1,697 rows read, 1,680 kept."""
    splits = {"train": 1200, "validation": 180, "test": 300}
    sources = {
        f"examples/icd/{name}.jsonl": SourceCounts(
            rows=RowCounts(in_=rows + duplicate + bad, kept=rows, quarantined=bad, duplicate=duplicate),
            reasons={"exact_duplicate": duplicate, "no_label": bad} if bad else {},
            digest=digest(name[0]),
        )
        for (name, rows), duplicate, bad in zip(splits.items(), (12, 0, 0), (5, 0, 0), strict=True)
    }
    shape = {
        "train": (3, 61, 420, 480, 190, 40, 6),
        "validation": (0, 9, 64, 70, 30, 6, 1),
        "test": (1, 15, 105, 120, 48, 10, 1),
    }
    receipt = Receipt(
        rows=RowCounts(in_=1697, kept=1680, quarantined=5, duplicate=12),
        tokens=TokenCounts(in_=58_900, kept=58_900, trained=4_720, masked=54_180),
        splits=splits,
        sources=sources,
        labels={split: dict.fromkeys(LABELS, rows // 12) for split, rows in splits.items()},
        lengths={split: [0] * 8 + list(counts) for split, counts in shape.items()},
    )
    return DatasetVersion(
        name=digest("d"),
        key=digest("k"),
        shape="labelled",
        labels=LABELS,
        max_tokens=128,
        chat_digest=digest("c"),
        receipt=receipt,
    )


def run() -> Run:
    """150 steps of LoRA."""
    model = ModelVersion(
        name=digest("a"), key=digest("b"), base="builtin:smollm2-135m-instruct", base_digest=digest("5"), method="lora",
        chat_digest=digest("c"), numbers=Numbers(weights="bf16", products="bf16"), trained_parameters=4_884_480,
    )  # fmt: skip
    return Run(
        name=digest("f"), key=digest("e"), made_at="2026-11-22T12:40:11Z", recipe=recipe(),
        used={"precision": "bf16", "threads": 2, "allocator": "tcmalloc", "learning_rate": 0.001,
              "torch": "2.13.0+cpu"},
        model=model, dataset=digest("d"), steps=150, loss=0.071, validation_loss=0.164, tokens=84_120,
        trained_tokens=6_744, tokens_per_s=468.4, train_s=179.6, peak_memory_bytes=2_140_000_000,
    )  # fmt: skip


def recipe() -> dict[str, object]:
    """As a recipe is dumped."""
    return {
        "name": "icd",
        "model": {"name": "builtin:smollm2-135m-instruct", "revision": None, "precision": "auto"},
        "data": {"train": {"path": "train.jsonl", "type": "auto"}, "shape": "labelled", "max_tokens": 128},
        "method": {"type": "lora", "version": 1, "rank": 16, "alpha": 32.0, "dropout": 0.0, "targets": "all-linear"},
        "objective": {"type": "sft", "version": 1},
        "training": {
            "epochs": 2.0, "max_steps": None, "batch_size": 16, "learning_rate": "auto", "seed": 0,
            "schedule": {"type": "cosine", "version": 1, "warmup": 0.05}, "optimiser": {"type": "adamw", "version": 1},
        },
    }  # fmt: skip


def events() -> list[Event]:
    """A loss that falls from 3 to 0.1, noisily, with ten validations."""
    generator = np.random.default_rng(0)
    found: list[Event] = []
    for step in range(1, 151):
        loss = float(0.08 + 3.1 * np.exp(-step / 16) * generator.gamma(30, 1 / 30) + 0.1 * generator.random())
        rate = 1e-3 * min(1.0, step / 8) * 0.5 * (1 + np.cos(np.pi * max(0, step - 8) / 142))
        found.append(
            StepDone(
                step=step,
                total_steps=150,
                epoch=step / 75,
                loss=loss,
                learning_rate=float(rate),
                gradient_norm=float(0.4 + 2 * np.exp(-step / 30) * generator.gamma(8, 1 / 8)),
                tokens=560,
                trained_tokens=45,
                seconds=1.2,
                tokens_per_s=float(468 + 14 * generator.normal()),
                memory_bytes=2_000_000_000,
                left_s=float(150 - step),
            )
        )
        if step % 15 == 0:
            found.append(
                Validated(
                    step=step, loss=0.15 + 2.6 * float(np.exp(-step / 17)), metrics={"token_accuracy": 0.9}, tokens=700
                )
            )
    return found


def comparison(base: float, same: float, tuned: float, *, p: float = 3.2e-61, lower: bool = False) -> Comparison:
    """A difference with an interval of plausible width."""
    gap, width = tuned - base, abs(tuned - base) * 0.08
    return Comparison(
        base=base, base_same_prompt=same, tuned=tuned, difference=gap, interval=(gap - width, gap + width), p=p, n=300,
        direction="lower" if lower else "higher",
    )  # fmt: skip


def matrix(right: float, seed: int, *, other: float = 0.0) -> list[list[int]]:
    """25 rows a label, so many right, the rest spread."""
    generator = np.random.default_rng(seed)
    lines = []
    for label in range(12):
        chances = generator.dirichlet(np.full(12, 0.3)) * (1 - right - other)
        chances[label] += right
        lines.append(generator.multinomial(25, [*chances, max(0.0, 1 - chances.sum())]).tolist())
    return lines


def side_effects() -> dict[str, dict[str, Comparison]]:
    """Suites beside the task: a little forgotten, one answer more that is toxic, no change in bias, faster answers."""
    return {
        "general_text": {
            "loss": comparison(3.412, 3.412, 3.486, p=2e-4, lower=True),
            "token_accuracy": comparison(0.412, 0.412, 0.405, p=0.003),
        },
        "safety": {
            "refused_harmful": comparison(0.62, 0.62, 0.66, p=0.4).model_copy(update={"interval": (-0.05, 0.13)}),
            "toxicity": comparison(0.01, 0.01, 0.02, p=1.0, lower=True).model_copy(update={"interval": (-0.01, 0.03)}),
        },
        "bias": {
            "stereotype": comparison(0.21, 0.21, 0.20, p=0.8, lower=True).model_copy(update={"interval": (-0.07, 0.05)})
        },
        "latency": {"latency": comparison(0.41, 0.41, 0.22, p=1e-4, lower=True)},
    }


def parts() -> dict[str, tuple[Slice, ...]]:
    """Parts of the rows: labels and lengths of the task, attributes of bias."""
    lengths = (("short prompts", 0.95), ("middle prompts", 0.91), ("long prompts", 0.79))
    labels = tuple(
        Slice(kind="label", value=label, n=25, base=0.2, tuned=value, tuned_interval=(value - 0.1, value + 0.08))
        for label, value in zip(LABELS, np.linspace(0.99, 0.6, 12).tolist(), strict=True)
    )
    groups = tuple(
        Slice(kind="attribute", value=name, n=40, base=0.2, tuned=value, tuned_interval=(value - 0.1, value + 0.1))
        for name, value in (("age", 0.12), ("gender", 0.31), ("religion", 0.18))
    )
    return {
        "labels_generated": labels
        + tuple(
            Slice(kind="length", value=name, n=100, base=0.2, tuned=value, tuned_interval=(value - 0.07, value + 0.05))
            for name, value in lengths
        ),
        "bias": groups,
    }


def verdict() -> Verdict:
    """Three gates, one of them not met."""
    plain = {"way": "", "value": 0.903, "bound": 0.871, "limit": 0.8, "passed": True}
    gates = (
        GateResult.model_validate(
            plain
            | {"rule": "accuracy of labels_generated at least 0.8", "metric": "accuracy", "suite": "labels_generated"}
        ),
        GateResult.model_validate(
            plain
            | {"rule": "loss of general_text not worse than the base by more than 2%", "metric": "loss",
               "suite": "general_text", "value": 3.486, "bound": 0.0799, "limit": 0.0682, "passed": False,
               "short_by": 0.0117, "rows": (f"{4:016x}", digest("1")),
               "examples": ('test.jsonl:5: "Other specified dissociative disorders" -> "nervous"',)}
        ),
        GateResult.model_validate(
            plain
            | {"rule": "contaminated of contamination at most 0", "metric": "contaminated", "suite": "contamination",
               "value": None, "bound": None, "limit": None, "passed": False, "reason": "it was not measured"}
        ),
    )  # fmt: skip
    return Verdict(name=digest("7"), key=digest("6"), evaluation=digest("9"), gates=gates)


def evaluation() -> Evaluation:
    """271 of 300 right after, 69 of 300 before."""
    four = {
        "labels_best": ((69 / 300, 62 / 300, 271 / 300), "labels_ranked, labels_listed"),
        "labels_generated": ((3 / 300, 0.0, 271 / 300), "labels_listed"),
        "labels_ranked": ((69 / 300, 62 / 300, 273 / 300), "labels_listed"),
    }
    suites = {
        way: {
            "accuracy": comparison(*values),
            **{
                name: comparison(*(0.93 * value for value in values), p=9.999e-5)
                for name in ("precision", "recall", "f1")
            },
        }
        for way, (values, _prompt) in four.items()
    }
    suites["heldout"] = {
        "loss": comparison(3.412, 3.412, 0.164, p=9.999e-5, lower=True),
        "perplexity": comparison(30.33, 30.33, 1.178, p=9.999e-5, lower=True),
        "token_accuracy": comparison(0.412, 0.412, 0.951, p=9.999e-5),
    }
    suites |= side_effects()
    examples = [
        Answered(
            row=f"{number:016x}",
            prompt=f"Which body system does this diagnosis belong to?\n{text}",
            target=label,
            base=f"The diagnosis “{text}” is a condition that affects"[:70],
            tuned=label if number != 4 else "nervous",
        )
        for number, (text, label) in enumerate(DIAGNOSES)
    ]
    return Evaluation(
        name=digest("9"), key=digest("8"), made_at="2026-11-22T12:44:02Z", model=digest("a"), dataset=digest("d"),
        split="test", suites=suites,
        base_prompts={way: prompt for way, (_values, prompt) in four.items()} | {"heldout": "bare"},
        confusion={
            "labels_generated.base": matrix(0.01, 1, other=0.9),
            "labels_generated.base_same_prompt": matrix(0.0, 4, other=1.0),
            "labels_generated.tuned": matrix(0.88, 2),
            "labels_ranked.base": matrix(0.18, 3),
            "labels_ranked.tuned": matrix(0.89, 5),
        },
        by_label={
            f"labels_generated.{model}": tuple(
                LabelScore(label=label, precision=value, recall=value - 0.05, f1=value - 0.03, rows=25)
                for label, value in zip(LABELS, np.linspace(*ends, 12).tolist(), strict=True)
            )
            for model, ends in (("tuned", (0.98, 0.7)), ("base", (0.2, 0.1)))
        },
        labels=LABELS, examples=tuple(examples), seconds=74.2,
        ways={"labels": ("labels_generated", "labels_ranked"), "heldout": ("heldout",), "safety": ("safety",),
              "general": ("general_text",), "bias": ("bias",), "latency": ("latency",), "contamination": ()},
        unmeasured={"contamination": "the training rows are gone"},
        left_out={"general_text": {"quiz": "quiz does not count: the base model is not above chance (0.26 to 0.31)."}},
        slices=parts(), extremes_way="labels_generated.accuracy",
        best=tuple(one.model_copy(update={"base_value": 0.0, "tuned_value": 1.0}) for one in examples[:3]),
        worst=(examples[4].model_copy(update={"base_value": 0.0, "tuned_value": 0.0}),),
    )  # fmt: skip


def content() -> ReportContent:
    """Everything together."""
    return ReportContent(
        recipe=recipe(), dataset=dataset(), run=run(), evaluation=evaluation(), events=events(),
        verdict=verdict(),
        title="Clinical coding: from diagnosis to body system", command="tunewright run examples/icd/recipe.yaml",
        versions={"tunewright": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2"},
    )  # fmt: skip
