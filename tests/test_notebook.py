"""The notebook in examples/ runs from top to bottom, with fewer steps, rows and prompts than it shows."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples" / "tune_from_python.ipynb"
FEW = 'STEPS, ROWS, PROMPTS = 2, 4, "[bare]"'


def read() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: nbformat.NotebookNode, home: Path, monkeypatch: pytest.MonkeyPatch) -> nbformat.NotebookNode:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(home))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    manager = KernelManager(kernel_name="python3")
    client = NotebookClient(notebook, km=manager, timeout=280, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    return client.execute()


def with_few_steps(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = FEW
    return notebook


def test_the_notebook_runs(smollm2: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share_cache(tmp_path)
    done = execute(with_few_steps(read()), tmp_path, monkeypatch)
    said = "".join(output.get("text", "") for cell in done.cells for output in cell.get("outputs", []))
    assert "2 steps, loss" in said
    assert "labels_generated" in said
    assert "tuned:" in said


def share_cache(home: Path) -> None:
    """Take the model that the fixture `smollm2` converted, so that it is not converted again."""
    (home / "cache").symlink_to(ROOT / ".cache" / "tests" / "cache")


def test_a_cell_that_fails_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError")])
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path, monkeypatch)


def test_the_notebook_is_committed_without_results() -> None:
    assert [cell.source for cell in read().cells if cell.get("outputs") or cell.get("execution_count")] == []
