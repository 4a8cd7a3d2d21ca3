"""Compiled work of the forward on a processor: norms, gates, turns, attention over the cache, products of few rows.

The C++ files in `native/` are compiled once a machine by its compiler (some seconds) and kept in a folder.
Without a compiler, or without a folder, the forward computes the same in the library's own operations, and its record
says so.
Shapes: T tokens, C width, H query heads, K key-value heads, D head width, R rows of a shelf, X capacity of a slot.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core import machine
from tunewright.models.llama.lows import Lows
from tunewright.models.llama.shelves import Shelf

NATIVE_FOLDER = Path(__file__).with_name("native")
SOURCE = NATIVE_FOLDER / "kernels.cpp"
WIDEST = 512
"""Most values of a head."""
COMPILE_S = 120
NATIVE = ("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",), ()
"""Flags to try in turn: not every compiler knows each."""
COMMON = ("-O3", "-std=c++17", "-fPIC", "-fopenmp", "-fno-math-errno")
SUFFIXES = {torch.float32: "f32", torch.bfloat16: "bf16"}
P, L, F, N = ctypes.c_void_p, ctypes.c_long, ctypes.c_float, ctypes.c_int
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "norm": (P, P, P, P, L, L, F, N),
    "gated": (P, P, L, L, N),
    "turned": (P, P, P, P, P, L, L, L, L, L, F, N),
    "kept": (P, P, L, P, P, P, P, L, L, L),
    "attended": (P, L, P, P, P, P, L, L, L, L, L, L, F, N),
    "softened": (P, P, L, L, L, L, L, F, N),
    "product": (P, P, P, P, L, L, L, P, P, P, L, L, L, N),
}


class NotCompiled(Exception):
    """There are no compiled kernels; the text says why."""


class Kernels:
    """The kernels for one type of number. Tensors lie on the processor, hold that type, and rows are contiguous."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._norm, self._gated, self._turned, self._kept, self._attended, self._softened, self._product = (
            _function(library, name, suffix=SUFFIXES[dtype]) for name in SIGNATURES
        )
        self._at_most = library.rows_at_most
        self._at_most.argtypes, self._at_most.restype = (L, N), L
        self._limits: dict[int, int] = {}
        self._best = library.best_f32
        self._best.argtypes, self._best.restype = (P, P, P, L, L, N), None

    def fitting(self, tensor: Tensor) -> Tensor:
        """The tensor as kernels read it: their type, one row behind another; itself where it is so already."""
        return tensor.to(self.dtype).contiguous()

    def norm(self, x_TC: Tensor, more_TC: Tensor | None, *, weight_C: Tensor, epsilon: float) -> Tensor:
        """Root mean square norm of x + more, [T, C]; x becomes that sum."""
        out = torch.empty_like(x_TC)
        added = self.fitting(more_TC) if more_TC is not None else None
        more = added.data_ptr() if added is not None else None
        rows, width = x_TC.shape
        self._norm(
            x_TC.data_ptr(), more, weight_C.data_ptr(), out.data_ptr(), rows, width, epsilon, torch.get_num_threads()
        )
        return out

    def gated(self, gate_up_TF: Tensor) -> Tensor:
        """silu(gate) * up, [T, F / 2]."""
        rows, both = gate_up_TF.shape
        out = gate_up_TF.new_empty(rows, both // 2)
        self._gated(gate_up_TF.data_ptr(), out.data_ptr(), rows, both // 2, torch.get_num_threads())
        return out

    def turn(
        self,
        qkv_TO: Tensor,
        turn: tuple[Tensor, Tensor] | None,
        *,
        norms: tuple[Tensor | None, Tensor | None],
        heads: tuple[int, int],
        epsilon: float,
    ) -> None:
        """Norm and turn queries and keys in place. `turn`: cosine and signed sine [T, 1, D]; `heads`: H and K."""
        rows, stride = qkv_TO.shape
        cos, sin = (each.data_ptr() for each in turn) if turn else (None, None)
        q_norm, k_norm = (each.data_ptr() if each is not None else None for each in norms)
        width = stride // (heads[0] + 2 * heads[1])
        threads = torch.get_num_threads()
        self._turned(qkv_TO.data_ptr(), cos, sin, q_norm, k_norm, rows, stride, *heads, width, epsilon, threads)

    def keep(
        self, k_TKD: Tensor, v_TKD: Tensor, *, shelf: Shelf, layer: int, targets: Tensor, places: Tensor | None
    ) -> None:
        """Write the tokens `places` (None: all) to lines `targets` int64 [n * K] of a shelf's layer."""
        tokens = len(k_TKD) if places is None else len(places)
        here = places.data_ptr() if places is not None else None
        keys, values = shelf.keys[layer].data_ptr(), shelf.values[layer].data_ptr()
        where, heads, width = targets.data_ptr(), *k_TKD.shape[1:]
        self._kept(k_TKD.data_ptr(), v_TKD.data_ptr(), k_TKD.stride(0), keys, values, where, here, tokens, heads, width)

    def attend(
        self, q_RHD: Tensor, shelf: Shelf, *, layer: int, lengths: Tensor, window: int | None, scale: float
    ) -> Tensor:
        """Attention [R, H * D] of row r over the first `lengths[r]` (int64) tokens of slot r, at most `window` back."""
        rows, heads, width = q_RHD.shape
        out = q_RHD.new_empty(rows, heads * width)
        keys, values = shelf.keys[layer], shelf.values[layer]
        self._attended(
            q_RHD.data_ptr(),
            q_RHD.stride(0),
            keys.data_ptr(),
            values.data_ptr(),
            lengths.data_ptr(),
            out.data_ptr(),
            rows,
            heads,
            keys.shape[1],
            shelf.capacity,
            width,
            window or 0,
            scale,
            torch.get_num_threads(),
        )
        return out

    def soften(self, scores_SHLX: Tensor, hidden: Tensor, *, scale: float) -> None:
        """Scores become weights: softmax of scores * scale where `hidden` (bool [S or 1, 1, L, X]) is False."""
        segments, heads, queries, keys = scores_SHLX.shape
        hidden = hidden.contiguous()
        apart = queries * keys if len(hidden) > 1 else 0
        threads = torch.get_num_threads()
        where, mask = scores_SHLX.data_ptr(), hidden.data_ptr()
        self._softened(where, mask, segments, heads, queries, keys, apart, scale, threads)

    def best(self, logits_RV: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest token of each row, int64 [R], and its log-probability; NaN where a score is not finite."""
        rows, vocabulary = logits_RV.shape
        tokens, values = logits_RV.new_empty(rows, dtype=torch.long), logits_RV.new_empty(rows)
        where = logits_RV.data_ptr(), tokens.data_ptr(), values.data_ptr()
        self._best(*where, rows, vocabulary, torch.get_num_threads())
        return tokens, values

    def takes(self, x: Tensor) -> bool:
        """True when `product` takes x: two dimensions, and so few rows that it is faster than the library's product."""
        if x.dim() != 2:
            return False
        rows, width = x.shape
        if width not in self._limits:
            self._limits[width] = self._at_most(width, self.dtype == torch.bfloat16)
        return bool(rows <= self._limits[width])

    def product(
        self, x_TC: Tensor, weight_OC: Tensor, *, bias_O: Tensor | None, added: tuple[Lows, Tensor] | None = None
    ) -> Tensor:
        """x W^T + b, [T, O], for an x that `takes` allows; `added`: what adapters add, and whose (int64 [T])."""
        out = x_TC.new_empty(len(x_TC), len(weight_OC))
        bias = bias_O.data_ptr() if bias_O is not None else None
        self._call_product(x_TC, weight_OC.data_ptr(), bias, out_TO=out, added=added)
        return out

    def add(self, out_TO: Tensor, x_TC: Tensor, *, lows: Lows, whose: Tensor) -> None:
        """Add to out what each row's adapter makes of x. For any number of rows; out is contiguous."""
        self._call_product(self.fitting(x_TC), None, None, out_TO=out_TO, added=(lows, whose))

    def _call_product(
        self,
        x_TC: Tensor,
        weight: int | None,
        bias: int | None,
        *,
        out_TO: Tensor,
        added: tuple[Lows, Tensor] | None,
    ) -> None:
        more: tuple[Any, ...] = (None, None, None, 0, 0, 0)
        if added is not None:
            lows, whose = added
            more = (whose.data_ptr(), *lows.addresses)
        (rows, width), outputs = x_TC.shape, out_TO.shape[1]
        where = x_TC.data_ptr(), weight, bias, out_TO.data_ptr()
        self._product(*where, rows, outputs, width, *more, torch.get_num_threads())


def _function(library: ctypes.CDLL, name: str, *, suffix: str) -> Any:
    found = getattr(library, f"{name}_{suffix}")
    found.argtypes, found.restype = SIGNATURES[name], None
    return found


def kernels(folder: Path | None, *, dtype: torch.dtype, device: torch.device) -> Kernels:
    """The kernels for a type, compiled into `folder` where they are not there. Raises NotCompiled with the reason."""
    if folder is None:
        raise NotCompiled("no folder was given for them")
    if device.type != "cpu":
        raise NotCompiled(f"they are for a processor, and the weights lie on {device.type}")
    if dtype not in SUFFIXES:
        raise NotCompiled(f"they do not compute in {str(dtype).removeprefix('torch.')}")
    return Kernels(_library(folder.absolute()), dtype)


@cache
def _library(folder: Path) -> ctypes.CDLL:
    compiler = machine.compiler()
    if not compiler:
        raise NotCompiled("no C++ compiler was found")
    place = folder / f"kernels-{_fingerprint(compiler)}.so"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # nobody else puts a file here; refused where the folder is another user's
        if not place.exists():
            _compile(compiler, place)
        return _opened(place) or _compiled_anew(compiler, place)
    except OSError as error:
        raise NotCompiled(f"{folder} cannot be used: {error.strerror or error}") from error


def _opened(place: Path) -> ctypes.CDLL | None:
    """The library, None where the file is spoilt."""
    try:
        return ctypes.CDLL(str(place))
    except OSError:
        return None


def _compiled_anew(compiler: str, place: Path) -> ctypes.CDLL:
    _compile(compiler, place)
    return ctypes.CDLL(str(place))


def _fingerprint(compiler: str) -> str:
    """What the compiled file depends on: source, flags, compiler, the processor's abilities, the library's threads."""
    described = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    abilities = Path("/proc/cpuinfo")
    flags = (
        [line for line in abilities.read_text().splitlines() if line.startswith(("flags", "Features"))][:1]
        if (abilities.exists())
        else [platform.processor(), platform.machine()]
    )
    sources = [path.read_text(encoding="utf-8") for path in sorted(NATIVE_FOLDER.iterdir())]
    parts = [*sources, repr((NATIVE, COMMON)), described, *flags]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _compile(compiler: str, place: Path) -> None:
    """Compile to a file of its own and rename it, so that two processes do not meet. Raises NotCompiled."""
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        object_file, library = Path(folder) / "kernels.o", Path(folder) / "kernels.so"
        # Threads come from the copy of OpenMP that torch has loaded: linking another one would start a second pool.
        undefined = ("-undefined", "dynamic_lookup") if platform.system() == "Darwin" else ()
        link = [compiler, "-shared", *undefined, str(object_file), "-o", str(library)]
        attempts = [[compiler, *COMMON, *flags, "-c", str(SOURCE), "-o", str(object_file)] for flags in NATIVE]
        said = ""
        for attempt in attempts:
            try:
                subprocess.run(attempt, capture_output=True, text=True, check=True, timeout=COMPILE_S)
                subprocess.run(link, capture_output=True, text=True, check=True, timeout=COMPILE_S)
                library.replace(place)
                return
            except subprocess.CalledProcessError as error:
                said = " ".join(error.stderr.split())[:200]
            except subprocess.TimeoutExpired:
                raise NotCompiled(f"the compiler took more than {COMPILE_S} s") from None
        raise NotCompiled(f"the compiler refused them: {said}")
