"""What one tracker is owed: every step that stands, in order, once, whatever goes wrong between."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.app.tracked_runs import Breaks, Keeps, event_file, run_in, step, validated
from tunewright.app.delivery import Delivery, Tail, measured, options_digest
from tunewright.core.events import CheckpointSaved, RunResumed, read, standing


def test_numbers_have_names_and_no_predictions() -> None:
    assert measured(step(3, loss=0.25)).values == {
        "epoch": 0.1,
        "loss": 0.25,
        "learning_rate": 1e-3,
        "gradient_norm": 1.0,
        "tokens": 10.0,
        "trained_tokens": 5.0,
        "seconds": 0.1,
        "tokens_per_s": 100.0,
        "memory_bytes": 1.0,
    }
    assert measured(validated(3)).values == {"validation_loss": 0.75, "validation_token_accuracy": 0.5}


def test_a_file_is_read_on_from_where_it_was_left_and_half_a_line_waits(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    tail, write = Tail(run.folder / "events.jsonl"), event_file(run)
    assert tail.read() == []
    write(step(1))
    write(CheckpointSaved(step=1, bytes=5))
    assert [event.kind for event in tail.read()] == ["step"]
    line = step(2).model_dump_json()
    with write.path.open("a", encoding="utf-8") as file:
        file.write(line[:20])
        file.flush()
        assert tail.read() == []
        file.write(line[20:] + "\n")
    assert [event.step for event in tail.read() if event.kind == "step"] == [2]


def test_a_resume_takes_back_what_waits_and_what_comes_again_is_sent_again(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path), Keeps()
    write, delivery = event_file(run), Delivery("tool", tool, run=run)
    for number in (1, 2, 3):
        write(step(number))
    delivery.advance()
    write(step(4))
    write(RunResumed(step=1))
    write(step(2, loss=0.25))
    delivery.advance()
    assert tool.losses() == {1: 0.5, 2: 0.25}
    assert (delivery.delivered, delivery.due) == (2, 2)
    assert 4 not in tool.sent


def test_whatever_fails_and_whatever_is_undone_the_tool_ends_with_what_stands(tmp_path: Path) -> None:
    rng = random.Random(4)
    for round_ in range(30):
        run = run_in(tmp_path / str(round_))
        write = event_file(run)
        tool = Breaks(at=frozenset(rng.randint(1, 60) for _ in range(12)))
        delivery, at = Delivery("tool", tool, run=run), 0
        for _ in range(40):
            if rng.random() < 0.1:
                at = rng.randint(0, at)
                write(RunResumed(step=at))
            at += 1
            write(step(at, loss=rng.random()))
            if rng.random() < 0.2:
                write(validated(at, loss=rng.random()))
            if rng.random() < 0.1:
                delivery = Delivery("tool", tool, run=run)  # another process
            _try(delivery.advance)
        while not delivery.ended:
            _try(lambda: delivery.end("done", {}))
        stand = standing(read(write.path))
        assert tool.losses() == {event.step: event.loss for event in stand if event.kind == "step"}
        assert {key[0] for key in tool.rows if key[1] == "validation_loss"} == {
            event.step for event in stand if event.kind == "validated"
        }


def _try(call) -> None:
    try:
        call()
    except OSError as error:
        assert "fails" in str(error)


def test_how_far_a_tracker_is_stands_in_a_file(tmp_path: Path) -> None:
    run = run_in(tmp_path, "tool")
    write, delivery = event_file(run), Delivery("tool", Keeps(), run=run)
    write(step(1))
    write(step(2))
    delivery.advance()
    file = run.folder / "trackers" / "tool.json"
    expected = {"steps": 2, "last_step": 2, "status": "open", "options": options_digest(run, "tool")}
    assert json.loads(file.read_text()) == expected
    delivery.end("stopped", {})
    assert json.loads(file.read_text())["status"] == "stopped"


def test_an_error_of_the_tool_is_raised_and_nothing_is_forgotten(tmp_path: Path) -> None:
    run, tool = run_in(tmp_path), Keeps(down=True)
    write, delivery = event_file(run), Delivery("tool", tool, run=run)
    write(step(1))
    with pytest.raises(ConnectionError):
        delivery.advance()
    tool.down = False
    delivery.advance()
    assert tool.sent == [1]
