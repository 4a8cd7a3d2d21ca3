"""Each GGUF form of a trained model in llama.cpp itself: tokens, prompts, next-token distributions and answers.

    python scripts/gguf_test.py            # builds llama.cpp's server once (build_llama_cpp.py), then about 3 minutes

The model is that of `exports_test.py`: a LoRA over the built-in model, 40 steps of the demo's recipe. For each form a
server is started on loopback with the exported file alone. Then, on test rows: its tokens of a prompt are ours; its
template writes the prompt that was trained; its distributions are near those of the trained model in float32; its
greedy answers end by themselves and are the trained model's. Writes docs/evidence/llama-cpp.json.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from build_llama_cpp import SERVER, VERSION, build
from exports_test import ROOT, arguments, export_of
from gguf_architectures import BUILDERS, log_probabilities, write
from scipy.special import logsumexp

from tunewright.core.language_model import Request
from tunewright.core.ports import Encoded, Message
from tunewright.core.workspace import write_json
from tunewright.models.export.distance import reference
from tunewright.models.export.forms import open_form, readable
from tunewright.models.export.gguf_file import TYPES
from tunewright.models.language_model import open_language_model
from tunewright.models.version import GGUF
from tunewright.text.chat import ChatFormat

EVIDENCE = ROOT / "docs" / "evidence" / "llama-cpp.json"
WAIT_S = 60
LONGEST = 24
TOKENS = 49_152
LIMITS = {"gguf-f16": 0.002, "gguf-q8_0": 0.01, "gguf-q4_0": 0.2}
"""Largest mean KL from the trained model in float32: llama.cpp also rounds what passes between layers to 8 bits."""


READING_LIMIT = 5e-3
"""Largest mean KL from the file as we read it: what passes between layers is rounded to 8 bits there."""
SMALL_LIMIT = 1e-3
"""The same for random models, whose scores are wide; a wrong key or order of rows gives 0.1 and more."""


@dataclass(frozen=True)
class Server:
    """llama.cpp's server with one file."""

    port: int

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """POST one JSON document, get one."""
        content = json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.loads(answer.read())

    def is_up(self) -> bool:
        """True when the model is loaded."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False


@contextmanager
def serving(file: Path) -> Iterator[Server]:
    """A server for the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [
        str(SERVER),
        "-m",
        str(file),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        "-c",
        "512",
        "-np",
        "1",
        "-t",
        "2",
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*words, "--jinja", "--no-warmup"], stdout=log, stderr=log)
        try:
            server, began = Server(port), time.monotonic()
            while not server.is_up():
                if process.poll() is not None or time.monotonic() - began > WAIT_S:
                    log.seek(0)
                    sys.exit(f"llama-server does not take {file}: {log.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.2)
            yield server
        finally:
            process.terminate()
            process.wait(10)


def distribution(server: Server, prompt: Sequence[int]) -> dict[int, float]:
    """Log-probability of every token after a prompt, by id; empty where the likeliest ends the answer."""
    body = {"prompt": list(prompt), "n_predict": 1, "n_probs": TOKENS, "temperature": -1.0, "cache_prompt": False}
    answer = server.ask("/completion", body)
    found = answer.get("completion_probabilities") or [{"top_logprobs": []}]
    return {each["id"]: each["logprob"] for each in found[0]["top_logprobs"]}


def kl(trained: np.ndarray[Any, Any], found: dict[int, float]) -> float:
    """KL(trained || llama.cpp) of one position, over the tokens that llama.cpp gives a number for.

    Both are normalised over these: the server rounds each probability by itself, and they do not quite sum to 1.
    """
    ours, theirs = trained[np.fromiter(found, np.int64)], np.fromiter(found.values(), np.float64)
    ours, theirs = ours - logsumexp(ours), theirs - logsumexp(theirs)
    return float((np.exp(ours) * (ours - theirs)).sum())


def compare(
    server: Server, chat: ChatFormat, talks: Sequence[Sequence[Message]], ours: Any, scores: Any
) -> dict[str, Any]:
    """Everything that is asked of one form; `scores` are those of the trained model, then of the file as we read it."""
    prompts = [chat.prompt_ids(talk) for talk in talks]
    texts = [chat.render(talk, generation=True) for talk in talks]
    tokens = [server.ask("/tokenize", {"content": text, "add_special": True, "parse_special": True}) for text in texts]
    rendered = [server.ask("/apply-template", {"messages": list(talk)})["prompt"] for talk in talks]
    given = [distribution(server, prompt) for prompt in prompts]
    apart, from_file = ([kl(row, each) for row, each in zip(rows, given, strict=True) if each] for rows in scores)
    said = [
        server.ask("/v1/chat/completions", {"messages": list(talk), "max_tokens": LONGEST, "temperature": 0})
        for talk in talks
    ]
    answers = [each["choices"][0]["message"]["content"].strip() for each in said]
    return {
        "tokens_equal": sum(each["tokens"] == prompt for each, prompt in zip(tokens, prompts, strict=True))
        / len(talks),
        "prompts_equal": sum(one == other for one, other in zip(rendered, texts, strict=True)) / len(talks),
        "kl_mean": float(np.mean(apart)),
        "kl_max": float(np.max(apart)),
        "kl_from_our_reading": float(np.mean(from_file)),
        "answers_equal": sum(one == other for one, other in zip(answers, ours, strict=True)) / len(talks),
        "ended_by_itself": sum(each["choices"][0]["finish_reason"] == "stop" for each in said) / len(talks),
        "rows": len(talks),
        "build": VERSION,
    }


def architectures(chat: ChatFormat, prompts: Sequence[list[int]], folder: Path) -> dict[str, Any]:
    """Random small models of every architecture: the mean KL of llama.cpp's distributions from ours."""
    found: dict[str, Any] = {}
    for number, name in enumerate(BUILDERS):
        model = write(name, chat, folder / str(number))
        with serving(folder / str(number) / "file" / GGUF) as server:
            given = [(prompt, each) for prompt in prompts if (each := distribution(server, prompt))]
        apart = [kl(log_probabilities(model, prompt), each) for prompt, each in given]
        found[name] = {"kl_mean": float(np.mean(apart)), "kl_max": float(np.max(apart)), "rows": len(apart)}
        print(f"{name}: {found[name]}", flush=True)
    return found


def trained_answers(export: Any, talks: Sequence[Sequence[Message]], folder: Path) -> tuple[list[str], Any]:
    """The trained model in float32: greedy answers, and log-probabilities after each prompt [N, V]."""
    chat, standing = export.base.chat, export.standard
    prompts = [chat.prompt_ids(talk) for talk in talks]
    model = open_language_model(standing.model, decode=chat.decode)
    requests = [Request(tuple(prompt), LONGEST, chat.stop_ids) for prompt in prompts]
    answers = [chat.decode(each.tokens).strip() for each in model.answer(requests)]
    return answers, scores_after(standing.model, chat, talks, folder)


def scores_after(model: Any, chat: ChatFormat, talks: Sequence[Sequence[Message]], folder: Path) -> Any:
    """Log-probabilities of a model after each prompt, float64 [N, V]."""
    rows = [_next_only(chat.prompt_ids(talk)) for talk in talks]
    scores = torch.from_numpy(reference(model, rows, path=folder / "scores").scores[:])
    return scores.double().log_softmax(-1).numpy()


def _next_only(prompt: Sequence[int]) -> Encoded:
    """A row of which one position counts: the one after the prompt."""
    weights = np.zeros(len(prompt) + 1, np.float32)
    weights[-1] = 1
    return Encoded(np.array([*prompt, 0], np.int32), weights, 0)


def main() -> int:
    """Every form; returns the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--asked", type=int, default=24, help="rows that llama.cpp answers")
    given = parser.parse_args()
    if not SERVER.is_file():
        build(2)
    export = export_of(given)
    forms = export.forms(tuple(TYPES))
    talks = [talk[:-1] for talk in export.talks(given.asked)]
    found: dict[str, Any] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        small = architectures(export.base.chat, [export.base.chat.prompt_ids(talk) for talk in talks[:4]], Path(folder))
        wrong += [f"{name}: {each}" for name, each in small.items() if not each["kl_mean"] <= SMALL_LIMIT]
        answers, scores = trained_answers(export, talks, Path(folder))
        export.close()
        for each in forms:
            assert each.folder is not None, each.proof.problems
            read = readable(each.folder, each.form, scratch=Path(folder) / each.form)
            unpacked = scores_after(open_form(read, each.form, device="cpu"), export.base.chat, talks, Path(folder))
            with serving(each.folder / GGUF) as server:
                found[each.form] = compare(server, export.base.chat, talks, answers, (scores, unpacked))
            print(f"{each.form}: {found[each.form]}", flush=True)
            wrong += problems(each.form, found[each.form])
    write_json(EVIDENCE, found | {"architectures": small})
    print(
        "\n".join(wrong)
        or "OK: llama.cpp reads the same tokens and prompts, and computes what our reading of each file does."
    )
    return 1 if wrong else 0


def problems(form: str, found: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    wrong = [f"{form}: {name} is {found[name]:.3f}" for name in ("tokens_equal", "prompts_equal") if found[name] < 1]
    if not found["kl_mean"] <= LIMITS[form]:
        wrong.append(f"{form}: mean KL {found['kl_mean']:.2g}, at most {LIMITS[form]} is expected")
    if not found["kl_from_our_reading"] <= READING_LIMIT:
        wrong.append(f"{form}: mean KL {found['kl_from_our_reading']:.2g} from what we read of the file")
    if form != "gguf-q4_0" and found["answers_equal"] < 0.9:
        wrong.append(f"{form}: {found['answers_equal']:.0%} of the answers are the trained model's")
    if found["ended_by_itself"] < 1 and form != "gguf-q4_0":
        wrong.append(f"{form}: {1 - found['ended_by_itself']:.0%} of the answers did not end by themselves")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
