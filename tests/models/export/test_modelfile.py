"""The Modelfile beside a GGUF file: the frame of a template in Go's language, and what ends an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tunewright.core.ports import Message
from tunewright.models.export.modelfile import frame_of, go_template, modelfile
from tunewright.text.chat import load_chat

TALKS: list[list[Message]] = [
    [{"role": "user", "content": "Hi\nthere"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ],
]


def go(template: str, messages: list[Message]) -> str:
    """What Go's text/template makes of our template: its `if`, `else if`, `range` and `end`, nothing more."""
    default = re.match(r'\{\{ if ne \(index \.Messages 0\)\.Role "system" \}\}(.*?)\{\{ end \}\}', template, re.DOTALL)
    text = ""
    if default:
        template = template[default.end() :]
        text = default[1] if messages[0]["role"] != "system" else ""
    inner = re.fullmatch(r"\{\{ range \.Messages \}\}(.*)\{\{ end \}\}\{\{ end \}\}(.*)", template, re.DOTALL)
    assert inner is not None
    parts = re.split(r'\{\{ (?:else )?if eq \.Role "(\w+)" \}\}', inner[1])[1:]
    branches = dict(zip(parts[::2], parts[1::2], strict=True))
    for message in messages:
        text += branches[message["role"]].replace("{{ .Content }}", message["content"])
    return text + inner[2]


@pytest.mark.parametrize("name", [None, "chatml", "llama3", "alpaca", "user_assistant"])
def test_the_frame_writes_what_the_template_writes(name: str | None, tiny_model_folder: Path) -> None:
    chat = load_chat(tiny_model_folder, template=name)
    frame = frame_of(chat)
    assert frame is not None
    for talk in TALKS:
        assert go(go_template(frame), talk) == chat.render(talk, generation=True)


def test_a_template_that_does_more_than_frame_turns_is_left_out(tiny_model_folder: Path, tmp_path: Path) -> None:
    odd = "{% for m in messages %}[{{ loop.index }}|{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}[A]"
    (tmp_path / "odd.jinja").write_text(odd)
    chat = load_chat(tiny_model_folder, template="odd.jinja", base=tmp_path)
    assert frame_of(chat) is None
    text = modelfile(chat, file="model.gguf", system=None, context_tokens=None)
    assert text == 'FROM ./model.gguf\nPARAMETER stop "<|im_end|>"\n'


def test_a_modelfile_names_file_system_stops_and_context(tiny_model_folder: Path) -> None:
    text = modelfile(load_chat(tiny_model_folder), file="model.gguf", system="Be brief.", context_tokens=2048)
    assert text.startswith('FROM ./model.gguf\nTEMPLATE """{{ if ne')
    assert text.endswith('SYSTEM """Be brief."""\nPARAMETER stop "<|im_end|>"\nPARAMETER num_ctx 2048\n')
