"""Train with the tracker `mlflow` while a real MLflow server dies and comes back; every step must be there once.

    python scripts/mlflow_server_test.py            # makes an environment for the server once, in .cache/mlflow-server

The server is the package `mlflow` over SQLite, in an environment of its own, on the loopback. Three rounds: a server
that dies in the middle and comes back; one that comes back after training (`tunewright track`); and a training that
is killed and goes on. Ends with "OK" lines and 0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from mlflow.entities import Run as MlflowRun  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

from tests.conftest import tiny_config, write_tiny_tokenizer  # noqa: E402
from tunewright.core import events  # noqa: E402
from tunewright.core.events import StepDone  # noqa: E402

ENVIRONMENT = REPOSITORY / ".cache" / "mlflow-server"
PACKAGES = ("mlflow==3.17.2",)
WAIT_S = 120
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
RECIPE = """\
name: mlflow-test
model: {{name: {model}, precision: fp32}}
data: {{train: rows.jsonl, shape: {{type: labelled, text: text, label: label}}}}
training: {{max_steps: {steps}, batch_size: 4, checkpoint_every: 20, evaluate_every: 50, seed: {seed}}}
output: {{trackers: [{{type: mlflow, uri: "{uri}"}}]}}
"""


class Server:
    """An MLflow server that can be killed and started again over the same database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = [
            str(ENVIRONMENT / "bin" / "mlflow"),
            *("server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"),
            *("--default-artifact-root", str(self.folder / "artifacts")),
        ]
        path = f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}"
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            words, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **QUIET, "PATH": path}
        )
        wait_for(self._answers, "the server to answer")

    def kill(self) -> None:
        """End it and its workers as a power cut would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class Round:
    """One recipe in a folder of its own, trained by the command."""

    def __init__(self, folder: Path, model: Path, *, uri: str, seed: int, steps: int) -> None:
        folder.mkdir()
        rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)]
        (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        self.recipe = folder / "recipe.yaml"
        self.recipe.write_text(RECIPE.format(model=model, uri=uri, seed=seed, steps=steps), encoding="utf-8")
        self.steps = steps
        self.log = folder / "train.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Train in a process of its own."""
        with self.log.open("ab") as log:
            return subprocess.Popen(self._words("train"), stdout=log, stderr=log, start_new_session=True)

    def track(self) -> subprocess.CompletedProcess[str]:
        """Send what is owed."""
        return subprocess.run(self._words("track"), capture_output=True, text=True, check=False)

    def done(self) -> list[StepDone]:
        """Steps that stand, from the event file."""
        files = list(self.recipe.parent.glob(".tunewright/runs/*/events.jsonl"))
        found = events.standing(events.read(files[0])) if files else []
        return [event for event in found if isinstance(event, StepDone)]

    def reach(self, step: int, process: subprocess.Popen[bytes]) -> None:
        """Wait until training is there."""

        def there() -> bool:
            far = len(self.done()) >= step
            expect(far or process.poll() is None, f"training goes on to step {step} (see {self.log})")
            return far

        wait_for(there, f"step {step} (see {self.log})")

    def _words(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "tunewright", verb, str(self.recipe), "--json"]


def main() -> int:
    """All rounds; the exit code says whether every number was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    asked = parser.parse_args()
    os.environ.update({"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_DISABLE_TELEMETRY": "true"})
    make_environment()
    with workplace() as (folder, server):
        model = tiny_model(folder / "model")
        for number, play in enumerate((dies_in_the_middle, comes_back_after_training, training_is_killed)):
            server.start()
            task = Round(folder / play.__name__, model, uri=server.uri, seed=number, steps=asked.steps)
            play(server, task)
            verify(server, task, play.__name__.replace("_", " "), undone=play is training_is_killed)
            server.kill()
    return 0


def dies_in_the_middle(server: Server, task: Round) -> None:
    """Killed at a third, started again at a half."""
    process = task.start()
    task.reach(task.steps // 3, process)
    server.kill()
    print(f"server killed at step {len(task.done())}", flush=True)
    task.reach(task.steps // 2, process)
    server.start()
    print(f"server back at step {len(task.done())}", flush=True)
    expect(process.wait() == 0, f"training ended well (see {task.log})")
    expect(json.loads(task.track().stdout)["trackers"] == {"mlflow": task.steps}, "nothing more is owed")


def comes_back_after_training(server: Server, task: Round) -> None:
    """Killed at a third; training ends without it, and `track` sends the rest."""
    process = task.start()
    task.reach(task.steps // 3, process)
    server.kill()
    expect(process.wait() == 0, f"training ended well without a server (see {task.log})")
    expect("tunewright track" in task.log.read_text(), "the command says how to send the rest")
    early = task.track()
    expect(early.returncode == 3, f"track without a server ends with 3: {early.stdout}{early.stderr}")
    server.start()
    expect(task.track().returncode == 0, "track with the server sends the rest")


def training_is_killed(_server: Server, task: Round) -> None:
    """Training is killed at a half and goes on from its checkpoint, in the same MLflow run."""
    process = task.start()
    task.reach(task.steps // 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    expect(task.start().wait() == 0, f"training went on and ended well (see {task.log})")


def verify(server: Server, task: Round, title: str, *, undone: bool) -> None:
    """Compare what the server has with the event file, number by number."""
    client = MlflowClient(tracking_uri=server.uri)
    run = only_run(client, task)
    stand = task.done()
    expect(len(stand) == task.steps, "every step was done")
    expect(run.info.status == "FINISHED", f"the MLflow run is finished: {run.info.status}")
    for name in ("loss", "learning_rate", "tokens_per_s"):
        points = client.get_metric_history(run.info.run_id, name)
        has = Counter((point.step, point.value) for point in points)
        expect(all(has[event.step, getattr(event, name)] for event in stand), f"every {name} is there")
        if not undone:
            expect(len(points) == task.steps, f"every {name} is there once: {len(points)}")
    print(f"OK: {title}: {task.steps} steps, each number there{'' if undone else ' once'}", flush=True)


def only_run(client: MlflowClient, task: Round) -> MlflowRun:
    """The one MLflow run with the key of this task's run."""
    (stored,) = task.recipe.parent.glob(".tunewright/runs/*/trackers/run.json")
    key = json.loads(stored.read_text(encoding="utf-8"))["key"]
    experiment = client.get_experiment_by_name("mlflow-test")
    expect(experiment is not None, "the experiment is there")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], filter_string=f"tags.`tunewright.key` = '{key}'")
    expect(len(found) == 1, f"one MLflow run for the key: {len(found)}")
    return found[0]


def make_environment() -> None:
    """The server's own environment, once."""
    if not (ENVIRONMENT / "bin" / "mlflow").exists():
        print(f"making {ENVIRONMENT.relative_to(REPOSITORY)} with {' '.join(PACKAGES)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        subprocess.run([str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-qq", *PACKAGES], check=True)
    done = subprocess.run(
        [str(ENVIRONMENT / "bin" / "mlflow"), "--version"], capture_output=True, text=True, check=True
    )
    print(done.stdout.strip(), flush=True)


@contextmanager
def workplace() -> Iterator[tuple[Path, Server]]:
    """A folder and a server that are gone afterwards; the folder stays when something failed."""
    folder = Path(tempfile.mkdtemp(prefix="mlflow-test-"))
    server = Server(folder)
    try:
        yield folder, server
        shutil.rmtree(folder)
    finally:
        server.kill()


def tiny_model(folder: Path) -> Path:
    """A random model of 0.1 million weights with its tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 - seconds that --help need not wait for

    folder.mkdir()
    LlamaForCausalLM(LlamaConfig(**tiny_config())).save_pretrained(folder)
    write_tiny_tokenizer(folder)
    return folder


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait, but not for ever."""
    until_s = time.monotonic() + WAIT_S
    while not holds():
        expect(time.monotonic() < until_s, f"waited for {what}")
        time.sleep(0.05)


def expect(holds: bool, what: str) -> None:
    """Leave with what does not hold."""
    if not holds:
        raise SystemExit(f"NOT OK: {what}")


if __name__ == "__main__":
    raise SystemExit(main())
