"""Nothing that a tracker does reaches the run, and nothing that the run measured is lost to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.app.tracked_runs import SOON, Breaks, Hangs, Keeps, event_file, run_in, step, validated
from tunewright.app.delivery import Pace
from tunewright.app.tracking import deliver, has_all, stored_run, tracked, words
from tunewright.core.errors import Stopped, UserError
from tunewright.core.events import Emit, Event, Note, RunResumed
from tunewright.core.ports import TrackedRun, Tracker
from tunewright.core.workspace import lock


def train(
    trackers: dict[str, Tracker], run: TrackedRun, *, steps: Sequence[int] = range(1, 6), pace: Pace = SOON
) -> list[str]:
    """A run whose events are written and told as training does it. Returns the notes."""
    seen: list[Event] = []
    file = event_file(run)
    with tracked(trackers, run, emit=seen.append, pace=pace) as emit:
        for number in steps:
            _tell(file, emit, step(number))
            time.sleep(0.01)
        _tell(file, emit, validated(steps[-1]))
    return [event.text for event in seen if isinstance(event, Note)]


def _tell(file: Emit, emit: Emit, event: Event) -> None:
    file(event)
    emit(event)


def until(holds: Callable[[], bool]) -> bool:
    for _ in range(300):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_every_number_arrives_and_the_record_is_ended(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    notes = train({"tool": tool}, run)
    assert list(tool.losses()) == [1, 2, 3, 4, 5]
    assert (tool.rows[5, "validation_loss"], tool.status, tool.opened) == (0.75, "done", 1)
    assert notes == ["trackers: tool has 5 of 5 steps."]
    assert has_all(run, "tool")


def test_numbers_arrive_while_the_run_goes_on(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    file = event_file(run)
    with tracked({"tool": tool}, run, emit=lambda _: None, pace=SOON) as emit:
        _tell(file, emit, step(1))
        assert until(lambda: tool.sent == [1])
        _tell(file, emit, step(2))
        assert until(lambda: tool.sent == [1, 2])


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    with tracked({}, run, emit=lambda _: None) as emit:
        emit(step(1))
    assert not run.folder.exists()


def test_a_tracker_that_raises_now_and_then_loses_nothing(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Breaks(at=frozenset({1, 3, 4, 7, 9}))
    notes = train({"tool": tool}, run)
    assert list(tool.losses()) == [1, 2, 3, 4, 5]
    assert len(notes) == 2
    assert notes[0].startswith("tracker tool fails (")
    assert notes[1] == "trackers: tool has 5 of 5 steps."


def test_a_tracker_that_never_answers_stops_nobody_and_gets_everything_later(tmp_path: Path) -> None:
    run, down, good = run_in(tmp_path, "down", "good"), Keeps(down=True), Keeps()
    notes = train({"down": down, "good": good}, run)
    assert list(good.losses()) == [1, 2, 3, 4, 5]
    assert "down has 0 of 5 steps (ConnectionError: nobody answers), good has 5 of 5 steps." in notes[-1]
    assert f"tunewright track {run.folder}" in notes[-1]
    down.down = False
    reports = deliver({"down": down, "good": good}, run, emit=lambda _: None, pace=SOON)
    assert {each.tracker: each.steps for each in reports} == {"down": 5, "good": 5}
    assert list(down.losses()) == [1, 2, 3, 4, 5]
    assert down.sent == [1, 2, 3, 4, 5, 5]  # the validation of the last step comes by itself


def test_a_tracker_that_hangs_costs_the_wait_at_the_end_and_no_more(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Hangs()
    began_s = time.monotonic()
    notes = train({"tool": tool}, run)
    assert time.monotonic() - began_s < SOON.quiet_s + 2.0
    assert "tool has 0 of 5 steps (no answer in time)" in notes[-1]
    tool.go.set()


def test_a_call_that_takes_long_is_told_once(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Hangs()
    notes = train({"tool": tool}, run, steps=range(1, 41))
    assert [note for note in notes if "does not answer" in note] == [
        "tracker tool does not answer; the run goes on, and what it was not given is sent later."
    ]
    tool.go.set()


def test_a_tool_that_dies_in_the_middle_and_comes_back_has_every_step_once(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    file = event_file(run)
    with tracked({"tool": tool}, run, emit=lambda _: None, pace=SOON) as emit:
        for number in range(1, 31):
            tool.down = 10 <= number < 20
            _tell(file, emit, step(number))
            assert number != 9 or until(lambda: 9 in tool.sent)
            assert number != 19 or 19 not in tool.sent
    assert tool.sent == list(range(1, 31))


def test_a_run_that_goes_on_sends_what_stands_and_what_was_undone_is_replaced(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    file = event_file(run)
    for number in (1, 2, 3):  # a process that was killed
        file(step(number))
    with tracked({"tool": tool}, run, emit=lambda _: None, pace=SOON) as emit:
        _tell(file, emit, RunResumed(step=2))
        _tell(file, emit, step(3, loss=0.125))
    assert tool.losses() == {1: 0.5, 2: 0.5, 3: 0.125}
    assert tool.sent == [1, 2, 3]


@pytest.mark.parametrize(
    ("error", "status"), [(Stopped("leave"), "stopped"), (KeyboardInterrupt(), "stopped"), (ValueError(), "failed")]
)
def test_how_a_run_ended_is_said(error: BaseException, status: str, tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    file = event_file(run)
    with pytest.raises(type(error)), tracked({"tool": tool}, run, emit=lambda _: None, pace=SOON) as emit:
        _tell(file, emit, step(1))
        raise error
    assert (tool.sent, tool.status) == ([1], status)


def test_a_run_that_never_began_is_shown_nowhere(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    with pytest.raises(ValueError, match="refused"), tracked({"tool": tool}, run, emit=lambda _: None, pace=SOON):
        raise ValueError("refused")
    assert tool.opened == 0
    assert until(lambda: not [thread for thread in threading.enumerate() if thread.name == "tracker tool"])


def test_trackers_that_have_everything_are_not_called_again_unless_they_are_others_now(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path, "tool"), Keeps()
    train({"tool": tool}, run)
    (run.folder / "run.json").write_text("{}")
    assert deliver({"tool": tool}, run, emit=lambda _: None)[0].complete
    assert tool.opened == 1
    elsewhere = {"name": "told", "output": {"trackers": [{"type": "tool", "uri": "elsewhere"}]}}
    assert not has_all(TrackedRun(run.name, run.key, run.folder, elsewhere, {}), "tool")


def test_a_run_that_is_going_on_is_left_to_its_own_trackers(tmp_path: Path) -> None:
    run = run_in(tmp_path, "tool")
    event_file(run)(step(1))
    for place in (run.folder / "lock", run.folder / "trackers" / "lock"):
        with lock(place, purpose="train"), pytest.raises(UserError, match="is at work here"):
            deliver({"tool": Keeps()}, run, emit=lambda _: None, pace=SOON)


def test_a_stored_run_is_the_one_that_was_tracked(tmp_path: Path) -> None:
    run = run_in(tmp_path, "tool")
    train({"tool": Keeps()}, run)
    assert stored_run(run.folder) == run
    with pytest.raises(UserError, match="nothing was tracked here"):
        stored_run(tmp_path)


def test_no_secret_of_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "abc-secret")
    assert words(OSError("refused for abc-secret\nmore")) == "OSError: refused for ***"
    assert len(words(OSError("x" * 999))) == 200
