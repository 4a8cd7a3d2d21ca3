"""The licence of a base, where something on this machine says it: a built-in model's own file, or a folder's card."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard
from yaml import YAMLError

from tunewright.models.builtin import BUILTINS, PREFIX
from tunewright.models.card.story import Licence

CARD = "README.md"


def licence_of(base: str) -> Licence | None:
    """The licence of a base by the name that records have for it; None where nobody says one."""
    if base.startswith(PREFIX):
        known = BUILTINS.get(base.removeprefix(PREFIX))
        return Licence(known.licence, f"the file {known.file}") if known and known.licence else None
    card = Path(base) / CARD
    if not Path(base).is_absolute() or not card.is_file():
        return None
    try:
        said = ModelCard(card.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict().get("license")
    except (OSError, UnicodeDecodeError, ValueError, YAMLError):
        return None
    return Licence(said, f"the {CARD} of its folder") if isinstance(said, str) and said else None
