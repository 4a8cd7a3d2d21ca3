"""Compiled kernels against the library's operations, one by one and as the whole forward; and how one goes without."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

from tests.models.llama.adapters import by_peft, saved
from tests.models.llama.families import FAMILIES, ids, model_of
from tests.models.llama.test_parity import cached_logits, logits_alone, opened
from tunewright.core import machine
from tunewright.core.language_model import BASE, Request
from tunewright.models.llama.forward import rotated
from tunewright.models.llama.kernels import COMMON, NATIVE_FOLDER, Kernels, NotCompiled, kernels
from tunewright.models.llama.lows import SPARE, Lows, joined, lows_of, nothing
from tunewright.models.llama.shelves import Layout, Shelf

CPU = torch.device("cpu")
NEAR = {torch.float32: 2e-6, torch.bfloat16: 9e-3}
"""Of the largest value: some units of the last place."""
CLOSE = 2e-5
"""Of the largest score, after all layers in float32."""
ROWS = [ids(seed, length) for seed, length in enumerate((3, 30, 17, 9, 40, 21, 5, 33))]


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def some(request: pytest.FixtureRequest, compiled: Path) -> Kernels:
    return kernels(compiled, dtype=request.param, device=CPU)


def near(found: Tensor, wanted: Tensor, *, factor: float = 1.0) -> None:
    assert found.dtype == wanted.dtype
    limit = factor * NEAR[found.dtype] * float(wanted.abs().max())
    assert float((found.double() - wanted.double()).abs().max()) <= limit


def drawn(*shape: int, dtype: torch.dtype, scale: float = 1.0) -> Tensor:
    return (torch.randn(*shape) * scale).to(dtype)


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (3, 37), (70, 576)])
def test_norms_and_gates(some: Kernels, rows: int, width: int) -> None:
    x, more, weight = (drawn(*shape, dtype=some.dtype) for shape in ((rows, width), (rows, width), (width,)))
    total = x + more
    found = some.norm(x, more, weight_C=weight, epsilon=1e-5)
    assert torch.equal(x, total)
    near(found, rms_norm(total, (width,), weight, 1e-5))
    near(some.norm(x, None, weight_C=weight, epsilon=1e-5), rms_norm(total, (width,), weight, 1e-5))
    both = drawn(rows, 2 * width, dtype=some.dtype, scale=30)
    near(some.gated(both), silu(both[:, :width]) * both[:, width:])


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("turning", [True, False])
def test_turns(some: Kernels, normed: bool, turning: bool) -> None:
    rows, heads, kept, width = 5, 6, 2, 24
    qkv = drawn(rows, (heads + 2 * kept) * width, dtype=some.dtype)
    angles = torch.rand(rows, 1, width // 2) * 6
    turn = (
        torch.cat([angles.cos()] * 2, -1).to(some.dtype),
        torch.cat([-angles.sin(), angles.sin()], -1).to(some.dtype),
    )
    norms = tuple(drawn(width, dtype=some.dtype) for _ in range(2))
    parts = qkv.clone().unflatten(-1, (-1, width)).split((heads, kept, kept), 1)
    wanted = [rms_norm(part, (width,), weight, 1e-6) if normed else part for part, weight in zip(parts, norms)]
    wanted = [rotated(part, turn) if turning else part for part in wanted]
    some.turn(
        qkv, turn if turning else None, norms=norms if normed else (None, None), heads=(heads, kept), epsilon=1e-6
    )
    found = qkv.unflatten(-1, (-1, width))
    near(found, torch.cat([*wanted, parts[2]], 1), factor=2)
    assert torch.equal(found[:, heads + kept :], parts[2]), "values are left as they are"


@pytest.mark.parametrize("window", [None, 1, 40])
@pytest.mark.parametrize(("heads", "kept", "width"), [(4, 2, 8), (9, 3, 64), (5, 5, 64), (8, 2, 128), (7, 1, 20)])
def test_attention_over_the_cache(some: Kernels, heads: int, kept: int, width: int, window: int | None) -> None:
    lengths = [1, 15, 16, 17, 63, 64, 65, 200]
    rows, shelf = len(lengths), Shelf(Layout(1, kept, width, some.dtype, CPU), 256)
    shelf.resize(rows)
    shelf.keys[0].fill_(torch.nan)
    shelf.values[0].fill_(torch.nan)  # what lies behind a row's tokens is nobody's
    qkv = drawn(rows, (heads + 2 * kept) * width, dtype=some.dtype)
    q, k, v = qkv.unflatten(-1, (-1, width)).split((heads, kept, kept), 1)
    for row, length in enumerate(lengths):
        for side in (shelf.keys[0], shelf.values[0]):
            side[row, :, :length] = drawn(kept, length, width, dtype=some.dtype)
    lines = [(row * kept + head) * 256 + length - 1 for row, length in enumerate(lengths) for head in range(kept)]
    some.keep(k, v, shelf=shelf, layer=0, targets=torch.tensor(lines), places=None)
    found = some.attend(q, shelf, layer=0, lengths=torch.tensor(lengths), window=window, scale=0.3)
    for row, length in enumerate(lengths):
        assert torch.equal(shelf.keys[0][row, :, length - 1], k[row])
        first = max(0, length - window) if window else 0
        keys, values = (side[0][row, :, first:length].float() for side in (shelf.keys, shelf.values))
        wanted = scaled_dot_product_attention(
            q[row, :, None].float(), keys, values, scale=0.3, enable_gqa=True
        ).flatten()
        near(found[row], wanted.to(some.dtype), factor=4)


def test_places_choose_what_is_kept(some: Kernels) -> None:
    shelf = Shelf(Layout(1, 1, 4, some.dtype, CPU), 128)
    shelf.resize(1)
    k, v = drawn(6, 1, 4, dtype=some.dtype), drawn(6, 1, 4, dtype=some.dtype)
    some.keep(k, v, shelf=shelf, layer=0, targets=torch.tensor([3, 0]), places=torch.tensor([5, 2]))
    assert torch.equal(shelf.keys[0][0, 0, 3], k[5, 0])
    assert torch.equal(shelf.values[0][0, 0, 0], v[2, 0])
    assert not shelf.keys[0][0, 0, [1, 2, 4]].any()


@pytest.mark.parametrize("own", [True, False])
def test_softmax_of_what_is_seen(some: Kernels, own: bool) -> None:
    scores = drawn(3, 4, 9, 70, dtype=some.dtype, scale=20)
    hidden = torch.rand(3 if own else 1, 1, 9, 70) < 0.5
    hidden[..., 0] = False
    scores[0, 0, 0, 1] = torch.nan
    hidden[0, 0, 0, 1] = True
    wanted = (scores.float() * 0.4).masked_fill(hidden, -torch.inf).softmax(-1).to(some.dtype)
    some.soften(scores, hidden, scale=0.4)
    near(scores, wanted, factor=4)
    assert not scores[hidden.expand_as(scores)].any()


@pytest.mark.parametrize("width", [77, 96])
@pytest.mark.parametrize("biased", [True, False])
def test_products_of_few_rows(some: Kernels, width: int, biased: bool) -> None:
    """Of as many rows as are taken: with lines that fill vectors and lines that do not, and odd outputs."""
    weight, bias = drawn(131, width, dtype=some.dtype), drawn(131, dtype=some.dtype) if biased else None
    taken = [rows for rows in range(1, 40) if some.takes(drawn(rows, width, dtype=some.dtype))]
    assert taken == list(range(1, len(taken) + 1))
    assert len(taken) == 4 or (len(taken) == 16 and width == 96 and some.dtype == torch.bfloat16)
    for rows in taken:
        x = drawn(rows, width, dtype=some.dtype)
        wanted = x.double() @ weight.double().T + (bias.double() if bias is not None else 0)
        near(some.product(x, weight, bias_O=bias), wanted.to(some.dtype), factor=2)
    assert not some.takes(drawn(1, 1, width, dtype=some.dtype))


def lows_and_reference(
    ranks: list[tuple[int, ...]], widths: tuple[int, ...], width: int, dtype: torch.dtype
) -> tuple[Lows, list[tuple[Tensor, Tensor]]]:
    """Some adapters of maps with these ranks and widths, for kernels and as plain matrices."""
    plain = []
    for own in ranks:
        blocks = [torch.randn(wide, rank) for wide, rank in zip(widths, own, strict=True)]
        plain.append((drawn(sum(own), width, dtype=dtype, scale=0.1), torch.block_diag(*blocks).to(dtype)))
    parts = [lows_of(*each, ranks=own, widths=widths) for each, own in zip(plain, ranks, strict=True)]
    return joined([*parts, nothing(widths)]), plain


@pytest.mark.parametrize("width", [77, 96])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 9, 16, 37])
def test_what_adapters_add_to_each_row(some: Kernels, rows: int, width: int) -> None:
    """Odd ranks, a map without one, outputs that fill no vector; rows with an adapter, with an empty one, with none."""
    widths, ranks = (37, 16, 50), [(3, 0, 8), (16, 16, 16), (1, 5, 0)]
    lows, plain = lows_and_reference(ranks, widths, width, some.dtype)
    whose = torch.randint(0, len(plain) + 2, (rows,))
    weight, bias = drawn(sum(widths), width, dtype=some.dtype), drawn(sum(widths), dtype=some.dtype)
    x = drawn(rows, width, dtype=some.dtype)
    wanted = (x.double() @ weight.double().T + bias.double()).to(some.dtype).double()
    for row, number in enumerate(whose.tolist()):
        if number < len(plain):
            down, up = plain[number]
            wanted[row] += up.double() @ (down.double() @ x[row].double()).to(some.dtype).double()
    unchanged = linear(x, weight, bias)
    added = unchanged.clone()
    some.add(added, x, lows=lows, whose=whose)
    near(added, wanted.to(some.dtype), factor=3)
    assert torch.equal(added[whose > 2], unchanged[whose > 2])
    if some.takes(x):
        found = some.product(x, weight, bias_O=bias, added=(lows, whose))
        near(found, wanted.to(some.dtype), factor=3)
        if rows > 2:
            without = some.product(x, weight, bias_O=bias)
            assert torch.equal(found[whose > 2], without[whose > 2])


def test_no_row_sees_what_another_ones_adapter_makes(some: Kernels) -> None:
    lows, _ = lows_and_reference([(16,), (16,)], (64,), 64, some.dtype)
    x, weight = drawn(6, 64, dtype=some.dtype), drawn(64, 64, dtype=some.dtype)
    whose = torch.tensor([0, 1, 0, 3, 1, 2])
    before = some.product(x[:4], weight, bias_O=None, added=(lows, whose[:4]))
    x[1] = torch.nan
    after = some.product(x[:4], weight, bias_O=None, added=(lows, whose[:4]))
    assert after[1].isnan().all()
    assert torch.equal(after[[0, 2, 3]], before[[0, 2, 3]])


@pytest.mark.parametrize("spare", [SPARE, SPARE // 2])
def test_kernels_stay_inside_their_memory(spare: int, tmp_path: Path) -> None:
    """The address sanitizer over random products with adapters; with less room behind a matrix it must cry."""
    compiler = machine.compiler()
    assert compiler, "a C++ compiler is needed"
    program = tmp_path / "fences"
    flags = [*COMMON, "-march=native", "-O1", "-fsanitize=address", f"-DSPARE={spare}", f"-I{NATIVE_FOLDER}"]
    source = Path(__file__).with_name("fences.cpp")
    subprocess.run([compiler, *flags, str(source), "-o", str(program)], check=True, capture_output=True)
    variables = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    ran = subprocess.run(
        [str(program)], capture_output=True, text=True, env=variables | {"ASAN_OPTIONS": "detect_leaks=0"}, check=False
    )
    narrow = "avx512_bf16" not in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    if spare == SPARE or narrow:
        assert (ran.returncode, ran.stdout) == (0, "nothing beyond\n"), ran.stderr[:2000]
    else:
        assert "AddressSanitizer" in ran.stderr


def test_the_best_score_and_its_log_probability(some: Kernels) -> None:
    scores = torch.randn(7, 5001) * 8
    scores[1, 5000] = scores[1, 40] = 99.0
    scores[2, 17], scores[3, 17], scores[4, 17] = torch.nan, torch.inf, -torch.inf
    tokens, values = some.best(scores)
    finite = [0, 1, 4, 5, 6]
    assert tokens[finite].tolist() == scores[finite].argmax(-1).tolist()
    wanted = scores[finite].double().log_softmax(-1).max(-1).values
    assert torch.allclose(values[finite].double(), wanted, atol=3e-6)
    assert values[2:4].isnan().all()


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "llama, gelu"])
def test_the_forward_is_that_of_the_library(family: str, compiled: Path) -> None:
    """In float32: packed, over the cache in chunks, and one row alone."""
    model = model_of(family, dtype=torch.float32)
    language_model = opened(model, compiled=compiled)
    assert language_model.forward == "tunewright, compiled"
    with torch.no_grad():
        ours = [language_model.shared.decoder.logits(states) for states in language_model.hidden(ROWS)]
    most = max(float(one.abs().max()) for one in ours)
    for one, row in zip(ours, ROWS, strict=True):
        assert (one - logits_alone(model, row)).abs().max() < CLOSE * most
    for chunk in (7, 512):
        seen = cached_logits(model, ROWS, chunk=chunk, limit=CLOSE * most, compiled=compiled)
        assert len(seen) == len(ROWS)
    cached_logits(model, ROWS[:1], chunk=512, limit=CLOSE * most, compiled=compiled)


@pytest.mark.parametrize("family", ["llama", "qwen3, biases"])
def test_adapters_are_what_peft_computes(family: str, compiled: Path, tmp_path: Path) -> None:
    """Several in one batch, with prompts longer and shorter than a span, one poisoned row among them."""
    model = model_of(family, dtype=torch.float32)
    folders = {form: saved(model, form, tmp_path / form) for form in ("all", "dora", "attention")}
    theirs = {form: by_peft(model, folder) for form, folder in folders.items()} | {BASE: model}
    language_model = opened(model, compiled=compiled)
    for form, folder in folders.items():
        language_model.load_adapter(form, folder)
    prompts = [ids(seed, length) for seed, length in enumerate((3, 130, 64, 9, 65, 21, 5, 200))]
    asked = [Request(row, 6, adapter=name) for row, name in zip(prompts, [*theirs] * 2, strict=True)]
    for request, answer in zip(asked, language_model.answer(asked), strict=True):
        logits = logits_alone(theirs[request.adapter], (*request.prompt, *answer.tokens)).log_softmax(-1)
        own = logits[len(request.prompt) - 1 : -1]
        best = own.max(-1).values
        said = own.gather(1, torch.tensor(answer.tokens)[:, None])[:, 0]
        assert (best - said).max() < 1e-4
        assert torch.allclose(torch.tensor(answer.log_probabilities), said, atol=1e-3)


def test_a_poisoned_row_ends_alone(compiled: Path) -> None:
    model = model_of("llama untied, one head", dtype=torch.float32)
    with torch.no_grad():
        model.get_input_embeddings().weight[7] = torch.nan
    language_model = opened(model, compiled=compiled)
    assert language_model.forward == "tunewright, compiled"
    healthy = [tuple(token for token in row if token != 7) for row in ROWS]
    alone = [language_model.answer([Request(row, 8)])[0] for row in healthy]
    poisoned = [(*row[:2], 7, *row[2:]) for row in healthy]
    together = language_model.answer([Request(row, 8) for pair in zip(healthy, poisoned) for row in pair])
    assert [one.tokens for one in together[::2]] == [one.tokens for one in alone]
    assert {one.finish for one in together[1::2]} == {"error"}


@pytest.mark.parametrize(
    ("why", "dtype"),
    [("no folder was given", torch.float32), ("do not compute in float64", torch.float64)],
)
def test_without_kernels_the_record_says_why(why: str, dtype: torch.dtype, compiled: Path) -> None:
    folder = compiled if dtype == torch.float64 else None
    language_model = opened(model_of("llama", dtype=dtype), compiled=folder)
    assert why in language_model.forward
    assert language_model.forward.startswith("tunewright, not compiled: ")
    assert len(language_model.answer([Request(ROWS[0], 3)])[0].tokens) == 3


def test_another_activation_goes_without(compiled: Path) -> None:
    found = opened(model_of("llama, gelu", dtype=torch.float32), compiled=compiled)
    assert found.forward == "tunewright, not compiled: the activation or the width of a head is another one"


def test_a_history_is_kept_where_gradients_are_wanted(compiled: Path) -> None:
    model = model_of("llama", dtype=torch.float32)
    model.requires_grad_(True)
    language_model = opened(model, compiled=compiled)
    with torch.enable_grad():
        language_model.hidden([ROWS[1]])[0].sum().backward()
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if "proj" in name)


OPENING = """
import sys
from pathlib import Path
import torch
from tunewright.models.llama.kernels import NotCompiled, kernels
try:
    found = kernels(Path(sys.argv[1]), dtype=torch.float32, device=torch.device("cpu"))
    print(found.best(torch.tensor([[1.0, 5.0, 2.0]]))[0].tolist())
except NotCompiled as reason:
    print(reason)
"""


def opening(folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OPENING), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
    )


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=120)[0].strip()


def test_processes_that_meet_and_those_that_come_later_share_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "compile"
    both = [opening(folder), opening(folder)]
    assert [said(one) for one in both] == ["[1]", "[1]"]
    (library,) = folder.iterdir()
    written = library.stat().st_mtime_ns
    assert said(opening(folder)) == "[1]"
    assert library.stat().st_mtime_ns == written
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    assert said(opening(tmp_path / "none", PATH=str(tmp_path), CXX="")) == "no C++ compiler was found"
    refusing = tmp_path / "c++"
    refusing.write_text("#!/bin/sh\necho 'no such thing as a standard' >&2\nexit 1\n")
    refusing.chmod(0o755)
    assert said(opening(tmp_path / "refused", CXX=str(refusing))) == (
        "the compiler refused them: no such thing as a standard"
    )
    assert said(opening(refusing, CXX="c++")) == f"{refusing} cannot be used: File exists"
    folder = tmp_path / "spoilt"
    assert said(opening(folder)) == "[1]"
    (library,) = folder.iterdir()
    library.write_bytes(b"not a library")
    assert said(opening(folder)) == "[1]", "made anew"


def test_weights_of_two_types_go_without(compiled: Path) -> None:
    model = model_of("llama", dtype=torch.float32)
    decoder: Any = opened(model).shared.decoder
    model.model.norm.bfloat16()
    with pytest.raises(NotCompiled, match="not all of one type"):
        decoder.use(kernels(compiled, dtype=torch.float32, device=CPU))
