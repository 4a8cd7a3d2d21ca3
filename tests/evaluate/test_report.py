"""The report: everything in one file, nothing from outside, and text from rows only as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evaluate.sample import content, dataset, evaluation
from tunewright.core.nouns import Answered, Receipt, RowCounts, TokenCounts
from tunewright.evaluate.report import ReportContent, html, write_report

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> $\\frac{1}$ & "quoted" \ud800 \x00'


class Page(HTMLParser):
    """Collects tags with their attributes, and text outside pictures and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def page() -> str:
    return html(content())


def test_summary_and_table_stand_in_the_page(page: str) -> None:
    text = Page(page).text
    for wanted in (
        "Clinical coding: from diagnosis to body system",
        "was fine-tuned on 1,200 examples to tell 12 labels apart, in 150 steps and 3 min of training.",
        "271 of 300 right (90.3 %)",
        "69 of 300",
        "61.9 to 72.7",
        "1,697 rows were read; 1,680 were kept.",
        "lora (rank 16, alpha 32, dropout 0, targets all-linear)",
        "auto, which became 0.001",
        "Trigeminal neuralgia",
        "tunewright run examples/icd/recipe.yaml",
        "2.1 GB",
        content().dataset.name,
    ):
        assert wanted in text, wanted


def test_all_pictures_are_there_and_named(page: str) -> None:
    labels = [attributes.get("aria-label") for tag, attributes in Page(page).tags if tag == "svg"]
    assert len(labels) == 8
    assert all(labels)


def test_nothing_comes_from_outside(page: str) -> None:
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert "@import" not in page and "<script" not in page
    assert not re.search(r"url\((?!#)", page)


def test_every_reference_inside_pictures_has_one_target(page: str) -> None:
    ids = [attributes["id"] for _tag, attributes in Page(page).tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", page)) <= set(ids)


def test_pictures_take_the_pages_colours(page: str) -> None:
    svg = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--tuned)" in svg
    assert not re.findall(r"(?:fill|stroke): #[0-9a-f]{6}", svg)


def hostile() -> ReportContent:
    """Every text that a user or a model writes is hostile."""
    plain = content()
    labels = (HOSTILE, "b")
    receipt = plain.dataset.receipt.model_copy(
        update={
            "labels": {"train": {HOSTILE: 3, "b": 4}},
            "sources": {HOSTILE: next(iter(plain.dataset.receipt.sources.values()))},
        }
    )
    found = evaluation().model_copy(
        update={
            "labels": labels,
            "confusion": {"labels_generated.tuned": [[1, 2, 3], [0, 4, 0]]},
            "examples": (Answered(row="r", prompt=HOSTILE, target=HOSTILE, base=HOSTILE, tuned=""),),
            "suites": {HOSTILE: evaluation().suites["heldout"]},
            "base_prompts": {HOSTILE: HOSTILE},
        }
    )
    return replace(
        plain,
        title=HOSTILE,
        command=HOSTILE,
        recipe={"model": {"name": HOSTILE}, "method": {"type": HOSTILE, HOSTILE: HOSTILE}},
        dataset=plain.dataset.model_copy(update={"labels": labels, "receipt": receipt}),
        evaluation=found,
    )


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    written = write_report(tmp_path / "report.html", content=hostile()).read_text(encoding="utf-8")
    page = Page(written)
    assert not {"script", "img"} & {tag for tag, _attributes in page.tags}
    assert not any(name.startswith("on") for _tag, attributes in page.tags for name in attributes)
    assert '<script>alert("x")</script>' in page.text


def test_the_same_content_gives_the_same_bytes(page: str) -> None:
    assert html(content()) == page


def test_a_report_before_training_and_measuring() -> None:
    text = Page(html(replace(content(), run=None, evaluation=None, events=[]))).text
    assert "No model was trained" in text and "Nothing was measured yet" in text
    assert "Before and after" not in text


def test_a_run_whose_events_are_gone() -> None:
    assert "there are no curves" in Page(html(replace(content(), events=[]))).text


def test_a_base_model_alone_has_no_verdict() -> None:
    alone = {
        way: {
            name: one.model_copy(update={"tuned": None, "difference": None, "interval": None, "p": None})
            for name, one in metrics.items()
        }
        for way, metrics in evaluation().suites.items()
    }
    confusion = {name: matrix for name, matrix in evaluation().confusion.items() if not name.endswith("tuned")}
    changed = evaluation().model_copy(update={"suites": alone, "confusion": confusion})
    page = html(replace(content(), run=None, evaluation=changed))
    text = Page(page).text
    assert "Only a base model was measured. On 300 test rows it reaches 69 of 300 right" in text
    assert 'class="better">' not in page


def test_an_empty_receipt_and_a_single_step() -> None:
    receipt = Receipt(rows=RowCounts(), tokens=TokenCounts(), splits={}, lengths={"train": [0, 0]})
    first = content().events[:1]
    changed = replace(content(), dataset=dataset().model_copy(update={"receipt": receipt, "labels": ()}), events=first)
    assert "0 rows were read" in Page(html(changed)).text


def test_many_labels_are_a_table_not_a_picture() -> None:
    labels = tuple(f"label {number}" for number in range(60))
    matrix = [[5 if line == column else int(column == 60) for column in range(61)] for line in range(60)]
    receipt = dataset().receipt.model_copy(update={"labels": {"train": dict.fromkeys(labels, 4)}})
    changed = replace(
        content(),
        dataset=dataset().model_copy(update={"labels": labels, "receipt": receipt}),
        evaluation=evaluation().model_copy(update={"labels": labels, "confusion": {"labels_generated.tuned": matrix}}),
    )
    text = Page(html(changed)).text
    assert "no known label" in text
    assert "the first 24 of 60" in text
    assert "Which labels are mistaken" not in text


def test_the_whole_recipe_is_inside(page: str) -> None:
    text = "".join(Page(page).words)
    inside = json.loads(text[text.index('{\n "name": "icd"') : text.index("Made by Tunewright")].strip())
    assert inside["training"]["epochs"] == 2.0
