"""The page of reviewers in a real Chromium: two people review by keyboard, through a reload and a killed server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.review_page.served import serving
from tests.data.conftest import chat as chat
from tests.data.review.reviews import dataset_of, questions, review_of
from tests.evaluate.judging.browser import Browser, Page, browser
from tests.evaluate.judging.test_browser import CONTRAST
from tunewright.data.review.decisions import Decisions
from tunewright.data.review.summary import summarise
from tunewright.text.chat import ChatFormat

ROW, END, BEGIN = (f"!document.getElementById('{each}').hidden" for each in ("row", "end", "begin"))
CTRL_ENTER = "new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true})"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


def enter(page: Page, name: str) -> None:
    """Give a name where the page asks for it."""
    page.wait(BEGIN)
    page.type(name)
    page.press("Enter")
    page.wait(f"{ROW} || {END}")


def decide(page: Page, *keys: str) -> None:
    """Press keys, the last of which decides, and wait until the page shows what came of it."""
    before = page.value("state.done")
    for key in keys:
        page.press(key)
    page.wait(f"state.done !== {before} && !busy")


def number(page: Page) -> int:
    """The number of the row that is shown."""
    return int(page.text("#prompt").split()[1].rstrip("?"))


def test_two_people_review_by_keyboard_through_a_reload_and_a_killed_server(
    chromium: Browser, tmp_path: Path, chat: ChatFormat
) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(6))
    file = tmp_path / "review.jsonl"
    ratings = {"Ann": [1, 2, 3, 4, 5, 5], "Bo": [2, 2, 3, 4, 5, 4]}
    page = chromium.page()
    page.size(1280, 800)
    with serving(review_of(dataset, file)) as (url, port):
        page.goto(url)
        enter(page, "Ann")
        for _ in range(2):
            row = number(page)
            decide(page, str(ratings["Ann"][row]), "r" if row == 0 else "a")
        shown = page.text("#prompt")
        page.reload()
        page.wait(ROW)
        assert page.text("#prompt") == shown
        assert page.text("#count") == "3 of 6"
    row = number(page)
    page.press(str(ratings["Ann"][row]))
    page.press("r" if row == 0 else "a")
    page.wait("!document.getElementById('trouble').hidden")
    assert "Your decisions are saved" in page.text("#trouble")
    file.write_bytes(file.read_bytes() + b'{"event": "decisi')
    with serving(review_of(dataset, file), port=port):
        page.wait("state.done === 3 && !busy && document.getElementById('trouble').hidden")
        while page.value("state.row !== null"):
            row = number(page)
            decide(page, str(ratings["Ann"][row]), "r" if row == 0 else "a")
        page.press("Enter")
        page.wait("state.finished")
        page.value("document.getElementById('next').click()")
        enter(page, "Bo")
        assert page.text("#count") == "1 of 6"
        while page.value("state.row !== null"):
            row = number(page)
            decide(page, str(ratings["Bo"][row]), "r" if row == 0 else "a")
        page.press("Enter")
        page.wait("state.finished")
        told = page.text("#figures")
    found = summarise(Decisions(file))
    assert found.rating_agreement.alpha is not None
    assert f"{found.rating_agreement.alpha:.2f}" in told
    assert f"{found.rating:.2f} of 5" in told
    assert (found.rows, found.shared, found.rejected, found.broken_lines) == (6, 6, 2, 1)
    assert all(request.startswith(url) for request in page.requests()), page.requests()
    assert all("ERR_CONNECTION" in each or "Failed to load" in each for each in page.complaints())


def test_an_answer_is_edited_by_keyboard_and_undone(chromium: Browser, tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(3))
    review = review_of(dataset, tmp_path / "review.jsonl")
    page = chromium.page()
    with serving(review) as (url, _port):
        page.goto(url + "#Ann")
        page.wait(ROW)
        first, answer = page.text("#prompt"), page.text("#answer")
        page.press("e")
        assert page.value("document.activeElement.id") == "edit"
        assert page.value("document.getElementById('edit').value") == answer
        page.type(" More 1 a r s.")
        page.press("Escape")
        assert page.text("#answer") == answer
        page.press("e")
        page.value("document.getElementById('edit').select()")
        page.type("Better.")
        page.reload()
        page.wait(ROW)
        assert page.value("document.getElementById('edit').value") == "Better."
        page.press("5")
        page.value("document.getElementById('edit').focus()")
        page.value(f"document.getElementById('edit').dispatchEvent({CTRL_ENTER})")
        page.wait("state.done === 1 && !busy")
        (kept,) = review.decisions.raters["ann"].decisions.values()
        assert (kept.verdict, kept.rating, kept.answer) == ("accept", 5, "Better.")
        decide(page, "u")
        assert page.text("#prompt") == first
        assert page.value("document.getElementById('edit').value") == "Better."
        assert page.value("document.querySelector('[data-rating=\"5\"]').getAttribute('aria-pressed')") == "true"
        page.value("document.getElementById('edit').value = '   '")
        page.press("a")
        page.wait("!document.getElementById('trouble').hidden")
        assert "cannot be empty" in page.text("#trouble")
        decide(page, "s")
        assert page.value("document.getElementById('edit').hidden") is True
        assert [one.verdict for one in review.decisions.raters["ann"].decisions.values()] == ["skip"]


def test_html_is_text_long_rows_are_cut_and_each_text_has_its_own_direction(
    chromium: Browser, tmp_path: Path, chat: ChatFormat
) -> None:
    hostile = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> & <b>bold</b>"
    rows = [
        {"question": hostile, "answer": hostile},
        {"question": "متى يصل الطرد؟", "answer": "يصل غدا."},
        {"question": "Long?", "answer": "word " * 60_000},
    ]
    _, dataset = dataset_of(tmp_path, chat, rows, max_tokens=1_000_000)
    page = chromium.page()
    page.size(1280, 800)
    with serving(review_of(dataset, tmp_path / "review.jsonl")) as (url, _port):
        page.goto(url + "#Ann")
        page.wait(ROW)
        seen: dict[str, bool] = {}
        while page.value("state.row !== null"):
            text = page.text("#prompt")
            if "script" in text:
                assert page.value("document.getElementById('answer').textContent") == hostile
                assert page.value("document.querySelectorAll('.text b, .text img, .text script').length") == 0
            elif "Long" in text:
                assert "260,000 more letters are not shown" in page.text("#answer-cut")
                page.press("e")
                assert page.value("document.getElementById('edit').hidden") is True
                assert page.value("document.documentElement.scrollHeight <= innerHeight")
                page.press("ArrowDown")
                page.wait("document.getElementById('answer').scrollTop > 0")
            else:
                directions = "getComputedStyle(document.getElementById('answer')).direction"
                assert page.value(directions) == "rtl"
                assert page.value("getComputedStyle(document.getElementById('choices')).direction") == "ltr"
            seen[text] = True
            decide(page, "a")
        assert len(seen) == 3
        assert page.value("window.hurt === undefined")
    assert page.requests() and all(request.startswith(url) for request in page.requests())
    assert page.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_and_a_phone_needs_no_sideways_scrolling(
    chromium: Browser, tmp_path: Path, chat: ChatFormat, scheme: str
) -> None:
    pairs = [{"prompt": "Question?", "chosen": "good answer", "rejected": "bad answer"}]
    _, dataset = dataset_of(tmp_path, chat, pairs)
    page = chromium.page()
    page.size(390, 844, scheme=scheme)
    with serving(review_of(dataset, tmp_path / "review.jsonl")) as (url, _port):
        page.goto(url)
        found = page.value(CONTRAST)
        enter(page, "Ann")
        page.press("4")
        found += page.value(CONTRAST)
        assert page.text("#rejected") == "bad answer"
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        page.press("e")
        found += page.value(CONTRAST)
    assert len(found) > 30
    assert [each for each in found if each[1] < 4.5] == []


def test_only_this_page_may_ask(tmp_path: Path, chat: ChatFormat, chromium: Browser) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(2))
    page = chromium.page()
    with serving(review_of(dataset, tmp_path / "review.jsonl")) as (url, _port):
        page.goto(url)
        ask = (
            "(path, body) => fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, "
            "body: JSON.stringify(body)}).then((answer) => answer.status)"
        )
        assert page.value(f"({ask})('/wrong/state', {{rater: 'Ann'}})") == 404
        for body in ("{rater: 3}", "[]", "{rater: 'Ann', rating: '3'}", "{rater: 'Ann', answer: 7}"):
            assert page.value(f"({ask})('decide', {body})") == 400
        assert page.value(f"({ask})('decide', {{rater: 'Ann', row: 'none', verdict: 'accept'}})") == 409
    assert not (tmp_path / "review.jsonl").exists()
