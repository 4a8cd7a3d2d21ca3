"""TRL's trainers and ours on the same batch: the same losses and gradients for DPO, IPO, KTO and reward models."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import get_peft_model
from torch.nn.functional import log_softmax
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference as PairCollator
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from tunewright.core.ports import Encoded, Outputs
from tunewright.models.forward import pack, prepare_for_packing
from tunewright.models.heads import WEIGHT, WithHead, head_of
from tunewright.models.methods.lora import Work as Lora
from tunewright.recipe.options.methods.lora import Options as LoraOptions
from tunewright.recipe.options.objectives.dpo import Options as DpoOptions
from tunewright.recipe.options.objectives.ipo import Options as IpoOptions
from tunewright.recipe.options.objectives.kto import Options as KtoOptions
from tunewright.recipe.options.objectives.orpo import Options as OrpoOptions
from tunewright.recipe.options.objectives.reward import Options as RewardOptions
from tunewright.recipe.options.objectives.simpo import Options as SimpoOptions
from tunewright.train.objectives.dpo import Work as Dpo
from tunewright.train.objectives.ipo import Work as Ipo
from tunewright.train.objectives.kto import DRIFT, DRIFTERS, MISMATCHED
from tunewright.train.objectives.kto import Work as Kto
from tunewright.train.objectives.orpo import Work as Orpo
from tunewright.train.objectives.reward import Work as Reward
from tunewright.train.objectives.simpo import Work as Simpo
from tunewright.train.pairs import REFERENCE
from tunewright.train.passes import Passes
from tunewright.train.world import ALONE

Gradients = dict[str, torch.Tensor]
LENGTHS = ((14, 6, 9), (5, 8, 3), (21, 1, 12), (9, 9, 9))
"""Tokens of prompt, winner and loser of each pair."""


def pairs_of(seed: int) -> list[Encoded]:
    rng = np.random.default_rng(seed)
    found = []
    for index, (prompt, *sides) in enumerate(LENGTHS):
        asked = rng.integers(3, 500, prompt)
        made = []
        for length in sides:
            tokens = np.concatenate([asked, rng.integers(3, 500, length)]).astype(np.int32)
            made.append(Encoded(tokens, (np.arange(len(tokens)) >= prompt).astype(np.float32), index))
        reference = rng.normal(-30, 3, 2)
        found.append(replace(made[0], rejected=made[1], margin=float(rng.random()), beside={REFERENCE: reference}))
    return found


def with_lora(model: Any) -> Any:
    """LoRA on every linear layer, B drawn at random so that A has a gradient."""
    wrapped = Lora(LoraOptions(rank=4)).attach(model, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return wrapped


def causal(folder: Path) -> Any:
    return with_lora(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa"))


def gradients_of(model: Any, loss: torch.Tensor) -> Gradients:
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def ours(folder: Path, objective: Any, examples: list[Encoded], *, step: dict[str, float] | None = None) -> Any:
    model = causal(folder)
    prepare_for_packing(model, examples[0])
    counts = objective.counts(examples)
    terms = objective.terms(model, replace(pack(examples), step=step or {}))
    loss = torch.stack([term.coefficient * term.sum / counts[name] for name, term in terms.items()]).sum()
    return float(loss.detach()), gradients_of(model, loss), terms


def apart(one: Gradients, other: Gradients) -> float:
    assert set(one) == set(other)
    return float(np.max([float((one[name] - wanted).norm() / wanted.norm()) for name, wanted in other.items()]))


def arguments(kind: Any, output: Path, **more: Any) -> Any:
    return kind(
        output_dir=str(output),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to=[],
        per_device_train_batch_size=4,
        max_length=None,
        **more,
    )


def ids(example: Encoded) -> tuple[list[int], list[int]]:
    begin = int(np.argmax(example.weights > 0))
    return example.tokens[:begin].tolist(), example.tokens[begin:].tolist()


def pairs_by_trl(folder: Path, examples: list[Encoded], output: Path, **options: Any) -> tuple[float, Gradients]:
    model = causal(folder)
    words = {"prompt": ["a"] * 4, "chosen": ["b"] * 4, "rejected": ["c"] * 4}
    trainer: Any = DPOTrainer(
        model=model,
        args=arguments(DPOConfig, output, **options),
        train_dataset=datasets.Dataset.from_dict(words),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    trainer.precompute_ref_logps = True
    rows = []
    for example in examples:
        assert example.rejected is not None
        prompt, chosen = ids(example)
        rows.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": ids(example.rejected)[1]})
    batch = PairCollator(pad_token_id=2)(rows)
    references = torch.from_numpy(np.stack([example.beside[REFERENCE] for example in examples]))
    batch |= {"ref_chosen_logps": references[:, 0], "ref_rejected_logps": references[:, 1]}
    trainer.model.train()
    loss = trainer._compute_loss(trainer.model, batch, return_outputs=False)
    return float(loss.detach()), gradients_of(trainer.model, loss)


@pytest.mark.parametrize(
    ("objective", "loss", "beta"),
    [(Dpo(DpoOptions(beta=0.3)), "sigmoid", 0.3), (Ipo(IpoOptions(beta=0.2)), "ipo", 0.2)],
    ids=["dpo", "ipo"],
)
def test_pairs_with_a_reference_equal_trl(
    tiny_model_folder: Path, tmp_path: Path, objective: Any, loss: str, beta: float
) -> None:
    examples = pairs_of(3)
    wanted, expected = pairs_by_trl(tiny_model_folder, examples, tmp_path, loss_type=[loss], beta=beta)
    value, found, _ = ours(tiny_model_folder, objective, examples)
    assert value == pytest.approx(wanted, rel=1e-6)
    assert apart(found, expected) < 1e-5


def test_rewards_equal_trl(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The head is Transformers' own `score`; margins and the pull to zero are TRL's."""
    examples = pairs_of(5)
    options = RewardOptions(centre=0.07)
    ours_ = WithHead(Lora(LoraOptions(rank=4)), Outputs("reward", 1))
    model = ours_.attach(
        AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float64, attn_implementation="sdpa"), seed=1
    )
    theirs: Any = AutoModelForSequenceClassification.from_pretrained(
        tiny_model_folder, num_labels=1, dtype=torch.float64, attn_implementation="sdpa"
    )
    config = copy(model.peft_config["default"])
    config.task_type = None
    theirs = get_peft_model(theirs, config)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        head_of(model).data = head_of(model).data.double()
        theirs.get_base_model().score.weight.copy_(head_of(model))
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
        same = dict(model.named_parameters())
        for name, parameter in theirs.named_parameters():
            if ".lora_" in name:
                parameter.copy_(same[name])
    theirs.get_base_model().score.weight.requires_grad_(True)
    prepare_for_packing(model, examples[0])
    objective = Reward(options)
    counts = objective.counts(examples)
    terms = objective.terms(model, pack(examples))
    loss = torch.stack([term.coefficient * term.sum / counts[name] for name, term in terms.items()]).sum()
    found = gradients_of(model, loss)
    trainer: Any = RewardTrainer(
        model=theirs,
        args=arguments(RewardConfig, tmp_path, center_rewards_coefficient=0.07),
        train_dataset=datasets.Dataset.from_dict({"chosen_ids": [[5, 6]], "rejected_ids": [[7]]}),
        processing_class=AutoTokenizer.from_pretrained(tiny_model_folder),
    )
    rows = [
        {"chosen_ids": each.tokens.tolist(), "rejected_ids": each.rejected.tokens.tolist(), "margin": each.margin}
        for each in examples
        if each.rejected is not None
    ]
    batch = trainer.data_collator(rows)
    batch["margin"] = batch["margin"].double()
    theirs.train()
    wanted = trainer.compute_loss(theirs, batch)
    expected = gradients_of(theirs, wanted)
    assert float(loss.detach()) == pytest.approx(float(wanted.detach()), rel=1e-6)
    head = head_of(model).grad
    assert head is not None
    score = next(expected.pop(name) for name in list(expected) if name.endswith("score.weight"))
    torch.testing.assert_close(head, score, rtol=1e-5, atol=1e-9)
    assert apart(found, expected) < 1e-5
    assert WEIGHT in ours_.trainable(model)


def test_rated_answers_equal_trl(tiny_model_folder: Path, tmp_path: Path) -> None:
    """TRL's mismatched answers are given to both; its reference point is the mean over the same four."""
    objective = Kto(KtoOptions(beta=0.2, desirable_weight=1.5, undesirable_weight=0.8))
    rng = np.random.default_rng(9)
    plain = [replace(each, rejected=None, beside={}, desirable=bool(n % 2)) for n, each in enumerate(pairs_of(7))]
    examples = []
    for number, example in enumerate(plain):
        partnered = objective.with_partner(example, plain[number - 1])
        reference = rng.normal(-60, 3, 2)
        examples.append(replace(partnered, beside={**partnered.beside, REFERENCE: reference}))
    model = causal(tiny_model_folder)
    prepare_for_packing(model, examples[0])
    masters: Any = None
    passes = Passes(model, masters, objective, ALONE, budget_tokens=64)
    step = passes._prepared(examples)
    assert step[DRIFTERS] == 4
    value, found, terms = ours(tiny_model_folder, objective, examples, step=step)
    words = {"prompt": ["a"] * 4, "completion": ["b", "c", "d", "e"], "label": [True, False, True, False]}
    trainer: Any = KTOTrainer(
        model=causal(tiny_model_folder),
        args=arguments(
            KTOConfig, tmp_path, beta=0.2, desirable_weight=1.5, undesirable_weight=0.8,
            train_sampling_strategy="sequential",
        ),
        train_dataset=datasets.Dataset.from_dict(words),
        processing_class=AutoTokenizer.from_pretrained(tiny_model_folder),
    )  # fmt: skip
    trainer.precompute_ref_logps = True
    rows = []
    for example in examples:
        prompt, completion = ids(example)
        other = ids(example.beside[MISMATCHED])[1]
        references: NDArray[Any] = example.beside[REFERENCE]
        rows.append(
            {"prompt_ids": prompt, "completion_ids": completion, "KL_completion_ids": other, "label": example.desirable}
            | {"ref_logps": references[0], "ref_KL_logps": references[1]}
        )
    batch = trainer.data_collator(rows)
    trainer.model.train()
    wanted = trainer._compute_loss(trainer.model, batch, return_outputs=False)
    assert value == pytest.approx(float(wanted.detach()), rel=1e-6)
    assert apart(found, gradients_of(trainer.model, wanted)) < 1e-5
    assert step[DRIFT] > 0, "else the reference point would be 0 on both sides and prove nothing"
    assert set(terms) == {"utility"}


def by_numpy(folder: Path, examples: list[Encoded]) -> NDArray[np.float64]:
    """Mean log-probability of each answer, winners in the first row, by the library's pass and numpy."""
    model = causal(folder).eval()
    means = np.zeros((2, len(examples)))
    for number, example in enumerate(examples):
        for side, each in enumerate((example, example.rejected)):
            assert each is not None
            tokens = torch.from_numpy(each.tokens.astype(np.int64))
            with torch.no_grad():
                scores = log_softmax(model(input_ids=tokens[None]).logits[0, :-1], -1).numpy()
            values = scores[np.arange(len(scores)), each.tokens[1:]][each.weights[1:] > 0]
            means[side, number] = values.mean()
    return means


def test_simpo_is_its_papers_formula(tiny_model_folder: Path) -> None:
    """-log sigmoid(beta / |w| log p(w) - beta / |l| log p(l) - gamma), equation 6."""
    examples = pairs_of(11)
    means = by_numpy(tiny_model_folder, examples)
    margin = 2.5 * (means[0] - means[1]) - 0.7
    value, _, _ = ours(tiny_model_folder, Simpo(SimpoOptions(beta=2.5, gamma=0.7)), examples)
    assert value == pytest.approx(float(np.log1p(np.exp(-margin)).mean()), rel=1e-9)


def test_orpo_is_its_papers_formula(tiny_model_folder: Path) -> None:
    """-mean log p(w) + lambda * -log sigmoid(log(odds(w) / odds(l))), equations 3 to 7."""
    examples = pairs_of(13)
    means = by_numpy(tiny_model_folder, examples)
    odds = np.exp(means) / (1 - np.exp(means))
    ratio = np.log(odds[0] / odds[1])
    expected = (-means[0] + 0.4 * np.log1p(np.exp(-ratio))).mean()
    value, _, _ = ours(tiny_model_folder, Orpo(OrpoOptions(beta=0.4)), examples)
    assert value == pytest.approx(float(expected), rel=1e-9)


def test_smoothing_and_likelihood_are_their_formulas(tiny_model_folder: Path) -> None:
    """Conservative DPO mixes both orders; the likelihood is nats a token of the winners."""
    examples = pairs_of(17)
    means = by_numpy(tiny_model_folder, examples)
    sides = [(example, example.rejected) for example in examples]
    counts = np.array([[each.weights.sum() for each in side if each is not None] for side in sides]).T
    references = np.stack([example.beside[REFERENCE] for example in examples]).T
    ratios = means * counts - references
    margin = 0.1 * (ratios[0] - ratios[1])
    smooth = 0.8 * np.log1p(np.exp(-margin)) + 0.2 * np.log1p(np.exp(margin))
    likelihood = -(means[0] * counts[0]).sum() / counts[0].sum()
    value, _, _ = ours(tiny_model_folder, Dpo(DpoOptions(label_smoothing=0.2, likelihood=0.5)), examples)
    assert value == pytest.approx(float(smooth.mean() + 0.5 * likelihood), rel=1e-9)
