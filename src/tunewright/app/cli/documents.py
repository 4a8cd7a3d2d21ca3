"""The JSON documents of verbs: nouns as the dictionaries that scripts rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tunewright.core.nouns import Comparison, DatasetVersion, Evaluation, Run, Verdict
from tunewright.evaluate.gates import problems

if TYPE_CHECKING:
    from tunewright.app.flow import Outcome
    from tunewright.app.targets import Answer


def of_dataset(version: DatasetVersion) -> dict[str, Any]:
    """`data --json`: the data set's name and its receipt."""
    receipt = version.receipt
    return {
        "dataset": version.name,
        "receipt": {
            "rows": receipt.rows.model_dump(mode="json", by_alias=True),
            "tokens": receipt.tokens.model_dump(mode="json", by_alias=True),
            "splits": dict(receipt.splits),
        },
    }


def of_run(run: Run) -> dict[str, Any]:
    """`train --json`: which run, which weights, and the run's numbers."""
    return {
        "run": run.key,
        "model": run.name,
        "steps": run.steps,
        "loss": run.loss,
        "tokens_per_s": run.tokens_per_s,
        "peak_memory_bytes": run.peak_memory_bytes,
    }


def of_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """`evaluate --json`: every metric of every suite, base beside tuned."""
    suites = {
        suite: {metric: of_comparison(comparison) for metric, comparison in metrics.items()}
        for suite, metrics in evaluation.suites.items()
    }
    return {"evaluation": evaluation.name, "suites": suites, "unmeasured": dict(evaluation.unmeasured)}


def of_verdict(verdict: Verdict, evaluation: Evaluation) -> dict[str, Any]:
    """What became of the gates, and a sentence in parts for each that is not met."""
    return {
        "passed": verdict.passed,
        "gates": [gate.model_dump(mode="json") for gate in verdict.gates],
        "problems": [asdict(each) for each in problems(verdict, evaluation)],
    }


def of_answers(answers: Sequence[Answer]) -> dict[str, Any]:
    """`evaluate --json`: of one target its evaluation, of several a list of them."""
    found = [_of_answer(answer) for answer in answers]
    return found[0] if len(found) == 1 else {"targets": found}


def _of_answer(answer: Answer) -> dict[str, Any]:
    gates = of_verdict(answer.verdict, answer.evaluation) if answer.verdict and answer.verdict.gates else None
    report = {"report": str(answer.report)} if answer.report else {}
    return {"target": answer.target, **of_evaluation(answer.evaluation), "gates": gates} | report


def of_comparison(comparison: Comparison) -> dict[str, Any]:
    """One metric."""
    return {
        "base": comparison.base,
        "base_same_prompt": comparison.base_same_prompt,
        "tuned": comparison.tuned,
        "difference": comparison.difference,
        "interval": list(comparison.interval) if comparison.interval else None,
        "p": comparison.p,
        "p_holm": comparison.p_holm,
        "base_interval": list(comparison.base_interval) if comparison.base_interval else None,
        "tuned_interval": list(comparison.tuned_interval) if comparison.tuned_interval else None,
        "direction": comparison.direction,
        "n": comparison.n,
    }


def of_outcome(outcome: Outcome) -> dict[str, Any]:
    """`run --json`: the documents of its stages, and where the report lies."""
    return {
        "data": of_dataset(outcome.dataset),
        "train": of_run(outcome.run),
        "evaluate": of_evaluation(outcome.evaluation),
        "gates": of_verdict(outcome.verdict, outcome.evaluation),
        "report": str(outcome.report),
    }
