"""The report in a real Chromium: it asks for nothing, fits a phone, and can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.report.folders import conversation, folder_of, many
from tests.evaluate.judging.browser import Browser, browser
from tests.evaluate.judging.test_browser import CONTRAST
from tunewright.core.ports import Changed, Gone
from tunewright.data.report.write import Told, write_report

HOSTILE = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module", params=[10, 100_000])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "data"
    bad = conversation(f"{HOSTILE} متى يصل الطرد؟", f"{HOSTILE}\u202e.")
    version = folder_of(
        folder,
        many(request.param),
        lost=[Gone(bad, "train", "dropped", "quality.repetition")] * 2,
        changed=[Changed(bad, conversation("Question", "Answer"), "clean.html")],
        broken=2,
    )
    rows = [{"id": str(n), "source": "a.jsonl", "line": n, "text": HOSTILE * 100} for n in range(8)]
    (folder / "clusters.json").write_text(json.dumps([{"rows": rows, "similarity": 0.87}] * 3))
    check = {"name": "enough_rows", "status": "pass", "value": 3, "limit": 2, "sentence": "Enough.", "source": ""}
    (folder / "checklist.json").write_text(json.dumps([check]))
    told = Told("Customer support", "tunewright data recipe.yaml --report", ["clean", "quality"])
    return write_report(folder.parent / "report.html", folder, version=version, told=told)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_alone_fits_and_stands_out(chromium: Browser, report: Path, width: int, scheme: str) -> None:
    page = chromium.page()
    page.size(width, 900, scheme=scheme)
    page.goto(report.as_uri())
    assert page.requests() == [report.as_uri()]
    assert page.value("window.hurt === undefined")
    assert page.complaints() == []
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    assert page.value("document.querySelectorAll('main img, main script').length") == 0
    assert [each for each in page.value(CONTRAST) if each[1] < 4.5] == []
    assert page.value("[...document.querySelectorAll('svg')].every((one) => one.getBoundingClientRect().height > 40)")
    named = "(one) => document.getElementById(one.getAttribute('aria-labelledby').split(' ')[0]).textContent"
    titles = page.value(f"[...document.querySelectorAll('svg')].map({named})")
    assert "From source to training row" in titles and all(titles)
    assert page.value("getComputedStyle(document.querySelector('.decided [dir=auto]')).unicodeBidi").startswith(
        "isolate"
    )


def test_no_words_of_a_picture_lie_on_others(chromium: Browser, report: Path) -> None:
    page = chromium.page()
    page.size(1280, 900)
    page.goto(report.as_uri())
    assert page.value(OVERLAPS) == []


OVERLAPS = """(() => {
  const found = [];
  for (const picture of document.querySelectorAll('svg')) {
    const words = [...picture.querySelectorAll('text')].map((one) => [one.textContent, one.getBoundingClientRect()]);
    words.forEach(([text, a], place) => words.slice(place + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const tall = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && tall > 3) found.push([text, other]);
    }));
  }
  return found;
})()"""
