"""A model with a head says what it said while it trained, whoever computes; rows may be of any length and number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.numbers import plain
from tunewright.core import catalog
from tunewright.core.ports import Encoded, Outputs
from tunewright.models.forward import pack
from tunewright.models.headed import Headed
from tunewright.models.heads import WithHead, head_of, packed_outputs
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.load import load
from tunewright.models.packed import use_packed_attention

MEANING = Outputs("classes", 3, ("a", "b", "c"))
ROWS = [np.random.default_rng(at).integers(5, 60, size).tolist() for at, size in enumerate((9, 1, 30, 9, 17, 30))]


def headed_model(folder: Path) -> Any:
    method = WithHead(catalog.work("methods", "lora")(catalog.options("methods", "lora")()), MEANING)
    model = method.attach(load(folder, numbers=plain("fp32")), seed=3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.3, generator=torch.Generator().manual_seed(5))
    return model.eval()


@pytest.mark.parametrize("opened", [open_language_model, TransformersLanguageModel], ids=["ours", "transformers"])
def test_numbers_are_those_of_training(tiny_model_folder: Path, opened: type) -> None:
    model = headed_model(tiny_model_folder)
    head = Headed(opened(model), head_of(model).detach(), MEANING)
    found = head.outputs(ROWS)
    assert head.meaning == MEANING and found.shape == (6, 3) and found.dtype == np.float32
    for row, numbers in zip(ROWS, found, strict=True):
        np.testing.assert_allclose(head.outputs([row])[0], numbers, atol=1e-5)
    assert np.abs(found[0] - found[3]).max() > 1e-3
    use_packed_attention(model.get_base_model())
    examples = [Encoded(np.array(row, np.int32), np.zeros(len(row), np.float32)) for row in ROWS]
    with torch.no_grad():
        trained = packed_outputs(model, pack(examples)).numpy()
    np.testing.assert_allclose(found, trained, atol=1e-4)


def test_an_empty_row_is_refused_and_no_rows_are_no_numbers(tiny_model_folder: Path) -> None:
    model = headed_model(tiny_model_folder)
    head = Headed(TransformersLanguageModel(model), head_of(model).detach(), MEANING)
    assert head.outputs([]).shape == (0, 3)
    with pytest.raises(ValueError, match="at least one token"):
        head.outputs([[3], []])
