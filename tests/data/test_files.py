"""Which files are read, and when data must be prepared again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import every
from tunewright.core.errors import UserError
from tunewright.data.files import SourceFile, dataset_key, find_files, source_type
from tunewright.recipe.check import check_recipe
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat


def names(folder: Path, **given: Any) -> dict[str, list[str]]:
    found = find_files(DataOptions.model_validate(given), folder=folder)
    return {split: [file.name for file in group] for split, group in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("a.jsonl", "1"), ("b.jsonl", "2"), ("deep/er/c.jsonl", "3"), ("we[ird].jsonl", "4")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(content)
    return tmp_path / "in"


def test_paths_and_globs(folder: Path) -> None:
    assert names(folder, train="a.jsonl", test="b.jsonl") == {"train": ["a.jsonl"], "test": ["b.jsonl"]}
    assert set(names(folder, train="[ab].jsonl")["train"]) == {"a.jsonl", "b.jsonl"}
    assert set(names(folder, train="**/*.jsonl")["train"]) >= {"a.jsonl", "deep/er/c.jsonl"}
    assert names(folder, train="we[ird].jsonl")["train"] == ["we[ird].jsonl"]
    assert names(folder / "deep", train=str(folder / "a.jsonl"))["train"] == ["../a.jsonl"]


def test_order_is_by_content_not_by_name(folder: Path) -> None:
    first = [(folder / name).read_text() for name in names(folder, train="[ab].jsonl")["train"]]
    (folder / "a.jsonl").rename(folder / "z.jsonl")
    assert [(folder / name).read_text() for name in names(folder, train="[bz].jsonl")["train"]] == first


def test_a_missing_file_is_named_with_its_key(folder: Path) -> None:
    with pytest.raises(UserError, match=r"data\.validation\.path.*no\.jsonl"):
        names(folder, train="a.jsonl", validation="no.jsonl")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("deep", '"deep" is a folder without a text file (.txt, .md).'),
        ("no.csv", 'no file is called "no.csv" here.'),
        ("~nobody-here/x.csv", 'no file is called "~nobody-here/x.csv" here.'),
    ],
)
def test_a_path_without_files_is_said_as_check_says_it(folder: Path, path: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        names(folder, train=path)
    assert caught.value.problems[0].what == what
    (folder / "recipe.yaml").write_text(f"name: a\nmodel: a/b\ndata: '{path}'\n")
    with pytest.raises(UserError) as checked:
        check_recipe(folder, environment={})
    assert [(each.what, each.do) for each in checked.value.problems] == [(what, caught.value.problems[0].do)]


def test_the_format_is_the_ending_or_what_is_said(folder: Path) -> None:
    sources = every("sources")
    file = SourceFile(folder / "a.CSV", "a.CSV", "", "auto")
    assert source_type(file, sources) == "csv"
    assert source_type(SourceFile(folder / "a.txt", "a.txt", "", "jsonl"), sources) == "jsonl"
    assert source_type(SourceFile(folder / "a.txt", "a.txt", "", "auto"), sources) == "text"
    assert source_type(SourceFile(folder / "a.pq", "a.pq", "", "auto"), sources) == "parquet"
    with pytest.raises(UserError, match=r"a\.xls is not known"):
        source_type(SourceFile(folder / "a.xls", "a.xls", "", "auto"), sources)
    with pytest.raises(UserError, match='Did you mean "parquet"'):
        source_type(SourceFile(folder / "a.txt", "a.txt", "", "parket"), sources)


@pytest.mark.parametrize("ending", ["gz", "zst", "zip", "XZ"])
def test_a_packed_file_is_to_be_unpacked(folder: Path, ending: str) -> None:
    path = folder / f"rows.jsonl.{ending}"
    with pytest.raises(UserError, match=r"rows\.jsonl\.\w+ is packed.*Unpack it"):
        source_type(SourceFile(path, path.name, "", "auto"), every("sources"))


def test_an_unknown_ending_names_every_format(folder: Path) -> None:
    with pytest.raises(UserError, match=r"not known by its ending.*arrow, csv, json, jsonl"):
        source_type(SourceFile(folder / "rows.xyz", "rows.xyz", "", "auto"), every("sources"))


def test_a_link_that_leads_nowhere_is_called_so(folder: Path) -> None:
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    with pytest.raises(UserError, match=r"link.*leads to no file"):
        names(folder, train="loop.jsonl")


def test_the_key_follows_content_options_and_mask(folder: Path, chat: ChatFormat) -> None:
    def key(loss_on: str = "answers", **given: Any) -> str:
        options = DataOptions.model_validate({"train": "a.jsonl", **given})
        return dataset_key(options, chat, folder=folder, loss_on=loss_on)

    first = key()
    os.utime(folder / "a.jsonl", (1, 1))
    assert key() == first
    assert len({first, key("all"), key(max_tokens=99), key(steps=[]), key(test="b.jsonl")}) == 5
    (folder / "a.jsonl").write_text("other")
    assert key() != first
