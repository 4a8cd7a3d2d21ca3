"""Rows of the benchmark by stage: documents of about 2 kB and short chats, some of them with something to find.

One row in ten holds a made-up value of personal data, one in twenty is written badly: decoded wrongly, with invisible
characters, or with blanks at the ends of its lines. The same for the same number of rows on every machine.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from documents import SEED, documents
from faker import Faker

ONE_IN_PRIVATE, ONE_IN_WORN = 10, 20
KINDS = {
    "email": ("Write to {} about it.", "email"),
    "phone": ("Call {} before noon.", "phone_number"),
    "card": ("It was paid with the card {} last week.", "credit_card_number"),
    "iban": ("Send the rest to the account {} please.", "iban"),
    "ssn": ("Her social security number is {} as far as we know.", "ssn"),
    "ip": ("The request came from {} at night.", "ipv4_public"),
}


def rows_file(folder: Path, kind: str, count: int) -> Path:
    """JSON Lines with so many rows of a kind, `documents` or `chats`; a row with a value says it in `planted`."""
    path = folder / f"{kind}-{count}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in KINDS_OF_ROWS[kind](count))
        partial.rename(path)
    return path


def document_rows(count: int) -> Iterator[dict[str, Any]]:
    """Documents, as the near-duplicate benchmark has them."""
    plant = Planter()
    for at, text in enumerate(documents(count).texts):
        text, planted = plant(text, at)
        yield {"text": text, **planted}


def chat_rows(count: int) -> Iterator[dict[str, Any]]:
    """Chats of one question and one answer of 8 to 30 words each, all different."""
    plant, rng = Planter(), random.Random(count)
    words = " ".join(topics[name] for name in sorted(topics)).split()
    for at in range(count):
        start, length = rng.randrange(len(words) - 60), rng.randint(8, 30)
        question, answer = words[start : start + length], words[start + length : start + 2 * length]
        text, planted = plant(" ".join(answer), at)
        turns = [{"role": "user", "content": f"{at}: {' '.join(question)}"}, {"role": "assistant", "content": text}]
        yield {"messages": turns, **planted}


class Planter:
    """Puts something to find into some of the texts."""

    def __init__(self) -> None:
        self.rng = random.Random(SEED)
        self.fake = Faker("en_US")
        self.fake.seed_instance(SEED)

    def __call__(self, text: str, at: int) -> tuple[str, dict[str, Any]]:
        """The text, and what was planted in it."""
        planted: dict[str, Any] = {}
        if at % ONE_IN_PRIVATE == 0:
            kind = list(KINDS)[at // ONE_IN_PRIVATE % len(KINDS)]
            sentence, maker = KINDS[kind]
            value = str(getattr(self.fake, maker)())
            words = text.split(" ")
            words.insert(self.rng.randrange(len(words) + 1), sentence.format(value))
            text, planted = " ".join(words), {"planted": [kind, value]}
        if at % ONE_IN_WORN == 1:
            text = self._worn(text)
        return text, planted

    def _worn(self, text: str) -> str:
        match self.rng.randrange(3):
            case 0:
                return text + " Itâ€™s a cafÃ©."
            case 1:
                return text.replace(" the ", " the\u200b ", 3) + "\u200b"
            case _:
                return text.replace(". ", ".  \r\n") + "  \r\n"


KINDS_OF_ROWS = {"documents": document_rows, "chats": chat_rows}
