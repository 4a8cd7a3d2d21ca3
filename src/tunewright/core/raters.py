"""Names of people who judge or review: what tells them apart, and how they are written."""

from __future__ import annotations

from tunewright.core.errors import UserError

LONGEST_NAME = 60


def clean(name: str) -> str:
    """A name on one line. Raises UserError for none, and for one that is too long."""
    found = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not found or len(found) > LONGEST_NAME:
        raise UserError(
            f"a name has 1 to {LONGEST_NAME} letters.", where="rater", do="Write the name that you are known by."
        )
    return found


def key_of(name: str) -> str:
    """What tells raters apart."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split()).casefold()
