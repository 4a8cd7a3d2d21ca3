"""Our bridge gives what lm-eval's own `hf` backend gives; task files are data; nothing of lm-eval stays changed."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import lm_eval.api.task
import lm_eval.utils
import numpy as np
import pytest
import torch
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunewright.core.errors import UserError
from tunewright.core.language_model import ScoreItem
from tunewright.core.nouns import Numbers
from tunewright.edge.harnesses.lm_eval import Bridge, LoadedTask, Work
from tunewright.evaluate.suites.lm_eval import Voice
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.recipe.options.harnesses.lm_eval import Options as HarnessOptions
from tunewright.recipe.options.suites.lm_eval import Options
from tunewright.text.chat import load_chat

TASKS = Path(__file__).parent / "tasks"
FLOAT32 = Numbers(weights="fp32", products="fp32", double_quantisation=False)
NAMES = ("answers", "endings", "quiz", "quiz_with_examples", "texts")


def loaded(file: Path, **options: Any) -> LoadedTask:
    return Work(HarnessOptions()).load(file, asked=Options(file=str(file), **options))


@pytest.fixture(scope="module")
def ours(tiny_model_folder: Path) -> Any:
    model = load(tiny_model_folder, numbers=FLOAT32)
    return open_language_model(model, decode=load_chat(tiny_model_folder).decode)


@pytest.fixture(scope="module")
def plain(tiny_model_folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32).eval()


def voice_of(ours: Any, folder: Path, context: int = 2048) -> Voice:
    return Voice(load_chat(folder), context, ours.score, ours.answer)


def backend(plain: Any, folder: Path, context: int = 2048) -> Any:
    return HFLM(pretrained=plain, tokenizer=AutoTokenizer.from_pretrained(folder), batch_size=1, max_length=context)


def responses(logged: list[dict[str, Any]]) -> list[Any]:
    return [given for document in logged for request in document["resps"] for given in request]


def assert_equal(mine: list[Any], theirs: list[Any]) -> None:
    assert len(mine) == len(theirs) > 0
    for one, other in zip(mine, theirs, strict=True):
        if isinstance(one, str):
            assert one == other
        elif isinstance(one, tuple):
            assert one == (pytest.approx(other[0], abs=1e-4), other[1])
        else:
            assert one == pytest.approx(other, abs=1e-4, rel=3e-7)  # the backend sums in float32, eps 1.2e-7


@pytest.mark.parametrize("prompts", ["plain", "chat"])
@pytest.mark.parametrize("context", [2048, 48])
@pytest.mark.parametrize("name", NAMES)
def test_log_likelihoods_answers_and_metrics_are_those_of_the_hf_backend(
    name: str, context: int, prompts: str, ours: Any, plain: Any, tiny_model_folder: Path
) -> None:
    task = loaded(TASKS / f"{name}.yaml", prompts=prompts, max_rows=12)
    numbers = list(range(12))
    mine, metrics = task.evaluate(Bridge(voice_of(ours, tiny_model_folder, context)), numbers=numbers)
    theirs, wanted = task.evaluate(backend(plain, tiny_model_folder, context), numbers=numbers)
    assert [document["arguments"] for document in mine] == [document["arguments"] for document in theirs]
    assert_equal(responses(mine), responses(theirs))
    assert metrics == pytest.approx(wanted, rel=1e-4)
    assert metrics


def test_questions_that_share_a_prompt_are_one_item_each(ours: Any, tiny_model_folder: Path) -> None:
    asked: list[ScoreItem] = []

    def counting(items: Any) -> Any:
        asked.extend(items)
        return ours.score(items)

    task = loaded(TASKS / "quiz.yaml")
    task.run(Voice(load_chat(tiny_model_folder), 2048, counting, ours.answer), numbers=range(len(task.rows)))
    assert len(asked) == len(task.rows) == 48
    assert all(len(item.continuations) == 4 for item in asked)


def test_rows_say_what_was_right_and_what_was_chosen(ours: Any, tiny_model_folder: Path) -> None:
    task = loaded(TASKS / "quiz.yaml")
    rows, metrics = task.run(voice_of(ours, tiny_model_folder), numbers=range(48))
    assert [each.row for each in rows] == list(task.rows)
    assert len({row.id for row in task.rows}) == 48
    for answered in rows:
        choices = answered.row.details.get("choices", [])
        assert answered.row.label in choices
        assert answered.predicted == choices[int(np.argmax(answered.choices))] == answered.answer
    assert metrics["acc,none"] == np.mean([each.predicted == each.row.label for each in rows])


def test_a_written_answer_keeps_its_text_its_tokens_and_what_the_filters_left(
    ours: Any, tiny_model_folder: Path
) -> None:
    task = loaded(TASKS / "answers.yaml", max_rows=10)
    rows, metrics = task.run(voice_of(ours, tiny_model_folder), numbers=range(10))
    chat = load_chat(tiny_model_folder)
    for answered in rows:
        assert chat.decode(answered.tokens).startswith(answered.answer)
        assert "\n" not in answered.answer
        assert len(answered.log_probabilities) == len(answered.tokens) > 0
        assert answered.finish in ("stop", "length")
        assert answered.predicted is not None
        assert " " not in answered.predicted
    assert metrics["exact_match,first_word"] == np.mean([each.predicted == each.row.label for each in rows])


def test_a_text_keeps_every_token_of_every_window(ours: Any, tiny_model_folder: Path) -> None:
    task = loaded(TASKS / "texts.yaml", max_rows=5)
    chat = load_chat(tiny_model_folder)
    for context in (2048, 32):
        rows, _ = task.run(voice_of(ours, tiny_model_folder, context), numbers=range(5))
        assert [len(each.log_probabilities) for each in rows] == [
            len(chat.encode_text(row.target)) for row in task.rows
        ]
        assert [each.bytes for each in rows] == [len(row.target.encode()) for row in task.rows]


def test_some_documents_are_answered_as_in_the_whole(ours: Any, tiny_model_folder: Path) -> None:
    task = loaded(TASKS / "quiz.yaml")
    voice = voice_of(ours, tiny_model_folder)
    whole, _ = task.run(voice, numbers=range(48))
    some, _ = task.run(voice, numbers=[3, 17, 40])
    assert [each.row for each in some] == [whole[at].row for at in (3, 17, 40)]
    for one, at in zip(some, (3, 17, 40), strict=True):
        np.testing.assert_allclose(one.choices, whole[at].choices, atol=1e-4)


def test_every_model_sees_the_same_worked_examples(ours: Any, tiny_model_folder: Path) -> None:
    task = loaded(TASKS / "quiz_with_examples.yaml", examples=2)
    bridge = Bridge(voice_of(ours, tiny_model_folder))
    first, _ = task.evaluate(bridge, numbers=range(48))
    again, _ = task.evaluate(bridge, numbers=range(48))
    assert [each["arguments"] for each in first] == [each["arguments"] for each in again]
    assert all(each["arguments"][0][0].count("Question:") == 3 for each in first)


def test_a_failing_model_is_not_laid_at_the_tasks_door(tiny_model_folder: Path) -> None:
    def fails(_given: Any) -> Any:
        raise ValueError("the model failed")

    voice = Voice(load_chat(tiny_model_folder), 2048, fails, fails)
    for name in NAMES:
        with pytest.raises(ValueError, match="the model failed"):
            loaded(TASKS / f"{name}.yaml", max_rows=1).run(voice, numbers=[0])


def test_nothing_of_lm_eval_stays_changed(ours: Any, tiny_model_folder: Path) -> None:
    before = lm_eval.utils.env, lm_eval.api.task.tqdm
    task = loaded(TASKS / "quiz.yaml", max_rows=2)
    task.run(voice_of(ours, tiny_model_folder), numbers=[0, 1])
    with pytest.raises(UserError):
        loaded(TASKS / "absent.yaml")
    assert (lm_eval.utils.env, lm_eval.api.task.tqdm) == before


def test_no_connection_is_opened(ours: Any, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def noting(_self: Any, address: Any) -> None:
        opened.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", noting)
    for name in NAMES:
        task = loaded(TASKS / f"{name}.yaml", max_rows=1)
        rows, _ = task.run(voice_of(ours, tiny_model_folder), numbers=[0])
        assert len(rows) == 1
    assert opened == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TASKS, tmp_path, dirs_exist_ok=True)
    return tmp_path


def written(folder: Path, text: str, base: str = "quiz.yaml") -> Path:
    file = folder / "task.yaml"
    file.write_text(f"include: {base}\ntask: mine\n{text}\n", encoding="utf-8")
    return file


FUNCTION = "process_docs: !function code.keep_two"
CODE = """\
from pathlib import Path
Path(__file__).with_name("ran").touch()
def keep_two(documents):
    return documents.select(range(2))
"""


def test_code_that_comes_with_a_task_runs_only_where_it_is_asked_for(folder: Path) -> None:
    (folder / "code.py").write_text(CODE, encoding="utf-8")
    file = written(folder, FUNCTION)
    with pytest.raises(UserError, match=r"!function code\.keep_two in line 3"):
        loaded(file)
    assert not (folder / "ran").exists()
    assert len(loaded(file, functions="run").rows) == 2
    assert (folder / "ran").exists()


ESCAPES = (
    "{{ ''.__class__.__mro__ }}",
    "{{ question.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.system('touch ran') }}",
    "{% for each in ().__class__.__base__.__subclasses__() %}{{ each }}{% endfor %}",
)


@pytest.mark.parametrize("template", ESCAPES)
def test_a_template_has_no_way_into_python(template: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match="lm-eval cannot use this task"):
        loaded(written(folder, f"doc_to_text: {json.dumps(template)}"))
    assert not (folder / "ran").exists()


BROKEN = (
    ("metric_list: 5", "lm-eval cannot use this task"),
    ("metric_list: [5]", "lm-eval cannot use this task"),
    ("dataset_kwargs: 5", "lm-eval cannot use this task"),
    ("doc_to_image: question", "tasks with pictures"),
    ("process_docs: nothing.at_all", "lm-eval cannot use this task"),
    ("metric_list: [{metric: word_count}]", "'word_count' is no metric"),
    ("doc_to_target: nothing", "right choice"),
    ("doc_to_target: '9'", "lm-eval cannot use this task"),
    ("doc_to_choice: question", "the choices of document 1 are no list"),
    ("output_type: dance", "output_type"),
    ("test_split: validation", "lm-eval cannot use this task"),
    ("filter_list: [{name: a, filter: [{function: magic}]}]", "magic"),
)


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_a_task_that_cannot_be_used_is_said_in_a_sentence(text: str, sentence: str, folder: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        loaded(written(folder, text))


DOCUMENT = {"question": "Which?", "choices": ["a", "b"], "answer": 0}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("not json\n", "lm-eval cannot use this task"),
        ('{"question": 1}\n', "'choices' is undefined|lm-eval cannot use this task"),
        (f"{json.dumps(DOCUMENT)}\n{json.dumps(DOCUMENT | {'answer': 9})}", "document 2 has the right choice 9, and 2"),
        (
            f"{json.dumps(DOCUMENT)}\n{json.dumps(DOCUMENT | {'answer': -1})}",
            "document 2 has the right choice -1, and 2",
        ),
    ],
)
def test_data_that_cannot_be_used_are_said_in_a_sentence(content: str, sentence: str, folder: Path) -> None:
    (folder / "quiz.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        loaded(folder / "quiz.yaml")


def test_an_empty_continuation_and_a_full_context_are_said_in_a_sentence(
    folder: Path, ours: Any, tiny_model_folder: Path
) -> None:
    task = loaded(written(folder, "doc_to_target: ''\ndoc_to_text: x", "endings.yaml"), max_rows=1)
    with pytest.raises(UserError, match="a continuation has 0 tokens"):
        task.run(voice_of(ours, tiny_model_folder), numbers=[0])
    with pytest.raises(UserError, match="leave no room"):
        loaded(TASKS / "answers.yaml", max_rows=1).run(voice_of(ours, tiny_model_folder, 24), numbers=[0])


def test_a_setting_that_is_not_known_is_said_in_a_sentence(folder: Path, ours: Any, tiny_model_folder: Path) -> None:
    file = written(folder, "generation_kwargs: {until: ['.'], num_beams: 4}", "answers.yaml")
    with pytest.raises(UserError, match="num_beams"):
        loaded(file, max_rows=1).run(voice_of(ours, tiny_model_folder), numbers=[0])


def test_several_right_answers_count_as_the_first(folder: Path, ours: Any, tiny_model_folder: Path) -> None:
    file = written(folder, 'doc_to_target: "{{ [0, 1, 2, 3] }}"\nmetric_list: [{metric: acc}]')
    rows, metrics = loaded(file).run(voice_of(ours, tiny_model_folder), numbers=range(48))
    assert metrics["acc,none"] == 1.0
    assert all(each.predicted == each.row.label for each in rows)
    assert all(len(each.row.details.get("references", [])) == 3 for each in rows)


def test_special_tokens_end_an_answer_by_their_text(
    folder: Path, ours: Any, tiny_model_folder: Path, plain: Any
) -> None:
    settings = "generation_kwargs: {until: ['<|im_start|>', 'e'], max_gen_toks: 16}"
    task = loaded(written(folder, settings, "answers.yaml"), max_rows=8)
    mine, _ = task.evaluate(Bridge(voice_of(ours, tiny_model_folder)), numbers=range(8))
    theirs, _ = task.evaluate(backend(plain, tiny_model_folder), numbers=range(8))
    assert responses(mine) == responses(theirs)


def test_drawn_answers_differ_by_repeat_and_are_the_same_again(
    folder: Path, ours: Any, tiny_model_folder: Path
) -> None:
    settings = "repeats: 3\ngeneration_kwargs: {until: ['zzz'], do_sample: true, temperature: 1.0, max_gen_toks: 12}"
    task = loaded(written(folder, settings, "answers.yaml"), max_rows=3)
    first, _ = task.evaluate(Bridge(voice_of(ours, tiny_model_folder)), numbers=range(3))
    again, _ = task.evaluate(Bridge(voice_of(ours, tiny_model_folder)), numbers=range(3))
    assert responses(first) == responses(again)
    assert len(set(responses(first))) == 9
