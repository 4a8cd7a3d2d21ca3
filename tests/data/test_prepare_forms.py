"""Pairs, rated answers and prompts through the whole stage: files, split, tokens, ratings, receipt, checklist."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note
from tunewright.core.nouns import DatasetVersion
from tunewright.data.checklist import findings, read_survey
from tunewright.data.dataset import Dataset, open_dataset
from tunewright.data.forms import Rows
from tunewright.data.rows import SPLITS
from tunewright.recipe.rules import RuleOptions
from tunewright.text.chat import ChatFormat

KTO = [{"prompt": f"question {n}", "completion": f"answer {n}", "label": n % 3 > 0} for n in range(30)]
SCORED = [
    {"instruction": f"question {n}", "completions": [{"response": f"{k} of {n}", "score": k} for k in range(4)]}
    for n in range(25)
]


def pairs(count: int) -> list[dict[str, Any]]:
    return [
        {"prompt": f"question {n}", "chosen": f"good {n} indeed", "rejected": f"bad {n}", "margin": n / 4}
        for n in range(count)
    ]


def made(folder: Path, chat: ChatFormat, rows: list[Any], form: Rows, **options: Any) -> tuple[DatasetVersion, Dataset]:
    write_jsonl(folder / "rows.jsonl", rows)
    version = prepared(folder, chat, options={"train": "rows.jsonl", **options}, rows=form)
    assert version.receipt.rows.balanced() and version.receipt.tokens.balanced()
    return version, open_dataset(workspace_of(folder), version)


def sides_of(dataset: Dataset) -> dict[str, set[str]]:
    """Splits in which each prompt stands."""
    found: dict[str, set[str]] = defaultdict(set)
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            found[split.row(index).prompt[-1].get("content", "")].add(split.name)
    return found


def test_both_answers_of_a_pair_are_encoded_after_one_prompt(tmp_path: Path, chat: ChatFormat) -> None:
    rows = pairs(30)
    version, dataset = made(tmp_path, chat, rows, "pairs")
    assert version.receipt.rows.kept == 30
    assert "rejected_not_trained" not in version.receipt.sources["rows.jsonl"].reasons
    total = 0
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            row, won = split.row(index), split.encoded(index)
            lost = won.rejected
            assert lost is not None and won.margin == np.float32(rows[row.line - 1]["margin"])
            for one, turns in ((won, row.messages), (lost, (*row.prompt, *row.rejected))):
                tokens, weights = chat.encode(turns, loss_on="answers")
                np.testing.assert_array_equal(one.tokens, tokens)
                np.testing.assert_array_equal(one.weights, weights)
                assert chat.decode(one.tokens[one.weights > 0].tolist()).strip() == turns[-1].get("content")
                total += len(tokens)
            end = int(np.argmax(won.weights > 0))
            np.testing.assert_array_equal(won.tokens[:end], chat.prompt_ids(row.prompt))
            np.testing.assert_array_equal(won.tokens[:end], lost.tokens[: int(np.argmax(lost.weights > 0))])
    assert version.receipt.tokens.kept == version.receipt.tokens.in_ == total


def test_the_same_rows_are_another_data_set_for_another_objective(tmp_path: Path, chat: ChatFormat) -> None:
    found = [made(tmp_path, chat, pairs(20), form)[0] for form in cast("list[Rows]", ["conversations", "pairs"])]
    assert found[0].key != found[1].key and found[0].name != found[1].name


def test_ties_are_dropped_and_scores_that_say_the_opposite_set_aside(tmp_path: Path, chat: ChatFormat) -> None:
    scored = [{**row, "score_chosen": 4, "score_rejected": 2} for row in pairs(40)]
    for row in scored:
        del row["margin"]
    scored[3]["score_rejected"], scored[4]["score_rejected"] = 4, 5
    version, dataset = made(tmp_path, chat, scored, "pairs")
    assert version.receipt.rows.dropped == {"tie": 1}
    assert version.receipt.sources["rows.jsonl"].reasons == {"tie": 1, "wrong_margin": 1}
    assert dataset.split("train").row(0).details == {"margin": 2.0, "scores": [4.0, 2.0]}
    wide, _ = made(tmp_path, chat, scored, "pairs", shape={"type": "preference", "tie_margin": 1})
    assert wide.receipt.rows.dropped == {"tie": 2}


@pytest.mark.parametrize(("kind", "count"), [("best_and_worst", 1), ("all", 6)])
def test_scored_answers_become_pairs(tmp_path: Path, chat: ChatFormat, kind: str, count: int) -> None:
    version, dataset = made(tmp_path, chat, SCORED, "pairs", shape={"type": "preference", "pairs": kind})
    assert version.receipt.rows.kept == 25 * count
    assert version.receipt.rows.created == ({"further_answer": 25 * (count - 1)} if count > 1 else {})
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            row = split.row(index)
            won, lost = (int(text.split()[0]) for text in (row.target, row.rejected[0].get("content", "")))
            assert row.details.get("margin") == won - lost > 0
    assert all(len(sides) == 1 for sides in sides_of(dataset).values())


def test_rated_answers_keep_their_ratings_and_stand_with_their_prompt(tmp_path: Path, chat: ChatFormat) -> None:
    shape = {"type": "rated", "least": 0, "most": 3}
    version, dataset = made(tmp_path, chat, SCORED, "rated", shape=shape)
    assert (version.receipt.rows.in_, version.receipt.rows.kept) == (25, 100)
    assert version.receipt.rows.created == {"further_answer": 75}
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            row, encoded = split.row(index), split.encoded(index)
            rating = float(row.target.split()[0])
            assert (encoded.rating, encoded.desirable, encoded.margin) == (rating, rating > 1.5, None)
            assert encoded.rejected is None and encoded.weights.any()
    sides = sides_of(dataset)
    assert len(sides) == 25 and all(len(each) == 1 for each in sides.values())
    assert {next(iter(each)) for each in sides.values()} == set(SPLITS)


def test_one_and_two_processes_give_the_same_rows(tmp_path: Path, chat: ChatFormat) -> None:
    steps, shape = ["clean", "deduplicate"], {"type": "rated", "good": 2}
    found = [made(tmp_path / f"{n}", chat, SCORED, "rated", shape=shape, steps=steps, workers=n)[0] for n in (1, 2)]
    assert found[0].name == found[1].name and found[0].receipt.rows.kept == 100


def test_only_good_answers_are_imitated(tmp_path: Path, chat: ChatFormat) -> None:
    told: list[Event] = []
    write_jsonl(tmp_path / "rows.jsonl", KTO)
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"}, emit=told.append)
    assert (version.receipt.rows.kept, version.receipt.rows.dropped) == (20, {"rated_low": 10})
    said = [event.text for event in told if isinstance(event, Note)]
    assert "The rows have the shape rated, by their columns: completion, label, prompt." in said
    with pytest.raises(UserError, match=r"nothing says which ratings count as good.*good: 4"):
        made(tmp_path, chat, SCORED, "conversations")
    best, _ = made(tmp_path, chat, SCORED, "conversations", shape={"type": "rated", "good": 3})
    assert best.receipt.rows.dropped == {"rated_low": 75}


def test_a_bad_rating_sets_the_row_aside_with_its_reason(tmp_path: Path, chat: ChatFormat) -> None:
    odd = [{"prompt": "p", "completion": "c", "rating": value} for value in ("great", None, 9, "1e999")]
    rows = [{**row, "rating": "5"} for row in ({**each} for each in KTO)]
    shape = {"type": "rated", "least": 1, "most": 5}
    version, _ = made(tmp_path, chat, [*rows, *odd], "rated", shape=shape, limits={"quarantined_rows": 4})
    reasons = version.receipt.sources["rows.jsonl"].reasons
    assert reasons == {"wrong_rating": 1, "missing_rating": 1, "rating_out_of_range": 1, "rating_not_finite": 1}
    text = (workspace_of(tmp_path).datasets / version.name / "quarantine.jsonl").read_text()
    assert '\\"rating\\" is 9; the scale is 1 to 5' in text


def test_labels_of_prompts_are_counted_unless_they_are_measurements(tmp_path: Path, chat: ChatFormat) -> None:
    """Five stars are classes; more than a thousand different numbers are not."""
    stars = [{"text": f"review {number}", "label": str(number % 5)} for number in range(60)]
    version, _ = made(tmp_path / "stars", chat, stars, "prompts")
    assert version.labels == ("0", "1", "2", "3", "4")
    assert sum(sum(counts.values()) for counts in version.receipt.labels.values()) == 60
    prices = [{"text": f"house {number}", "label": f"{number}.5"} for number in range(1_200)]
    version, _ = made(tmp_path / "prices", chat, prices, "prompts")
    assert version.labels == () and not version.receipt.labels


def test_prompts_end_where_the_answer_begins(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"prompt": f"question {n}", "solution": n} for n in range(20)]
    version, dataset = made(tmp_path, chat, [*rows, rows[0]], "prompts", system="Be brief.")
    assert (version.shape, version.receipt.rows.kept, version.receipt.rows.duplicate) == ("prompts", 20, 1)
    assert version.receipt.tokens.trained == 0
    split = dataset.split("train")
    for index in range(len(split)):
        row, encoded = split.row(index), split.encoded(index)
        assert row.prompt == row.messages and row.target == ""
        assert row.details.get("references") == [str(row.line - 1)]
        assert encoded.tokens.tolist() == chat.prompt_ids(row.messages) and not encoded.weights.any()
    answered, other = made(tmp_path, chat, [{"prompt": "p", "completion": f"c {n}"} for n in range(9)], "prompts")
    row = other.split("train").row(0)
    assert other.split("train").encoded(0).tokens.tolist() == chat.prompt_ids(row.prompt) and answered.receipt.rows.kept


REFUSED: list[tuple[list[dict[str, Any]], Rows, str]] = [
    ([{"prompt": "p"}], "conversations", "these rows are prompts without answers"),
    ([{"prompt": "p"}], "pairs", "these rows are prompts without answers"),
    ([{"prompt": "p"}], "documents", "these rows have the shape prompts, and the objective pretrain"),
    (KTO, "pairs", "these rows have the shape rated, and the objective learns from pairs"),
    (SCORED, "pairs", r"data\.shape: preference makes pairs of scored answers"),
    (pairs(3), "rated", "these rows have the shape preference, and the objective learns from rated answers"),
    ([{"text": "t"}], "prompts", "these rows are plain text, and the objective needs prompts"),
]


@pytest.mark.parametrize(("rows", "form", "sentence"), REFUSED)
def test_an_objective_says_what_it_cannot_learn_from(
    tmp_path: Path, chat: ChatFormat, rows: list[Any], form: Rows, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        made(tmp_path, chat, rows, form)


@pytest.mark.parametrize(
    ("form", "action"), [("pairs", "cut"), ("pairs", "split"), ("prompts", "cut"), ("rated", "split")]
)
def test_what_cannot_be_shortened_says_so(tmp_path: Path, chat: ChatFormat, form: Rows, action: str) -> None:
    rows = {"pairs": pairs(20), "prompts": [{"prompt": "p"}], "rated": KTO}[form]
    with pytest.raises(UserError, match=r"data\.overlong: over-long rows cannot be"):
        made(tmp_path, chat, rows, form, overlong=action)


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_a_pair_is_too_long_by_its_longer_side(tmp_path: Path, chat: ChatFormat, side: str) -> None:
    rows = [*pairs(20), {**pairs(1)[0], "prompt": "q", side: "word " * 300}]
    version, _ = made(tmp_path, chat, rows, "pairs", overlong="drop", max_tokens=200)
    assert version.receipt.rows.dropped == {"overlong": 1}
    with pytest.raises(UserError, match=r"1 example has more than data\.max_tokens = 200"):
        made(tmp_path, chat, rows, "pairs", max_tokens=200)


def test_a_damaged_file_of_ratings_is_found(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = made(tmp_path, chat, KTO, "rated")
    path = dataset.folder / "train.ratings.safetensors"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(OutsideError, match="damaged"):
        Dataset(dataset.folder, dataset.version).split("train")


def test_the_checklist_sees_lopsided_verdicts_and_length(tmp_path: Path, chat: ChatFormat) -> None:
    version, dataset = made(tmp_path, chat, KTO, "rated")
    seen = read_survey(dataset.folder)
    assert seen is not None and seen.good + seen.bad == seen.compared == seen.sampled and seen.bad
    found = {each.name: each for each in findings(version, seen, rules=RuleOptions(), method="lora")}
    assert found["balance"].status == "pass" and "count as good" in found["balance"].sentence
    assert found["diversity"].status == "pass"
    version, dataset = made(tmp_path, chat, pairs(30), "pairs")
    seen = read_survey(dataset.folder)
    assert seen is not None and seen.pairs == seen.longer == seen.compared
    found = {each.name: each for each in findings(version, seen, rules=RuleOptions(), method="lora")}
    assert found["balance"].status == "warn" and "in 100.0% of pairs" in found["balance"].sentence
    version, dataset = made(tmp_path, chat, SCORED, "rated", shape={"type": "rated", "good": 2})
    found = {
        each.name: each for each in findings(version, read_survey(dataset.folder), rules=RuleOptions(), method="lora")
    }
    assert found["diversity"].status == "pass"  # four answers to each prompt are no lack of prompts


ANSWERS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 5)), min_size=8, max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANSWERS, st.sampled_from(["rated", "pairs"]))
def test_no_prompt_stands_in_two_splits(tmp_path: Path, chat: ChatFormat, drawn: list[Any], form: Rows) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": f"q {prompt}", "completion": f"a {answer}", "rating": rating}
        if form == "rated"
        else {"prompt": f"q {prompt}", "chosen": f"a {answer}", "rejected": f"b {rating}"}
        for prompt, answer, rating in drawn
    ]
    version, dataset = made(tmp_path, chat, rows, form)
    assert all(len(sides) == 1 for sides in sides_of(dataset).values())
    different = {(row["prompt"], row.get("completion", row.get("chosen")), row.get("rejected")) for row in rows}
    assert version.receipt.rows.kept == len(different)
