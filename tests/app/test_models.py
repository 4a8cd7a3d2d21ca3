"""The verb `models`: what there is, a card and a bill of materials beside it, and a push that others can load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard, constants, snapshot_download

from tests.models.small_hub import COMMIT, NAME, serving
from tests.models.upload_hub import UploadHandler, UploadHub
from tunewright.app import exporting, flow
from tunewright.app.cli.main import main
from tunewright.app.loaded import base_of, models_of
from tunewright.app.project import Project, open_project
from tunewright.core.errors import EXIT_DONE, EXIT_OUTSIDE, EXIT_USER
from tunewright.core.events import silent
from tunewright.core.language_model import ScoreItem
from tunewright.core.nouns import Run
from tunewright.core.workspace import write_text

TOKEN = "hf_of_this_test"
WORDS = "violet heron"
"""Stands in every training row."""


@dataclass(frozen=True)
class Trained:
    project: Project
    run: Run
    merged: Path

    @property
    def home(self) -> Path:
        return self.project.workspace.home

    @property
    def folder(self) -> Path:
        return self.project.workspace.models / self.run.name


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Trained:
    """A LoRA really trained for a few steps, evaluated under a gate, and exported."""
    folder = tmp_path_factory.mktemp("models")
    rows = [{"text": f"{WORDS} {number}", "label": "ab"[number % 2]} for number in range(80)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "method: {type: lora, rank: 4, targets: all-linear}\n"
        "training: {max_steps: 4, batch_size: 8, learning_rate: 1e-2, sample_every: 2}\n"
        "evaluate: {suites: [{type: heldout}]}\ngates: [{metric: loss, suite: heldout, at_most: 0.001}]\n"
        "proof: {rows: 4, score_rows: 0}\n",
        encoding="utf-8",
    )
    project = open_project(path, home=folder / "home")
    outcome = flow.run(project, silent)
    (found,) = exporting.export(project, outcome.run, forms=["merged-fp32"], emit=silent)
    assert found.folder is not None
    return Trained(project, outcome.run, found.folder)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadHub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(UploadHub({}, token=TOKEN), UploadHandler) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def models(trained: Trained, *words: str) -> int:
    return main(["models", *words, "--home", str(trained.home), "--quiet"])


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_list_and_one_model_say_what_there_is(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert models(trained, "list", "--json") == EXIT_DONE
    found = {each["model"]: each for each in said(capsys)["models"]}
    assert set(found) == {trained.run.name, trained.merged.name}
    assert found[trained.run.name]["forms"] == ["merged-fp32"] and found[trained.run.name]["evaluations"] == 1
    assert found[trained.merged.name]["version"]["parents"][0] == trained.run.name
    assert all(each["recipes"] == ["letters"] for each in found.values())
    assert models(trained) == EXIT_DONE
    assert "merged-fp32" in capsys.readouterr().out
    assert models(trained, "show", "letters", "--json") == EXIT_DONE
    one = said(capsys)
    assert one["model"] == trained.run.name and one["evaluations"][0]["passed"] is False
    assert one["forms"] == [{"form": "merged-fp32", "model": trained.merged.name, "passed": True}]
    assert models(trained, "show", trained.merged.name[:12]) == EXIT_DONE
    shown = capsys.readouterr().out
    assert "model.safetensors" in shown and "Model letters (merged-fp32)" in shown


def test_a_name_that_none_or_many_have_is_told(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert models(trained, "show", "nobody") == EXIT_USER
    assert 'no model is called "nobody". There is:' in capsys.readouterr().err
    assert models(trained, "show") == EXIT_USER
    assert "models show: name one model" in capsys.readouterr().err
    assert main(["models", "show", "x", "--home", str(trained.home / "none")]) == EXIT_USER
    assert "this workspace has no models" in capsys.readouterr().err


def test_card_and_bill_lie_beside_a_model_and_say_what_was_decided(trained: Trained) -> None:
    assert models(trained, "card", trained.run.name) == models(trained, "bom", trained.run.name) == EXIT_DONE
    text = (trained.folder / "README.md").read_text(encoding="utf-8")
    assert ModelCard(text).data.library_name == "peft"
    assert "as they were decided: NOT met" in text and "`merged-fp32` | kept" in text
    assert "| torch | " in text and WORDS not in text and str(trained.project.folder) not in text
    bill = (trained.folder / "bom.cdx.json").read_text(encoding="utf-8")
    assert json.loads(bill)["metadata"]["component"]["version"] == trained.run.name
    assert WORDS not in bill and str(trained.project.folder) not in bill
    assert models(trained, "card", str(trained.merged)) == EXIT_DONE
    assert "## Proof of this form" in (trained.merged / "README.md").read_text(encoding="utf-8")


def test_export_puts_both_beside_every_form_that_it_keeps(trained: Trained) -> None:
    for name in ("README.md", "bom.cdx.json"):
        (trained.merged / name).unlink(missing_ok=True)
    words = ["export", str(trained.project.file), "--home", str(trained.home), "--form", "merged-fp32", "--quiet"]
    assert main(words) == EXIT_DONE
    text = (trained.merged / "README.md").read_text(encoding="utf-8")
    assert ModelCard(text).data.library_name == "transformers" and "letters (merged-fp32)" in text
    bill = json.loads((trained.merged / "bom.cdx.json").read_text(encoding="utf-8"))
    model = bill["metadata"]["component"]
    assert model["pedigree"]["ancestors"][0]["version"] == trained.run.name
    assert "model.safetensors" in {each["name"] for each in model["components"]}


def test_what_was_pushed_is_loaded_by_plain_peft_with_the_lines_of_its_card(
    trained: Trained, hub: UploadHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(trained, "push", trained.run.name, NAME, "--json") == EXIT_DONE
    output = capsys.readouterr()
    done = json.loads(output.out)
    assert done["sent"] and done["address"].endswith(COMMIT) and not done["public"]
    assert hub.exists and hub.private
    assert set(done["files"]) == set(hub.files) - {".gitattributes"}
    assert hub.blobs, "weights go as large files"
    everything = b"".join(hub.received) + b"".join(hub.files.values())
    for kept in (WORDS, str(trained.project.folder), trained.project.recipe.model.name):
        assert kept.encode() not in everything
    assert TOKEN not in output.out + output.err and TOKEN.encode() not in everything
    there = snapshot_download(NAME, endpoint=hub.url, token=TOKEN, local_dir=tmp_path / "there")
    assert json.loads((Path(there) / "adapter_config.json").read_text())["base_model_name_or_path"] is None
    text = (Path(there) / "README.md").read_text(encoding="utf-8")
    assert f'PeftModel.from_pretrained(model, "{NAME}")' in text
    base = trained.project.recipe.model.name
    code = text.split("```python\n")[1].split("```")[0].replace(NAME, there).replace("path/to/the/base/model", base)
    loaded: dict[str, Any] = {}
    exec(code, loaded)
    assert same(trained, loaded["model"])


def same(trained: Trained, theirs: Any) -> bool:
    """Whether a model scores a text as the trained one does."""
    project = trained.project
    ours = models_of(project, trained.run, base=base_of(project, silent)).tuned
    tokens = tuple(range(20, 40))
    expected = torch.from_numpy(ours.score([ScoreItem(tokens[:10], (tokens[10:],))])[0][0].log_probabilities)
    with torch.no_grad():
        scores = theirs(torch.tensor([tokens])).logits[0, 9:-1].float().log_softmax(-1)
    return float((scores.gather(1, torch.tensor(tokens[10:])[:, None])[:, 0] - expected).abs().max()) < 1e-4


def test_a_merged_form_is_pushed_whole_and_again_only_where_it_belongs(
    trained: Trained, hub: UploadHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(trained, "push", trained.merged.name, NAME) == EXIT_DONE
    assert {"model.safetensors", "proof.json", "README.md", "bom.cdx.json"} <= set(hub.files)
    assert trained.project.recipe.model.name.encode() not in b"".join(hub.files.values())
    there = snapshot_download(NAME, endpoint=hub.url, token=TOKEN, local_dir=tmp_path / "there")
    code = (Path(there) / "README.md").read_text().split("```python\n")[1].split("```")[0].replace(NAME, there)
    loaded: dict[str, Any] = {}
    exec(code, loaded)
    assert same(trained, loaded["model"])
    assert models(trained, "push", trained.merged.name, NAME) == EXIT_DONE, "the same again is no conflict"
    assert hub.commits[-1].get("parentCommit") == COMMIT
    capsys.readouterr()
    assert models(trained, "push", trained.run.name, NAME) == EXIT_USER
    assert f"the repository {NAME} holds other content already: config.json" in capsys.readouterr().err


def test_a_rehearsal_shows_every_file_and_sends_none(
    trained: Trained, hub: UploadHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models(trained, "push", "letters", NAME, "--dry-run") == EXIT_DONE
    output = capsys.readouterr()
    assert f"For {NAME} (private)" in output.err and "adapter_model.safetensors" in output.err
    assert "Stays here: tunewright.json, version.json" in output.err and "Nothing was sent" in output.out
    assert hub.received == [] and not hub.exists
    monkeypatch.delenv("HF_TOKEN")
    hub.asked.clear()
    assert models(trained, "push", "letters", NAME, "--dry-run") == EXIT_DONE
    assert hub.asked == [], "without a token nobody is asked"


@pytest.mark.parametrize(
    ("state", "code", "sentence"),
    [
        ({"token": "another"}, EXIT_USER, "does not know this token"),
        ({"read_only": True}, EXIT_USER, f"does not let this token write to {NAME}"),
        ({"exists": True, "files": {"theirs.bin": b"1"}}, EXIT_USER, "holds other content already: theirs.bin"),
        ({"exists": True, "private": False}, EXIT_USER, "is public, and this push is private"),
        ({"cut": True}, EXIT_OUTSIDE, "answered with status 418"),
        ({"full": True}, EXIT_OUTSIDE, "no space is left"),
    ],
    ids=["wrong token", "reading token", "other content", "public", "refused upload", "full"],
)
def test_what_can_go_wrong_is_one_sentence_and_nothing_is_committed(
    state: dict[str, Any],
    code: int,
    sentence: str,
    trained: Trained,
    hub: UploadHub,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in state.items():
        setattr(hub, name, value)
    assert models(trained, "push", trained.run.name, NAME) == code
    error = capsys.readouterr().err
    assert sentence in error and TOKEN not in error and "Traceback" not in error
    assert hub.commits == []


def test_no_token_a_strange_one_a_bad_name_and_no_network_are_told(
    trained: Trained, hub: UploadHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models(trained, "push", trained.run.name, "no-name") == EXIT_USER
    assert '"no-name" is no name of a repository' in capsys.readouterr().err
    for token, sentence in ((None, "needs a token"), ("hf_a\nhf_b", "this is no token")):
        monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
        assert models(trained, "push", trained.run.name, NAME) == EXIT_USER
        error = capsys.readouterr().err
        assert sentence in error and "hf_a" not in error
    assert hub.asked == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert models(trained, "push", trained.run.name, NAME) == EXIT_OUTSIDE
    assert "the connection to http://127.0.0.1:9 failed" in capsys.readouterr().err


def test_everybody_may_read_it_only_when_that_is_asked_for(trained: Trained, hub: UploadHub) -> None:
    assert models(trained, "push", trained.run.name, NAME, "--public") == EXIT_DONE
    assert not hub.private


def test_files_that_are_not_of_a_model_stay_here(trained: Trained, hub: UploadHub) -> None:
    write_text(trained.folder / "samples.jsonl", f"{WORDS}\n")
    (trained.folder / "notes").mkdir(exist_ok=True)
    write_text(trained.folder / "notes" / "adapter_model.safetensors", WORDS)
    assert models(trained, "push", trained.run.name, NAME) == EXIT_DONE
    assert not {"samples.jsonl", "notes/adapter_model.safetensors"} & set(hub.files)
    assert WORDS.encode() not in b"".join(hub.received)
    (trained.folder / "samples.jsonl").unlink()


def test_a_damaged_record_is_listed_as_such(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    broken = trained.project.workspace.models / ("f" * 64)
    broken.mkdir()
    assert models(trained) == EXIT_DONE
    assert "damaged: version.json is gone" in capsys.readouterr().out
    assert models(trained, "card", "ffff") != EXIT_DONE
    assert "the record of this model is damaged" in capsys.readouterr().err
    broken.rmdir()
