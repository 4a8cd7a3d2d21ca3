"""What several people's decisions come to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.review.reviews import decision
from tunewright.data.review.combine import Rules, Ruling, combine

ACCEPT, REJECT = decision("Ann", "r", rating=4), decision("Bo", "r", "reject", rating=1)
EDIT, OTHER_EDIT = decision("Cy", "r", rating=1, answer="new"), decision("Di", "r", answer="other")
LOW = decision("Ed", "r", rating=2)


@pytest.mark.parametrize(
    ("decisions", "rules", "ruling"),
    [
        ([ACCEPT], {}, Ruling()),
        ([REJECT], {}, Ruling("review.rejected")),
        ([LOW], {}, Ruling("review.rating")),
        ([LOW], {"least_rating": 2.0}, Ruling()),
        ([LOW, ACCEPT], {}, Ruling()),
        ([EDIT], {}, Ruling(answer="new")),
        ([EDIT, ACCEPT], {}, Ruling(answer="new")),
        ([EDIT, LOW], {}, Ruling("review.rating")),
        ([REJECT], {"raters": 2}, Ruling(state="waiting")),
        ([ACCEPT, REJECT], {}, Ruling(state="disagreed")),
        ([ACCEPT, REJECT], {"on_disagreement": "drop"}, Ruling("review.rejected", state="disagreed")),
        ([ACCEPT, REJECT], {"on_disagreement": "first"}, Ruling(state="disagreed")),
        ([REJECT, ACCEPT], {"on_disagreement": "first"}, Ruling("review.rejected", state="disagreed")),
        ([EDIT, OTHER_EDIT], {}, Ruling(state="disagreed")),
        ([EDIT, OTHER_EDIT], {"on_disagreement": "first"}, Ruling(answer="new", state="disagreed")),
    ],
)
def test_a_ruling(decisions: list[Any], rules: dict[str, Any], ruling: Ruling) -> None:
    assert combine(decisions, Rules(**rules)) == ruling
