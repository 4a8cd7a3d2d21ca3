"""The hub, against a small one on loopback: pins, tokens, resume, damage, refusals; the real one is never asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.models.numbers import plain
from tests.models.small_hub import COMMIT, NAME, Hub, serving
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note, Progress, silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import FoundModel, find
from tunewright.models.load import load
from tunewright.recipe.recipe import ModelOptions

WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    files = {path.name: path.read_bytes() for path in tiny_model_folder.iterdir()}
    strange = {"README.md": b"#", "modeling_evil.py": b"raise SystemExit", "pytorch_model.bin": b"pickle" * 10_000}
    with serving(Hub({**files, **strange})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def found(workspace: Workspace, *, revision: str | None = None, emit: object = silent) -> FoundModel:
    options = ModelOptions(name=NAME, revision=revision)
    return find(options, folder=workspace.home, workspace=workspace, emit=emit)  # type: ignore[arg-type]


def test_a_model_arrives_pinned_whole_and_without_code(hub: Hub, workspace: Workspace) -> None:
    events: list[Event] = []
    model = found(workspace, emit=events.append)
    assert model.source == f"{NAME}@{COMMIT}"
    names = {path.name for path in model.path.iterdir()}
    assert WEIGHTS in names and "chat_template.jinja" in names
    assert not {"README.md", "modeling_evil.py", "pytorch_model.bin", ".cache"} & names
    assert load(model.path, numbers=plain("fp32")).config.hidden_size == 64
    assert any(isinstance(event, Note) and COMMIT in event.text for event in events)
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert last.done == last.total == sum(len(hub.files[name]) for name in names)


def test_a_second_run_asks_nothing(hub: Hub, workspace: Workspace) -> None:
    first = found(workspace)
    hub.asked.clear()
    assert found(workspace) == first
    assert hub.asked == []


def test_the_digest_is_that_of_the_same_folder(hub: Hub, workspace: Workspace, tiny_model_folder: Path) -> None:
    options = ModelOptions(name=str(tiny_model_folder))
    local = find(options, folder=workspace.home, workspace=workspace, emit=silent)
    assert found(workspace).digest == local.digest


def test_a_commit_of_the_recipe_is_used_as_it_is(hub: Hub, workspace: Workspace) -> None:
    assert found(workspace, revision=COMMIT).source == f"{NAME}@{COMMIT}"
    with pytest.raises(UserError, match="no such commit"):
        found(workspace, revision="1" * 40)


def test_a_token_is_needed_and_sent(hub: Hub, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_secret"
    with pytest.raises(UserError, match="HF_TOKEN") as caught:
        found(workspace)
    assert caught.value.exit_code == 2
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert found(workspace).path.is_dir()


def test_a_gated_model_says_what_to_do(hub: Hub, workspace: Workspace) -> None:
    hub.gated = True
    with pytest.raises(UserError, match="Accept the model's terms"):
        found(workspace)


def test_a_broken_download_goes_on_where_it_broke(
    hub: Hub, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # 10 MB: more than the whole tiny model
    hub.cut_after[WEIGHTS] = 30_000
    with pytest.raises(OutsideError) as caught:
        found(workspace)
    assert caught.value.retry == "safe"
    assert not [path for path in (workspace.cache / "hub").rglob(WEIGHTS)]
    hub.status = None
    hub.asked.clear()
    model = found(workspace)
    assert (model.path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.gets(WEIGHTS) == ["bytes=30000-"]
    assert hub.gets("config.json") == []


def test_a_damaged_file_is_refused_and_not_kept(hub: Hub, workspace: Workspace) -> None:
    content = bytearray(hub.files[WEIGHTS])
    content[-1] ^= 1
    hub.altered[WEIGHTS] = bytes(content)
    with pytest.raises(OutsideError, match="arrived damaged") as caught:
        found(workspace)
    assert caught.value.retry == "safe"
    hub.altered.clear()
    assert (found(workspace).path / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_damaged_small_file_is_refused(hub: Hub, workspace: Workspace) -> None:
    hub.altered["config.json"] = hub.files["config.json"].replace(b"64", b"65")
    with pytest.raises(OutsideError, match=r"config\.json arrived damaged"):
        found(workspace)


def test_pickle_weights_alone_are_refused_before_a_download(hub: Hub, workspace: Workspace) -> None:
    hub.files.pop(WEIGHTS)
    with pytest.raises(UserError, match="only pickle weights"):
        found(workspace)
    assert not any("/resolve/" in path for _method, path, _sought in hub.asked)


def test_a_dangerous_config_is_refused_before_the_weights(hub: Hub, workspace: Workspace) -> None:
    hub.files["config.json"] = hub.files["config.json"].replace(b"{", b'{"auto_map": {},', 1)
    with pytest.raises(UserError, match="auto_map"):
        found(workspace)
    assert hub.gets(WEIGHTS) == []


def test_a_name_that_the_hub_does_not_know(hub: Hub, workspace: Workspace) -> None:
    options = ModelOptions(name="acme/other")
    with pytest.raises(UserError, match="no model acme/other"):
        find(options, folder=workspace.home, workspace=workspace, emit=silent)


def test_a_hub_in_trouble_is_the_outside_world(hub: Hub, workspace: Workspace) -> None:
    hub.status = 500
    with pytest.raises(OutsideError, match="status 500") as caught:
        found(workspace)
    assert caught.value.exit_code == 3


def test_no_network_is_one_sentence(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OutsideError, match=r"connection to http://127\.0\.0\.1:9 failed") as caught:
        found(workspace)
    assert caught.value.retry == "safe" and "\n" not in str(caught.value)


def test_another_endpoint_pins_anew(hub: Hub, workspace: Workspace) -> None:
    found(workspace)
    memory = workspace.cache / "hub" / "acme--tiny" / "commit.json"
    memory.write_text('{"endpoint": "http://elsewhere", "commit": "' + "1" * 40 + '"}')
    assert found(workspace).source.endswith(COMMIT)
