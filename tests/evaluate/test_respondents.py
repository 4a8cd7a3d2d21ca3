"""A model that is here: what is longer than it reads is left out and said, never cut or asked in silence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.evaluate.fakes import CharChat, RuleModel
from tunewright.core.events import Event, Note
from tunewright.core.language_model import Sampling, ScoreItem
from tunewright.core.ports import Row
from tunewright.evaluate.asking import likeliest
from tunewright.evaluate.respondents import Drawn, Local, Watch
from tunewright.evaluate.suite import Talk

CONTEXT = 120


def local(context: int | None, seen: list[Event]) -> Local:
    """Answers "heart" and reads so many characters."""
    return Local("short", CharChat(), lambda: RuleModel(lambda _prompt: "heart"), "1", Watch(seen.append), context)


def talks(*lengths: int) -> list[Talk]:
    """Conversations of one turn of so many characters."""
    return [Talk(({"role": "user", "content": "x" * length},), ()) for length in lengths]


def told(seen: Sequence[Event]) -> list[str]:
    return [event.text for event in seen if isinstance(event, Note)]


@pytest.mark.parametrize("way", ["write", "write_alone", "drawn"])
def test_a_prompt_that_the_model_cannot_read_is_left_out_and_said(way: str) -> None:
    seen: list[Event] = []
    model = local(CONTEXT, seen)
    asked = talks(5, 5_000, 7)
    if way == "drawn":
        written = Drawn(model, (Sampling(),) * 3).write(asked, max_new_tokens=20)
    else:
        written = getattr(model, way)(asked, max_new_tokens=20)
    assert [(each.text, each.finish) for each in written] == [("heart", "stop"), ("", "error"), ("heart", "stop")]
    assert told(seen) == [f"1 texts are longer than the {CONTEXT} tokens that short reads."]


def test_an_answer_ends_where_the_model_ends() -> None:
    seen: list[Event] = []
    chat = CharChat()
    prompt = len(chat.prompt_ids(talks(5)[0].messages, tools=()))
    (written,) = local(prompt + 3, seen).write(talks(5), max_new_tokens=20)
    assert (written.text, written.finish) == ("hea", "length")
    assert told(seen) == []


def test_without_a_known_length_everything_is_asked() -> None:
    (written,) = local(None, []).write(talks(5_000), max_new_tokens=20)
    assert written.text == "heart"


def test_a_text_that_is_too_long_has_no_score() -> None:
    seen: list[Event] = []
    short, long = ScoreItem((65,) * 10, ((66, 67),)), ScoreItem((65,) * CONTEXT, ((66, 67), (66,)))
    first, second = local(CONTEXT, seen).score([short, long])
    assert np.isfinite(first[0].log_probabilities).all()
    assert [len(one.log_probabilities) for one in second] == [2, 1]
    assert all(np.isnan(one.log_probabilities).all() for one in second)
    answered = likeliest(Row("1", (), "a"), second, choices=["a", "b"])
    assert (answered.predicted, answered.finish) == (None, "error")
    assert all(map(math.isnan, answered.choices))
    assert len(told(seen)) == 1
