"""A model version of which all is recorded, with texts of rows and places of a machine where records may hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.nouns import (
    Answered,
    Comparison,
    DatasetVersion,
    Evaluation,
    GateResult,
    ModelVersion,
    Numbers,
    Receipt,
    Run,
    Verdict,
)
from tunewright.core.proof import Proof
from tunewright.models.card.story import Form, Licence, Measured, Story

SECRET = "a row's own words"
FILES = {"adapter_config.json": 10, "adapter_model.safetensors": 100, "tokenizer.json": 10}
HUB_BASE = f"acme/base@{'c' * 40}"


def version(**keys: Any) -> ModelVersion:
    known: dict[str, Any] = {
        "name": "1" * 64,
        "key": "2" * 64,
        "parents": ("3" * 64, "4" * 64),
        "made_at": "2026-11-30T02:00:00+00:00",
        "base": HUB_BASE,
        "base_digest": "4" * 64,
        "method": "lora",
        "chat_digest": "6" * 64,
        "numbers": Numbers(weights="bf16", products="bf16"),
        "trained_parameters": 1234,
    }
    return ModelVersion(**known | keys)


def dataset() -> DatasetVersion:
    receipt = Receipt.model_validate(
        {
            "rows": {"in": 100, "kept": 90, "duplicate": 4, "quarantined": 1, "dropped": {"too long": 5}},
            "tokens": {"in": 1010, "kept": 1000, "truncated": 10, "trained": 200, "masked": 800},
            "truncated_rows": 2,
            "splits": {"train": 80, "test": 10},
            "sources": {
                "/home/me/rows.jsonl": {"digest": "5" * 64},
                "hub:acme/questions/train.jsonl": {"digest": "7" * 64},
            },
        }
    )
    return DatasetVersion(
        name="3" * 64,
        key="8" * 64,
        recipe="letters",
        steps=({"type": "deduplicate", "version": 1}, {"type": "canaries", "text": SECRET}),
        shape="prompt_completion",
        max_tokens=512,
        chat_digest="6" * 64,
        receipt=receipt,
    )


def run(model: ModelVersion) -> Run:
    return Run(
        name=model.name,
        key="2" * 64,
        recipe={
            "name": "letters",
            "data": {"system": SECRET},
            "method": {"type": "lora", "version": 1, "rank": 8, "alpha": 16.0},
            "objective": {"type": "distillation", "teacher": "/home/me/teacher", "prompt": SECRET},
            "training": {"learning_rate": "auto", "optimiser": {"type": "adamw", "version": 1, "beta1": 0.9}},
        },
        recipe_file="/home/me/recipe.yaml",
        used={"device": "cpu", "threads": 2, "learning_rate": 0.01, "total_steps": 12},
        model=model,
        dataset="3" * 64,
        steps=12,
        loss=0.5,
        validation_loss=0.6,
        tokens=4000,
        trained_tokens=800,
        tokens_per_s=100.0,
        train_s=40.0,
        peak_memory_bytes=2_000_000_000,
    )


def measured(model: str) -> Measured:
    found = Comparison(
        base=0.3, base_same_prompt=0.2, tuned=0.8, difference=0.5, interval=(0.3, 0.7), p=0.001, p_holm=0.001, n=10
    )
    evaluation = Evaluation(
        name="9" * 64,
        key="9" * 64,
        made_at="2026-11-30T02:10:00+00:00",
        model=model,
        dataset="3" * 64,
        split="test",
        suites={"answers": {"exact_match": found}},
        examples=(Answered(row="r", prompt=SECRET, target=SECRET, base=SECRET, tuned=SECRET),),
        unmeasured={"archive": "fetch it with: tunewright suites fetch x --home /home/me/work"},
    )
    gate = GateResult(
        rule="exact_match at least 0.9",
        metric="exact_match",
        suite="answers",
        way="answers",
        passed=False,
        value=0.8,
        bound=0.5,
        limit=0.9,
        examples=(SECRET,),
    )
    return Measured(evaluation, Verdict(name="9" * 64, key="9" * 64, evaluation="9" * 64, gates=(gate,)))


def proof(form: str, **keys: Any) -> Proof:
    known: dict[str, Any] = {"name": "b" * 64, "key": "b" * 64, "form": form, "model": "1" * 64, "dataset": "3" * 64}
    numbers = {"kl_mean": 1e-4, "kl_max": 1e-2, "own_kl": 1e-4, "limit": 2e-4, "merge_kl": 1e-8}
    more = {"split": "test", "rows": 10, "positions": 50, "loss_difference": 0.001, "greedy_agreement": 0.99}
    return Proof(**known | numbers | more | keys)


def story(folder: Path, *, bare: bool = False, **keys: Any) -> Story:
    """What is told of a model; `bare`: its own record and nothing else."""
    model = version(**keys)
    if bare:
        return Story(version=version(base="/home/me/base", **keys), folder=folder, files=FILES)
    refused = proof("int8", kl_mean=0.5, problems=(f'it writes other tokens: say of "{SECRET}"',))
    return Story(
        version=model,
        folder=folder,
        runs=(run(model),),
        dataset=dataset(),
        evaluations=(measured(model.name),),
        forms=(Form(refused, None), Form(proof("merged-bf16"), version(form="merged-bf16"))),
        licence=Licence("apache-2.0", "the README.md of its folder"),
        machine={"threads": 2, "torch": "2.13.0"},
        files=FILES,
    )
