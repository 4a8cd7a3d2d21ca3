"""The doctor: every check is a finding, what is missing fails with a remedy, a recipe is really tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.app import doctor
from tunewright.app.cli.main import main
from tunewright.app.project import Project, open_project


def project(folder: Path, model: Path, more: str = "") -> Project:
    (folder / "rows.jsonl").write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    text = f"name: a\nmodel: {{name: {model}, precision: fp32}}\ndata: rows.jsonl\n{more}"
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return open_project(folder, home=folder / "home")


def test_this_machine_is_examined_and_nothing_needed_is_missing() -> None:
    found = {finding.check: finding for finding in doctor.examine()}
    assert {"processor", "memory", "disk", "compiler", "allocator", "torch", "matrix peak", "GPU", "network"} <= set(
        found
    )
    assert not [finding for finding in found.values() if finding.status == "fail"]
    assert "GFLOP/s" in found["matrix peak"].found


def test_a_full_disk_and_an_old_library_fail_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.machine, "disk_free_bytes", lambda _folder: 10**6)
    monkeypatch.setattr(doctor, "_version", lambda name: "0.1" if name == "torch" else "99")
    found = {finding.check: finding for finding in (*doctor._disk(Path()), *doctor._versions())}
    assert found["disk"].status == "fail" and "Free some space" in found["disk"].remedy
    assert found["torch"].status == "fail" and found["torch"].remedy.startswith('pip install "torch>=')
    assert found["click"].status == "ok"


def test_what_breaks_beside_a_processor_build_of_torch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28"}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, "99" if "torch" not in name else None))
    found = [finding for finding in doctor._versions() if finding.check == "torchvision"]
    assert [finding.remedy for finding in found] == ["pip uninstall torchvision"]


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken():
        raise OSError("no such file")
        yield

    assert [(each.status, each.found) for each in doctor._guarded(broken)] == [
        ("warn", "the check itself failed: no such file")
    ]


def test_a_recipe_that_fits(tmp_path: Path, tiny_model_folder: Path) -> None:
    found = doctor.examine_recipe(project(tmp_path, tiny_model_folder))
    assert [finding.check for finding in found] == [
        "base model", "context", "weights", "architecture", "method", "objective",
    ]  # fmt: skip
    assert all(finding.status == "ok" for finding in found)


@pytest.mark.parametrize(
    ("more", "check", "said"),
    [
        ("method: {type: lora, targets: [query]}\n", "method", 'no linear layer is called "query"'),
        ("method: {type: lora, bias: all}\n", "method", "no biases"),
    ],
)
def test_a_method_that_does_not_fit_is_said(
    tmp_path: Path, tiny_model_folder: Path, more: str, check: str, said: str
) -> None:
    last = doctor.examine_recipe(project(tmp_path, tiny_model_folder, more))[-1]
    assert (last.check, last.status) == (check, "fail")
    assert said in last.found


def test_the_command_gives_one_document(
    tmp_path: Path, tiny_model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, tiny_model_folder)
    assert main(["doctor", str(tmp_path), "--home", str(tmp_path / "home"), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert checks[-1]["check"] == "objective"
    assert main(["doctor"]) == 0
    assert "checks: 0 failed" in capsys.readouterr().out
