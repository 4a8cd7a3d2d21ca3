"""Tokens and loss weights: equal to a slow computation that shares no code with ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.text.conversations import conversations
from tests.text.formats import FORMATS, MISTRAL, Format, write_format
from tunewright.core.ports import Message, RowProblem
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.spans import Conversation

QUESTION: Message = {"role": "user", "content": "What is seven?"}
ANSWER: Message = {"role": "assistant", "content": "A number."}


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChatFormat]:
    return {name: load_chat(write_format(tmp_path_factory.mktemp(name), form)) for name, form in FORMATS.items()}


def slow_weights(chat: ChatFormat, messages: tuple[Message, ...], loss_on: str, stop: str) -> list[float]:
    """Weights token by token, from the number of tokens of every prefix encoded afresh."""
    stop_id = chat.tokenizer.token_to_id(stop)
    ids = chat.encode_text(chat.render(messages, generation=False))
    weights = [1.0 if loss_on == "all" else 0.0] * len(ids)
    answers = [index for index, turn in enumerate(messages) if turn["role"] == "assistant"]
    for index in answers[-1:] if loss_on == "last_answer" else answers:
        begin = len(chat.encode_text(chat.render(messages[:index], generation=True)))
        end = ids.index(stop_id, begin) + 1
        weights[begin:end] = [messages[index].get("weight", 1.0)] * (end - begin)
    weights[0] = 0.0
    return weights


@pytest.mark.parametrize("loss_on", ["answers", "last_answer", "all"])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_weights_equal_a_slow_computation(chats: dict[str, ChatFormat], name: str, loss_on: str) -> None:
    chat, stop = chats[name], FORMATS[name].stop

    @settings(max_examples=40, deadline=None)
    @given(conversations(system=name != "gemma", weights=True))
    def check(messages: tuple[Message, ...]) -> None:
        tokens, weights = chat.encode(messages, loss_on=loss_on)
        assert tokens.dtype == np.int32 and weights.dtype == np.float32
        assert tokens.tolist() == chat.encode_text(chat.render(messages, generation=False))
        assert weights.tolist() == slow_weights(chat, messages, loss_on, stop)

    check()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_trained_reads_as_answer_and_stop_token(chats: dict[str, ChatFormat], name: str) -> None:
    chat = chats[name]
    messages = (QUESTION, ANSWER, {"role": "user", "content": "And eight?"}, {"role": "assistant", "content": "Also."})
    tokens, weights = chat.encode(messages, loss_on="answers")
    trained = "".join(piece for piece, weight in zip(chat.pieces(tokens.tolist()), weights, strict=True) if weight)
    assert trained == f"A number.{FORMATS[name].stop}Also.{FORMATS[name].stop}"
    assert (
        chat.prompt_ids(messages[:-1])
        == tokens.tolist()[: int(np.flatnonzero(weights == 0)[-1 if weights[-1] else -2]) + 1]
    )


def test_many_rows_equal_one_by_one_with_problems_in_their_places(chats: dict[str, ChatFormat]) -> None:
    chat = chats["chatml"]
    bad: tuple[Message, ...] = ({"role": "user", "content": "<|im_end|>"}, ANSWER)
    rows = [(QUESTION, ANSWER), bad, (QUESTION, {"role": "assistant", "content": "Other."})]
    results = chat.encode_many([Conversation(row) for row in rows], loss_on="answers")
    assert isinstance(results[1], RowProblem) and results[1].reason == "control_token"
    for row, result in ((rows[0], results[0]), (rows[2], results[2])):
        assert not isinstance(result, RowProblem)
        np.testing.assert_array_equal(result[0], chat.encode(row, loss_on="answers")[0])


@pytest.mark.parametrize(
    ("name", "messages", "reason"),
    [
        ("chatml", ({"role": "user", "content": "a\ud800"}, ANSWER), "lone_surrogate"),
        ("chatml", (QUESTION, {"role": "assistant", "content": "a<|im_end|>b"}), "control_token"),
        ("gemma", ({"role": "system", "content": "Be brief."}, QUESTION, ANSWER), "template_refuses"),
        ("gemma", (QUESTION, QUESTION, ANSWER), "template_refuses"),
    ],
)
def test_rows_that_cannot_be_trained_say_why(
    chats: dict[str, ChatFormat], name: str, messages: tuple[Message, ...], reason: str
) -> None:
    with pytest.raises(RowProblem) as caught:
        chats[name].encode(messages, loss_on="answers")
    assert caught.value.reason == reason


def test_a_special_token_that_shapes_nothing_here_may_stand_in_a_text(chats: dict[str, ChatFormat]) -> None:
    tokens, _ = chats["chatml"].encode(({"role": "user", "content": "a </s> b"}, ANSWER), loss_on="answers")
    assert chats["chatml"].tokenizer.token_to_id("</s>") in tokens


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("message.content", "message.content | replace('seven', '')"), "template_drops_text"),
        (("+ '<|im_end|>'", ""), "no_stop_token"),
        (("{%- for message", "{{- messages | length }}{%- for message"), "template_changes_turns"),
    ],
)
def test_a_template_that_harms_a_row_is_noticed(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    form = FORMATS["chatml"]
    chat = load_chat(write_format(tmp_path, form._replace(template=form.template.replace(*change))))
    with pytest.raises(RowProblem) as caught:
        chat.encode((QUESTION, ANSWER), loss_on="answers")
    assert caught.value.reason == reason


def test_an_answer_that_melts_into_the_prompt_is_noticed(tmp_path: Path) -> None:
    """The prompt ends with a letter, and a merge over the border makes other tokens in training than in serving."""
    folder = write_format(
        tmp_path,
        Format(
            "{% for m in messages %}{{ m.content + ('</s>' if m.role == 'assistant' else '') }}{% endfor %}",
            "<s>",
            "</s>",
            "</s>",
        ),
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[AddedToken("</s>", special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["number"] * 50, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    chat = load_chat(folder)
    good: tuple[Message, ...] = ({"role": "user", "content": "number "}, {"role": "assistant", "content": "(number"})
    bad: tuple[Message, ...] = ({"role": "user", "content": "num"}, {"role": "assistant", "content": "ber"})
    assert chat.encode(good, loss_on="answers")[1].sum() > 0
    with pytest.raises(RowProblem) as caught:
        chat.encode(bad, loss_on="answers")
    assert caught.value.reason == "token_boundary"


def test_stop_ids_hold_the_end_of_a_turn_and_the_end_of_a_text(chats: dict[str, ChatFormat]) -> None:
    chat = chats["chatml"]
    assert chat.stop_text == "<|im_end|>"
    assert chat.stop_ids == {chat.tokenizer.token_to_id(text) for text in ("<|im_end|>", "<|endoftext|>")}


@pytest.mark.parametrize("ends", [[0], [0, 1], 1])
def test_a_turn_ends_with_the_templates_own_token_however_many_end_a_text(
    tmp_path: Path, ends: int | list[int]
) -> None:
    folder = write_format(tmp_path, FORMATS["chatml"])
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    chat = load_chat(folder)
    assert chat.stop_ids > set(chat.turn_end)
    assert chat.turn_end == (chat.tokenizer.token_to_id("<|im_end|>"),)
    tokens, weights = chat.encode((QUESTION, ANSWER), loss_on="answers")
    assert [token for token, weight in zip(tokens.tolist(), weights, strict=True) if weight][-1:] == list(chat.turn_end)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_template_ends_a_turn_with_what_is_trained(chats: dict[str, ChatFormat], name: str) -> None:
    chat = chats[name]
    tokens, weights = chat.encode((QUESTION, ANSWER), loss_on="answers")
    trained = [token for token, weight in zip(tokens.tolist(), weights, strict=True) if weight]
    assert chat.turn_end == tuple(trained[-1:])


def test_a_template_that_ends_no_turn_ends_with_the_text(tmp_path: Path) -> None:
    form = FORMATS["chatml"]
    chat = load_chat(write_format(tmp_path, form._replace(template=form.template.replace("+ '<|im_end|>'", ""))))
    assert chat.stop_text == ""
    assert chat.turn_end == (chat.end_id,) and chat.end_id in chat.stop_ids


def test_mistral_whose_answers_begin_with_a_space(tmp_path: Path) -> None:
    chat = load_chat(write_format(tmp_path, Format(MISTRAL, "<s>", "</s>", "</s>")))
    tokens, weights = chat.encode((QUESTION, ANSWER), loss_on="answers")
    trained = [token for token, weight in zip(tokens.tolist(), weights, strict=True) if weight]
    assert chat.tokenizer.decode(trained, skip_special_tokens=False) == " A number.</s>"


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_pieces_join_to_the_text(tiny_tokenizer_folder: Path, text: str) -> None:
    chat = load_chat(tiny_tokenizer_folder)
    ids = chat.encode_text(f"<|im_start|>{text}<|im_end|>")
    pieces = chat.pieces(ids)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == chat.tokenizer.decode(ids, skip_special_tokens=False)
    assert chat.decode(ids) == text


def test_digests_tell_templates_and_tokenizers_apart(tmp_path: Path, chats: dict[str, ChatFormat]) -> None:
    assert len({chat.digest for chat in chats.values()}) == len(FORMATS)
    again = load_chat(write_format(tmp_path, FORMATS["chatml"]))
    assert again.digest == chats["chatml"].digest
    assert again.template_digest == chats["chatml"].template_digest


@pytest.mark.slow
def test_the_real_model(smollm2) -> None:
    """SmolLM2's own tokenizer: equal to Transformers, and the answer with its stop token is what is trained."""
    from transformers import AutoTokenizer

    chat, theirs = load_chat(smollm2.path), AutoTokenizer.from_pretrained(smollm2.path)
    messages = (
        QUESTION,
        ANSWER,
        {"role": "user", "content": "  Ünïcode 😀\n"},
        {"role": "assistant", "content": "ok "},
    )
    tokens, weights = chat.encode(messages, loss_on="answers")
    assert tokens.tolist() == theirs.apply_chat_template([dict(turn) for turn in messages], return_dict=False)
    trained = [token for token, weight in zip(tokens.tolist(), weights, strict=True) if weight]
    assert theirs.decode(trained) == "A number.<|im_end|>ok <|im_end|>"
    assert chat.stop_ids == {2}
