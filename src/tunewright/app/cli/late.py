"""Modules that are loaded when first used: a verb's options can be read without the libraries that do its work."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Late:
    """Stands for a module until something of it is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Load the module and hand out its attribute."""
        return getattr(import_module(self._module), name)
