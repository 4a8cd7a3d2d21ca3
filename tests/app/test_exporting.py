"""The verb `export`: forms that are kept, forms that are refused, and what is not done twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from export_faults import FAULTS, Fault
from transformers import AutoModelForCausalLM

from tunewright.app import exporting, flow, targets
from tunewright.app.cli.main import main
from tunewright.app.exporting import Export
from tunewright.app.loaded import base_of, models_of
from tunewright.app.project import Project, open_project
from tunewright.core.errors import EXIT_DONE, EXIT_GATE, EXIT_USER, UserError
from tunewright.core.events import Event, StageSkipped, silent
from tunewright.core.language_model import ScoreItem
from tunewright.core.nouns import DatasetVersion, ModelVersion, Run
from tunewright.core.proof import Proof
from tunewright.models.heads import read_head
from tunewright.models.version import is_whole, read_model_version


@dataclass(frozen=True)
class Trained:
    project: Project
    run: Run
    dataset: DatasetVersion


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Trained:
    """A LoRA really trained for a few steps."""
    folder = tmp_path_factory.mktemp("exported")
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(80)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: bf16}}\ndata: rows.jsonl\n"
        "method: {type: lora, rank: 8, targets: all-linear}\n"
        "training: {max_steps: 12, batch_size: 8, learning_rate: 1e-2}\nproof: {score_rows: 6, q4_0: 0.9}\n",
        encoding="utf-8",
    )
    project = open_project(path, home=folder / "home")
    run = flow.train(project, silent)
    return Trained(project, run, flow.dataset_of(project, run, emit=silent))


def export_of(trained: Trained, **broken: Any) -> Export:
    base = base_of(trained.project, silent)
    return Export(trained.project, trained.run, base, trained.dataset, silent, **broken)


def test_a_merged_form_is_a_model_version_that_transformers_loads_and_answers_as_trained(trained: Trained) -> None:
    (found,) = exporting.export(trained.project, trained.run, forms=["merged-fp32"], emit=silent)
    proof, folder = found.proof, found.folder
    assert proof.passed and folder is not None
    assert proof.kl_mean < 1e-7 < proof.own_kl
    assert proof.score is not None and proof.score.n == 6
    version = read_model_version(folder)
    assert (version.form, version.parents[0], version.base) == ("merged-fp32", trained.run.name, trained.run.model.base)
    assert is_whole(folder)
    assert Proof.model_validate_json((folder / "proof.json").read_text()) == proof
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    tuned = models_of(trained.project, trained.run, base=base_of(trained.project, silent)).tuned
    tokens = tuple(range(20, 40))
    ours = tuned.score([ScoreItem(tokens[:10], (tokens[10:],))])[0][0].log_probabilities
    with torch.no_grad():
        scores = theirs(torch.tensor([tokens])).logits[0, 9:-1].log_softmax(-1)
    expected = scores.gather(1, torch.tensor(tokens[10:])[:, None])[:, 0]
    assert float((torch.from_numpy(ours) - expected).abs().max()) < 0.3, "bf16 products apart"


def test_a_merged_form_is_a_target_and_a_base_like_any_other_model(trained: Trained) -> None:
    home = trained.project.workspace.home
    (found,) = exporting.export(trained.project, trained.run, forms=["merged-bf16"], emit=silent)
    assert targets.kind_of(str(found.folder)) == "model"
    assert targets.kind_of(str(home / "models" / trained.run.name)) == "run"
    project = open_project(trained.project.file, sets=[f"model.name={found.folder}"], home=home)
    base = base_of(project, silent)
    assert base.chat.stop_ids == base_of(trained.project, silent).chat.stop_ids
    assert models_of(project, flow.train(project, silent), base=base).tuned.forward.startswith("tunewright")


def test_what_was_done_is_not_done_again(trained: Trained) -> None:
    seen: list[Event] = []
    first = exporting.export(trained.project, trained.run, forms=["merged"], emit=silent)
    again = exporting.export(trained.project, trained.run, forms=["merged", "merged-bf16"], emit=seen.append)
    assert [each.proof for each in again] == [first[0].proof]
    assert [event.stage for event in seen if isinstance(event, StageSkipped)] == ["export"]
    home = trained.project.workspace.home
    assert not [path for path in (home / "scratch").iterdir() if path.is_dir()]


def test_eight_bits_and_gguf_are_kept_and_named_by_their_content(trained: Trained) -> None:
    found = exporting.export(trained.project, trained.run, forms=["int8", "gguf-q4_0"], emit=silent)
    for each in found:
        assert each.proof.passed, each.proof.problems
        assert each.folder is not None and is_whole(each.folder)
        assert each.proof.kl_mean > each.proof.merge_kl
    gguf = found[1].folder
    assert gguf is not None and sorted(path.name for path in gguf.iterdir()) == [
        "Modelfile",
        "model.gguf",
        "proof.json",
        "version.json",
    ]
    record = trained.project.workspace.records("exports", ModelVersion)
    assert {"int8", "gguf-q4_0"} <= {version.form for version in record}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_form_is_not_kept_and_its_numbers_are(fault: Fault, trained: Trained) -> None:
    project = trained.project
    before = {path.name for path in project.workspace.models.iterdir()}
    broken = export_of(trained, merge=fault.merge, write=fault.write, planted=fault.name)
    (found,) = broken.forms([fault.form])
    assert found.folder is None
    assert fault.says in found.proof.problems[0]
    assert found.proof.score is None
    assert {path.name for path in project.workspace.models.iterdir()} == before
    assert found.proof in project.workspace.records("proofs", Proof)


def test_the_command_says_what_was_measured_and_ends_with_one_where_a_limit_is_broken(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(trained.project.file), "--home", str(trained.project.workspace.home), "--quiet"]
    assert main([*words, "--form", "merged-bf16"]) == EXIT_DONE
    said = capsys.readouterr().out
    assert said.startswith("merged-bf16: kept, ")
    assert "mean KL" in said and "exact_match on 6 rows" in said
    strict = [*words, "--set", "proof.int8=1e-9", "--form", "int8"]
    assert main([*strict, "--json"]) == EXIT_GATE
    document = json.loads(capsys.readouterr().out)
    assert document["exports"][0]["folder"] is None
    assert document["exports"][0]["proof"]["kl_mean"] > 1e-9
    assert main(strict) == EXIT_GATE
    assert "int8: this form was not kept: its next-token distributions are too far" in capsys.readouterr().err


def test_a_recipe_that_trained_nothing_and_one_without_held_out_rows_are_told(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(trained.project.workspace.home)
    assert main(["export", str(trained.project.file), "--home", home, "--set", "name=other"]) == EXIT_USER
    assert "no model was trained from this recipe yet" in capsys.readouterr().err
    sets = ["data.split.test=0", "data.split.validation=0"]
    project = open_project(trained.project.file, sets=sets, home=trained.project.workspace.home)
    run = flow.train(project, silent)
    with pytest.raises(UserError, match=r"data\.split: there are no held-out rows to prove an export on"):
        exporting.export(project, run, forms=["merged"], emit=silent)


def test_a_head_lies_beside_the_merged_weights_and_no_other_form_has_a_place_for_it(
    trained: Trained, tmp_path: Path
) -> None:
    pairs = [
        {"prompt": f"thing {number}", "chosen": "a" * (1 + number % 3), "rejected": "b" * (1 + number % 2)}
        for number in range(60)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    model = trained.project.recipe.model.name
    path.write_text(
        f"name: reward\nmodel: {{name: {model}, precision: fp32}}\ndata: pairs.jsonl\nobjective: reward\n"
        "training: {max_steps: 2, batch_size: 4, learning_rate: 1e-2}\n",
        encoding="utf-8",
    )
    project = open_project(path, home=tmp_path / "home")
    run = flow.train(project, silent)
    assert is_whole(project.workspace.models / run.name)
    (found,) = exporting.export(project, run, forms=["merged"], emit=silent)
    assert found.proof.passed and found.proof.score is None and found.folder is not None
    head, outputs = read_head(found.folder)
    assert outputs.kind == "reward"
    assert torch.equal(head, read_head(project.workspace.models / run.name)[0])
    assert is_whole(found.folder)
    with pytest.raises(UserError, match="this model answers with a head"):
        exporting.export(project, run, forms=["int8"], emit=silent)
