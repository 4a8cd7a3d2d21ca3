"""What a model folder may look like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests.text.formats import CHATML, FORMATS, write_format
from tunewright.core.errors import UserError
from tunewright.text.chat import load_chat
from tunewright.text.files import read_files


def folder_with(path: Path, **config: object) -> Path:
    """A ChatML folder whose template stands in tokenizer_config.json."""
    folder = write_format(path, FORMATS["chatml"], **config)
    (folder / "chat_template.jinja").unlink()
    return folder


def test_the_template_may_stand_in_the_config(tmp_path: Path) -> None:
    assert read_files(folder_with(tmp_path, chat_template=CHATML)).template == CHATML


def test_of_several_templates_the_default_is_taken(tmp_path: Path) -> None:
    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]
    assert read_files(folder_with(tmp_path, chat_template=several)).template == "yes"


def test_the_file_wins_over_the_config(tmp_path: Path) -> None:
    folder = write_format(tmp_path, FORMATS["chatml"], chat_template="no")
    assert read_files(folder).template == CHATML


@pytest.mark.parametrize("place", ["config", "files"])
def test_rows_with_tools_take_the_template_for_tools(tmp_path: Path, place: str) -> None:
    tools, turns = [{"type": "function", "function": {"name": "f"}}], [{"role": "user", "content": "Hi"}]
    with_tools = "{{ tools | tojson }}" + CHATML
    several = [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": with_tools}]
    folder = folder_with(tmp_path / "model", chat_template=several)
    if place == "files":
        load_chat(folder).save(tmp_path / "saved")
        folder = tmp_path / "saved"
        assert "chat_template" not in json.loads((folder / "tokenizer_config.json").read_text())
    chat, theirs = load_chat(folder), AutoTokenizer.from_pretrained(folder)
    for given in ((), tools):
        text = theirs.apply_chat_template(turns, tools=list(given) or None, tokenize=False)
        assert chat.render(turns, generation=False, tools=given) == text
        assert ('"name": "f"' in text) == bool(given)
    assert chat.digest != load_chat(folder_with(tmp_path / "one", chat_template=CHATML)).digest


def test_tokens_may_be_objects_and_flags_are_none(tmp_path: Path) -> None:
    eos = {"__type": "AddedToken", "content": "</s>", "special": True}
    folder = write_format(tmp_path, FORMATS["chatml"], eos_token=eos, add_bos_token=True, pad_token=None)
    tokens = read_files(folder).tokens
    assert tokens["eos_token"] == "</s>"
    assert "add_bos_token" not in tokens and "pad_token" not in tokens


def test_stop_ids_come_from_every_file_that_names_them(tmp_path: Path) -> None:
    folder = write_format(tmp_path, FORMATS["chatml"])
    (folder / "generation_config.json").write_text('{"eos_token_id": [5, 6]}')
    (folder / "config.json").write_text('{"eos_token_id": 7}')
    assert read_files(folder).stop_ids == {0, 5, 6, 7}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tokenizer.json", None, "missing"),
        ("tokenizer.json", "{", "not JSON"),
        ("tokenizer.json", "[]", "not a JSON object"),
        ("tokenizer.json", "{}", "not a tokenizer"),
        ("tokenizer_config.json", "{", "not JSON"),
        ("generation_config.json", "3", "not a JSON object"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    path = write_format(tmp_path, FORMATS["chatml"]) / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        read_files(tmp_path)
    assert name in caught.value.problems[0].where


def test_a_tokenizer_that_cuts_and_pads_is_told_not_to(tmp_path: Path) -> None:
    path = write_format(tmp_path, FORMATS["chatml"]) / "tokenizer.json"
    value = json.loads(path.read_text())
    value["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps(value))
    assert len(read_files(tmp_path).tokenizer.encode("one two three four five six").ids) > 3
