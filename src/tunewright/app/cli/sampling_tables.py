"""What a search of sampling settings found, for people: the settings, the check, a verdict, and lines to copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunewright.app.cli import out, tables
from tunewright.core.nouns import SamplingSearch, SamplingSettings, TriedSettings
from tunewright.evaluate.sampling_record import generation_config, request_keys

KNOWN_TO_OPENAI = ("temperature", "top_p")


def search(record: SamplingSearch, file: Path) -> None:
    """The settings that passed the first round, the winner's check, and what to do."""
    first = min(each.rows for each in record.tried)
    shown = [each for each in record.tried if each.rows > first] or list(record.tried)
    out.say(f"{record.way}: {record.metric} on validation rows, {record.direction} is better")
    table = tables.grid("", "temperature", "top-p", "repetition penalty", record.metric, "rows")
    for each in shown:
        table.add_row(*_cells(each))
    tables.console().print(table)
    if len(shown) < len(record.tried):
        out.say(f"{len(record.tried) - len(shown)} more settings were dropped after {first} rows.")
    check(record)
    out.say(record.verdict)
    if record.recommended:
        copy(record.winner)
    out.say(f"Record: {out.shown(file)}")


def check(record: SamplingSearch) -> None:
    """The winner against greedy on search rows and on test rows, where the one is too kind."""
    found = record.heldout
    if found is None:
        return
    table = tables.grid("", "against greedy", "greedy", "winner", "difference", "95 % interval", "p", "rows")
    greedy = next(each for each in record.tried if _plain(each.settings))
    table.add_row(
        "search rows, the best of many",
        *(_number(each) for each in (greedy.value, record.tried[0].value)),
        _signed(record.search_difference),
        "",
        "",
        f"{record.search_rows:,}",
    )
    interval = found.interval
    table.add_row(
        "test rows, held out",
        *(_number(each) for each in (found.base, found.tuned)),
        _signed(found.difference),
        f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else "",
        "" if found.p is None else f"{found.p:.2g}",
        f"{found.families:,}",
    )
    tables.console().print(table)


def copy(settings: SamplingSettings) -> None:
    """The settings as Transformers and as an OpenAI client take them."""
    out.say(f"generation_config.json (Transformers, vLLM): {json.dumps(generation_config(settings))}")
    keys = request_keys(settings)
    words = [f"{name}={keys[name]:g}" for name in KNOWN_TO_OPENAI]
    others = {name: value for name, value in keys.items() if name not in KNOWN_TO_OPENAI}
    words += [f"extra_body={json.dumps(others)}"] if others else []
    out.say(f"chat.completions.create (OpenAI client): {', '.join(words)}")


def document(record: SamplingSearch, file: Path) -> dict[str, Any]:
    """`sampling --json`: the record, its file, and the settings in other tools' keys where they are recommended."""
    keys = (generation_config(record.winner), request_keys(record.winner)) if record.recommended else (None, None)
    return {"file": str(file), "generation_config": keys[0], "request": keys[1], **record.model_dump(mode="json")}


def _cells(tried: TriedSettings) -> tuple[str, str, str, str, str]:
    settings = tried.settings
    heat = f"{settings.temperature:g}" if settings.temperature else "0 (greedy)"
    top_p = f"{settings.top_p:g}" if settings.temperature else ""
    return heat, top_p, f"{settings.repetition_penalty:g}", _number(tried.value), f"{tried.rows:,}"


def _plain(settings: SamplingSettings) -> bool:
    return settings.temperature == 0 and settings.repetition_penalty == 1


def _number(value: float | None) -> str:
    return "no number" if value is None else f"{value:.4f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"
