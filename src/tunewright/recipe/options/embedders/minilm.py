"""Options of the embedder `minilm`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """all-MiniLM-L6-v2: English sentences as 384 numbers, from a package; nothing is downloaded at work."""

    type: Literal["minilm"] = "minilm"
    version: Literal[1] = 1
    max_tokens: int = option(
        256,
        "Longest text; the rest of it is not read.",
        why="256: what its makers set; it was trained on 128",
        unit="tokens",
        ge=8,
        le=512,
    )
    batch_size: int = option(64, "Texts computed at once.", why="fills two cores", unit="texts", ge=1, le=4096)
