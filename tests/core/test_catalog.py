"""Names of parts are files; a wrong one gets the nearest, a missing package its install command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tunewright.core import catalog
from tunewright.core.errors import OutsideError, UserError

METHODS = ("bottleneck", "full", "ia3", "lora", "p_tuning", "partial", "prefix_tuning", "prompt_tuning")


def test_the_folder_is_the_registry() -> None:
    assert "methods" in catalog.kinds()
    assert catalog.names("methods") == METHODS
    assert catalog.options("methods", "lora")().type == "lora"
    assert catalog.work("schedules", "linear")(catalog.options("schedules", "linear")()).factor(1, 10) > 0


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match=r'no method is called "lorra"\. Did you mean "lora"\?'):
        catalog.options("methods", "lorra")
    assert catalog.nearest("zzz", ["a", "b"]) == "There is: a, b."


def test_a_missing_package_is_one_sentence_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'heavy'", name="heavy")

    monkeypatch.setattr(catalog.importlib, "import_module", absent)
    with pytest.raises(
        OutsideError, match=r'needs the package heavy\. Install it with: pip install "tunewright\[lora\]"'
    ):
        catalog.work("methods", "lora")


def test_listing_imports_nothing() -> None:
    words = (
        "import sys; from tunewright.core import catalog; [catalog.names(kind) for kind in catalog.kinds()]; "
        "print([m for m in sys.modules if m.startswith('tunewright.recipe') or m in ('torch', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
