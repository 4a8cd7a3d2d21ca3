"""A thousand hostile rows; the script runs ten thousand with bigger texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutate_rows import RUNS, run, write_files

from tunewright.text.chat import ChatFormat


@pytest.mark.parametrize("seed", [1, 2])
def test_no_crash_and_the_receipt_adds_up(tmp_path: Path, chat: ChatFormat, seed: int) -> None:
    write_files(tmp_path, rows=500, seed=seed, big_characters=20_000)
    versions, wrong = run(tmp_path, chat)
    assert wrong == []
    assert len(versions) == len(RUNS)
    reasons = {reason for version in versions for part in version.receipt.sources.values() for reason in part.reasons}
    assert {"broken_json", "lone_surrogate", "nul_byte", "wrong_encoding", "control_token", "broken_csv"} <= reasons
