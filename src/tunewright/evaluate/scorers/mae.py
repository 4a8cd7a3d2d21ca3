"""Mean absolute error of numbers."""

from __future__ import annotations

from tunewright.evaluate.scoring.numbers import NumberError


class Work(NumberError):
    """Mean |said - true|, in the unit of the labels; range [0, inf).

    Rows whose label is no number, or of which no number was said, are left out.
    """

    def of(self, true: float, said: float) -> float:
        """The error of one row."""
        return abs(said - true)
