"""What the records say against a model: what was not measured, not met, not shown, cut off or never asked."""

from __future__ import annotations

from collections.abc import Iterator

from tunewright.core.nouns import Comparison
from tunewright.models.card.story import Measured, Story, public_text

NAMED_METRICS = 6


def limits(story: Story) -> list[str]:
    """Sentences, the gravest first; never empty, because no measurement says how a model does elsewhere."""
    found = [*_not_met(story), *_worse(story), *_unmeasured(story), *_not_shown(story), *_data(story), *_form(story)]
    if not story.evaluations:
        found.insert(0, "It was not evaluated: nothing is known of its quality.")
    else:
        splits = " and ".join(dict.fromkeys(one.evaluation.split for one in story.evaluations))
        found.append(f"It was measured on rows of {splits} only; nothing here says how it answers other questions.")
    if not any(one.verdict and one.verdict.gates for one in story.evaluations):
        found.append("No gate decided on it.")
    return found


def _newest(story: Story) -> tuple[Measured, ...]:
    return story.evaluations[:1]


def _not_met(story: Story) -> Iterator[str]:
    for one in _newest(story):
        for gate in one.verdict.gates if one.verdict else ():
            if not gate.passed:
                yield f"A gate was not met: {gate.rule}."


def _unmeasured(story: Story) -> Iterator[str]:
    for one in _newest(story):
        for what, why in one.evaluation.unmeasured.items():
            yield f"Not measured: {what} ({public_text(why)})"


def _worse(story: Story) -> Iterator[str]:
    names = [name for name, found in _compared(story) if _is_worse(found)]
    if names:
        yield f"Worse than the base, by an interval that leaves out zero: {_listed(names)}."


def _is_worse(found: Comparison) -> bool:
    if found.interval is None:
        return False
    low, high = found.interval
    return {"higher": high < 0, "lower": low > 0, "neither": False}[found.direction]


def _not_shown(story: Story) -> Iterator[str]:
    names = [name for name, found in _compared(story) if found.interval and found.interval[0] <= 0 <= found.interval[1]]
    if names:
        yield f"No difference from the base is shown, the 95 % interval holds zero: {_listed(names)}."


def _compared(story: Story) -> Iterator[tuple[str, Comparison]]:
    for one in _newest(story):
        for way, metrics in one.evaluation.suites.items():
            for metric, found in metrics.items():
                yield f"{metric} of {way}", found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_METRICS} more" if len(names) > NAMED_METRICS else ""
    return ", ".join(names[:NAMED_METRICS]) + more


def _data(story: Story) -> Iterator[str]:
    if story.dataset is None:
        yield "The record of the data that it learned from is not here any more."
        return
    receipt = story.dataset.receipt
    if receipt.truncated_rows:
        yield f"{receipt.truncated_rows:,} rows were longer than was trained on, and were cut."
    yield f"Examples were at most {story.dataset.max_tokens:,} tokens long; nothing longer was trained on."


def _form(story: Story) -> Iterator[str]:
    if story.proof is not None and story.proof.score is None:
        yield "Answers of this form were not scored, only its next-token distributions."
    elif story.version.form and story.proof is None:
        yield "This form has no proof against the models that it was made from."
