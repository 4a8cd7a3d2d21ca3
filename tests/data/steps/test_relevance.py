"""How near rows are to a domain."""

from __future__ import annotations

import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import row
from tests.data.steps.random_rows import check_laws, some_rows
from tunewright.core.errors import UserError
from tunewright.data.bm25 import K1, B, Domain
from tunewright.data.context import Context
from tunewright.data.steps.relevance import Work
from tunewright.data.words import words_of
from tunewright.edge.embedders.minilm import Work as MiniLM
from tunewright.recipe.options.embedders.minilm import Options as MiniLMOptions
from tunewright.recipe.options.steps.relevance import Options
from tunewright.text.chat import ChatFormat

MEDICAL = ["Fracture of the left femur", "Acute hepatitis of the liver", "Pain in the chest", "Fever and cough"]
OTHER = ["Who won the cup in 1998", "When was the bank founded", "Which river is the longest", "How old is the queen"]
ROWS = [row(text, line=line) for line, text in enumerate([*OTHER, *MEDICAL], 1)]
SEEDS = ("Injury of the femur", "Disease of the liver", "Cough", "Chest pain")


def bound(step: Work, chat: ChatFormat, folder) -> Work:
    """The step with what the flow gives it."""
    step.bind(Context(folder, folder, "2026-01-01", chat, embedder=lambda options: MiniLM(options)))
    return step


def asked(rows) -> set[str]:
    """The questions."""
    return {each.messages[0]["content"] for each in rows}


def reference(texts: list[str], query: list[str]) -> list[float]:
    """BM25 by its formula, word by word, over everything."""
    docs = [words_of(text) for text in texts]
    mean = sum(map(len, docs)) / len(docs)
    found = []
    for doc in docs:
        score = 0.0
        for word in query:
            among = sum(word in other for other in docs)
            rarity = math.log(1 + (len(docs) - among + 0.5) / (among + 0.5))
            score += rarity * doc.count(word) * (K1 + 1) / (doc.count(word) + K1 * (1 - B + B * len(doc) / mean))
        found.append(score)
    return found


@settings(deadline=None)
@given(
    some_rows(),
    st.sampled_from(["filter", "rank", "weight"]),
    st.floats(0, 1),
    st.sampled_from([(), ("fever", "who cough")]),
)
def test_laws(rows, action, top, examples) -> None:
    step = Work(Options(description="fever of the heart", examples=examples, action=action, top=top))
    held = {"validation": rows[:2], "test": rows[2:3]}
    if action != "filter":
        check_laws(step, rows, shuffled=rows[::-1])
        done = step.apply({"train": list(rows), **held})
        if action == "rank":
            other = step.apply({"train": rows[::-1], **held})
            assert other.rows["train"] == done.rows["train"]
        else:
            assert all(0 < each.details.get("weight", 1.0) <= 1 for each in done.rows["train"])
        return
    done, other = step.apply({"train": list(rows)}), step.apply({"train": rows[::-1]})
    assert len(done.rows["train"]) == math.floor(top * len(rows) + 0.5)
    assert Counter(each.id for each in done.rows["train"]) == Counter(each.id for each in other.rows["train"])
    assert len(done.rows["train"]) + len(done.gone) == len(rows)


@given(st.lists(st.text("abc de", max_size=30), min_size=1, max_size=12), st.text("abcd e", min_size=1, max_size=12))
def test_scores_are_those_of_the_formula(texts: list[str], description: str) -> None:
    if not any(map(words_of, texts)):
        return
    domain = Domain(description, ())
    found = domain.scores([domain.counted(text) for text in texts])
    np.testing.assert_allclose(found, reference(texts, sorted(set(words_of(description)))), atol=1e-9)


def test_the_nearest_stay(chat: ChatFormat, tmp_path) -> None:
    step = bound(Work(Options(examples=SEEDS, top=0.5)), chat, tmp_path)
    done = step.apply({"train": ROWS})
    assert asked(done.rows["train"]) == set(MEDICAL)
    assert Counter(gone.reason for gone in done.gone) == {"relevance": 4}


def test_meanings_are_near_without_a_word_in_common(chat: ChatFormat, tmp_path) -> None:
    options = Options(description="illness and injury", by=MiniLMOptions(), top=0.5, text="prompt")
    done = bound(Work(options), chat, tmp_path).apply({"train": ROWS})
    assert asked(done.rows["train"]) == set(MEDICAL)


def test_a_score_can_be_the_limit(chat: ChatFormat, tmp_path) -> None:
    step = bound(Work(Options(description="liver femur", least=0.1)), chat, tmp_path)
    assert asked(step.apply({"train": ROWS}).rows["train"]) == {MEDICAL[0], MEDICAL[1]}


def test_ranked_and_weighted(chat: ChatFormat, tmp_path) -> None:
    ranked = bound(Work(Options(examples=SEEDS, action="rank")), chat, tmp_path)
    assert ranked.phase == "training_rows"
    assert asked(ranked.apply({"train": ROWS}).rows["train"][:4]) == set(MEDICAL)
    weighted = bound(Work(Options(examples=SEEDS, action="weight")), chat, tmp_path).apply({"train": ROWS})
    weights = {each.messages[0]["content"]: each.details.get("weight", 1.0) for each in weighted.rows["train"]}
    assert max(weights.values()) == 1 and min(weights[text] for text in MEDICAL) > max(weights[text] for text in OTHER)


def test_examples_of_a_file_decide_the_key(chat: ChatFormat, tmp_path) -> None:
    context = Context(tmp_path, tmp_path, "2026-01-01", chat)
    (tmp_path / "seeds.txt").write_text("\n".join(SEEDS), encoding="utf-8")
    step = Work(Options(file="seeds.txt", top=0.5))
    before = step.parents(context)
    assert asked(bound(step, chat, tmp_path).apply({"train": ROWS}).rows["train"]) == set(MEDICAL)
    (tmp_path / "seeds.txt").write_text("other\n", encoding="utf-8")
    assert step.parents(context) != before


def test_what_is_missing_is_said(chat: ChatFormat, tmp_path) -> None:
    with pytest.raises(UserError, match="nothing to compare rows with"):
        bound(Work(Options()), chat, tmp_path)
    with pytest.raises(UserError, match=r"seeds\.txt cannot be read"):
        bound(Work(Options(file="seeds.txt")), chat, tmp_path)


def test_what_goes_to_other_processes_has_no_model(chat: ChatFormat, tmp_path) -> None:
    step = bound(Work(Options(examples=SEEDS, by=MiniLMOptions())), chat, tmp_path)
    assert pickle.loads(pickle.dumps(step)).map(ROWS[:1]) == step.map(ROWS[:1])
