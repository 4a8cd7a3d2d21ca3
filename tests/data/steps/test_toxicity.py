"""The step toxicity: rows are dropped or marked."""

from __future__ import annotations

import pickle
from dataclasses import replace

from tests.data.builders import row
from tunewright.core.ports import Message, Row
from tunewright.data.crew import Crew
from tunewright.data.steps.toxicity import Work
from tunewright.recipe.options.steps.toxicity import Options

BAD, GOOD = "You are a complete idiot and everybody knows it.", "You are right, and the parcel is late."


def talk(question: str, answer: str, rejected: str = "") -> Row:
    turns: tuple[Message, ...] = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    lost: tuple[Message, ...] = ({"role": "assistant", "content": rejected},) if rejected else ()
    return replace(row("a"), messages=turns, rejected=lost)


def fate(found: Row, **options: object) -> str:
    return Work(Options.model_validate(options)).batch([found])[0].reason


def test_toxic_turns_go() -> None:
    assert [fate(talk(*each)) for each in ((GOOD, GOOD), (GOOD, BAD), (BAD, GOOD))] == ["", "toxicity", "toxicity"]
    assert fate(talk(BAD, GOOD), look_at="answers") == ""


def test_rejected_answers_may_be_bad() -> None:
    pair = talk(GOOD, GOOD, rejected=BAD)
    assert fate(pair) == ""
    assert fate(pair, look_at="everything") == "toxicity"


def test_the_threshold_counts() -> None:
    assert fate(talk(GOOD, BAD), threshold=1.0) == ""
    assert fate(talk(GOOD, GOOD), threshold=0.0) == "toxicity"


def test_marked_rows_stay_with_their_score() -> None:
    marked = Work(Options(action="mark")).batch([talk(GOOD, BAD), talk(GOOD, GOOD)])
    scores = [float(each.row.details.get("columns", {})["toxicity"]) for each in marked if each.row]
    assert len(scores) == 2 and scores[0] >= 0.5 > scores[1]


def test_the_lexicon_alone() -> None:
    assert fate(talk(GOOD, BAD), scorer="lexicon") == "toxicity"


def test_two_processes_find_the_same() -> None:
    rows = [talk(f"{number} {GOOD}", BAD if number % 3 else GOOD) for number in range(60)]
    work = Work(Options())
    work.batch(rows[:2])
    assert len(pickle.dumps(work)) < 2000
    some = [rows[at : at + 15] for at in range(0, 60, 15)]
    one, two = ([line.state for batch in Crew(n).through(some, [work]) for line in batch] for n in (1, 2))
    assert one == two and one.count("gone") == 40
