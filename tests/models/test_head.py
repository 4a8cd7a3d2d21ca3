"""The chunked head equals torch's cross-entropy, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from tunewright.models import head
from tunewright.models.head import head_sums


@pytest.mark.parametrize("rows", [1, 7, 40])
@pytest.mark.parametrize("trains", ["hidden", "head", "both"])
def test_equal_to_torch_in_float64(rows: int, trains: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "CHUNK", 16)
    generator = torch.Generator().manual_seed(rows)
    hidden = torch.randn(rows, 12, generator=generator, dtype=torch.float64).requires_grad_(trains != "head")
    weight = torch.randn(50, 12, generator=generator, dtype=torch.float64).requires_grad_(trains != "hidden")
    labels = torch.randint(0, 50, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator, dtype=torch.float64)
    expected = (cross_entropy(hidden @ weight.T, labels, reduction="none") * weights).sum()
    wanted = torch.autograd.grad(expected * 0.3, [t for t in (hidden, weight) if t.requires_grad])
    sums = head_sums(hidden, weight, labels_N=labels, weights_N=weights)
    found = torch.autograd.grad(sums.loss * 0.3, [t for t in (hidden, weight) if t.requires_grad])
    assert float(sums.loss) == pytest.approx(float(expected), rel=1e-12)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    hits = (weights * ((hidden @ weight.T).argmax(-1) == labels)).sum()
    assert sums.right == pytest.approx(float(hits))


def test_no_gradient_is_computed_where_none_is_asked() -> None:
    sums = head_sums(
        torch.randn(4, 8), torch.randn(20, 8), labels_N=torch.tensor([1, 2, 3, 4]), weights_N=torch.ones(4)
    )
    assert not sums.loss.requires_grad
