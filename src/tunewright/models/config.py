"""The JSON files of a model folder pass an allow-list before any library reads them: no code, no paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.catalog import nearest
from tunewright.core.errors import Problem, UserError
from tunewright.models.config_keys import KEYS

SIZE_LIMIT_BYTES = 32 << 20
RUNS_CODE = re.compile(
    r"auto_map|_?auto_class|trust_remote_code|custom_.*|.*_?attn_implementation.*|.*(?<!tokenizer)_class"
)
NAMES_PLACE = re.compile(r".*_(path|paths|file|files|url|urls|dir|folder)")
PLACE = re.compile(r"[/\\~]|\.\.|\.(py|so|dll|bin|pkl|pickle|pt|pth|sh)$", re.IGNORECASE)
QUANTISED = frozenset({"quantization_config", "compression_config"})
FREE_TEXT = frozenset({"_name_or_path", "id2label", "label2id", "unsloth_version"})
"""Keys whose text is shown or ignored, never opened or imported."""
OTHERS = ("tokenizer_config.json", "generation_config.json", "special_tokens_map.json")
CODE_IN_OTHERS = re.compile(r"auto_map|trust_remote_code|custom_.*")
DO = "Take the key out if you trust the rest, or use another model."


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a model folder. Raises UserError when it is too big, broken or no object."""
    if path.stat().st_size > SIZE_LIMIT_BYTES:
        raise UserError("this file is far too big for settings.", where=str(path), do="Use another model.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError("this file is not JSON.", where=str(path), do="Copy or download the model again.") from error
    if not isinstance(value, dict):
        raise UserError("this file should hold a JSON object.", where=str(path), do="Use another model.")
    return value


def check_config(folder: Path) -> dict[str, Any]:
    """The config.json of a model folder, every key on the allow-list. Raises UserError with every mistake found.

    Also refuses code references in the tokenizer's and the generation settings.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError("there is no config.json in this folder.", where=str(folder), do="Give a whole model folder.")
    config = read_json(path)
    problems = [*_problems(config, path), *_problems_elsewhere(folder)]
    if problems:
        raise UserError.many(tuple(problems))
    return config


def _problems(config: dict[str, Any], path: Path) -> Iterator[Problem]:
    if not isinstance(config.get("model_type"), str):
        yield Problem(
            "the key model_type is missing, so the architecture is not known.", str(path), "Use another model."
        )
    for key, value in config.items():
        reason = _reason(key, value, top=True)
        if reason:
            yield Problem(f'the key "{key}" {reason}', str(path), DO)


def _reason(key: str, value: Any, *, top: bool = False) -> str:
    """Why a key is refused, or nothing."""
    if key in QUANTISED:
        return "says that the weights are quantised; training needs the original weights."
    if RUNS_CODE.fullmatch(key):
        return "chooses code to run, which a model folder may not do here."
    if NAMES_PLACE.fullmatch(key) and key not in FREE_TEXT and not isinstance(value, bool | int | float):
        return "names a file or an address, which a model folder may not do here."
    if top and key not in KEYS:
        return f"is not on the list of known keys. {nearest(key, sorted(KEYS)) if _close(key) else ''}".strip()
    return "" if key in FREE_TEXT else _reason_of_value(value)


def _close(key: str) -> bool:
    return nearest(key, sorted(KEYS)).startswith("Did you mean")


def _reason_of_value(value: Any) -> str:
    if isinstance(value, str) and PLACE.search(value):
        return f'holds "{value[:80]}", which looks like a file or an address.'
    if isinstance(value, dict):
        found = (_reason(str(key), inner) for key, inner in value.items())
        return next((reason for reason in found if reason), "")
    if isinstance(value, list):
        return next((reason for inner in value if (reason := _reason_of_value(inner))), "")
    return ""


def _problems_elsewhere(folder: Path) -> Iterator[Problem]:
    for name in OTHERS:
        path = folder / name
        if not path.is_file():
            continue
        for key in read_json(path):
            if CODE_IN_OTHERS.fullmatch(key):
                yield Problem(
                    f'the key "{key}" chooses code to run, which a model folder may not do here.', str(path), DO
                )
