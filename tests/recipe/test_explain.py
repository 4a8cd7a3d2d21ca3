"""What keys mean."""

from __future__ import annotations

import pytest

from tunewright.core.errors import UserError
from tunewright.recipe.explain import every_key, explain


def test_a_key_with_its_default_and_why() -> None:
    assert explain("training.micro_batch_tokens").splitlines() == [
        "training.micro_batch_tokens",
        "  Tokens computed at once; the result depends on it by rounding only. auto: measured with real steps.",
        '  Allowed: a whole number of at least 16 or "auto".',
        "  Default: 4096.",
        "  Why: enough to fill a processor's matrix units, about 1.6 GB of activations on a 135M model.",
        "  Unit: tokens.",
    ]


@pytest.mark.parametrize("key", every_key())
def test_every_key_has_a_page_with_a_meaning(key: str) -> None:
    lines = explain(key).splitlines()
    assert lines[0] == key
    assert len(lines[1].strip()) > 5
    assert lines[2].startswith("  Allowed: ")
    assert "anything" not in lines[2]


def test_a_part_s_key_with_and_without_the_part() -> None:
    assert explain("method.rank") == explain("method.lora.rank")
    assert "Rank r of A" in explain("method.rank")
    both = explain("training.schedule.warmup")
    assert "training.schedule.cosine.warmup\n" in both
    assert "training.schedule.linear.warmup\n" in both


def test_a_part_a_block_and_all() -> None:
    assert "    dropout  " in explain("method.lora")
    assert "  lora: Low-rank adapters" in explain("method")
    assert "    epochs " in explain("training")
    assert "    objective  " in explain("recipe")
    assert explain("method.full").splitlines()[-1].strip()


def test_presets_and_what_they_set() -> None:
    assert "  qlora: QLoRA (Dettmers et al., 2023" in explain("preset")
    assert explain("preset.dora").splitlines()[0] == "preset: dora"
    assert explain("dora") == explain("preset.dora")
    assert "method: {type: lora, decomposition: dora}" in explain("preset.dora")
    assert '  Preset qlora: "nf4".' in explain("model.weights")
    assert '  Preset dora: "dora".' in explain("method.decomposition")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("training.lerning_rate", "training.learning_rate"),
        ("rank", "method.lora.rank"),
        ("method.lroa", "method.lora"),
        ("trainin", "training"),
    ],
)
def test_an_unknown_key_gets_the_nearest(key: str, near: str) -> None:
    with pytest.raises(UserError) as caught:
        explain(key)
    assert caught.value.problems[0].what == f'there is no key "{key}".'
    assert near in caught.value.problems[0].do
