"""The policies for over-long examples, as laws over random masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.core.errors import UserError
from tunewright.data.overlong import NO_ANSWER_LEFT, NOTHING_TO_TRAIN, Refusal, fit
from tunewright.recipe.recipe import OverlongOptions

STOP = 99


@st.composite
def examples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A prompt, an answer that ends with the stop token, and what follows."""
    prompt, answer, tail = (draw(st.integers(low, 12)) for low in (1, 0, 0))
    tokens = [*range(1, prompt + 1), *range(20, 20 + answer), STOP, *[7] * min(tail, 2)]
    weights = [0.0] * prompt + [1.0] * (answer + 1) + [0.0] * min(tail, 2)
    return np.array(tokens, np.int32), np.array(weights, np.float32)


def fitted(example, limit: int, **policy):
    return fit(example, limit=limit, policy=OverlongOptions(**policy), stop_ids=frozenset({STOP}))


@given(examples(), st.integers(1, 40), st.sampled_from(["drop", "cut", "split", "refuse"]))
def test_short_examples_are_left_alone_and_pieces_are_short(example, limit: int, action: str) -> None:
    result = fitted(example, limit, action=action)
    if len(example[0]) <= limit:
        assert result.pieces[0] is example
    assert all(len(tokens) == len(weights) <= limit for tokens, weights in result.pieces)
    assert bool(result.pieces) != bool(result.reason)


@given(examples(), st.integers(1, 40))
def test_split_keeps_every_token_once(example, limit: int) -> None:
    pieces = fitted(example, limit, action="split").pieces
    assert np.concatenate([tokens for tokens, _ in pieces]).tolist() == example[0].tolist()
    assert all(weights[0] == 0 for _, weights in pieces)
    weights = np.concatenate([weights for _, weights in pieces])
    assert (weights <= example[1]).all()


@given(examples(), st.integers(2, 40), st.sampled_from(["start", "end"]))
def test_cut_keeps_the_stop_token_and_some_answer(example, limit: int, side: str) -> None:
    tokens = example[0]
    result = fitted(example, limit, action="cut", side=side)
    if len(tokens) <= limit:
        return
    if result.reason:
        assert result.reason == NO_ANSWER_LEFT
        return
    ((piece, kept),) = result.pieces
    assert piece[-1] == STOP and kept[-1] == 1
    assert kept[:-1].any() and kept[0] == 0
    assert len(piece) + result.truncated == len(tokens)
    end = int(np.flatnonzero(tokens == STOP)[0])
    whole = tokens[: end + 1].tolist()
    assert piece.tolist() == (whole[-limit:] if side == "start" else [*whole[: min(limit - 1, end)], STOP])


@pytest.mark.parametrize(("prompt", "side", "reason"), [(20, "end", NO_ANSWER_LEFT), (20, "start", "")])
def test_an_answer_that_is_cut_away_leaves_no_row(prompt: int, side: str, reason: str) -> None:
    tokens = np.array([*range(1, prompt + 1), 50, 51, STOP], np.int32)
    weights = np.array([0] * prompt + [1, 1, 1], np.float32)
    assert fitted((tokens, weights), 10, action="cut", side=side).reason == reason


def test_nothing_to_train_is_a_reason_at_any_length() -> None:
    example = np.ones(5, np.int32), np.zeros(5, np.float32)
    assert fitted(example, 10).reason == fitted(example, 3, action="split").reason == NOTHING_TO_TRAIN


def test_the_refusal_names_count_longest_and_first() -> None:
    refusal = Refusal(100)
    refusal.check()
    refusal.add(row("a", source="rows.jsonl", line=7), 150)
    refusal.add(row("b", source="rows.jsonl", line=9), 2000)
    with pytest.raises(UserError) as caught:
        refusal.check()
    problem = caught.value.problems[0]
    assert problem.where == "rows.jsonl:7"
    assert "2 examples" in problem.what and "2,000" in problem.what
    assert all(word in problem.do for word in ("2000", "drop", "cut", "split"))
