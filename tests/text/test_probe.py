"""The probe: what a template does is known before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.text.formats import CHATML, FORMATS, GEMMA, Format, write_format
from tunewright.core.errors import UserError
from tunewright.text.chat import load_chat
from tunewright.text.probe import Probe, probe

DROPS_OLD_ANSWERS = CHATML.replace(
    "message.content", "('...' if message.role == 'assistant' and not loop.last else message.content)"
)


def probed(folder: Path, template: str, stop: str = "<|im_end|>", loss_on: str = "answers") -> Probe:
    """The probe of a template over the tiny tokenizer."""
    return probe(load_chat(write_format(folder, Format(template, "<s>", stop, stop))), loss_on=loss_on)


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("loss_on", ["answers", "last_answer", "all"])
def test_good_templates_pass(tmp_path: Path, name: str, loss_on: str) -> None:
    chat = load_chat(write_format(tmp_path, FORMATS[name]))
    found = probe(chat, loss_on=loss_on)
    assert found.stop_text == FORMATS[name].stop
    assert found.digest == chat.template_digest
    assert found.prefix_preserving


def test_what_a_template_does_to_text_is_said(tmp_path: Path) -> None:
    found = probed(tmp_path, GEMMA, "<end_of_turn>")
    assert not found.keeps_space and not found.takes_system
    assert len(found.notes) == 2


def test_a_template_without_the_end_of_turn_names_the_token(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"leaves out </s> after an assistant turn"):
        probed(tmp_path, CHATML.replace("+ '<|im_end|>'", ""), "</s>")


def test_a_template_that_ends_every_turn_but_the_last_names_the_token(tmp_path: Path) -> None:
    ends_late = CHATML.replace("+ '<|im_end|>'", "+ ('' if loop.last else '<|im_end|>')")
    with pytest.raises(UserError, match=r"leaves out <\|im_end\|>"):
        probed(tmp_path, ends_late)


def test_a_template_that_changes_old_answers_is_allowed_for_single_ones(tmp_path: Path) -> None:
    found = probed(tmp_path, DROPS_OLD_ANSWERS)
    assert not found.prefix_preserving
    assert "only the last" in found.notes[0]


def test_an_end_that_is_no_token_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"<\|turn_end\|>, which is not one token of this model") as caught:
        probed(tmp_path, CHATML.replace("<|im_end|>", "<|turn_end|>"), "</s>")
    assert 'model.added_tokens: ["<|turn_end|>"]' in caught.value.problems[0].do


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (CHATML.replace("message.content", "message.content | upper"), "loses text"),
        ("{{ raise_exception('not for chat') }}", "not for chat"),
        (CHATML.replace("{%- for", "{{- add_generation_prompt }}{%- for", 1), "does not begin"),
    ],
)
def test_templates_that_cannot_be_trained_are_errors(tmp_path: Path, template: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        probed(tmp_path, template)
    assert caught.value.problems[0].do
