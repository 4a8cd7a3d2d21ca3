"""Events on standard error."""

from __future__ import annotations

import io

from tunewright.app.cli.progress import watch
from tunewright.core import events


def step(number: int, total: int = 100) -> events.StepDone:
    return events.StepDone(
        step=number,
        total_steps=total,
        epoch=0.5,
        loss=1.25,
        learning_rate=1e-3,
        gradient_norm=0.5,
        tokens=10,
        trained_tokens=5,
        seconds=1.0,
        tokens_per_s=123.4,
        memory_bytes=1_620_000_000,
        left_s=185,
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_are_few_and_whole() -> None:
    stream, now = io.StringIO(), iter(range(0, 1000))
    with watch(quiet=False, stream=stream, clock=lambda: next(now)) as emit:
        for number in range(1, 101):
            emit(step(number))
        emit(events.Note(text="a choice"))
        emit(events.Progress(stage="data", done=3, total=3, unit="rows"))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "step 1/100  loss 1.2500  rate 1.00e-03  gradient 0.500  123 tokens/s  1.62 GB  3 min 05 s left"
    assert 15 < len(lines) < 30
    assert lines[-3].startswith("step 100/100")
    assert lines[-2:] == ["a choice", "data: 3 of 3 rows"]


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    with watch(quiet=True, stream=stream) as emit:
        emit(step(1))
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_live_line_and_answers_cannot_steer_it() -> None:
    stream = Terminal()
    with watch(quiet=False, stream=stream) as emit:
        emit(events.StageStarted(stage="runs"))
        emit(events.Sampled(step=50, prompt="a [bold]b[/bold]", answer="x\x1b]0;title\x07y", expected="z"))
        emit(events.StageDone(stage="data", name="f" * 64, seconds=3))
        emit(step(50))
    shown = stream.getvalue()
    assert "runs begins" in shown
    assert "step 50/100" in shown
    assert "[bold]b[/bold]" in shown
    assert "\x1b]0;title" not in shown


def test_every_event_has_a_line_or_is_meant_to_be_silent() -> None:
    stream = io.StringIO()
    with watch(quiet=False, stream=stream) as emit:
        emit(events.RunResolved(used={"precision": "bf16"}))
        emit(events.RunResumed(step=7))
        emit(events.Validated(step=7, loss=0.5, metrics={"token_accuracy": 0.75}, tokens=10))
        emit(events.CheckpointSaved(step=7, bytes=5))
        emit(events.CheckpointRefused(step=6, why="its digest is another"))
        emit(events.StageSkipped(stage="data", name="a" * 64))
    assert stream.getvalue().splitlines() == [
        "using precision bf16",
        "going on after step 7",
        "step 7: validation loss 0.5000, token accuracy 75.0%",
        "the checkpoint of step 6 is refused: its digest is another",
        "data: nothing has changed, aaaaaaaaaaaa stands",
    ]
