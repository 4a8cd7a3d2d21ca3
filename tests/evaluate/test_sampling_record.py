"""The verdict of a search in words, whichever side is better, and its settings in the keys of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.test_sampling import PLANTED, Scripted, Setting, alike
from tunewright.core.language_model import GREEDY, Sampling
from tunewright.core.nouns import Comparison, Interval
from tunewright.evaluate.sampling import worded
from tunewright.evaluate.sampling_record import decide, generation_config, noted, request_keys

WARM = Sampling(1.0)
SURE, UNSURE, WORSE = (0.01, 0.2), (-0.01, 0.2), (-0.2, -0.01)


@pytest.mark.parametrize(
    ("metric", "interval", "verdict"),
    [
        ("rouge_l", SURE, "Use temperature 1: on 40 test rows it changes rouge_l by +0.1 (95 % interval +0.01 to "
         "+0.2)."),
        ("rouge_l", UNSURE, "Keep plain greedy, not temperature 1: on 40 test rows it changes rouge_l by +0.1 (95 % "
         "interval -0.01 to +0.2), which is not surely a gain."),
        ("rouge_l", (0.0, 0.2), "which is not surely a gain."),
        ("rouge_l", WORSE, "which is worse."),
        ("rouge_l", None, "and there are too few to say how sure that is."),
        ("repetition", WORSE, "Use temperature 1: on 40 test rows it changes repetition by +0.1 (95 % interval -0.2 to "
         "-0.01)."),
        ("repetition", UNSURE, "which is not surely a gain."),
        ("repetition", SURE, "which is worse."),
    ],
)  # fmt: skip
def test_only_a_whole_interval_on_the_better_side_is_recommended(
    metric: str, interval: Interval | None, verdict: str, tmp_path: Path
) -> None:
    trial = Setting(Scripted(alike), tmp_path, metric=metric).parts()[0]
    held = Comparison(base=0.3, base_same_prompt=0.3, tuned=0.4, difference=0.1, interval=interval, n=80, families=40)
    recommended, words = decide(trial, WARM, comparison=held, settings=21, rows=64)
    assert words.endswith(verdict)
    assert recommended == words.startswith("Use ") == verdict.startswith("Use ")


def test_what_was_not_checked_or_has_no_number_is_not_recommended(tmp_path: Path) -> None:
    trial = Setting(Scripted(alike), tmp_path).parts()[0]
    told = (False, "Keep plain greedy: none of 20 other settings did better on 64 validation rows.")
    assert decide(trial, GREEDY, comparison=None, settings=21, rows=64) == told
    nothing = Comparison(base=None, base_same_prompt=None, tuned=0.4, n=0)
    recommended, words = decide(trial, WARM, comparison=nothing, settings=21, rows=64)
    assert not recommended
    assert words == "Keep plain greedy: exact_match is no number on the test rows, so temperature 1 was not checked."


def test_settings_in_words_and_in_other_tools_keys() -> None:
    assert [worded(each) for each in (GREEDY, Sampling(repetition_penalty=1.2), Sampling(1.0), PLANTED)] == [
        "greedy",
        "greedy with repetition penalty 1.2",
        "temperature 1",
        "temperature 0.7, top-p 0.9, repetition penalty 1.1",
    ]
    assert generation_config(noted(PLANTED)) == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
        "repetition_penalty": 1.1,
        "top_k": 0,
    }
    assert generation_config(noted(Sampling(repetition_penalty=1.2))) == {
        "do_sample": False,
        "repetition_penalty": 1.2,
    }
    assert request_keys(noted(PLANTED)) == {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1}
    assert request_keys(noted(Sampling(0.3))) == {"temperature": 0.3, "top_p": 1.0}
