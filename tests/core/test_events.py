"""The event file survives a kill, and a status is a fold over it."""

from __future__ import annotations

from pathlib import Path

from tunewright.core import events
from tunewright.core.events import EventFile, Note, RunResumed, StepDone, Validated


def step(number: int, loss: float = 1.0) -> StepDone:
    return StepDone(
        step=number,
        total_steps=9,
        epoch=0.1,
        loss=loss,
        learning_rate=0.1,
        gradient_norm=1.0,
        tokens=3,
        trained_tokens=1,
        seconds=0.1,
        tokens_per_s=30.0,
        memory_bytes=1,
        left_s=1.0,
    )


def test_what_is_written_comes_back_with_its_time(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "deep" / "events.jsonl", clock=lambda: 12.5)
    loss = 0.1 + 0.2
    file(step(1, loss))
    file(Note(text='a "quoted" line\nand another'))
    found = events.read(file.path)
    assert [event.time_s for event in found] == [12.5, 12.5]
    assert isinstance(found[0], StepDone) and found[0].loss == loss
    assert isinstance(found[1], Note) and found[1].text.endswith("another")


def test_a_torn_last_line_is_cut_and_the_rest_stands(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventFile(path, clock=lambda: 1.0)(step(1))
    with path.open("a") as file:
        file.write('{"kind": "step", "st')
    assert [event.kind for event in events.read(path)] == ["step"]
    EventFile(path, clock=lambda: 2.0)(step(2))
    assert [event.step for event in events.read(path) if isinstance(event, StepDone)] == [1, 2]


def test_an_absent_file_has_no_events(tmp_path: Path) -> None:
    assert events.read(tmp_path / "none.jsonl") == []


def test_a_resume_undoes_the_steps_after_its_checkpoint() -> None:
    validated = Validated(step=4, loss=1.0, metrics={"token_accuracy": 0.5}, tokens=9)
    history = [step(3), step(4), validated, RunResumed(step=3), step(4, 2.0), RunResumed(step=0), step(1, 3.0)]
    left = events.standing(history)
    assert [(e.step, e.loss) for e in left if isinstance(e, StepDone)] == [(1, 3.0)]
    left = events.standing(history[:5])
    assert [(e.step, e.loss) for e in left if isinstance(e, StepDone)] == [(3, 1.0), (4, 2.0)]
    assert not [event for event in left if isinstance(event, Validated)]
