"""Scores and answers equal those of plain passes, row by row, for many families; training is not disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM

from tests.models.numbers import plain
from tunewright.core.language_model import ScoreItem
from tunewright.models.find import FoundModel
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.load import attention_of, load

STOP = frozenset({2})
SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 6},
    "qwen2": {},
    "qwen3": {},
    "smollm3": {"no_rope_layer_interval": 2},
    "gemma2": {"sliding_window": 6, "final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0},
    "gemma3_text": {"sliding_window": 6},
    "granite": {"logits_scaling": 3.0},
    "cohere": {"logit_scale": 0.3},
    "gpt_neox": {},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256},
    "phi3": {},
    "olmo2": {},
    "mamba": {"state_size": 4},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"]},
}


def small_model(family: str) -> Any:
    """A random float64 model of a family, in eval mode."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(family, **(SMALL | FAMILIES[family]))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation=attention_of(config))
    return model.eval()


def ids(seed: int, length: int) -> tuple[int, ...]:
    return tuple(int(token) for token in np.random.default_rng(seed).integers(3, 90, length))


def items() -> list[ScoreItem]:
    """Prompts with and without a common beginning; continuations that share beginnings; long, empty and single ones."""
    common = ids(0, 12)
    labels = ((5,), (5, 6), (5, 6, 7), (5, 8, 9, 10), (11, 6), (11, 6))
    mixed = [ScoreItem(common + ids(seed, 1 + seed % 5), labels) for seed in range(1, 9)]
    return [*mixed, ScoreItem((*common, 4), (ids(20, 40),)), ScoreItem((*common, 4, 5), ((), (7,)))]


@torch.no_grad()
def plainly(model: Any, item: ScoreItem, number: int) -> tuple[np.ndarray, np.ndarray]:
    """One continuation by one plain pass without cache, mask or padding."""
    wanted = item.continuations[number]
    logits = model(torch.tensor([[*item.prompt, *wanted]]), use_cache=False).logits[0].double().log_softmax(-1)
    places = [len(item.prompt) - 1 + at for at in range(len(wanted))]
    values = np.array([float(logits[place, token]) for place, token in zip(places, wanted, strict=True)])
    greedy = np.array([int(logits[place].argmax()) == token for place, token in zip(places, wanted, strict=True)])
    return values, greedy.astype(bool)


@torch.no_grad()
def greedily(model: Any, prompt: tuple[int, ...], count: int) -> tuple[tuple[int, ...], str]:
    """A greedy answer by whole passes, token after token."""
    tokens = list(prompt)
    for _ in range(count):
        token = int(model(torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax())
        if token in STOP:
            return tuple(tokens[len(prompt) :]), "stop"
        tokens.append(token)
    return tuple(tokens[len(prompt) :]), "length"


def assert_scores(model: Any, given: list[ScoreItem], tolerance: float, **options: int) -> None:
    scored = TransformersLanguageModel(model, **options).score(given)
    assert [len(row) for row in scored] == [len(item.continuations) for item in given]
    for item, row in zip(given, scored, strict=True):
        for number, one in enumerate(row):
            values, greedy = plainly(model, item, number)
            np.testing.assert_allclose(one.log_probabilities, values, rtol=tolerance, atol=tolerance)
            np.testing.assert_array_equal(one.greedy, greedy)


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_plain_passes(family: str) -> None:
    assert_scores(small_model(family), items(), 1e-6, batch_tokens=100)


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_equal_plain_passes(family: str) -> None:
    model = small_model(family)
    prompts = [item.prompt for item in items()]
    answers = TransformersLanguageModel(model, batch_tokens=64).generate(prompts, max_new_tokens=12, stop=STOP)
    assert [(answer.tokens, answer.finish) for answer in answers] == [greedily(model, p, 12) for p in prompts]


def test_some_answers_stop_early_and_some_do_not() -> None:
    """Guards the test above: rows that leave the batch and rows that stay must both occur."""
    prompts = [ids(seed, 3 + seed % 4) for seed in range(24)]
    stop = frozenset(range(2, 12))
    model = small_model("llama")
    answers = TransformersLanguageModel(model).generate(prompts, max_new_tokens=8, stop=stop)
    assert {answer.finish for answer in answers} == {"stop", "length"}
    assert len({len(answer.tokens) for answer in answers}) > 3
    for prompt, answer in zip(prompts, answers, strict=True):
        alone = TransformersLanguageModel(model).generate([prompt], max_new_tokens=8, stop=stop)[0]
        assert alone.tokens == answer.tokens
        scored = TransformersLanguageModel(model).score([ScoreItem(prompt, (answer.tokens,))])[0][0]
        np.testing.assert_allclose(answer.log_probabilities, scored.log_probabilities, rtol=1e-6)
        assert scored.greedy.all()


def test_float32_equals_transformers_generate(tiny_model_folder: Path) -> None:
    model = load(tiny_model_folder, numbers=plain("fp32"))
    assert_scores(model, items(), 1e-5)
    prompts = [item.prompt for item in items()]
    answers = TransformersLanguageModel(model).generate(prompts, max_new_tokens=10, stop=STOP)
    for prompt, answer in zip(prompts, answers, strict=True):
        theirs = model.generate(
            torch.tensor([prompt]), max_new_tokens=10, do_sample=False, attention_mask=torch.ones(1, len(prompt))
        )
        assert [token for token in theirs[0, len(prompt) :].tolist() if token not in STOP] == list(answer.tokens)


def test_batch_size_does_not_change_scores() -> None:
    model = small_model("llama")
    one = TransformersLanguageModel(model, batch_tokens=1).score(items())
    many = TransformersLanguageModel(model, batch_tokens=100_000).score(items())
    for row, other in zip(one, many, strict=True):
        for left, right in zip(row, other, strict=True):
            np.testing.assert_allclose(left.log_probabilities, right.log_probabilities, rtol=1e-6)


def test_nothing_to_do_is_fine_and_an_empty_prompt_is_not() -> None:
    model = TransformersLanguageModel(small_model("llama"))
    assert model.score([]) == []
    assert model.score([ScoreItem((4,), ())]) == [[]]
    assert model.generate([], max_new_tokens=3, stop=STOP) == []
    with pytest.raises(ValueError, match="at least one token"):
        model.generate([()], max_new_tokens=3, stop=STOP)
    with pytest.raises(ValueError, match="at least one token"):
        model.score([ScoreItem((), ((3,),))])


def tuned() -> Any:
    """A PEFT model whose adapter changes what is computed, in training mode with dropout."""
    torch.manual_seed(5)
    config = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.5, init_lora_weights=False)
    return get_peft_model(small_model("llama"), config).train()


def test_without_adapter_is_the_base() -> None:
    model = tuned()
    language_model = TransformersLanguageModel(model)
    with_adapter = language_model.score(items())
    base = language_model.without_adapter().score(items())
    plain = TransformersLanguageModel(small_model("llama")).score(items())
    np.testing.assert_allclose(base[0][0].log_probabilities, plain[0][0].log_probabilities, rtol=1e-6)
    assert abs(with_adapter[0][0].log_probabilities - plain[0][0].log_probabilities).max() > 1e-3
    again = language_model.score(items())
    np.testing.assert_array_equal(again[0][0].log_probabilities, with_adapter[0][0].log_probabilities)


def test_without_adapter_of_a_plain_model_is_itself() -> None:
    model = TransformersLanguageModel(small_model("llama"))
    assert model.without_adapter() is model


def state_of(model: Any) -> Any:
    modes = [module.training for module in model.modules()]
    needed = [parameter.requires_grad for parameter in model.parameters()]
    return modes, needed, model.get_base_model().config._attn_implementation, torch.random.get_rng_state().tolist()


def test_a_model_in_training_is_left_as_it_was() -> None:
    model = tuned()
    model.get_base_model().lm_head.eval()
    for name, parameter in model.named_parameters():
        if "lora_B" in name and "layers.1" in name:
            parameter.requires_grad_(False)
    before = state_of(model)
    language_model = TransformersLanguageModel(model)
    for view in (language_model, language_model.without_adapter()):
        view.score(items())
        view.generate([item.prompt for item in items()], max_new_tokens=4, stop=STOP)
        assert state_of(model) == before
    model(input_ids=torch.tensor([ids(1, 9)]), labels=torch.tensor([ids(1, 9)])).loss.backward()


def test_a_training_attention_is_put_aside_and_put_back() -> None:
    """Packed training registers an attention that needs arguments which evaluation does not have."""

    def refusing(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("the training attention was called")

    AttentionInterface.register("refusing", refusing)
    model = small_model("llama")
    expected = TransformersLanguageModel(model).score(items())
    model.set_attn_implementation("refusing")
    found = TransformersLanguageModel(model).score(items())
    np.testing.assert_array_equal(found[0][3].log_probabilities, expected[0][3].log_probabilities)
    assert model.config._attn_implementation == "refusing"


def test_the_state_comes_back_after_a_failure() -> None:
    model = tuned()
    before = state_of(model)
    with pytest.raises(IndexError):
        TransformersLanguageModel(model).without_adapter().score([ScoreItem((10**6,), ((3,),))])
    assert state_of(model) == before


def test_a_prompt_shared_by_all_is_computed_once() -> None:
    model = small_model("llama")
    seen: list[int] = []
    model.get_input_embeddings().register_forward_hook(lambda _module, given, _out: seen.append(given[0].numel()))
    common = ids(0, 100)
    given = [ScoreItem((*common, token), ((5, 6), (5, 7), (8,))) for token in range(10, 30)]
    TransformersLanguageModel(model).score(given)
    assert sum(seen) == 100 + 20 * 2
    seen.clear()
    answers = TransformersLanguageModel(model).generate([item.prompt for item in given], max_new_tokens=3, stop=STOP)
    assert sum(seen) <= 100 + 20 + 2 * 20
    assert len(answers) == 20


def test_only_read_positions_reach_the_vocabulary() -> None:
    model = small_model("llama")
    rows: list[int] = []
    model.get_output_embeddings().register_forward_hook(lambda _module, given, _out: rows.append(len(given[0])))
    TransformersLanguageModel(model).score([ScoreItem(ids(1, 50), ((5, 6), (5, 7), (8,)))])
    assert sum(rows) == 2
    rows.clear()
    TransformersLanguageModel(model).generate([ids(1, 50), ids(2, 40)], max_new_tokens=1, stop=STOP)
    assert sum(rows) == 2


QUESTION = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"


def test_the_real_model_answers(smollm2: FoundModel) -> None:
    tokenizer = Tokenizer.from_file(str(smollm2.path / "tokenizer.json"))
    model = TransformersLanguageModel(load(smollm2.path, numbers=plain("bf16")))
    answer = model.generate([tokenizer.encode(QUESTION).ids], max_new_tokens=12, stop=STOP)[0]
    assert tokenizer.decode(answer.tokens) == "The capital of France is Paris." and answer.finish == "stop"


@pytest.mark.slow
def test_the_real_model_scores_as_plain_passes(smollm2: FoundModel) -> None:
    tokenizer = Tokenizer.from_file(str(smollm2.path / "tokenizer.json"))
    prompts = [QUESTION.replace("France", place) for place in ("France", "Peru", "New Zealand", "Côte d'Ivoire")]
    answers = ["Paris", "Lima", "Wellington", "Yamoussoukro", "I do not know"]
    continuations = tuple(tuple(tokenizer.encode(answer).ids) for answer in answers)
    given = [ScoreItem(tuple(tokenizer.encode(prompt).ids), continuations) for prompt in prompts]
    assert_scores(load(smollm2.path, numbers=plain("fp32")), given, 1e-4)
    assert_scores(load(smollm2.path, numbers=plain("fp64")), given, 1e-6)
