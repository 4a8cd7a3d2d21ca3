"""Choices as continuations of a text: the sums are those of the whole texts, by a chain and by Transformers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.evaluate.fakes import STOP, CharChat
from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Details, Row
from tunewright.evaluate.completing import START, completed
from tunewright.evaluate.own_rows import choice, document
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import NotMeasured, Talk, Written
from tunewright.models.language_model import open_language_model
from tunewright.text.chat import load_chat

LETTERS = 128


class Chain:
    """Scores letters by the letter before them; a stand-in for a model whose likelihoods are known."""

    name, identity, chat = "chain", "chain", CharChat()

    def __init__(self, seed: int) -> None:
        table = np.random.default_rng(seed).gamma(1.0, size=(LETTERS, LETTERS))
        self.table = np.log(table / table.sum(axis=1, keepdims=True))

    def whole(self, text: str) -> float:
        """Log-probability of a text after its first letter."""
        return sum(float(self.table[ord(one), ord(two)]) for one, two in pairwise(text))

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Each continuation letter by letter."""
        return [[self._one(item.prompt, tokens) for tokens in item.continuations] for item in items]

    def _one(self, prompt: tuple[int, ...], tokens: tuple[int, ...]) -> Scored:
        whole = (*prompt, *tokens)
        found = [self.table[whole[place - 1], whole[place]] for place in range(len(prompt), len(whole))]
        return Scored(np.array(found), np.zeros(len(found), dtype=np.bool_))

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """Nothing."""
        return [Written("", "stop") for _talk in talks]

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """Nothing."""
        return self.write(talks, max_new_tokens=max_new_tokens)


class FarAway(Chain):
    """A model without a tokenizer here."""

    chat = None  # type: ignore[assignment]


def row_of(choices: list[str], context: str = "") -> Row:
    return choice(context, answer=choices[0], details=Details(choices=choices))


@pytest.mark.parametrize("seed", range(10))
def test_sums_differ_as_whole_texts_do(seed: int) -> None:
    generator, model = np.random.default_rng(seed), Chain(seed)
    for context in ("", "some text that comes before"):
        choices = ["".join(map(chr, generator.integers(97, 101, size=generator.integers(1, 9)))) for _ in range(4)]
        (found,) = completed(model, [row_of(choices, context)], contexts=[context], choices=[choices])
        head = f"{context} " if context else START
        wholes = np.array([model.whole(head + each) for each in choices])
        assert np.array(found.choices) - found.choices[0] == pytest.approx(wholes - wholes[0], abs=1e-9)
        assert found.predicted == found.answer == choices[int(np.argmax(wholes))]


def test_a_choice_that_begins_another_still_has_a_token() -> None:
    model = Chain(0)
    (found,) = completed(model, [row_of(["ab", "abc"])], contexts=[""], choices=[["ab", "abc"]])
    assert found.choices == pytest.approx((model.whole("ab"), model.whole("abc")))


def test_equal_choices_are_equally_likely_and_the_first_wins() -> None:
    (found,) = completed(Chain(1), [document("a")], contexts=["x"], choices=[["same", "same"]])
    assert found.choices[0] == found.choices[1]
    assert found.predicted == "same"


class Joining(CharChat):
    """Joins a line break to the letter behind it, as one token."""

    def encode_text(self, text: str) -> list[int]:
        found = super().encode_text(text)
        return [LETTERS - 1 - found[1], *found[2:]] if len(found) > 1 and text[0] == "\n" else found


class Dropping(CharChat):
    """Drops line breaks."""

    def encode_text(self, text: str) -> list[int]:
        return super().encode_text(text.replace("\n", ""))


@pytest.mark.parametrize(("chat", "start"), [(Joining(), "\n"), (Dropping(), chr(STOP))], ids=["joins", "drops"])
def test_texts_without_a_common_start_keep_their_first_token(chat: CharChat, start: str) -> None:
    model = Chain(3)
    model.chat = chat
    (found,) = completed(model, [row_of(["ab", "cd"])], contexts=[""], choices=[["ab", "cd"]])
    assert found.choices == pytest.approx((model.whole(f"{start}ab"), model.whole(f"{start}cd")))


def test_no_rows_ask_nothing() -> None:
    assert completed(Chain(0), [], contexts=[], choices=[]) == []


def test_a_model_that_is_far_away_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="gives no log-probabilities"):
        completed(FarAway(0), [document("a")], contexts=[""], choices=[["a", "b"]])


def test_sums_are_those_of_transformers(tiny_model_folder: Path) -> None:
    """Tokens cross the border between context and choice as the tokenizer wants, not as we cut them."""
    chat = load_chat(tiny_model_folder)
    reference = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    ours = Local("tiny", chat, lambda: open_language_model(reference, decode=chat.decode), "tiny")
    contexts = ["The heart pumps", "What is the capital of France?", ""]
    choices = [["blood", "blood through the body"], ["Paris.", "The liver."], ["The liver cleans it.", "It cleans."]]
    found = completed(ours, [document(each[0]) for each in choices], contexts=contexts, choices=choices)
    for row, context, own in zip(found, contexts, choices, strict=True):
        wholes = [_whole(reference, chat.encode_text((f"{context} " if context else START) + each)) for each in own]
        assert row.choices[1] - row.choices[0] == pytest.approx(wholes[1] - wholes[0], abs=1e-4)


def _whole(model: torch.nn.Module, ids: list[int]) -> float:
    """Log-probability of tokens after the first, by Transformers' own forward, in float64."""
    with torch.no_grad():
        chances = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return float(sum(chances[place, token] for place, token in enumerate(ids[1:])))
