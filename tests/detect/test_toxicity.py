"""Toxicity: plain and disguised words, attacks, and the many words that only look like one."""

from __future__ import annotations

import time

import pytest

from tunewright.detect.attacks import attacks
from tunewright.detect.letters import masked, readings, small_letters, tokens
from tunewright.detect.spans import together
from tunewright.detect.toxicity import LEXICON, toxic_spans, toxicity

TOXIC = (
    "You are a complete idiot and everybody knows it.",
    "I will kill you and your family.",
    "Go to hell, you worthless piece of garbage.",
    "Shut up, moron.",
    "People like them should all be shot.",
    "You deserve to die.",
    "All immigrants are criminals.",
    "What a load of bullshit.",
    "They are nothing but animals.",
    "I hope you die alone.",
    "She's such a bitch.",
    "Kill yourself.",
    "Nobody loves you.",
    "I hate you all.",
)
DISGUISED = (
    "you b1tch", "you b!tch", "b i t c h", "b.i.t.c.h", "you BiTcH", "you biiiiitch", "you b*tch", "you b**ch",
    "you b\u200bitch", "you ｂｉｔｃｈ", "what a b--ch", "you b_i_t_c_h", "you bítch", "what the f***",
)  # fmt: skip
CALM = (
    "To kill a process, find its number and call kill.",
    "The patient was stabbed with a needle during the blood test.",
    "Scunthorpe has a well-known classic assembly of cocktails.",
    "The assassin's class assesses the mass of the cockpit.",
    "Add a flame retardant and beat the eggs until stiff.",
    "The dog and the pig are domesticated animals.",
    "You are right, and they are late.",
    "He died in 1455 and was buried in Sussex.",
    "Cuckoos lay eggs in the nests of other birds.",
    "Breast cancer screening is offered to women over fifty.",
    "Hell's Kitchen is a part of Manhattan.",
    "Set the Dickens novel beside the one by Cocker.",
    "A skin prick test shows whether you are allergic.",
    "Class A* stars; ratings of 4.5* and A-S levels; b* and c** in C.",
    "I will find you a table. We will end the call now.",
    "Shitake is how some spell the mushroom.",
    "Shut the door and drop the needle.",
)


@pytest.mark.parametrize("text", TOXIC)
def test_insults_threats_and_slander_are_toxic(text: str) -> None:
    assert toxicity(text) >= 0.5
    assert toxicity(text.upper()) >= 0.5


@pytest.mark.parametrize("text", DISGUISED)
def test_a_disguised_word_is_read(text: str) -> None:
    assert toxicity(text) >= 0.5


@pytest.mark.parametrize("text", CALM)
def test_words_that_only_look_alike_are_not_toxic(text: str) -> None:
    assert toxicity(text) < 0.5, toxic_spans(text)


def test_mild_words_far_apart_do_not_add_up() -> None:
    assert toxicity("This is damn hard. " * 50) == toxicity("This is damn hard.") < 0.5
    assert toxicity("What a damn ugly, filthy crook.") >= 0.5


def test_spans_say_where_and_what() -> None:
    text = "Well, İ said: you b!tch, I will kill you."
    found = {text[span.start : span.end].strip(","): span.kind for span in toxic_spans(text)}
    assert found == {"b!tch": "insult", "I will kill you": "threat"}


@pytest.mark.parametrize("text", ["", " ", "\0", "1234 5678", "!!!", "心臓の病気"])
def test_what_says_nothing_is_not_toxic(text: str) -> None:
    assert toxicity(text) == 0


def test_every_line_of_the_lexicon_counts() -> None:
    lines = [line.split("\t") for line in LEXICON.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    words = [entry.strip("*") for _, _, entry in lines]
    assert len(words) == len(set(words))
    assert {kind for _, kind, _ in lines} == {"profanity", "insult", "sexual", "slur"}
    for score, kind, entry in lines:
        assert 0 < float(score) < 1
        assert toxicity(f"a {entry.strip('*')} b") >= min(float(score), 0.5) - 1e-9, entry
        assert kind in {span.kind for span in toxic_spans(entry.strip("*"))}


def test_patterns_of_attacks_have_weights() -> None:
    assert {attack.kind for attack in attacks()} == {"insult", "threat"}
    assert all(0.5 <= attack.score < 1 for attack in attacks())


def test_findings_add_up_as_independent_chances() -> None:
    assert together([]) == 0
    assert together([0.5]) == 0.5
    assert together([0.5, 0.5]) == 0.75
    assert together([1.0, 0.1]) == 1


def test_readings_see_through_disguise() -> None:
    assert readings("B1TCH!") == ("bitch",)
    assert readings("455") == readings("***") == ()
    assert "cool" in readings("coooool")
    assert masked("f**k") == "f..k"
    assert masked("d-k") == masked("a*") == ""


def test_places_are_those_of_the_text() -> None:
    text = "Ünï h e l l o (word)"
    assert [text[token.start : token.end] for token in tokens(text)] == [
        *text.replace("(", " ").replace(")", "").split(),
        "h e l l o",
    ]
    assert len(small_letters("İSTANBUL’S")) == len("İSTANBUL’S")


@pytest.mark.parametrize("piece", ["a", "*", "f*", "i will ", "you are all ", "a b ", "!", "\n", "b-", "心"])
def test_a_megabyte_takes_seconds(piece: str) -> None:
    started = time.process_time()
    assert 0 <= toxicity(piece * (10**6 // len(piece))) <= 1
    assert time.process_time() - started < 15
