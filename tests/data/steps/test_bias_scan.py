"""The step `bias_scan`: a planted bias is measured, evened out, and measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.ports import Converted, Row
from tunewright.data.bias_tally import association
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import make_row
from tunewright.data.steps.bias_scan import Work
from tunewright.recipe.options.steps.bias_scan import Options
from tunewright.text.chat import ChatFormat


def work(**keys: Any) -> Work:
    return Work(Options.model_validate(keys))


def said(question: str, answer: str, line: int = 1) -> Row:
    turns = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return make_row(Converted(turns), source="f", line=line)  # pyright: ignore[reportArgumentType]


def biased() -> list[Row]:
    """Nurses are women nine times of ten, engineers men; engineers are praised."""
    rows: list[Row] = []
    for n in range(100):
        female = n % 10 < 9
        rows.append(
            said(f"What did nurse number {n} say?", f"{'She' if female else 'He'} said that nurses are tired.", n)
        )
        rows.append(
            said(f"What of engineer {n}?", f"The engineer did {'her' if not female else 'his'} brilliant work.", n)
        )
        rows.append(said(f"How is the weather on day {n}?", "It is raining.", n))
    return rows


def gender(report: Any, when: str = "before") -> dict[str, Any]:
    return report[when]["gender"]


def test_a_planted_bias_is_measured() -> None:
    done = work().apply({"train": biased(), "validation": [], "test": []})
    assert done.report is not None and done.rows["train"] == biased()
    assert (done.gone, done.created, list(done.changed)) == ([], {}, [])
    found = gender(done.report)
    assert found["professions"] == {"engineer": {"female": 10, "male": 90}, "nurse": {"female": 90, "male": 10}}
    assert found["association_gap"] == pytest.approx(0.4)
    assert found["groups"]["female"]["rows"] == 100 and found["groups"]["male"]["share_of_rows"] == pytest.approx(
        1 / 3, abs=1e-4
    )
    assert found["groups"]["male"]["sentiment"] > found["groups"]["female"]["sentiment"]
    assert found["sentiment_gap"] == pytest.approx(1.6)
    assert "after" not in done.report
    json.dumps(done.report, allow_nan=False)


def test_swapped_rows_even_it_out() -> None:
    done = work(counterfactual={"attribute": "gender"}).apply(
        {"train": biased(), "validation": [row("she")], "test": []}
    )
    assert done.report is not None
    new = done.rows["train"][300:]
    assert done.created == {"bias.counterfactual": 200} and len(new) == 200 and done.rows["validation"] == [row("she")]
    assert gender(done.report, "after")["association_gap"] == 0
    assert gender(done.report, "after")["sentiment_gap"] == 0
    assert {each.details.get("mark") for each in new} == {"bias.counterfactual"}
    by_id = {each.id: each for each in biased()}
    for each in new:
        parent = by_id[each.details.get("original", "")]
        assert each.messages != parent.messages and each.line == parent.line
    again = work(counterfactual={"attribute": "gender"}).apply(done.rows)
    assert again.created == {} and again.report is not None
    assert again.report["counterfactual"]["left_out"] == {"made": 200, "stands_already": 200}


def test_weights_make_groups_count_the_same() -> None:
    rows = [said(f"a{n}", "She sings.") for n in range(30)] + [said(f"b{n}", "He sings.") for n in range(10)]
    rows += [said("c", "She and he sing."), said("d", "It rains.")]
    done = work(reweight="gender").apply({"train": rows})
    assert done.report is not None and done.report["reweight"] == {"female": round(20 / 30, 4), "male": 2.0}
    weights = [each.details.get("weight", 1.0) for each in done.rows["train"]]
    assert (
        sum(weights[:30]) == pytest.approx(20) and sum(weights[30:40]) == pytest.approx(20) and weights[40:] == [1, 1]
    )
    assert len(done.changed) == 40 and {change.reason for change in done.changed} == {"bias.reweight"}
    after = gender(done.report, "after")["groups"]
    assert after["female"]["rows"] == pytest.approx(21, abs=1e-2) == after["male"]["rows"]


def test_weights_stay_within_their_bounds() -> None:
    rows = [said(f"a{n}", "She sings.") for n in range(99)] + [said("b", "He sings.")]
    done = work(reweight="gender", most_weight=3).apply({"train": rows})
    assert done.report is not None and done.report["reweight"] == {"female": round(50 / 99, 4), "male": 3.0}


def test_labels_and_what_would_be_false_stay() -> None:
    rows = [
        row("She asks for the men's room", "women's health"),
        said("Who wrote Frankenstein?", "Mary Shelley did, when she was eighteen."),
        said("Is she pregnant?", "No."),
        said("What is a waiter?", "He serves."),
    ]
    done = work(counterfactual={}).apply({"train": rows})
    first, last = done.rows["train"][4:]
    assert (first.messages[0].get("content"), first.target, first.label) == (
        "He asks for the women's room", "women's health", "women's health")  # fmt: skip
    assert [turn.get("content") for turn in last.messages] == ["What is a waitress?", "She serves."]
    assert done.report is not None
    assert done.report["counterfactual"] == {"rows": 2, "left_out": {"body": 1, "full_name": 1}}
    assert len(work(counterfactual={"careful": False}).apply({"train": rows}).rows["train"]) == 8


def test_only_what_is_asked_for_is_counted() -> None:
    done = work(attributes=["religion"]).apply({"train": [said("a", "She is a Muslim.")]})
    assert done.report is not None and set(done.report["before"]) == {"religion"}
    assert work().apply({"train": [said("a", "b")]}).report == {"rows": 1, "before": {}}


@pytest.mark.parametrize(
    ("cells", "gap"),
    [([], None), ([[0, 0]], None), ([[5, 5], [7, 7]], 0), ([[9, 1], [1, 9]], 0.4), ([[10, 0], [0, 10]], 0.5),
     ([[3, 6], [1, 2]], 0)],
)  # fmt: skip
def test_the_gap_by_hand(cells: list[list[float]], gap: float | None) -> None:
    assert association(cells) == (None if gap is None else pytest.approx(gap))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=8))
def test_the_gap_is_a_share_and_of_equal_groups_none(cells: list[list[int]]) -> None:
    gap = association(cells)
    assert gap is None or 0 <= gap < 1
    even = association([[sum(cell)] * 3 for cell in cells])
    assert even is None or even == pytest.approx(0)


TEXTS = st.lists(
    st.sampled_from(
        ["she", "he", "her", "his", "the", "nurse", "doctor", "Muslim", "kind", "lazy", "Mary", ".", "waits"]
    ),
    max_size=8,
)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(TEXTS, max_size=12), weigh=st.booleans(), swap=st.booleans())
def test_no_row_is_lost_and_genders_come_out_even(texts: list[list[str]], weigh: bool, swap: bool) -> None:
    rows = [said(" ".join(text) or "x", "yes", n) for n, text in enumerate(texts)]
    step = work(reweight="gender" if weigh else None, counterfactual={} if swap else None)
    done = step.apply({"train": rows, "validation": rows[:1], "test": []})
    assert done.rows["validation"] == rows[:1] and done.gone == []
    assert len(done.rows["train"]) == len(rows) + sum(done.created.values())
    assert [each.messages for each in done.rows["train"][: len(rows)]] == [each.messages for each in rows]
    assert all(each.details.get("weight", 1.0) > 0 for each in done.rows["train"])
    json.dumps(done.report, allow_nan=False)


def test_from_the_recipe_to_the_report(tmp_path: Path, chat: ChatFormat) -> None:
    """Also with two processes: the same rows, the same report."""
    write_jsonl(tmp_path / "rows.jsonl", [{"messages": list(each.messages)} for each in biased()])
    steps = [{"bias_scan": {"counterfactual": {}, "reweight": "gender"}}]
    names: set[str] = set()
    for workers in (1, 2):
        version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": steps, "workers": workers})
        names.add(version.name)
        receipt = version.receipt
        assert receipt.rows.balanced() and receipt.rows.created["bias.counterfactual"] > 100
        report = json.loads((workspace_of(tmp_path).datasets / version.name / "report-bias_scan.json").read_text())
        assert gender(report)["association_gap"] > 0.3 and gender(report, "after")["association_gap"] < 0.01
        split = open_dataset(workspace_of(tmp_path), version).split("validation")
        assert all("mark" not in split.row(at).details for at in range(len(split)))
    assert len(names) == 1
