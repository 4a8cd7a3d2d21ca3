"""A model folder is checked before any library opens it, and gets a digest."""

from __future__ import annotations

from pathlib import Path

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.cache import file_digest
from tunewright.models.config import check_config
from tunewright.models.weights import tensors_of, weight_files

TOKENIZER = "tokenizer.json"
VOLATILE = frozenset({"_name_or_path", "transformers_version"})
"""Keys that tell where a copy came from, not what the model is."""


def checked_digest(folder: Path, workspace: Workspace) -> str:
    """Check a model folder; return the digest of its config and weights.

    Raises UserError: pickle weights, a damaged or missing weight file, a refused config key, no tokenizer.json.
    """
    files = weight_files(folder)
    config = check_config(folder)
    if not (folder / TOKENIZER).is_file():
        raise UserError(
            f"there is no {TOKENIZER} in this folder.",
            where=str(folder),
            do="Save the tokenizer there in its fast form (`tokenizer.save_pretrained(folder)` in Transformers).",
        )
    for file in files:
        tensors_of(file)
    kept = {key: value for key, value in config.items() if key not in VOLATILE}
    return digest.of_json([kept, [[file.name, file_digest(file, workspace)] for file in files]])
