"""The page's server: what it lets through, and what it says to everything else."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.evaluate.judging.people import planted, serving, session_of
from tunewright.evaluate.judging.pairs import Duel, Pair

JSON = {"Content-Type": "application/json"}


def test_the_page_and_its_files_come_with_a_strict_policy(tmp_path: Path) -> None:
    session = session_of(planted(2), tmp_path)
    with serving(session) as (url, _port):
        for name, kind in [("", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript")]:
            got = httpx.get(url + name)
            assert got.status_code == 200 and got.headers["content-type"].startswith(kind)
            assert "default-src 'none'" in got.headers["content-security-policy"]
            assert "http:" not in got.text and "https:" not in got.text
            assert (got.headers["referrer-policy"], got.headers["cache-control"]) == ("no-referrer", "no-store")
            assert "base" not in got.text.replace("base-uri", "") and "tuned" not in got.text


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"headers": {**JSON, "Origin": "http://evil.example"}}, 403),
        ({"headers": {**JSON, "Origin": "null"}}, 403),
        ({"headers": {**JSON, "Sec-Fetch-Site": "cross-site"}}, 403),
        ({"headers": {**JSON, "Sec-Fetch-Site": "same-site"}}, 403),
        ({"headers": {**JSON, "Host": "evil.example"}}, 421),
        ({"headers": {**JSON, "Host": "127.0.0.1.evil.example:80"}}, 421),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 415),
        ({"content": b"{"}, 400),
        ({"content": b""}, 400),
        ({"content": b"[" * 4000}, 400),
        ({"content": b"[]"}, 400),
        ({"content": b'{"rater": 3}'}, 400),
        ({"content": b'{"rater": ""}'}, 400),
        ({"content": b'{"rater": "\\ud800"}'}, 400),
        ({"content": b'{"rater": "Ann", "place": "0"}'}, 400),
        ({"content": b'{"rater": "Ann", "place": 0, "choice": "both"}'}, 400),
        ({"content": b'{"rater": "Ann", "place": true, "choice": "left"}'}, 400),
        ({"content": b'{"rater": "' + b"x" * 5000 + b'"}'}, 400),
        ({"content": b'{"rater": "Ann", "place": 1, "choice": "left"}'}, 409),
    ],
)
def test_what_is_no_vote_of_this_page_is_refused_and_counts_for_nothing(tmp_path: Path, how: dict, status: int) -> None:
    session = session_of(planted(2), tmp_path)
    good = {"headers": JSON, "content": b'{"rater": "Ann", "place": 0, "choice": "left"}'}
    with serving(session) as (url, _port):
        got = httpx.post(url + "vote", **{**good, **how})
        assert got.status_code == status
        assert status == 409 or got.json()["error"]
        assert not session.ballot.votes()
        assert httpx.post(url + "vote", **good).status_code == 200
    assert len(session.ballot.votes()) == 1


def test_without_the_secret_there_is_no_page(tmp_path: Path) -> None:
    session = session_of(planted(2), tmp_path)
    with serving(session) as (url, port):
        for path in ("", "page.js", session.token[:-1] + "/", "state", "é/"):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}").status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/x/state", json={"rater": "Ann"}).status_code == 404
        assert httpx.get(url + "state").status_code == 405
        assert httpx.get(url + "other").status_code == 404
        assert httpx.get(url, headers={"Host": f"localhost:{port}"}).status_code == 200


def test_a_megabyte_goes_to_the_page_as_it_is(tmp_path: Path) -> None:
    long = "<b>é&amp;</b>\n" * 80_000
    pair = Pair("r", ({"role": "user", "content": long},), (long, "short"), "r")
    session = session_of(Duel("answers", ("base", "tuned"), (pair,)), tmp_path)
    with serving(session) as (url, _port):
        state = httpx.post(url + "state", json={"rater": "Ann"}).json()
    assert {state["left"], state["right"]} == {long, "short"}
    assert state["prompt"] == [{"role": "user", "content": long}]
