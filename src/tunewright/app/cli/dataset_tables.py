"""What `tunewright datasets` found, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tunewright.app.cli import out, tables
from tunewright.app.cli.phrases import clean, short, size
from tunewright.core.digest import short as digest

if TYPE_CHECKING:
    from pathlib import Path

    from tunewright.app.datasets import Listed, Seen, Shelf, Shown
    from tunewright.app.lineage import Sight, Traced, Use
    from tunewright.data.diff import Difference, Example
    from tunewright.data.lineage import Standing
    from tunewright.data.retention import Tombstone

SPLITS = ("train", "validation", "test")
MOST_STEPS = 8
SMALL_BYTES = 1_000_000


def show(action: str, found: Any, *, limit: int) -> None:
    """What an action found. `limit`: hits that are listed."""
    if action == "find":
        seen(found, limit=limit)
    else:
        _KINDS[action](found)


def shelf(found: Shelf) -> None:
    """Every data set in a line."""
    if not found.listed:
        out.say("No data sets here yet. Prepare one: tunewright data PATH")
        return
    table = tables.grid(
        "Data sets", "name", "recipe", "made", "train", "validation", "test", "tokens", "shape", "steps"
    )
    for name in ("sources", "runs", "until"):
        table.add_column(name)
    for place in (1, 2, 7, 8):
        table.columns[place].justify = "left"
    for one in found.listed:
        table.add_row(*_line(one), style="dim" if one.entry.tombstone else "red" if one.entry.problem else None)
    tables.console().print(table)
    saved = found.read_bytes - found.stored_bytes
    shared = f" ({_bytes(saved)} saved: equal files lie there once)" if saved else ""
    out.say(f"{_bytes(found.stored_bytes)} on disk{shared}. More: tunewright datasets show NAME")


def _line(one: Listed) -> list[str]:
    entry, version, stone = one.entry, one.entry.version, one.entry.tombstone
    recipes = clean(", ".join(one.recipes))
    until = entry.terms.until or "" if entry.terms else ""
    runs = str(len(one.uses)) if one.uses else ""
    if version is None:
        splits, made, tokens = (stone.splits, stone.made_at, stone.tokens) if stone else ({}, "", 0)
        state = f"deleted {stone.expired_at[:10]}" if stone else f"damaged: {entry.problem}"
        return [digest(entry.name), recipes, made[:10], *_rows(splits), f"{tokens:,}", state, "", "", runs, until]
    receipt = version.receipt
    steps = ", ".join(str(step.get("type", "")) for step in version.steps)
    sources = short(", ".join(receipt.sources), 40)
    rows = [*_rows(receipt.splits), f"{receipt.tokens.kept:,}"]
    return [digest(entry.name), recipes, version.made_at[:16], *rows, version.shape, steps, sources, runs, until]


def _rows(splits: Mapping[str, int]) -> list[str]:
    return [f"{splits.get(split, 0):,}" for split in SPLITS]


def shown(found: Shown) -> None:
    """One data set in full."""
    entry, version = found.listed.entry, found.listed.entry.version
    if entry.tombstone is not None:
        expired([entry.tombstone])
    if found.damage:
        tables.console().print(Text(clean(f"DAMAGED: {found.damage}"), style="red"), soft_wrap=True)
    if version is not None:
        tables.receipt(version)
        facts = {
            "recipe": ", ".join(found.listed.recipes),
            "made": version.made_at,
            "longest example": f"{version.max_tokens:,} tokens",
            "labels": short(", ".join(version.labels)),
            "template and tokenizer": digest(version.chat_digest),
        }
        _pairs("Made with", facts)
        _sources(version.receipt.sources)
        _steps(version.steps)
    if entry.terms is not None:
        _pairs("Retention", {name: _text(value) for name, value in entry.terms.model_dump().items()})
    if found.checklist is not None:
        _checklist(found.checklist)
    _pairs("Files", {name: f"{count:,} bytes" for name, count in found.files.items()})
    _uses(found.listed.uses)


def _pairs(title: str, values: Mapping[str, str]) -> None:
    table = tables.grid(title, "", "")
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    table.show_header = False
    for name, value in values.items():
        if value:
            table.add_row(clean(name), clean(value))
    if table.row_count:
        tables.console().print(table)


def _sources(sources: Mapping[str, Any]) -> None:
    table = tables.grid("Sources (parents)", "file", "read", "kept", "changed", "digest")
    for name, counts in sources.items():
        rows = counts.rows
        changed = sum(rows.changed.values())
        table.add_row(clean(name), f"{rows.in_:,}", f"{rows.kept:,}", f"{changed:,}", digest(counts.digest))
    tables.console().print(table)


def _steps(steps: Sequence[Mapping[str, Any]]) -> None:
    options = [{name: value for name, value in step.items() if name != "type"} for step in steps]
    _pairs(
        "Steps",
        {
            f"{at}. {step.get('type')}": _text(more)
            for at, (step, more) in enumerate(zip(steps, options, strict=True), 1)
        },
    )


def _checklist(found: Any) -> None:
    """Rules by name with what became of each; whatever else the file holds is shown as it stands."""
    if isinstance(found, list) and all(isinstance(each, dict) and "name" in each for each in found):
        said = {str(each["name"]): f"{each.get('status', '')}: {_text(each.get('sentence', ''))}" for each in found}
        _pairs("Checklist", {name: short(text) for name, text in said.items()})
    else:
        _pairs("Checklist", {"found": short(_text(found), 400)})


def _uses(uses: Sequence[Use]) -> None:
    if not uses:
        out.say("No run has used it.")
        return
    table = tables.grid("Runs on it", "run", "model", "recipe", "base", "steps", "evaluations", "report")
    for column in table.columns:
        column.justify = "left"
    for use in uses:
        count = str(len(use.evaluations) or "")
        table.add_row(
            digest(use.run), digest(use.model), clean(use.recipe), clean(use.base), f"{use.steps:,}", count, use.report
        )
    tables.console().print(table)


def difference(found: Difference) -> None:
    """Two data sets side by side."""
    a, b = digest(found.a), digest(found.b)
    table = tables.grid(f"Rows: {a} (A) and {b} (B)", "", *SPLITS)
    for name in ("added", "removed", "changed"):
        table.add_row(name, *_rows(getattr(found, name)))
    tables.console().print(table)
    out.say(f"{found.same:,} rows are the same; {found.moved:,} stand in another split.")
    numbers = tables.grid("Numbers", "", "A", "B")
    for name, values in {**found.statistics, **found.labels}.items():
        numbers.add_row(clean(name), *("" if value is None else f"{value:,.0f}" for value in values))
    for code, counts in found.languages.items():
        numbers.add_row(f"language {clean(code)} (of rows looked at)", *(f"{count:,}" for count in counts))
    tables.console().print(numbers)
    _made(found.options)
    for kind, examples in found.examples.items():
        _examples(kind, examples)


def _made(options: Mapping[str, tuple[object, object]]) -> None:
    table = tables.grid("Made otherwise", "", "A", "B")
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    for name, (a, b) in options.items():
        table.add_row(name, clean(_text(a)), clean(_text(b)))
    if options:
        tables.console().print(table)


def _examples(kind: str, examples: Sequence[Example]) -> None:
    for each in examples:
        tables.console().print(Text(f"{kind}: {clean(each.source)}:{each.line} ({each.split})", style="dim"))
        for mark, text in (("-", each.a), ("+", each.b)):
            if text is not None:
                tables.console().print(Text(f"  {mark} {short(text, 300)}"))


def traced(found: Sequence[Traced]) -> None:
    """The way of a row, data set by data set."""
    for each in found:
        story = each.story
        where = f"{clean(story.source)}:{story.line}"
        tables.console().print(Text(f"{where} in data set {digest(each.dataset)} ({each.made_at[:16]})", style="bold"))
        for event in story.events:
            other = f" {digest(event.other)}" if event.other else ""
            link = {"changed": " → is now", "duplicate": ", in favour of", "dropped": ", in favour of"}.get(
                event.fate, ""
            )
            name = f" {digest(event.id)}" if event.id else ""
            out.say(f"  {event.fate}: {clean(event.reason)}{name}{link if other else ''}{other}")
        for row in story.standing:
            _stands(row, each.sights.get(row.id, ()), said="stands in")
        for row in story.instead:
            _stands(row, each.sights.get(row.id, ()), said="in its place stands")
        if not story.standing and not story.instead:
            out.say("  It is not in the data set, and nothing stands in its place: no run was trained on it.")


def _stands(row: Standing, sights: Iterable[Sight], *, said: str) -> None:
    changed = f", changed by {', '.join(row.changes)}" if row.changes else ""
    place = f"{clean(row.source)}:{row.line}"
    out.say(f"  {said} {row.split}, row {row.index}: {digest(row.id)} from {place}{clean(changed)}")
    for sight in sights:
        model = f"run {digest(sight.run)}, model {digest(sight.model)}"
        steps = ", ".join(map(str, sight.steps[:MOST_STEPS])) + (", ..." if sight.times > MOST_STEPS else "")
        told = {
            "trained": f"trained on it {sight.times} times (steps {steps})",
            "not reached": "ended before its turn came",
            "measured": "is measured on it, not trained",
        }[sight.role]
        out.say(f"    {model}: {told}")
        for evaluation in sight.evaluations:
            out.say(
                f"      evaluation {digest(evaluation.key)} of {evaluation.split} rows: {', '.join(evaluation.suites)}"
            )
        if sight.report:
            out.say(f"      report {sight.report}")


def seen(found: Seen, *, limit: int) -> None:
    """Who saw a text."""
    total = sum(each.count for each in found.found)
    out.say(f"{total:,} rows hold it, in {len(found.found)} data sets.")
    for each in found.found:
        rows = ", ".join(f"{split} {count:,}" for split, count in each.rows.items())
        tables.console().print(
            Text(f"data set {digest(each.dataset)}: {rows} ({each.exact:,} to the letter)", style="bold")
        )
        for hit in each.hits[:limit]:
            out.say(f"  {clean(hit.source)}:{hit.line} {hit.split} {digest(hit.id)}: {short(hit.excerpt)}")
        for use in found.trained.get(each.dataset, ()):
            out.say(f"  trained on it: run {digest(use.run)}, model {digest(use.model)} ({clean(use.recipe)})")
        for use in found.measured.get(each.dataset, ()):
            out.say(f"  not trained on it: run {digest(use.run)}, whose data set holds it outside the training rows")
    for name, why in found.unread.items():
        tables.console().print(Text(f"data set {digest(name)} cannot be searched: {clean(why)}", style="yellow"))


def exported(found: tuple[Path, int]) -> None:
    """Where events lie."""
    out.say(f"{found[1]} events: {out.shown(found[0])}")


def expired(found: Sequence[Tombstone]) -> None:
    """What was deleted, and what may still hold its text."""
    if not found:
        out.say("No data set is past its last day.")
    for each in found:
        rows = ", ".join(f"{split} {count:,}" for split, count in each.splits.items())
        out.say(
            f"Data set {digest(each.name)} is deleted since {each.expired_at[:10]}: {clean(each.why)}. It had {rows}."
        )
        if each.removed:
            out.say("  Deleted with it, as they held texts of its rows:")
            for path in each.removed:
                out.say(f"    {clean(path)}")
        if each.runs:
            out.say(f"  Runs on it that stay: {', '.join(map(digest, each.runs))}")
            out.say(f"  Models that were trained on it and stay: {', '.join(map(digest, each.models))}")
        if each.remains:
            out.say("  Not deleted, and may hold text of its rows:")
            for path in each.remains:
                out.say(f"    {clean(path)}")


def _bytes(count: int) -> str:
    return size(count) if count >= SMALL_BYTES else f"{count / 1e3:,.0f} kB"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""


_KINDS: dict[str, Any] = {
    "list": shelf,
    "show": shown,
    "diff": difference,
    "lineage": traced,
    "export": exported,
    "expire": expired,
}
