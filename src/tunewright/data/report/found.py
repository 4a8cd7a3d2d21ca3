"""What lies beside the rows in a data set's folder and belongs into its report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tunewright.data.fates import SAMPLES_NAME
from tunewright.data.report.fates import stage_of, too_early
from tunewright.data.report.marked import Piece, marked, together, visible

CLUSTERS, CHECKLIST, QUARANTINE = "clusters.json", "checklist.json", "quarantine.jsonl"
MOST_CLUSTERS, MOST_ROWS, MOST_EXAMPLES, MOST_SET_ASIDE = 20, 5, 5, 20
MOST_LETTERS = 600
LARGEST_BYTES = 64 * 2**20
"""Of one of these files; a larger one is left out, and the report says so."""
CUT = " ✂ …"


class Example(NamedTuple):
    """A row that a decision was about, before and after; None where its text is private or there is none."""

    source: str
    line: int
    before: list[Piece] | None
    after: list[Piece] | None


class Cluster(NamedTuple):
    """Rows that say almost the same; `size` counts also those that are not shown."""

    similarity: str
    size: int
    rows: list[dict[str, Any]]


class SetAside(NamedTuple):
    """The first row in quarantine for a reason, and how many there are."""

    reason: str
    rows: int
    file: str
    line: int
    detail: str


def examples(folder: Path, *, steps: Sequence[str]) -> dict[str, list[Example]]:
    """Examples of each reason; without text where a later step hides what is private."""
    samples = read(folder / SAMPLES_NAME)
    if not isinstance(samples, Mapping):
        return {}
    return {
        reason: [_example(one, hidden=too_early(stage_of(reason, steps), steps)) for one in some[:MOST_EXAMPLES]]
        for reason, some in sorted(samples.items())
    }


def _example(one: Mapping[str, Any], *, hidden: bool) -> Example:
    if hidden:
        return Example(str(one.get("source", "")), int(one.get("line", 0)), None, None)
    before, after = (visible(text) if isinstance(text := one.get(key), str) else None for key in ("before", "after"))
    place = str(one.get("source", "")), int(one.get("line", 0))
    if before is not None and after is not None:
        return Example(*place, *marked(before, after))
    alone = [[Piece("same", cut(text))] if text is not None else None for text in (before, after)]
    return Example(*place, *alone)


def clusters(folder: Path, *, steps: Sequence[str]) -> list[Cluster]:
    """The largest clusters of near duplicates: of `clusters.json`, else of what the step itself reported.

    None where a later step hides what is private: texts of clusters are from before it.
    """
    if too_early("near_duplicates", steps):
        return []
    found = read(folder / CLUSTERS)
    if found is None:
        report = read(folder / "report-near_duplicates.json")
        found = report.get("largest") if isinstance(report, Mapping) else None
    shown = [_cluster(one) for one in found or [] if isinstance(one, Mapping) and one.get("rows")]
    return sorted(shown, key=lambda cluster: -cluster.size)[:MOST_CLUSTERS]


def _cluster(one: Mapping[str, Any]) -> Cluster:
    rows: list[dict[str, Any]] = [
        {
            "place": f"{row.get('source', '')}:{row.get('line', '')}",
            "text": cut(visible(str(row.get("text", "")))),
            "similarity": row.get("similarity"),
        }
        for row in one["rows"][:MOST_ROWS]
    ]
    for row in rows:
        row["pieces"] = together(rows[0]["text"], row["text"])
    own = [row["similarity"] for row in rows[1:] if isinstance(row["similarity"], int | float)]
    similarity = one.get("similarity", min(own) if own else None)
    told = f"{similarity:.2f}" if isinstance(similarity, int | float) else ""
    return Cluster(told, int(one.get("size", len(one["rows"]))), rows)


def checklist(folder: Path) -> list[dict[str, Any]]:
    """The checks of the data set, those that are not passed first; empty where there are none."""
    found = read(folder / CHECKLIST)
    lines = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    order = {"refuse": 0, "fail": 0, "failed": 0, "warn": 1, "warning": 1}
    shown = [
        {key: shown_value(one.get(key, "")) for key in ("name", "status", "value", "limit", "sentence", "source")}
        for one in lines
    ]
    return sorted(shown, key=lambda one: order.get(one["status"], 2))


def shown_value(value: Any) -> str:
    """A value for a table."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else cut(visible(str(value)))


def step_reports(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """What each step reported, as names and values; lists of rows are left to the file."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("report-*.json")):
        report = read(path)
        if isinstance(report, Mapping):
            found[path.stem.removeprefix("report-")] = list(_plain(report))
    return found


def _plain(report: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in report.items():
        title = f"{above}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _plain(value, f"{title}: ")
        elif not isinstance(value, list):
            yield title, shown_value(value) if value is not None else "–"


def set_aside(folder: Path) -> list[SetAside]:
    """The first row of each reason in quarantine; its text is in the file alone."""
    found: dict[str, SetAside] = {}
    path = folder / QUARANTINE
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                one = json.loads(line)
                new = SetAside(one["reason"], 0, one["file"], one["line"], cut(visible(one.get("detail", ""))))
                first = found.get(one["reason"], new)
                found[one["reason"]] = first._replace(rows=first.rows + 1)
    return sorted(found.values(), key=lambda one: -one.rows)[:MOST_SET_ASIDE]


def read(path: Path) -> Any:
    """A JSON file; None where it is absent, too large or damaged."""
    try:
        return json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST_BYTES else None
    except (OSError, ValueError):
        return None


def cut(text: str, most: int = MOST_LETTERS) -> str:
    """The first letters of a text, with a mark where more follow."""
    return text if len(text) <= most else text[:most] + CUT
