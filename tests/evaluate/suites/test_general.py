"""The suite `general`: four results over rows of their own, and what a model made worse on purpose loses in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.evaluate.fakes import CharChat, RuleModel, last_turn, local, scorer, suite
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.above_chance import counted_tasks
from tunewright.evaluate.own_rows import own_set, task_names
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, Sample

if TYPE_CHECKING:
    from tunewright.models.find import FoundModel

WAYS = ("general_text", "general_dialogue", "general_kl", "general_tasks")
TASKS = {name: own_set(f"tasks/{name}") for name in task_names()}
each_task = pytest.mark.parametrize("task", TASKS)


def echo(prompt: str) -> str:
    """Says what it was asked."""
    return last_turn(prompt)


def kept(way: str, model: Local, bench: Bench, **keys: Any) -> list[AnsweredRow]:
    """The answers of one way that count."""
    work = suite("general", **keys)
    answers = work.answer(way, model, sample=work.examples(bench), style="bare", bench=bench)
    counts, _why = work.left_out(way, answers)
    return [answer for answer, counted in zip(answers, counts, strict=True) if counted]


def test_texts_are_many_of_all_sorts_and_of_one_size() -> None:
    texts = own_set("general_text")
    assert len(texts) >= 80
    assert len({each["topic"] for each in texts}) == len(texts)
    assert all(60 <= len(each["text"].split()) <= 150 for each in texts)


def test_dialogues_end_with_an_answer_and_turns_alternate() -> None:
    dialogues = own_set("general_dialogue")
    assert len(dialogues) >= 80
    for each in dialogues:
        roles = [turn["role"] for turn in each["messages"]]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns == ["user", "assistant"] * (len(turns) // 2)
    assert any(each["messages"][0]["role"] == "system" for each in dialogues)
    assert any(len(each["messages"]) > 3 for each in dialogues)


def test_prompts_are_not_those_of_the_dialogues() -> None:
    prompts = {each["prompt"] for each in own_set("general_prompts")}
    assert len(prompts) >= 60
    assert not prompts & {each["messages"][0]["content"] for each in own_set("general_dialogue")}


def test_there_are_several_tasks() -> None:
    assert len(TASKS) >= 6


@each_task
def test_a_task_is_well_formed(task: str) -> None:
    assert len(TASKS[task]) >= 40
    for each in TASKS[task]:
        assert each["answer"] in each["choices"]
        assert len(each["choices"]) == len(set(each["choices"])) in (2, 4)
    contexts = [each["context"] for each in TASKS[task] if each["context"]]
    assert len(contexts) == len(set(contexts))


@each_task
def test_the_right_choice_has_no_place_of_its_own(task: str) -> None:
    places = Counter(each["choices"].index(each["answer"]) for each in TASKS[task])
    size = len(TASKS[task][0]["choices"])
    assert set(places) == set(range(size))
    assert max(places.values()) - min(places.values()) <= 1


@each_task
def test_length_does_not_tell_the_right_choice(task: str) -> None:
    """Who always takes the shortest, or the longest, is not above chance; ties are worth their share."""
    questions = TASKS[task]
    for extreme in (min, max):
        right = sum(_share(each, extreme) for each in questions)
        assert right / len(questions) < 1 / len(questions[0]["choices"]) + 0.2, extreme


def _share(question: dict[str, Any], extreme: Callable[..., int]) -> float:
    lengths = [len(choice) for choice in question["choices"]]
    best = extreme(lengths)
    return (len(question["answer"]) == best) / lengths.count(best)


def test_questions_about_one_passage_are_a_family() -> None:
    families = defaultdict(set)
    for each in TASKS["reading"]:
        families[each["family"]].add(each["context"].split("\n\n")[0])
    assert all(len(passages) == 1 for passages in families.values())
    assert len({next(iter(passages)) for passages in families.values()}) == len(families)
    assert all(each["answer"].casefold() in each["context"].casefold() for each in TASKS["reading"])


def test_every_way_answers_a_row_each_and_leaves_others_out() -> None:
    base = local(RuleModel(echo))
    work, bench = suite("general"), Bench(base=base)
    sample = work.examples(bench)
    assert work.ways == WAYS
    total = 0
    for way in WAYS:
        answers = work.answer(way, base, sample=sample, style="bare", bench=bench)
        assert [answer.row for answer in answers] == sample.rows()
        counts, _why = work.left_out(way, answers)
        assert all(answer.log_probabilities or answer.choices for answer, own in zip(answers, counts) if own)
        assert not any(answer.log_probabilities for answer, own in zip(answers, counts) if not own)
        total += sum(counts) if way != "general_tasks" else sum(len(task) for task in TASKS.values())
    assert total == len(sample)


def test_parts_are_chosen() -> None:
    work = suite("general", parts=("tasks", "text"))
    assert work.ways == ("general_tasks", "general_text")
    assert work.scorers == ("accuracy",)
    rows = work.examples(Bench()).rows()
    assert len(rows) == sum(len(task) for task in TASKS.values()) + len(own_set("general_text"))


def test_max_rows_is_a_limit_of_each_part_and_keeps_every_task() -> None:
    work = suite("general", max_rows=16)
    rows = work.examples(Bench(base=local(RuleModel(echo)))).rows()
    assert len(rows) == 4 * 16
    assert {row.details["attribute"] for row in rows if "attribute" in row.details} == set(TASKS)


def test_the_base_is_at_no_distance_from_itself() -> None:
    base = local(RuleModel(echo, sure=0.5))
    answers = kept("general_kl", base, Bench(base=base), parts=("kl",))
    assert len(answers) == len(own_set("general_prompts"))
    assert scorer("kl_to_base").score(answers, ()) == 0.0


def test_another_model_is_at_the_distance_that_was_planted() -> None:
    """A base that always says the same at 0.5 a letter; a model that gives the same letters 0.25: ln 2 a token."""
    bench = Bench(base=local(RuleModel(echo, sure=0.5)))
    answers = kept("general_kl", local(RuleModel(echo, sure=0.25)), bench, parts=("kl",))
    assert {len(each.log_probabilities) for each in answers} == {
        min(48, len(each["prompt"])) + (len(each["prompt"]) <= 48) for each in own_set("general_prompts")
    }
    differences = [
        np.array(each.row.details.get("log_probabilities")) - np.array(each.log_probabilities) for each in answers
    ]
    assert np.concatenate(differences) == pytest.approx(np.log(2), abs=1e-5)


def test_an_answer_of_the_base_without_tokens_is_no_row() -> None:
    bench = Bench(base=local(RuleModel(lambda _prompt: "")))
    rows = suite("general", parts=("kl",)).examples(bench).rows()
    assert all(row.details.get("log_probabilities") for row in rows)
    assert {row.target for row in rows} == {""}
    assert {len(row.details.get("log_probabilities", ())) for row in rows} == {1}


def test_without_a_base_the_distance_is_not_measured_and_the_rest_is() -> None:
    model, bench = local(RuleModel(echo)), Bench()
    work = suite("general")
    sample = work.examples(bench)
    with pytest.raises(NotMeasured, match="needs a base model"):
        work.answer("general_kl", model, sample=sample, style="bare", bench=bench)
    assert work.answer("general_text", model, sample=sample, style="bare", bench=bench)
    with pytest.raises(NotMeasured, match="needs a base model"):
        suite("general", parts=("kl",)).examples(bench)


def test_another_tokenizer_has_no_distance() -> None:
    class Other(CharChat):
        digest = "other"

    bench = Bench(base=local(RuleModel(echo)))
    other = Local("other", Other(), lambda: RuleModel(echo), "other")
    with pytest.raises(NotMeasured, match="other has another tokenizer"):
        kept("general_kl", other, bench, parts=("kl",))


def test_a_model_that_is_far_away_is_not_measured() -> None:
    far = local(RuleModel(echo))
    far.chat = None  # type: ignore[assignment]
    for part, way in (("text", "general_text"), ("dialogue", "general_dialogue"), ("tasks", "general_tasks")):
        with pytest.raises(NotMeasured, match="gives no log-probabilities"):
            kept(way, far, Bench(), parts=(part,))


def test_tasks_at_chance_are_left_out_with_the_reason() -> None:
    """A model without knowledge prefers short choices; whatever is left of the tasks says why."""
    work, bench = suite("general", parts=("tasks",)), Bench()
    sample: Sample = work.examples(bench)
    model = local(RuleModel(lambda _prompt: "", sure=0.5))
    answers = work.answer("general_tasks", model, sample=sample, style="bare", bench=bench)
    counts, why = work.left_out("general_tasks", answers)
    assert set(why) == set(TASKS)
    assert not any(counts)
    assert all("not above chance" in reason for reason in why.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_base_can_do_the_tasks_and_a_damaged_one_is_seen(smollm2: FoundModel) -> None:
    """SmolLM2-135M-Instruct is above chance everywhere; with noise in its weights each result gets worse."""
    base, damaged = real(smollm2, noise=0.0), real(smollm2, noise=0.35)
    assert counted_tasks(kept("general_tasks", base, Bench(), parts=("tasks",))) == (set(TASKS), {})
    work, bench = suite("general", max_rows=16), Bench(base=base)
    sample = work.examples(bench)
    for way, metric, sign in (
        ("general_text", "loss", 1.0),
        ("general_dialogue", "loss", 1.0),
        ("general_kl", "kl_to_base", 1.0),
        ("general_tasks", "accuracy", -1.0),
    ):
        values = [
            scorer(metric).score(work.answer(way, each, sample=sample, style="bare", bench=bench), ())
            for each in (base, damaged)
        ]
        assert sign * (values[1] - values[0]) > 0.1, (way, values)


def real(found: FoundModel, *, noise: float) -> Local:
    """The real model in bf16, with noise of that share of each matrix's own spread."""
    import torch

    from tunewright.core.nouns import Numbers
    from tunewright.core.workspace import Workspace
    from tunewright.models.language_model import open_language_model
    from tunewright.models.load import load
    from tunewright.text.chat import load_chat

    model = load(found.path, numbers=Numbers(weights="bf16", products="bf16"), device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in (each for each in model.parameters() if each.dim() == 2 and noise):
            weight += noise * weight.std() * torch.randn(weight.shape, generator=generator).to(weight.dtype)
    chat, compiled = load_chat(found.path), Workspace(REPOSITORY / ".cache" / "tests").compiled
    opened = open_language_model(model, decode=chat.decode, compiled=compiled)
    return Local(f"noise {noise}", chat, lambda: opened, f"{noise}")
