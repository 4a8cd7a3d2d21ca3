"""A bill of materials for machines: CycloneDX 1.7 as JSON, with the model card that its specification describes.

Specification: ECMA-424, https://cyclonedx.org/docs/1.7/json/. Written by hand, because the library for it has no model
card; a test validates it with the library's schema.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from tunewright import __version__
from tunewright.core.nouns import DatasetVersion, Run
from tunewright.core.proof import Proof
from tunewright.models.card.limits import limits
from tunewright.models.card.story import Measured, Story, public_name, public_options

SPEC_VERSION = "1.7"
NAMESPACE = uuid.UUID("5f0c6f3e-7a52-5b0e-9d3c-3f4f5a1f7d11")
"""Serial numbers are made from it and a model's name, so that one model has one."""
SPDX = {
    name.lower(): name
    for name in ("Apache-2.0", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "GPL-3.0", "MIT")
}
SHA256 = re.compile(r"[0-9a-f]{64}")
MODEL = "machine-learning-model"


def bom(story: Story, *, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The document of a version. `hashes`: SHA-256 by name of the files that it describes."""
    version = story.version
    serial = uuid.uuid5(NAMESPACE, f"{version.name} {sorted(hashes.items())}")
    made = {"timestamp": version.made_at} if version.made_at else {}
    tool = {"type": "application", "name": "tunewright", "version": __version__}
    components = [*_materials(story), *_libraries(story)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {**made, "tools": {"components": [tool]}, "component": _model(story, hashes)},
        "components": components,
        "dependencies": [
            {"ref": _ref(version.name), "dependsOn": sorted({each["bom-ref"] for each in components})},
        ],
    }


def _model(story: Story, hashes: Mapping[str, str]) -> dict[str, Any]:
    version = story.version
    files = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": content}]}
        for name, content in sorted(hashes.items())
    ]
    ancestors = [{"type": MODEL, "name": f"{run.recipe.get('name', '')}", "version": run.name} for run in story.runs]
    pedigree = {"pedigree": {"ancestors": ancestors}} if version.form and ancestors else {}
    return {
        "type": MODEL,
        "bom-ref": _ref(version.name),
        "name": story.title,
        "version": version.name,
        **pedigree,
        **({"components": files} if files else {}),
        "modelCard": _card(story),
        "properties": _properties(_facts(story)),
    }


def _card(story: Story) -> dict[str, Any]:
    data = [{"ref": _ref(story.dataset.name)}] if story.dataset else []
    objective = _objective(story)
    parameters: dict[str, Any] = {"datasets": data} if data else {}
    if objective:
        learned = "self-supervised" if objective == "pretrain" else "supervised"
        parameters["approach"] = {"type": learned}
    parameters["task"] = objective if story.head else "text-generation"
    parameters["inputs"], parameters["outputs"] = [{"format": "text"}], [{"format": "number" if story.head else "text"}]
    metrics = [metric for one in story.evaluations[:1] for metric in _metrics(one)]
    return {
        "modelParameters": parameters,
        **({"quantitativeAnalysis": {"performanceMetrics": metrics}} if metrics else {}),
        "considerations": {"technicalLimitations": limits(story)},
    }


def _objective(story: Story) -> str:
    return str(story.run.recipe.get("objective", {}).get("type", "")) if story.run else ""


def _metrics(one: Measured) -> Iterator[dict[str, Any]]:
    """Of the tuned model, and its paired difference from the base."""
    for way, metrics in one.evaluation.suites.items():
        for metric, found in metrics.items():
            split = {"slice": one.evaluation.split}
            if found.tuned is not None:
                yield {
                    "type": f"{way}: {metric}",
                    "value": f"{found.tuned:.6g}",
                    **split,
                    **_interval(found.tuned_interval),
                }
            if found.difference is not None:
                name = f"{way}: {metric}, difference from the base"
                yield {"type": name, "value": f"{found.difference:.6g}", **split, **_interval(found.interval)}


def _interval(found: tuple[float, float] | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"confidenceInterval": {"lowerBound": f"{found[0]:.6g}", "upperBound": f"{found[1]:.6g}"}}


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    """What the specification has no place for."""
    version = story.version
    yield "method", version.method
    yield "trained_parameters", str(version.trained_parameters)
    yield "tokenizer_and_template", version.chat_digest
    for name, value in version.numbers.model_dump().items():
        yield f"numbers.{name}", str(value)
    if version.form:
        yield "form", version.form
    if story.run is not None:
        yield from _run(story.run)
    for one in story.evaluations[:1]:
        for gate in one.verdict.gates if one.verdict else ():
            yield f"gate: {gate.rule}", "met" if gate.passed else "not met"
    if story.proof is not None:
        yield from _proof(story.proof)
    for each in story.forms:
        state = "kept" if each.version else "refused" if each.proof.problems else "deleted"
        yield f"export.{each.proof.form}", f"{state}, mean KL {each.proof.kl_mean:.3g}, limit {each.proof.limit:.3g}"


def _run(run: Run) -> Iterator[tuple[str, str]]:
    yield "steps", str(run.steps)
    yield "tokens", str(run.tokens)
    yield "loss", f"{run.loss:.6g}"
    yield "train_s", f"{run.train_s:.1f}"
    yield "peak_memory_bytes", str(run.peak_memory_bytes)
    for part in ("method", "objective", "training"):
        for name, value in public_options(run.recipe.get(part) or {}):
            yield f"asked.{part}.{name}", value
    for name, value in run.used.items():
        yield f"used.{name}", str(value)


def _proof(proof: Proof) -> Iterator[tuple[str, str]]:
    for name in ("kl_mean", "kl_max", "limit", "loss_difference", "greedy_agreement", "positions"):
        yield f"proof.{name}", f"{getattr(proof, name):.6g}"


def _materials(story: Story) -> list[dict[str, Any]]:
    """The base, the data set and its sources."""
    version, hub = story.version, story.hub_base
    base: dict[str, Any] = {
        "type": MODEL,
        "bom-ref": _ref(version.base_digest),
        "name": hub[0] if hub else story.base_name,
        "version": hub[1] if hub else version.base_digest,
        "properties": _properties([("content_digest", version.base_digest)]),
    }
    if hub:
        base["purl"] = f"pkg:huggingface/{hub[0]}@{hub[1]}"
    if story.licence is not None:
        name = SPDX.get(story.licence.name.lower())
        base["licenses"] = [{"license": {"id": name} if name else {"name": story.licence.name}}]
    return [base, *(_data(story.dataset) if story.dataset else [])]


def _data(version: DatasetVersion) -> list[dict[str, Any]]:
    receipt = version.receipt
    counts = receipt.rows.model_dump(by_alias=True) | {f"split.{name}": count for name, count in receipt.splits.items()}
    counts |= {f"tokens.{name}": count for name, count in receipt.tokens.model_dump(by_alias=True).items()}
    numbers = [(name, str(value)) for name, value in counts.items() if isinstance(value, int)]
    steps = [(f"step.{at}", str(step.get("type", ""))) for at, step in enumerate(version.steps, 1)]
    whole = {
        "type": "data",
        "bom-ref": _ref(version.name),
        "name": version.recipe or version.name[:12],
        "version": version.name,
        "data": [{"type": "dataset", "name": version.shape}],
        "properties": _properties([*numbers, *steps]),
    }
    return [whole, *(_source(name, source.digest) for name, source in receipt.sources.items())]


def _source(name: str, content: str) -> dict[str, Any]:
    known = {"hashes": [{"alg": "SHA-256", "content": content}]} if SHA256.fullmatch(content) else {}
    ref = uuid.uuid5(NAMESPACE, f"{name} {content}")
    return {"type": "data", "bom-ref": f"source-{ref}", "name": public_name(name), **known}


def _libraries(story: Story) -> list[dict[str, Any]]:
    """Libraries whose version the run wrote down."""
    if "torch" not in story.machine:
        return []
    version = str(story.machine["torch"])
    return [{"type": "library", "bom-ref": f"torch-{version}", "name": "torch", "version": version}]


def _properties(values: Any) -> list[dict[str, str]]:
    return [{"name": f"tunewright:{name}", "value": value} for name, value in values]


def _ref(name: str) -> str:
    return f"sha256-{name}"
