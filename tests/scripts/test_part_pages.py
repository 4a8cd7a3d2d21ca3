"""The pages about parts say what the parts are, and show nothing that is no recipe."""

from __future__ import annotations

import re

import part_pages
import pytest
from part_pages import PLACES, TASK, pages

from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.recipe import preset
from tunewright.recipe.recipe import Recipe

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
MADE = {name: make() for name, make in pages().items()}


def test_every_method_and_optimiser_has_a_page_and_every_other_part_a_section() -> None:
    alone = {f"{kind}/{name}.md" for kind in ("methods", "optimisers") for name in catalog.names(kind)}
    assert set(MADE) == alone | {"methods.md", "optimisers.md", "schedules.md", "objectives.md", "presets.md"}
    for kind in ("schedules", "objectives"):
        assert [f"## `{name}`" for name in catalog.names(kind)] == re.findall("^## .+$", MADE[f"{kind}.md"], re.M)
    assert [f"## `{name}`" for name in preset.names()] == re.findall("^## .+$", MADE["presets.md"], re.M)


@pytest.mark.parametrize("name", MADE)
def test_every_block_is_a_recipe_or_goes_into_one(name: str) -> None:
    for block in BLOCK.findall(MADE[name]):
        text = block if block.startswith("name:") else TASK + block
        if block.startswith("model: {"):
            text = "name: a\ndata: b.jsonl\n" + block.replace("model: {", "model: {name: c/d, ")
        assert isinstance(part_pages.checked(text), Recipe)


@pytest.mark.parametrize("name", catalog.names("optimisers"))
def test_an_optimiser_says_its_memory_and_its_paper(name: str) -> None:
    text = MADE[f"optimisers/{name}.md"]
    state = catalog.work("optimisers", name).state_bytes
    assert f"{state:g} bytes of state a trained weight" in text
    assert f"{8 + state:g} in all" in text
    assert re.search(r"Source: .+\[arXiv \d{4}\.\d{5}\]\(https://arxiv\.org/abs/\d{4}\.\d{5}\)", text)


def test_every_key_of_a_part_is_on_its_page() -> None:
    for kind in PLACES:
        for name in catalog.names(kind):
            text = MADE.get(f"{kind}/{name}.md") or MADE[f"{kind}.md"]
            missing = [
                key
                for key in catalog.options(kind, name).model_fields
                if key not in ("type", "version") and f"- **`{key}`**" not in text
            ]
            assert missing == []


def test_an_example_that_is_no_recipe_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_pages, "TASK", TASK + "trainnig: {}\n")
    with pytest.raises(UserError, match="trainnig"):
        part_pages.part_page("optimisers", "lion")
