"""The step quality: good rows stay, bad rows go for a reason, published limits mean what they say."""

from __future__ import annotations

import pickle

import pytest

from tests.data.builders import row
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.rows import make_row
from tunewright.data.steps.quality import Work
from tunewright.recipe.options.steps.quality import Options

PROSE = (
    "The harbour was built in two parts, first the old basin and then the outer wall that holds back the sea. "
    "Ships have used it since the railway came, and the town grew with the trade that they brought. "
    "When the herring left, most of the boats were sold, but the families that stayed opened inns and small shops. "
    "Today visitors walk along the wall in the evening to watch the light change over the water. "
    "A museum keeps the tools of the net makers, and it is open to everybody on the first day of a month."
)
GOOD = (
    "Paris.",
    "42",
    "Yes",
    "No, the parcel cannot be sent back after thirty days.",
    PROSE,
    "```python\ndef area(radius):\n    return 3 * radius ** 2\n\nfor radius in (1, 2, 3):\n    print(area)\n```",
    "1. Boil water.\n2. Add the pasta.\n3. Wait for ten minutes.\n4. Drain it.\n5. Serve it with oil.",
    "## Steps\n\n- open the lid\n- take out the filter\n- rinse it\n\n## Notes\n\nDo this once a month.",
    "请在三十天内退回包裹，我们将退还货款。如果包裹已经打开，请联系客服。",
    "กรุณาส่งพัสดุคืนภายในสามสิบวัน แล้วเราจะคืนเงินให้",
    '{"name": "Ana", "age": 31, "city": "Porto"}',
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
    "x = (-b + sqrt(b^2 - 4ac)) / 2a, so for a = 1, b = -3 and c = 2 the roots are x = 1 and x = 2.",
    "👍",
    "👍🎉 Well done!",
    "Ha ha ha, that is a good one!",
)
BAD = (
    ("the cat sat the cat sat the cat sat the cat sat the cat sat the cat sat the cat sat", "quality.repetition"),
    ("buy now " * 40, "quality.repetition"),
    ("no no no no no no no no no no", "quality.repetition"),
    ("� � ▓▓▒░ ▄▄▄ ■■■ □□□ ◆◆◆ �� �", "quality.symbols"),
    ("<div><span class='x'></span><a href='http://a.example/b/c/d'>ok</a></div> <br/><br/> yes no", "quality.markup"),
    (" ".join(f"{number:040x}" for number in range(10**40, 10**41, 10**40)), "quality.words"),
    ("...", "quality.length"),
    ("Click here to read more of this page.\n" * 8 + "Welcome to our new place.", "quality.repetition"),
)  # fmt: skip


def answered(text: str, question: str = "What do you say?", label: str | None = None) -> Row:
    turns: tuple[Message, ...] = ({"role": "user", "content": question}, {"role": "assistant", "content": text})
    return make_row(Converted(turns, label), source="f", line=1)


def fate(found: Row, **options: object) -> str:
    """Empty where the row stays."""
    return Work(Options.model_validate(options)).batch([found])[0].reason


@pytest.mark.parametrize("text", GOOD)
def test_good_answers_stay(text: str) -> None:
    assert fate(answered(text)) == ""


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_bad_answers_go_for_a_reason(text: str, reason: str) -> None:
    assert fate(answered(text)) == reason


def test_the_sets_for_pages_keep_prose_and_drop_short_answers() -> None:
    assert fate(answered(PROSE), rules=["gopher", "c4", "fineweb"]) == ""
    assert fate(answered("Paris."), rules="gopher") == "quality.length"
    assert fate(answered(PROSE + " lorem ipsum dolor sit amet."), rules="c4") == "quality.boilerplate"
    assert fate(answered("Home\nNews\nShop\nHelp\n" * 20), rules="fineweb") == "quality.lines"


@pytest.mark.parametrize(
    ("count", "reason"), [(49, "quality.length"), (50, ""), (51, "")], ids=lambda value: str(value)
)
def test_gophers_fifty_words_are_fifty_words(count: int, reason: str) -> None:
    words = [f"{start}{end}" for start in ("walk", "talk", "jump", "sing", "work") for end in "abcdefghij"]
    text = " ".join(["the", "of", *words][: count - 1]) + " end"
    assert fate(answered(text), rules="gopher") == reason


def test_labelled_rows_are_judged_by_their_question() -> None:
    assert fate(answered("a", question="no no no no no no no no", label="a")) == "quality.repetition"
    assert fate(answered("a", question=PROSE, label="a"), rules="gopher") == ""


def test_rules_of_the_recipe_go_before_those_of_the_set() -> None:
    assert fate(answered("Paris."), least_words=2) == "quality.length"
    assert fate(answered(PROSE), most_words=20) == "quality.length"
    assert fate(answered(PROSE), unique_words=0.99) == "quality.words"
    assert fate(answered(PROSE), longest_mean_word=3) == "quality.words"
    assert fate(answered("no no no no no no no no no no"), rules="none") == ""
    assert fate(answered("# # a"), rules="none", symbols=0.5) == "quality.symbols"
    work = Work(Options(least_words=3))
    assert next(rule for rule in work.rules if rule.name == "words").high == 8000


def test_a_score_with_its_limit() -> None:
    assert fate(answered(PROSE), least=0.8) == ""
    assert fate(answered(PROSE), least=0.99, least_words=80) == "quality.score"
    assert fate(answered(PROSE), least_words=80) == ""


def test_the_score_is_kept_where_it_is_asked_for() -> None:
    found = answered(PROSE)
    kept = Work(Options(keep_score=True)).batch([found])[0].row
    assert kept is not None and 0.9 <= float(kept.details.get("columns", {})["quality"]) <= 1
    assert Work(Options()).batch([found])[0].row is found


def test_calls_are_no_prose_and_documents_are_looked_at() -> None:
    call: Message = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    asked = make_row(Converted(({"role": "user", "content": "Go"}, call)), source="f", line=1)
    assert fate(asked) == ""
    page = make_row(Converted(({"role": "document", "content": "buy now " * 40},)), source="f", line=1)
    assert fate(page) == "quality.repetition"
    assert fate(row("a", "")) in ("", "quality.length")


def test_the_step_travels() -> None:
    work = Work(Options())
    assert fate(answered("no " * 20)) == work.batch([answered("no " * 20)])[0].reason
    again = pickle.loads(pickle.dumps(work))
    assert again.batch([answered("no " * 20)])[0].reason == work.batch([answered("no " * 20)])[0].reason
