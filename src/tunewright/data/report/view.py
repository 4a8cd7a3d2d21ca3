"""What the pages of the report are filled with: numbers in words, pictures, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tunewright.core.nouns import DatasetVersion
from tunewright.data.report import charts, found, worth
from tunewright.data.report.fates import TITLES, SourceFates, Stage, flow, source_fates
from tunewright.data.report.flow_chart import flow_chart, within, words
from tunewright.data.report.statistics import PARTS, Statistics, statistics
from tunewright.data.report.svg import Words, share

DOCUMENTS = "text"
MOST_LINES = 24
MOST_SOURCES = 60
QUANTILES = (0.05, 0.5, 0.95, 1.0)
PART_TITLES = {"tokens": "Tokens an example", "prompts": "Letters a prompt", "answers": "Letters an answer"}


class Looked(NamedTuple):
    """A data set as the report sees it."""

    version: DatasetVersion
    sources: dict[str, SourceFates]
    stages: list[Stage]
    statistics: Statistics
    steps: Sequence[str]


def look(folder: Path, version: DatasetVersion, *, steps: Sequence[str]) -> Looked:
    """Everything that is counted, in one pass over the files; `steps` are those of the recipe, in order."""
    sources = source_fates(folder, version.receipt, steps=steps)
    return Looked(version, sources, flow(version.receipt, sources, steps=steps), statistics(folder), steps)


def view_of(looked: Looked, folder: Path, *, title: str, command: str) -> dict[str, Any]:
    """What the templates show."""
    version, known, steps = looked.version, looked.statistics, looked.steps
    listed = sorted(looked.sources.items(), key=lambda pair: (-pair[1].rows_in, pair[0]))
    return {
        "title": title,
        "command": command,
        "version": version,
        "receipt": version.receipt,
        "splits": known.splits,
        "stages": looked.stages,
        "sources": listed[:MOST_SOURCES],
        "files": sum(source.rows_in > 0 for _name, source in listed),
        "more_sources": max(0, len(listed) - MOST_SOURCES),
        "pictures": pictures(looked),
        "lengths": _lengths(known),
        "languages": _table(known, "languages"),
        "labels": _table(known, "labels"),
        "variety": _variety(known),
        "forms": _forms(known),
        "worth": worth.table({split: one.worth for split, one in known.splits.items()}),
        "checklist": found.checklist(folder),
        "clusters": found.clusters(folder, steps=steps),
        "examples": found.examples(folder, steps=steps),
        "reports": found.step_reports(folder),
        "set_aside": found.set_aside(folder),
        "windows": version.shape == DOCUMENTS,
        "titles": TITLES,
        "within": within,
        "words": words,
        "share": share,
    }


def pictures(looked: Looked) -> dict[str, Any]:
    """The pictures by name, None for what there is nothing to draw of."""
    version, known = looked.version, looked.statistics
    largest = sorted(looked.sources.items(), key=lambda pair: (-pair[1].rows_in, pair[0]))
    shown: dict[str, Any] = {
        "flow": flow_chart(
            looked.stages,
            sources={name: source.rows_in for name, source in largest if source.rows_in},
            splits=version.receipt.splits,
            examples="windows" if version.shape == DOCUMENTS else "rows",
        )
    }
    for part in PARTS:
        said = f"Histogram: {_in_words(known, part)}"
        shown[part] = charts.histogram(
            {split: one.lengths[part] for split, one in known.splits.items()},
            Words(part, PART_TITLES[part], said),
            limit=version.max_tokens if part == "tokens" else 0,
        )
    for kind, told in (("labels", "Rows of each label"), ("languages", "Rows of each language")):
        lines = [(name, counts) for name, counts, _total in _table(known, kind)]
        shown[kind] = charts.bars(lines, Words(kind, told, "; ".join(f"{n} {sum(c.values()):,}" for n, c in lines)))
    return shown


def _in_words(known: Statistics, part: str) -> str:
    lengths = known.trained.lengths[part]
    return f"half of the training rows have at most {lengths.quantile(0.5):,}, the longest has {lengths.longest:,}."


def _lengths(known: Statistics) -> list[tuple[str, str, list[int]]]:
    """(part, split, quantiles and mean) for every split that has rows."""
    return [
        (PART_TITLES[part], split, [*(one.lengths[part].quantile(q) for q in QUANTILES), round(one.lengths[part].mean)])
        for part in PARTS
        for split, one in known.splits.items()
        if one.lengths[part].number
    ]


def _table(known: Statistics, kind: str) -> list[tuple[str, dict[str, int], int]]:
    """(value, rows by split, rows) of the most frequent values."""
    splits = {split: getattr(one, kind) for split, one in known.splits.items()}
    names = {name for counts in splits.values() for name in counts}
    lines = [(name, {split: counts[name] for split, counts in splits.items()}) for name in names]
    lines.sort(key=lambda line: (-sum(line[1].values()), line[0]))
    return [(name, counts, sum(counts.values())) for name, counts in lines[:MOST_LINES]]


def _variety(known: Statistics) -> list[tuple[str, ...]]:
    """(what, of prompts, of answers, what it means)."""
    columns = (known.prompts, known.answers)
    unique = (known.unique_prompts, known.unique_answers)
    lines: list[tuple[str, ...]] = [
        (
            "Different texts",
            *(f"{'' if one.exact else 'about '}{one.count:,} of {one.total:,}" if one.total else "–" for one in unique),
            "the same prompt with many answers, or the same answer to many prompts, teaches less",
        )
    ]
    for length in (1, 2, 3):
        ratios = [column.grams[length - 1].ratio for column in columns]
        meaning = {
            1: "different words over all words; falls as a data set grows",
            2: "pairs of words",
            3: "three words",
        }
        lines.append((f"Distinct-{length}", *map(decimal, ratios), meaning[length]))
    windows = [column.type_token for column in columns]
    lines.append(
        ("Type-token ratio", *map(decimal, windows), "different words in each 1,000, so that sets of any size compare")
    )
    return lines


def _forms(known: Statistics) -> dict[str, Any]:
    rows = known.trained.rows
    return {
        "rows": rows,
        "answers": known.forms.most_common(12),
        "turns": known.turns.most_common(8),
        "systems": len(known.systems),
        "with_system": known.systems.total(),
        "first_system": found.cut(next(iter(known.systems.most_common(1)), ("", 0))[0], 200),
        "first_system_rows": next(iter(known.systems.most_common(1)), ("", 0))[1],
        "consistency": known.forms.most_common(1)[0][1] / rows if rows and known.forms else None,
        "whole_ends": known.whole_ends,
    }


def decimal(value: float | None) -> str:
    """A ratio, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def as_json(looked: Looked, view: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a document for programs."""
    known = looked.statistics
    return {
        "kind": "tunewright data report",
        "title": view["title"],
        "command": view["command"],
        "dataset": looked.version.name,
        "made_at": looked.version.made_at,
        "shape": looked.version.shape,
        "receipt": looked.version.receipt.model_dump(mode="json", by_alias=True),
        "flow": [
            {
                "step": stage.name,
                "before": stage.before,
                "lost": [one._asdict() for one in stage.lost],
                "created": [one._asdict() for one in stage.created],
                "changed": [one._asdict() for one in stage.changed],
                "after": stage.after,
            }
            for stage in looked.stages
        ],
        "sources": {name: _source(known, name, source) for name, source in looked.sources.items()},
        "splits": {split: _split(one) for split, one in known.splits.items()},
        "variety": {
            name: {
                **{f"distinct_{n}": column.grams[n - 1].ratio for n in (1, 2, 3)},
                "type_token": column.type_token,
                "different": unique.count,
                "texts": unique.total,
                "exact": unique.exact,
            }
            for name, column, unique in (
                ("prompts", known.prompts, known.unique_prompts),
                ("answers", known.answers, known.unique_answers),
            )
        },
        "forms": dict(known.forms.most_common()),
        "turns": dict(known.turns.most_common()),
        "checklist": view["checklist"],
        "clusters": len(view["clusters"]),
        "reports": {step: dict(lines) for step, lines in view["reports"].items()},
    }


def _source(known: Statistics, name: str, source: SourceFates) -> dict[str, Any]:
    steps: dict[str, dict[str, dict[str, int]]] = {}
    for (step, fate, reason), rows in sorted(source.counts.items()):
        steps.setdefault(step, {}).setdefault(fate, {})[reason] = rows
    splits = {split: one.sources[name] for split, one in known.splits.items()}
    return {"in": source.rows_in, "steps": steps, "kept": source.kept, "splits": splits}


def _split(one: Any) -> dict[str, Any]:
    lengths = {
        part: {
            "mean": round(own.mean, 2),
            **{f"q{round(100 * q):02}": own.quantile(q) for q in QUANTILES},
            "histogram": [bar._asdict() for bar in own.bars()],
        }
        for part, own in one.lengths.items()
    }
    return {
        "rows": one.rows,
        "trained_tokens": one.trained_tokens,
        "changed_rows": one.changed,
        "weighted_rows": one.weighted,
        "lengths": lengths,
        "languages": dict(one.languages.most_common()),
        "labels": dict(one.labels.most_common()),
        "worth": one.worth.as_json(),
    }
