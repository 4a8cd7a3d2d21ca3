"""The proof that a form is the trained model: distances within the recipe's limits, the same text, the same stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.nouns import Comparison
from tunewright.core.ports import Encoded, Message
from tunewright.models.export.distance import Measured, Reference, reference
from tunewright.models.export.forms import own_rounding
from tunewright.models.export.merge import merged
from tunewright.recipe.proof import ProofOptions
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.files import read_files


@dataclass(frozen=True)
class Standard:
    """What forms are held against: the trained model's scores, its own distance in bf16, and the merged weights.

    `merge` is the distance of `model`, the merged float32 weights that every form is made from.
    """

    reference: Reference
    own: Measured
    merge: Measured
    model: Any


def standard(
    exact: Callable[[], Any], rows: Sequence[Encoded], *, scratch: Path, merge: Callable[[Any], Any] = merged
) -> Standard:
    """Measure the trained model as it is, then merge it. `exact` opens it in float32, and is called twice."""
    trained = exact()
    scores = reference(trained, rows, path=scratch / "scores")
    own = scores.against(own_rounding(trained))
    del trained
    model = merge(exact())
    return Standard(scores, own, scores.against(model), model)


def limit_of(form: str, options: ProofOptions, *, own_kl: float) -> float:
    """The largest mean KL of a form, in nats."""
    limits = {
        "merged-fp32": options.merged,
        "merged-bf16": options.half * own_kl,
        "gguf-f16": options.half * own_kl,
        "gguf-q8_0": options.q8_0 * own_kl,
        "gguf-q4_0": options.q4_0,
        "int8": options.int8,
    }
    return limits[form]


def distance_problems(measured: Measured, merge: Measured, *, limit: float, options: ProofOptions) -> Iterator[str]:
    """Sentences about distances past their limits; NaN is past any."""
    if not merge.kl_mean <= options.merged:
        yield (
            f"the merged weights do not compute what was trained: their mean KL is {merge.kl_mean:.2g} nats, "
            f"at most {options.merged:.2g} is allowed"
        )
    if not measured.kl_mean <= limit:
        yield (
            f"its next-token distributions are too far from the trained model's: mean KL {measured.kl_mean:.2g} nats, "
            f"at most {limit:.2g} is allowed"
        )


def text_problems(
    trained: ChatFormat, folder: Path, *, talks: Sequence[Sequence[Message]], only_eos: bool = False
) -> list[str]:
    """Sentences about a form's own tokenizer, template and stop tokens, read from its folder.

    `talks` are conversations that both write as tokens. `only_eos`: the reader sees one stop token of the file, so the
    one that the template writes is asked for.
    """
    try:
        form = load_chat(folder)
        found = read_files(folder).stop_ids
    except UserError as error:
        return [error.problems[0].what.rstrip(".")]
    problems: list[str] = []
    needed = frozenset(trained.turn_end) if only_eos else trained.stop_ids
    if lost := needed - found:
        names = ", ".join(trained.tokenizer.id_to_token(number) or str(number) for number in sorted(lost))
        problems.append(f"it does not stop where the trained model does: {names} is no stop token of it")
    for talk in talks:
        if _written(form, talk) != _written(trained, talk):
            problems.append(f"its tokenizer or chat template writes other tokens: {_shown(talk)}")
            break
    return problems


def _written(chat: ChatFormat, talk: Sequence[Message]) -> list[int]:
    """Tokens of a conversation's prompt, then of all of it."""
    if talk[0].get("role") == "document":
        return chat.encode_text(talk[0].get("content", ""))
    prompt = talk[:-1] if talk[-1].get("role") == "assistant" else talk
    return [*chat.prompt_ids(prompt), *chat.encode_text(chat.render(talk, generation=False))]


def _shown(talk: Sequence[Message]) -> str:
    text = str(talk[-1].get("content", "")) if talk else ""
    return f'say of "{text[:60]}"'


def score_problem(score: Comparison | None, *, margin: float, metric: str) -> str:
    """A sentence when the interval of form - trained lies wholly on the wrong side of the margin; else empty."""
    if score is None or score.interval is None or score.direction == "neither":
        return ""
    low, high = score.interval
    worst = high < -margin if score.direction == "higher" else low > margin
    if not worst:
        return ""
    return (
        f"its answers are worse: {metric} changes by {score.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, "
        f"and {margin:.3f} is allowed"
    )
