"""Our side of the evaluating benchmark, and the tasks that both sides are given; prints one JSON line.

python benchmarks/examining.py MODEL --side evaluate_ours|evaluate_stored [--only likelihood ...]

The tasks are files of lm-eval: 48 questions over contexts of 150 to 250 tokens with 4 options of 3 to 12 (the workload
of the generating benchmark); 96 tasks of the recipe template `instruction` as chat prompts, with answers of at most 64
tokens that end where they end; and the 32 prompts of the generating benchmark, none of whose answers ends before 64.
"""

from __future__ import annotations

import json
import random
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from rows import words
from tasks import OUT, SEED, Tasks, prompts_of, questions, run
from tokenizers import Tokenizer

from tunewright.app.resolve import every
from tunewright.core.answers import AnsweredRow
from tunewright.core.digest import of_json
from tunewright.core.nouns import Numbers
from tunewright.core.ports import Details, Message, Row
from tunewright.edge.harnesses.lm_eval import LoadedTask, Work
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.store import read_answers, write_answers
from tunewright.evaluate.suites.lm_eval import Voice
from tunewright.models.language_model import BULK, open_language_model
from tunewright.models.load import load
from tunewright.recipe.options.harnesses.lm_eval import Options as HarnessOptions
from tunewright.recipe.options.suites.lm_eval import Options
from tunewright.text.chat import load_chat

NUMBERS = Numbers(weights="bf16", products="bf16", double_quantisation=False)
COMPILED = Path(__file__).parent.parent / ".cache" / "compile"
CONTEXT = 2048
STORED = 10_000
TASKS = ("likelihood", "generation", "generation_full")
INSTRUCTIONS = 96
LABELS = ("heart", "lungs", "skin", "bones", "blood", "nerves")
DEFAULT = ("accuracy", "exact_match", "precision", "recall", "f1")
"""What the suites `labels` and `answers` name by themselves: the scorers of the headline."""
CHOICES = """\
task: likelihood
dataset_path: json
dataset_kwargs: {data_files: {test: likelihood.jsonl}}
test_split: test
output_type: multiple_choice
target_delimiter: ""
doc_to_text: context
doc_to_choice: choices
doc_to_target: 0
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
ANSWERS = f"""\
task: NAME
dataset_path: json
dataset_kwargs: {{data_files: {{test: NAME.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: context
doc_to_target: ""
generation_kwargs: {{until: ["<|im_end|>"], do_sample: false, max_gen_toks: {OUT}}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def task_of(name: str, model: Path, work: Path) -> LoadedTask:
    """A task of the benchmark, one of TASKS, as a file with its data."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))

    def text(ids: tuple[int, ...]) -> str:
        return tokenizer.decode(list(ids), skip_special_tokens=False)

    if name == "likelihood":
        lines = [
            {"context": text(context), "choices": [text(option) for option in options]}
            for context, options in questions(model, short=False)
        ]
    elif name == "generation":
        lines = [{"context": prompt} for prompt in instructions()]
    else:
        lines = [{"context": text(prompt)} for prompt in prompts_of(model)]
    (work / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (work / f"{name}.yaml").write_text(
        CHOICES if name == "likelihood" else ANSWERS.replace("NAME", name), encoding="utf-8"
    )
    return Work(HarnessOptions()).load(work / f"{name}.yaml", asked=Options())


def instructions() -> list[str]:
    """Chat prompts of people: tasks of the template `instruction`, drawn by a fixed seed."""
    path = files("tunewright.recipe") / "templates" / "instruction" / "tasks.json"
    rows = random.Random(SEED).sample(json.loads(path.read_text(encoding="utf-8")), INSTRUCTIONS)
    asked = ["\n\n".join(part for part in (row["instruction"], row.get("input", "")) if part) for row in rows]
    return [f"<|im_start|>user\n{each}<|im_end|>\n<|im_start|>assistant\n" for each in asked]


def evaluate_ours(model: Path, work: Path) -> Tasks:
    """Our suite's path: lm-eval's task over our language model."""
    chat = load_chat(model)
    ours = open_language_model(load(model, numbers=NUMBERS), decode=chat.decode, limits=BULK, compiled=COMPILED)
    assert ours.forward.startswith("tunewright"), ours.forward
    voice = Voice(chat, CONTEXT, ours.score, ours.answer)

    def measured(name: str) -> dict[str, Any]:
        task = task_of(name, model, work)
        task.run(voice, numbers=[0, 1])
        ours.shared.generator.forget()  # what was computed before must not help
        began = time.perf_counter()
        rows, metrics = task.run(voice, numbers=range(len(task.rows)))
        return {"examples_per_s": len(rows) / (time.perf_counter() - began), "metrics": metrics}

    return {name: lambda name=name: measured(name) for name in TASKS}


def evaluate_stored(_model: Path, work: Path) -> Tasks:
    """Ten thousand stored answers, read from disk and scored: by the default scorers, and by every scorer alone."""
    rows = stored_rows()
    write_answers(work, [Measured("answers", "bare", rows, rows, None)])
    scorers = every("scorers")

    def measured() -> dict[str, Any]:
        began = time.perf_counter()
        (kept,) = read_answers(work)
        read = time.perf_counter() - began
        answers = len(kept.base) + len(kept.base_same_prompt)
        began = time.perf_counter()
        for name in DEFAULT:
            scorers[name].score(kept.base, LABELS)
        headline = time.perf_counter() - began
        alone = {name: STORED / _seconds(scorer, kept.base) for name, scorer in scorers.items()}
        per_answer = read / answers + headline / STORED
        return {"answers_per_s": 1 / per_answer, "read_per_s": answers / read, "by_scorer": alone}

    return {"stored": measured}


def _seconds(scorer: Any, rows: list[AnsweredRow]) -> float:
    began = time.perf_counter()
    scorer.score(rows, LABELS)
    return time.perf_counter() - began


def stored_rows() -> list[AnsweredRow]:
    """Rows with a label, a target of 3 to 30 words, an answer that keeps most of them, and its tokens."""
    rng, text = random.Random(SEED), words()
    found: list[AnsweredRow] = []
    for number in range(STORED):
        start, many = rng.randrange(len(text) - 100), rng.randint(3, 30)
        target = text[start : start + many]
        answer = [word if rng.random() < 0.8 else rng.choice(text) for word in target]
        label = rng.choice(LABELS)
        user: Message = {"role": "user", "content": f"{number}: {' '.join(text[start + 40 : start + 80])}"}
        spoken: Message = {"role": "assistant", "content": " ".join(target)}
        row = Row(of_json([number]), (user, spoken), label, source="benchmark", line=number + 1, details=Details())
        found.append(
            AnsweredRow(
                row,
                " ".join(answer),
                predicted=label if rng.random() < 0.7 else rng.choice(LABELS),
                log_probabilities=tuple(-rng.random() for _ in range(2 * many)),
                greedy=tuple(rng.random() < 0.8 for _ in range(2 * many)),
                tokens=tuple(rng.randrange(49152) for _ in range(2 * many)),
                choices=tuple(-10 * rng.random() for _ in LABELS),
                finish="stop",
                seconds=rng.random(),
                first_token_s=0.1 * rng.random(),
                bytes=len(" ".join(answer)),
            )
        )
    return found


if __name__ == "__main__":
    run({"evaluate_ours": evaluate_ours, "evaluate_stored": evaluate_stored})
