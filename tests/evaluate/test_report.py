"""The report: everything in one file, nothing from outside, and text from rows only as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evaluate.sample import content, dataset, evaluation, verdict
from tunewright.app import resolve
from tunewright.core.nouns import Answered, Receipt, RowCounts, Slice, TokenCounts, Verdict
from tunewright.evaluate import titles
from tunewright.evaluate.report import ReportContent, cell, html, markdown, write_report

SOURCE = Path(titles.__file__).parent
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
            "ways": {HOSTILE: (HOSTILE,)},
            "unmeasured": {HOSTILE: HOSTILE},
            "left_out": {HOSTILE: {HOSTILE: HOSTILE}},
            "extremes_way": HOSTILE,
            "slices": {
                HOSTILE: tuple(
                    Slice(kind=kind, value=HOSTILE, n=9, base=0.5, tuned=0.1) for kind in (HOSTILE, "attribute")
                )
            },
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
    assert "At a glance" not in text and "Where it fails" not in text


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
    page = html(replace(content(), run=None, evaluation=changed, verdict=None))
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
    inside, _ = json.JSONDecoder().raw_decode(text[text.index('{\n "name": "icd"') :])
    assert inside["training"]["epochs"] == 2.0


ORDER = ("Not ready: 2 of 3 gates", "At a glance", "Gates", "The task", "Forgetting", "Safety", "Bias and fairness",
         "Speed of answers", "Where it fails", "The worst answers", "The best answers", "Drawn by chance",
         "What was asked", "The data", "Training", "Make it again")  # fmt: skip


def test_the_decision_comes_first_and_the_records_last(page: str) -> None:
    body = page[page.index("<h1>") :]
    heads = re.findall(r"<(?:h2|h3|b)[^>]*>(?:<i>.</i>)?([^<]+)", body)
    places = [next(place for place, head in enumerate(heads) if head.startswith(title)) for title in ORDER]
    assert places == sorted(places)


def test_gates_say_how_much_is_missing_and_on_which_rows(page: str) -> None:
    text = Page(page).text
    assert "it is 3.486, and the bound +0.080 misses +0.068 by 0.012" in text
    assert "contaminated of contamination at most 0: not decided, it was not measured." in text
    assert 'Against it: test.jsonl:5: "Other specified dissociative disorders" -> "nervous"' in text


def test_a_model_that_meets_every_gate_is_ready() -> None:
    met = verdict().model_copy(update={"gates": verdict().gates[:1]})
    text = Page(html(replace(content(), verdict=met))).text
    assert "Ready: every gate is met" in text and "Not ready" not in text


def test_parts_that_are_clearly_worse_are_marked(page: str) -> None:
    rows = re.findall(r"<tr><td>(?:label|length): .*?</tr>", page, flags=re.DOTALL)
    assert "label: skin" in rows[0] and "clearly worse" in rows[0]
    assert "clearly worse" not in next(row for row in rows if "label: ear" in row)


def test_labels_stand_with_the_lowest_first(page: str) -> None:
    table = page[page.index("Label by label") :]
    assert re.findall(r"<tr><td>(\w+)</td>", table)[:2] == ["skin", "respiratory"]


def test_markdown_and_json_lie_beside_the_page(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", content=content())
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    told = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert told[:4] == ["At a glance", "Gates", "The task", "Forgetting"] and told[-1] == "Make it again"
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["decision"]["state"] == "not_met" and len(document["decision"]["why"]) == 2
    assert document["evaluation"]["suites"]["labels_best"]["accuracy"]["tuned"] == 271 / 300
    assert Verdict.model_validate(document["verdict"]) == verdict()


def test_tables_of_the_markdown_have_as_many_cells_as_their_heads() -> None:
    for text in (markdown(content()), markdown(hostile())):
        cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
        heads = [line for line in text.splitlines() if re.fullmatch(r"\|[-:|]+\|", line)]
        assert heads and cells
        width = 0
        for line in text.splitlines():
            if not line.startswith("|"):
                width = 0
            elif width == 0:
                width = len(re.findall(r"(?<!\\)\|", line))
            else:
                assert len(re.findall(r"(?<!\\)\|", line)) == width, line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | b", "a \\| b"),
        ("<script>", "&lt;script\\>"),
        ("![x](http://y)", "!\\[x\\](http://y)"),
        ("two\nlines", "two lines"),
        ("`code`", "\\`code\\`"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_text_of_rows_stays_in_its_cell(text: str, expected: str) -> None:
    assert cell(text) == expected


def test_hostile_text_makes_no_tag_in_markdown() -> None:
    shown = [line for line in markdown(hostile()).splitlines() if not line.startswith("    ")]
    assert not any("<script" in line or "<img" in line for line in shown)


def test_every_scorer_and_every_way_has_a_name_for_people() -> None:
    scorers = {path.stem for path in (SOURCE / "scorers").glob("*.py")} - {"__init__"}
    assert scorers == set(titles.METRICS)
    suites = {path.stem for path in (SOURCE / "suites").glob("*.py")} - {"__init__", "archive", "file", "lm_eval"}
    assert suites == {suite for kind in titles.KINDS.values() for suite in kind.suites}


def test_what_is_shown_in_percent_lies_between_0_and_1() -> None:
    ranges = {name: resolve.scorer(name).range for name in titles.METRICS}
    assert {name for name in ranges if ranges[name] == (0.0, 1.0)} - titles.PERCENT == {"rouge_1", "rouge_2", "rouge_l"}
    assert all(ranges[name] == (0.0, 1.0) for name in titles.PERCENT)
