"""Mean squared error of numbers."""

from __future__ import annotations

from tunewright.evaluate.scoring.numbers import NumberError


class Work(NumberError):
    """Mean (said - true)^2, in the squared unit of the labels; range [0, inf).

    Rows whose label is no number, or of which no number was said, are left out.
    """

    def of(self, true: float, said: float) -> float:
        """The error of one row."""
        return (said - true) ** 2
