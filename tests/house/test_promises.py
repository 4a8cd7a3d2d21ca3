"""Promise 1: no outbound connection unless the recipe names a remote source. Loopback is this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.house.process import TUNEWRIGHT, watched
from tests.house.tree import REPOSITORY, SRC, modules

RECIPE = REPOSITORY / "examples" / "icd" / "recipe.yaml"
# A documentation address (RFC 5737): nobody answers there, and the watch stops the attempt before the first packet.
NOWHERE = "192.0.2.1"


@pytest.fixture
def local_recipe(tmp_path: Path, tiny_model_folder: Path) -> Path:
    """A recipe over local files and a local model."""
    rows = [{"text": f"sentence {number} of {word}", "label": word} for number in range(20) for word in ("one", "two")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "recipe.yaml").write_text(
        f"name: local\nmodel: {tiny_model_folder}\ndata: rows.jsonl\ntraining: {{max_steps: 2, batch_size: 4}}\n"
    )
    return tmp_path / "recipe.yaml"


@pytest.mark.parametrize("words", [["check", RECIPE], ["explain", "data"], ["schema"]], ids=lambda words: words[0])
def test_a_verb_that_reads_reaches_for_nothing(words: list[str | Path], tmp_path: Path) -> None:
    seen = watched([TUNEWRIGHT, *words], tmp_path / "watch")
    assert seen.exit_code == 0, seen.out
    assert seen.outbound == ()


def test_a_whole_run_over_local_files_reaches_for_nothing(local_recipe: Path, tmp_path: Path) -> None:
    seen = watched([TUNEWRIGHT, "run", local_recipe], tmp_path / "watch")
    assert seen.exit_code == 0, seen.out
    assert "torch" in seen.modules
    assert seen.outbound == ()


def test_importing_every_module_reaches_for_nothing(tmp_path: Path) -> None:
    names = [".".join(("tunewright", *Path(module.inside).with_suffix("").parts)) for module in modules(SRC)]
    names = [name.removesuffix(".__init__") for name in names if "__main__" not in name and ".edge." not in name]
    load_all = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    seen = watched([sys.executable, "-c", load_all], tmp_path)
    assert seen.exit_code == 0, seen.out
    assert set(names) <= seen.modules
    assert seen.outbound == ()


CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", "import socket; socket.create_connection(('{NOWHERE}', 9))"])
"""
ATTEMPTS = {
    "socket": f"import socket; socket.create_connection(('{NOWHERE}', 9), timeout=1)",
    "urllib": f"import urllib.request; urllib.request.urlopen('http://{NOWHERE}/', timeout=1)",
    "name": "import socket; socket.getaddrinfo('example.com', 443)",
    "child": CHILD,
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_the_watch_sees_an_attempt_and_stops_it(attempt: str, tmp_path: Path) -> None:
    seen = watched([sys.executable, "-c", attempt], tmp_path)
    assert len(seen.outbound) == 1


def test_the_watch_lets_loopback_pass(tmp_path: Path) -> None:
    talk = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
"""
    seen = watched([sys.executable, "-c", talk], tmp_path)
    assert (seen.exit_code, seen.outbound) == (0, ())
