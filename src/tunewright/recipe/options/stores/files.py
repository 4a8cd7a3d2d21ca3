"""Options of the store `files`: an address and its source's keys say everything."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Files behind the addresses that fsspec reads: object stores, HDFS, HTTP."""

    type: Literal["files"] = "files"
    version: Literal[1] = 1
