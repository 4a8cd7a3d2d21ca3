"""Options of Arrow files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The IPC file and stream formats, also called Feather."""

    type: Literal["arrow"] = "arrow"
    version: Literal[1] = 1
