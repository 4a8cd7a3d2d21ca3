"""The data report and the review page in Chromium, with few rows and with many, hostile ones among them.

    python scripts/large_pages.py                          # 10 and 100,000 rows: a line of JSON for each
    python scripts/large_pages.py --rows 10 --pictures /tmp/pictures

For the report: bytes, seconds to write it and to load it, memory of its page. For the review: seconds until the first
row is shown, and milliseconds a decision by keyboard, for a rater who begins and for one who has decided about all
but a few rows before. Needs chromium-headless-shell.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.evaluate.judging.browser import Browser, Page, browser  # noqa: E402

DECISIONS = 60
STEPS = "[clean, deduplicate, quality, personal_data]"
RECIPE = f"""\
name: pages
model: builtin:smollm2-135m-instruct
data: {{train: rows.jsonl, max_tokens: 512, overlong: cut, steps: {STEPS}, limits: {{quarantined_rows: 1.0}}}}
"""
HOSTILE = (
    "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> <b>bold</b> & &amp;",
    "متى يصل الطرد؟ \u202eabc def\u202c 123",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 " * 30,
    "def f(x):\n    return {'a': [1, 2, 3]}\n\n```python\nprint('<b>')\n```\n\tindented",
    "x" * 20_000,
    "one\u2028two\u0000three\u200bfour",
    "</textarea></style></title><svg onload=window.hurt=1>",
    "{{ 7 * 7 }} {% raw %} ${HOME} %(x)s",
)


def main() -> int:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10, 100_000])
    parser.add_argument("--pictures", type=Path, default=None, help="a folder for pictures of what is seen")
    asked = parser.parse_args()
    for rows in asked.rows:
        with (
            tempfile.TemporaryDirectory(prefix="pages-", ignore_cleanup_errors=True) as folder,
            browser(Path(folder) / "profile") as chromium,
        ):
            print(json.dumps(measure(Path(folder), rows, chromium=chromium, pictures=asked.pictures)), flush=True)
    return 0


def measure(folder: Path, rows: int, *, chromium: Browser, pictures: Path | None) -> dict[str, Any]:
    """Prepare rows, then look at both pages."""
    write_rows(folder / "rows.jsonl", rows)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    cache = folder / "home" / "cache"
    cache.parent.mkdir()
    shared = REPOSITORY / ".cache" / "tests" / "cache"
    shared.mkdir(parents=True, exist_ok=True)
    cache.symlink_to(shared)
    began = time.perf_counter()
    tunewright(folder, "data", "recipe.yaml", "--json")
    prepared_s = time.perf_counter() - began
    began = time.perf_counter()
    tunewright(folder, "data", "recipe.yaml", "--report", "--json")
    written_s = time.perf_counter() - began
    (report,) = (folder / "home").glob("datasets/*/report.html")
    found = {"rows": rows, "prepared_s": round(prepared_s, 1), "report_written_s": round(written_s, 1)}
    found |= look_at_report(report, chromium, pictures=pictures, rows=rows)
    return found | look_at_review(folder, chromium, pictures=pictures, rows=rows)


def look_at_report(report: Path, chromium: Browser, *, pictures: Path | None, rows: int) -> dict[str, Any]:
    """What the report weighs and takes."""
    page = chromium.page()
    page.size(1280, 900)
    began = time.perf_counter()
    page.goto(report.as_uri())
    loaded_s = time.perf_counter() - began
    height = page.value("document.documentElement.scrollHeight")
    if pictures:
        for width, scheme in ((1280, "light"), (390, "dark")):
            page.size(width, 900, scheme=scheme)
            tall = page.value("document.documentElement.scrollHeight")
            for part, top in enumerate(range(0, min(tall, 12_000), 3000)):
                page.size(width, 3000, scheme=scheme)
                page.value(f"window.scrollTo(0, {top})")
                page.picture(pictures / f"report-{rows}-{width}-{part}.png")
    return {
        "report_bytes": report.stat().st_size,
        "report_load_s": round(loaded_s, 2),
        "report_height": height,
        "report_memory_mb": memory_mb(page),
        "report_elements": page.value("document.querySelectorAll('*').length"),
        "report_asks": len(page.requests()) - 1,
        "hurt": page.value("Boolean(window.hurt)"),
    }


def look_at_review(folder: Path, chromium: Browser, *, pictures: Path | None, rows: int) -> dict[str, Any]:
    """Two raters, by keyboard: one who begins, and one who has decided about all rows but a few."""
    decide_before(folder, rows)
    command = ["review", "recipe.yaml", "--sample", str(rows), "--raters", "2", "--port", "0"]
    began = time.perf_counter()
    with served(folder, command) as url:
        started_s = time.perf_counter() - began
        page = chromium.page()
        page.size(1280, 800)
        began = time.perf_counter()
        page.goto(url + "#Ann")
        page.wait("!document.getElementById('row').hidden")
        shown_s = time.perf_counter() - began
        taken = [decide(page, place) for place in range(min(DECISIONS, page.value("state.total")))]
        if pictures:
            page.picture(pictures / f"review-{rows}.png")
        page.goto(url + "#Bo")
        page.reload()
        page.wait("state && state.rater === 'Bo'")
        late = [decide(page, place) for place in range(min(DECISIONS, page.value("state.total - state.done")))]
        found = {"review_started_s": round(started_s, 1), "review_first_row_s": round(shown_s, 2)}
        return found | {
            "decision_ms": round(statistics.median(taken) * 1000),
            "decision_worst_ms": round(max(taken) * 1000),
            "late_decision_ms": round(statistics.median(late) * 1000) if late else None,
            "review_memory_mb": memory_mb(page),
            "review_hurt": page.value("Boolean(window.hurt)"),
        }


def decide_before(folder: Path, rows: int) -> None:
    """Write decisions of the rater Bo about all training rows but a few, as the page writes them."""
    (table,) = (folder / "home").glob("datasets/*/train.parquet")
    ids = pq.read_table(table, columns=["id"])["id"].to_pylist()
    said = {"event": "decision", "rater": "Bo", "split": "train", "verdict": "accept", "rating": 4, "answer": None}
    with (folder / "review.jsonl").open("w", encoding="utf-8") as file:
        for one in ids[: max(0, len(ids) - DECISIONS)]:
            file.write(json.dumps({**said, "row": one, "origin": one, "time": "2026-01-01T00:00:00Z"}) + "\n")


def decide(page: Page, place: int) -> float:
    """Rate and accept or reject a row by keyboard; seconds until the next is shown."""
    done = page.value("state.done")
    began = time.perf_counter()
    page.press(str(1 + place % 5))
    page.press("ar"[place % 2])
    page.wait(f"state.done !== {done} && !busy")
    return time.perf_counter() - began


def memory_mb(page: Page) -> float:
    """Memory of the page's scripts and of its elements, as the browser counts it."""
    page.call("Performance.enable")
    metrics = {one["name"]: one["value"] for one in page.call("Performance.getMetrics")["metrics"]}
    return round(metrics["JSHeapUsedSize"] / 1e6, 1)


def write_rows(path: Path, count: int) -> None:
    """Rows cut from Python's manual, each with something of its own; hostile ones at the front."""
    chance = random.Random(0)
    words = " ".join(topics.values()).split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            start, size = chance.randrange(len(words)), chance.randrange(8, 40)
            text = HOSTILE[number] if number < len(HOSTILE) else " ".join(words[start : start + size])
            row = {"question": f"{text} {number}?", "answer": f"{number}: {text}"}
            file.write(json.dumps(row) + "\n")
        if count > 1000:
            file.write(json.dumps({"question": "Long?", "answer": "word " * 200_000}) + "\n")


def tunewright(folder: Path, *words: str) -> None:
    """Run a verb to its end."""
    command = [sys.executable, "-m", "tunewright", *words, "--home", "home"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-2000:])


class served:
    """The page of a review: its address, for the length of the block."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        command = [sys.executable, "-m", "tunewright", *words, "--home", "home"]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self) -> str:
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line)
            address = next((word for word in line.split() if word.startswith("http://127.0.0.1")), None)
            if address:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return address
        raise RuntimeError("".join(said)[-2000:])

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
