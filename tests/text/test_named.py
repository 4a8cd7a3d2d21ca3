"""Templates that come with Tunewright, a file of one's own, and tokens that a recipe adds."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, processors
from transformers import AutoTokenizer, GenerationConfig

from tests.text.formats import CHATML, FORMATS, LLAMA3_UNDATED, write_format
from tests.text.talks import talk
from tunewright.core.errors import UserError
from tunewright.core.ports import Message, RowProblem
from tunewright.text.chat import load_chat
from tunewright.text.files import our_templates
from tunewright.text.probe import probe

TURNS: tuple[Message, ...] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is seven?"},
    {"role": "assistant", "content": "A number."},
    {"role": "user", "content": "And eight?"},
    {"role": "assistant", "content": "Also."},
)
WRITTEN = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is seven?<|im_end|>\n"
    "<|im_start|>assistant\nA number.<|im_end|>\n<|im_start|>user\nAnd eight?<|im_end|>\n"
    "<|im_start|>assistant\nAlso.<|im_end|>\n",
    "alpaca": "Be brief.\n\n### Instruction:\nWhat is seven?\n\n### Response:\nA number.</s>\n\n"
    "### Instruction:\nAnd eight?\n\n### Response:\nAlso.</s>\n\n",
    "user_assistant": "Be brief.\n\nUser: What is seven?\nAssistant: A number.</s>\n"
    "User: And eight?\nAssistant: Also.</s>\n",
}


def bare(folder: Path) -> Path:
    """A model without a chat template."""
    (write_format(folder, FORMATS["zephyr"]) / "chat_template.jinja").unlink()
    return folder


def begins_with_bos(folder: Path) -> Path:
    """The same, with a tokenizer that puts `<s>` in front of every text, as Llama's and Gemma's do."""
    path = bare(folder) / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    number = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", number)])
    tokenizer.save(str(path))
    return folder


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_named_template_serves_a_model_without_one(tmp_path: Path, name: str) -> None:
    chat = load_chat(bare(tmp_path), template=name)
    assert chat.render(TURNS, generation=False) == WRITTEN[name]
    tokens, weights = chat.encode(TURNS, loss_on="answers")
    trained = "".join(piece for piece, weight in zip(chat.pieces(tokens.tolist()), weights, strict=True) if weight)
    assert trained.replace(" ", "") == f"Anumber.{chat.stop_text}Also.{chat.stop_text}"
    assert probe(chat, loss_on="answers").prefix_preserving


def test_llama3_equals_the_models_own_for_plain_turns(tmp_path: Path) -> None:
    """But for the day, which Llama 3.1 and later write into the system turn."""
    own = load_chat(write_format(tmp_path / "own", FORMATS["llama3"]._replace(template=LLAMA3_UNDATED)))
    named = load_chat(begins_with_bos(tmp_path / "named"), template="llama3")
    text = (
        own.render(TURNS, generation=True)
        .replace("Today Date: 26 Jul 2024\n\n", "")
        .replace("<|begin_of_text|>", "<s>")
    )
    assert named.render(TURNS, generation=True) == text


@pytest.mark.parametrize("name", our_templates())
def test_the_first_token_of_every_text_stands_in_front(tmp_path: Path, name: str) -> None:
    first = load_chat(begins_with_bos(tmp_path / "first"), template=name)
    plain = load_chat(bare(tmp_path / "plain"), template=name)
    assert first.render(TURNS, generation=False) == "<s>" + plain.render(TURNS, generation=False)
    assert first.digest != plain.digest


@pytest.mark.parametrize("name", our_templates())
def test_named_templates_write_everything_or_refuse(tmp_path: Path, name: str) -> None:
    chat, rng = load_chat(bare(tmp_path), template=name), random.Random(f"named {name}")
    reasons: set[str] = set()
    for index in range(200):
        case = talk(rng, tools=index % 2 == 1, reasoning=index % 4 > 1)
        rewritten: dict[int, int] = {}
        result = chat.encode_many([case], loss_on="answers", rewritten=rewritten)[0]
        assert not rewritten
        if isinstance(result, RowProblem):
            reasons.add(result.reason)
    tools = name in ("chatml", "llama3")
    assert reasons <= ({"token_boundary"} if tools else {"template_refuses", "template_drops_text"})
    found = probe(chat, loss_on="answers")
    assert (found.takes_tools, found.takes_reasoning, found.takes_system) == (tools, tools, True)


def test_a_file_of_ones_own_is_found_beside_the_recipe(tmp_path: Path) -> None:
    folder = bare(tmp_path / "model")
    (tmp_path / "mine.jinja").write_text(CHATML)
    chat = load_chat(folder, template="mine.jinja", base=tmp_path)
    assert chat.stop_text == "<|im_end|>"
    assert chat.digest != load_chat(folder, template="chatml").digest


def test_a_template_takes_the_place_of_the_models_own(tmp_path: Path) -> None:
    folder = write_format(tmp_path, FORMATS["zephyr"])
    assert load_chat(folder).render(TURNS, generation=False).startswith("<|system|>")
    assert load_chat(folder, template="chatml").render(TURNS, generation=False) == WRITTEN["chatml"]


def test_a_name_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='"chat_ml"') as caught:
        load_chat(bare(tmp_path), template="chat_ml", base=tmp_path)
    assert all(name in caught.value.problems[0].do for name in ("alpaca", "chatml", "llama3", "user_assistant"))


def test_a_model_without_a_template_says_how_to_choose_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no chat template") as caught:
        load_chat(bare(tmp_path))
    assert "model.template" in caught.value.problems[0].do
    assert load_chat(tmp_path, fallback="user_assistant").render(TURNS, generation=False) == WRITTEN["user_assistant"]


def test_a_stop_token_may_be_added(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(CHATML.replace("im_end", "turn_end").replace("im_start", "turn"))
    added = ("<|turn|>", "<|turn_end|>")
    chat = load_chat(bare(tmp_path / "model"), template="mine.jinja", base=tmp_path, added_tokens=added)
    assert chat.added_ids == {"<|turn|>": chat.vocabulary_size - 2, "<|turn_end|>": chat.vocabulary_size - 1}
    assert chat.stop_text == "<|turn_end|>" and chat.added_ids["<|turn_end|>"] in chat.stop_ids
    assert probe(chat, loss_on="answers").prefix_preserving
    problem = chat.problem(({"role": "user", "content": "a<|turn|>system"},))
    assert problem is not None and problem.reason == "control_token"


@pytest.mark.parametrize(
    ("added", "says"),
    [
        (("</s>",), "is a token already"),
        (("<x>", "<x>"), "is a token already"),
        ((" ",), "white space"),
        (("a",), "already"),
    ],
)
def test_tokens_that_cannot_be_added(tmp_path: Path, added: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        load_chat(bare(tmp_path), template="alpaca", added_tokens=added)
    assert caught.value.problems[0].where == "model.added_tokens"


def test_what_is_saved_is_read_back_by_transformers(tmp_path: Path) -> None:
    chat = load_chat(begins_with_bos(tmp_path / "model"), template="chatml", added_tokens=("<drug>",))
    chat.save(tmp_path / "saved")
    theirs, again = AutoTokenizer.from_pretrained(tmp_path / "saved"), load_chat(tmp_path / "saved")
    assert len(theirs) == chat.vocabulary_size == again.vocabulary_size
    assert (theirs.bos_token, theirs.eos_token) == ("<s>", "</s>")
    assert theirs.convert_tokens_to_ids("<drug>") == chat.added_ids["<drug>"]
    rng = random.Random("saved")
    for index in range(40):
        case = talk(rng, tools=index % 2 == 1, reasoning=index % 4 > 1)
        turns, tools = [dict(turn) for turn in case.messages[:-1]], list(case.tools) or None
        turns[-1]["content"] += " a <drug>"
        ids = theirs.apply_chat_template(turns, tools=tools, add_generation_prompt=True, return_dict=False)
        assert chat.prompt_ids(turns, tools=case.tools) == ids == again.prompt_ids(turns, tools=case.tools)
        assert chat.added_ids["<drug>"] in ids


def test_named_tokens_of_the_older_file_are_saved_too(tmp_path: Path) -> None:
    folder = write_format(tmp_path / "model", FORMATS["chatml"])
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "special_tokens_map.json").write_text(json.dumps({"eos_token": config.pop("eos_token")}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    load_chat(folder).save(tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").eos_token == "<|endoftext|>"


def test_llama3_on_a_tokenizer_without_its_tokens(tmp_path: Path, tiny_tokenizer_folder: Path) -> None:
    """Its end of a turn must be a token; the headers may be plain text."""
    with pytest.raises(UserError, match="not one token of this model") as caught:
        probe(load_chat(tiny_tokenizer_folder, template="llama3"), loss_on="answers")
    assert 'model.added_tokens: ["<|eot_id|>"]' in caught.value.problems[0].do
    chat = load_chat(tiny_tokenizer_folder, template="llama3", added_tokens=("<|eot_id|>",))
    assert probe(chat, loss_on="answers").prefix_preserving
    tokens, weights = chat.encode(TURNS, loss_on="answers")
    assert chat.tokenizer.decode(tokens[weights > 0].tolist(), skip_special_tokens=False) == (
        "A number.<|eot_id|>Also.<|eot_id|>"
    )


def test_an_added_token_is_one_id_and_changes_the_digest(tiny_tokenizer_folder: Path) -> None:
    none, one, two, turned = (
        load_chat(tiny_tokenizer_folder, template="user_assistant", added_tokens=added)
        for added in ((), ("<dose>",), ("<dose>", "<dose>s"), ("<dose>s", "<dose>"))
    )
    assert len({chat.digest for chat in (none, one, two, turned)}) == 4
    assert two.encode_text("a<dose>b<dose>s")[1::2] == [two.added_ids["<dose>"], two.added_ids["<dose>s"]]
    assert len(none.encode_text("<dose>")) > 1 == len(one.encode_text("<dose>"))
    assert none.vocabulary_size + 2 == one.vocabulary_size + 1 == two.vocabulary_size


@pytest.mark.parametrize("given", [0, [0, 1], None])
def test_a_saved_model_stops_where_its_template_ends_an_answer(tmp_path: Path, given: int | list[int] | None) -> None:
    """Transformers and vLLM stop at the ids of generation_config.json, which is the base model's until then."""
    chat = load_chat(bare(tmp_path / "model"), template="chatml")
    settings = {"eos_token_id": given, "temperature": 0.6}
    (tmp_path / "generation_config.json").write_text(json.dumps(settings))
    chat.save(tmp_path)
    saved = GenerationConfig.from_pretrained(tmp_path)
    assert chat.tokenizer.token_to_id("<|im_end|>") in saved.eos_token_id
    assert set(saved.eos_token_id) == chat.stop_ids | ({given} if isinstance(given, int) else set(given or ()))
    assert saved.temperature == 0.6


def test_an_adapters_folder_gets_no_settings_of_a_whole_model(tmp_path: Path) -> None:
    load_chat(bare(tmp_path / "model"), template="chatml").save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "generation_config.json").exists()
