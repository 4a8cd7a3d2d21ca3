"""The JSON documents of `tunewright datasets`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tunewright.app.datasets import Listed, Seen, Shelf, Shown
    from tunewright.app.lineage import Traced
    from tunewright.data.diff import Difference
    from tunewright.data.retention import Tombstone


def of(action: str, found: Any) -> dict[str, Any]:
    """The document of an action."""
    return _KINDS[action](found)


def of_shelf(shelf: Shelf) -> dict[str, Any]:
    """`datasets --json`: every data set in short."""
    listed = [of_listed(each) for each in shelf.listed]
    return {"datasets": listed, "read_bytes": shelf.read_bytes, "stored_bytes": shelf.stored_bytes}


def of_listed(one: Listed) -> dict[str, Any]:
    """A data set in short."""
    entry, version = one.entry, one.entry.version
    stone = entry.tombstone
    state = "expired" if stone else "damaged" if version is None or entry.problem else "whole"
    found: dict[str, Any] = {
        "dataset": entry.name,
        "state": state,
        "problem": entry.problem,
        "recipes": list(one.recipes),
        "made_at": version.made_at if version else stone.made_at if stone else "",
        "splits": version.receipt.splits if version else stone.splits if stone else {},
        "tokens": version.receipt.tokens.kept if version else stone.tokens if stone else 0,
        "shape": version.shape if version else "",
        "steps": [step.get("type", "") for step in version.steps] if version else [],
        "sources": list(version.receipt.sources) if version else [],
        "runs": [each.run for each in one.uses],
        "retention": entry.terms.model_dump(mode="json") if entry.terms else None,
        "expired": stone.model_dump(mode="json", by_alias=True) if stone else None,
    }
    return found


def of_shown(shown: Shown) -> dict[str, Any]:
    """`datasets show --json`: one data set in full."""
    version = shown.listed.entry.version
    record = version.model_dump(mode="json", by_alias=True) if version else {}
    return {
        **of_listed(shown.listed),
        "parents": record.get("parents", []),
        "steps": record.get("steps", []),
        "labels": record.get("labels", []),
        "max_tokens": record.get("max_tokens"),
        "chat_digest": record.get("chat_digest", ""),
        "receipt": record.get("receipt"),
        "checklist": shown.checklist,
        "files": shown.files,
        "damage": shown.damage,
        "uses": [asdict(each) for each in shown.listed.uses],
    }


def of_difference(found: Difference) -> dict[str, Any]:
    """`datasets diff --json`."""
    return asdict(found)


def of_traced(found: list[Traced]) -> dict[str, Any]:
    """`datasets lineage --json`."""
    return {"lineage": [asdict(each) for each in found]}


def of_seen(seen: Seen) -> dict[str, Any]:
    """`datasets find --json`."""
    return {**asdict(seen), "rows": sum(each.count for each in seen.found)}


def of_export(found: tuple[Path, int]) -> dict[str, Any]:
    """`datasets export --json`."""
    return {"file": str(found[0]), "events": found[1]}


def of_expired(found: list[Tombstone]) -> dict[str, Any]:
    """`datasets expire --json`."""
    return {"expired": [each.model_dump(mode="json", by_alias=True) for each in found]}


_KINDS: dict[str, Any] = {
    "list": of_shelf,
    "show": of_shown,
    "diff": of_difference,
    "lineage": of_traced,
    "find": of_seen,
    "export": of_export,
    "expire": of_expired,
}
