"""Rendering equals Transformers', and the sandbox holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import jinja2
import pytest
from hypothesis import given, settings

from tests.text.conversations import conversations
from tests.text.formats import FORMATS, LLAMA3, write_format
from tunewright.core.errors import UserError
from tunewright.core.ports import Message
from tunewright.text.chat import load_chat
from tunewright.text.template import FAILURES, Template

TURN: tuple[Message, ...] = ({"role": "user", "content": "Hello"},)


@pytest.fixture(scope="module", params=sorted(FORMATS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Our chat format and Transformers' tokenizer over one folder."""
    from transformers import AutoTokenizer

    folder = write_format(tmp_path_factory.mktemp(request.param), FORMATS[request.param])
    return load_chat(folder), AutoTokenizer.from_pretrained(folder), request.param != "gemma"


def test_rendering_and_tokens_equal_those_of_transformers(pair) -> None:
    chat, theirs, takes_system = pair

    @settings(max_examples=60, deadline=None)
    @given(conversations(system=takes_system))
    def check(messages: tuple[Message, ...]) -> None:
        turns = [dict(turn) for turn in messages]
        for some, generation in ((turns, False), (turns[:-1], True)):
            text = theirs.apply_chat_template(some, tokenize=False, add_generation_prompt=generation)
            assert chat.render(messages[: len(some)], generation=generation) == text
        ids = theirs.apply_chat_template(turns[:-1], add_generation_prompt=True, return_dict=False)
        assert chat.prompt_ids(messages[:-1]) == ids

    check()


def test_a_refused_conversation_is_refused_by_both(pair) -> None:
    chat, theirs, takes_system = pair
    turns: tuple[Message, ...] = ({"role": "system", "content": "Be brief"}, *TURN)
    if takes_system:
        assert "Be brief" in chat.render(turns, generation=True)
        return
    with pytest.raises(FAILURES, match="System role not supported"):
        chat.render(turns, generation=True)
    with pytest.raises(jinja2.TemplateError, match="System role not supported"):
        theirs.apply_chat_template([dict(turn) for turn in turns], tokenize=False)


def test_the_day_is_fixed_and_belongs_to_the_digest() -> None:
    tokens = {"bos_token": "<s>"}
    first, same = Template(LLAMA3, tokens), Template(LLAMA3, tokens)
    later = Template(LLAMA3, tokens, today=date(2030, 1, 2))
    assert "26 Jul 2024" in first.render(TURN, generation=False)
    assert "02 Jan 2030" in later.render(TURN, generation=False)
    assert first.digest == same.digest != later.digest
    assert Template("x", {}).digest == Template("x", {}, today=date(2030, 1, 2)).digest


def test_the_weight_of_a_turn_is_not_the_templates_business() -> None:
    template = Template("{{ messages[0] | tojson }}", {})
    assert template.render([{"role": "user", "content": "<é>", "weight": 0.5}], generation=False) == (
        '{"role": "user", "content": "<é>"}'
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ dict.mro() }}",
        "{% set ns = namespace(_x=1) %}{{ ns._x }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{{ raise_exception('no') }}",
        "{{ messages[7].content.x }}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_foreign_template_gets_nothing(source: str) -> None:
    with pytest.raises(FAILURES):
        Template(source, {}).render(TURN, generation=False)


def test_a_broken_template_is_the_users_mistake_with_its_line() -> None:
    with pytest.raises(UserError, match="line 2"):
        Template("a\n{% for %}", {})


def test_a_folder_without_a_template_says_so(tmp_path: Path) -> None:
    folder = write_format(tmp_path, FORMATS["chatml"])
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        load_chat(folder)
