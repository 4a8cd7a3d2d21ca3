"""The check of the pages finds what it is for."""

from __future__ import annotations

from pathlib import Path

from check_docs import ROOT, dead_links, long_decisions, lost_pages, unknown_verbs


def write(root: Path, pages: dict[str, str]) -> Path:
    for name, text in pages.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_our_pages_are_whole() -> None:
    assert dead_links(ROOT) + lost_pages(ROOT) + long_decisions(ROOT) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"README.md": "[a](docs/a.md) [b](docs/b.md#here) [c](https://example.com/c)", "docs/a.md": ""}
    )
    assert dead_links(root) == ["README.md: docs/b.md leads nowhere"]


def test_a_lost_page_is_found(tmp_path: Path) -> None:
    root = write(tmp_path, {"docs/index.md": "[a](a.md)", "docs/a.md": "[i](index.md)", "docs/deep/b.md": ""})
    assert lost_pages(root) == ["docs/deep/b.md is linked from nowhere"]


def test_a_long_decision_is_found(tmp_path: Path) -> None:
    root = write(tmp_path, {"docs/decisions/0001-a.md": "x\n" * 41, "docs/decisions/0002-b.md": "x\n" * 40})
    assert long_decisions(root) == ["0001-a.md: 41 lines (limit 40)"]


def test_a_verb_that_does_not_exist_is_found(tmp_path: Path) -> None:
    text = "```sh\ntunewright check a.yaml\n$ tw tain a.yaml\nHOME=x tunewright chat\n```\ntunewright flies\n"
    assert unknown_verbs(write(tmp_path, {"README.md": text}), ["check", "chat"]) == [
        "README.md: no verb is called tain"
    ]
