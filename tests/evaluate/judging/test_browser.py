"""The page in a real Chromium: two raters vote by keyboard, through a reload and a server that is started anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluate.judging.browser import Browser, Page, browser
from tests.evaluate.judging.people import planted, serving, session_of
from tunewright.evaluate.judging.pairs import Duel, Pair
from tunewright.evaluate.judging.people.results import make_people
from tunewright.stats.agreement import krippendorff_alpha

PAIR, END, BEGIN = (f"!document.getElementById('{each}').hidden" for each in ("pair", "end", "begin"))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


def enter(page: Page, name: str) -> None:
    """Give a name where the page asks for it."""
    page.wait(BEGIN)
    page.type(name)
    page.press("Enter")
    page.wait(f"{PAIR} || {END}")


def press(page: Page, key: str) -> None:
    """Press a key that votes or undoes, and wait until the page shows what came of it."""
    before = page.value("state.done")
    page.press(key)
    page.wait(f"state.done !== {before} && !busy")


def key_for(page: Page, winner: str) -> str:
    """The key that lets alpha or beta win as the page stands, or that makes a tie."""
    if winner == "tie":
        return "0"
    return "1" if page.text("#left").startswith(winner) else "2"


def judge(page: Page, winners: list[str], *, most: int = 99) -> None:
    """Vote on the pairs that are shown, by keyboard, as `winners` says row by row."""
    while most and page.value("state.place !== null"):
        number = int(page.text("#prompt").split()[1].rstrip("?"))
        press(page, key_for(page, winners[number]))
        most -= 1


def test_two_raters_vote_by_keyboard_through_a_reload_and_a_restart(chromium: Browser, tmp_path: Path) -> None:
    ann = ["beta", "beta", "alpha", "tie", "beta", "alpha", "beta", "tie"]
    bo = ["beta", "alpha", "alpha", "tie", "beta", "beta", "tie", "tie"]
    page = chromium.page()
    page.size(1280, 800)
    session = session_of(planted(8), tmp_path)
    with serving(session) as (url, port):
        page.goto(url)
        enter(page, "Ann")
        judge(page, ann, most=3)
        shown = page.text("#left"), page.text("#right"), page.text("#count")
        assert shown[2] == "4 of 8"
        page.reload()
        page.wait(PAIR)
        assert (page.text("#left"), page.text("#right"), page.text("#count")) == shown
    page.press(key_for(page, ann[int(page.text("#prompt").split()[1].rstrip("?"))]))
    page.wait("!document.getElementById('trouble').hidden")
    assert "Your votes are saved" in page.text("#trouble")
    again = session_of(planted(8), tmp_path)
    with serving(again, port=port) as (url_again, _port):
        assert url_again == url
        page.wait("state.done === 4 && !busy && document.getElementById('trouble').hidden")
        judge(page, ann)
        page.wait(END)
        page.press("Enter")
        page.wait("state.finished")
        page.value("document.getElementById('next').click()")
        enter(page, "Bo")
        judge(page, bo)
        page.press("Enter")
        page.wait("state.finished")
    people = make_people(again, evaluation="e", made_at="now")
    value = {"alpha": 0.0, "tie": 0.5, "beta": 1.0}
    votes = [[value[first], value[second]] for first, second in zip(ann, bo, strict=True)]
    expected = krippendorff_alpha(votes, level="ordinal")
    assert expected is not None and 0 < expected < 1
    assert people.alpha.value == pytest.approx(expected, abs=1e-12)
    assert people.win_rate.value == pytest.approx(sum(map(sum, votes)) / 16)
    assert [rater.finished for rater in people.raters] == [True, True]
    assert all(request.startswith(url) for request in page.requests()), page.requests()
    assert all("ERR_CONNECTION" in each or "Failed to load" in each for each in page.complaints())


def test_keys_undo_skip_and_leave_other_keys_alone(chromium: Browser, tmp_path: Path) -> None:
    session = session_of(planted(4), tmp_path)
    page = chromium.page()
    with serving(session) as (url, _port):
        page.goto(url)
        enter(page, "Ann 012 su")
        assert page.text("#name") == "Ann 012 su"
        assert page.value("document.querySelector('nav [data-act=undo]').disabled") is True
        first = page.text("#left")
        for key in ("3", "x", "u", "Enter", " "):
            page.press(key)
        press(page, "s")
        press(page, "1")
        press(page, "u")
        press(page, "u")
        assert page.text("#left") == first
        press(page, "2")
        page.value("document.querySelector('[data-choice=tie]').click()")
        page.wait("state.done === 2 && !busy")
        press(page, "U")
        assert [vote.choice for vote in session.ballot.votes()] == ["right"]
        page.value("document.getElementById('other').click()")
        page.wait(BEGIN)
        page.press("1")
        assert page.value("document.getElementById('rater').value") == "1"
    assert page.complaints() == []


def test_html_is_text_and_long_answers_scroll_inside(chromium: Browser, tmp_path: Path) -> None:
    hostile = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> & <b>bold</b>"
    long = "word " * 200_000
    prompt = ({"role": "system", "content": "<i>S</i>"}, {"role": "user", "content": hostile})
    session = session_of(Duel("answers", ("base", "tuned"), (Pair("r", prompt, (hostile, long), "r"),)), tmp_path)
    page = chromium.page()
    page.size(1280, 800)
    with serving(session) as (url, _port):
        page.goto(url)
        enter(page, "Ann")
        texts = [page.value(f"document.getElementById({each!r}).textContent") for each in ("left", "right")]
        assert sorted(texts) == sorted([hostile, long])
        assert page.value("window.hurt === undefined")
        assert page.value("document.querySelectorAll('.text b, .text i, .text img, .text script').length") == 0
        assert page.text("#prompt").startswith("System\n<i>S</i>") or "<i>S</i>" in page.text("#prompt")
        assert page.value("document.documentElement.scrollHeight <= innerHeight")
        place = "left" if texts[0] == long else "right"
        assert page.value(f"{place} = document.getElementById('{place}'), {place}.scrollHeight > {place}.clientHeight")
        page.press("ArrowDown")
        page.wait(f"document.getElementById('{place}').scrollTop > 0")
        assert page.seen("nav [data-choice=left]")
    assert page.requests() and all(request.startswith(url) for request in page.requests())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(chromium: Browser, tmp_path: Path, scheme: str) -> None:
    """The contrast of every text is at least 4.5 : 1, as WCAG 2.2 asks in 1.4.3."""
    session = session_of(planted(1), tmp_path)
    page = chromium.page()
    page.size(1280, 800, scheme=scheme)
    with serving(session) as (url, _port):
        page.goto(url)
        found = page.value(CONTRAST)
        enter(page, "Ann")
        found += page.value(CONTRAST)
    assert len(found) > 20
    assert [each for each in found if each[1] < 4.5] == []


CONTRAST = """(() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    paint.fillStyle = '#fff'; paint.fillRect(0, 0, 1, 1);
    for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length || element.closest(':disabled')) continue;
    const grounds = [];
    for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const ground = light(over(grounds)), ink = light(over([...grounds, getComputedStyle(element).color]));
    const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    found.push([element.textContent.trim().slice(0, 30), ratio]);
  }
  return found;
})()"""
