"""Objectives must learn, on the real model: a planted rule of preference, and the ICD task; gains are paired.

`python scripts/learning_test.py [--only reward,dpo,kto,distillation] [--short]`. Reward and DPO learn from 1,000 pairs
of a rule that a program checks: of a prompt marked [brief] the shorter answer wins, of one marked [full] the longer
one, so that neither length nor wording alone decides. KTO and distillation learn the body system of a diagnosis
(examples/icd): from single answers, half of them wrong, and from a model that was tuned before. 300 rows that nobody
trained on decide.
Writes `learning` of docs/evidence/methods.json. `--short` trains a few steps and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright import api
from tunewright.app import loaded
from tunewright.core.events import Event, StepDone, Validated
from tunewright.core.language_model import LanguageModel, ScoreItem
from tunewright.models.heads import outputs, read_head
from tunewright.stats.paired import mcnemar, paired_share_interval

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "docs" / "evidence" / "methods.json"
ICD = ROOT / "examples" / "icd"
PAIRS, HELD_OUT = 1000, 300
WORDS = 12
"""A brief answer has at most so many words."""
SEED = 7
THINGS = [
    "river",
    "mountain",
    "doctor",
    "engine",
    "garden",
    "market",
    "window",
    "teacher",
    "bridge",
    "lantern",
    "harbour",
    "forest",
    "kitchen",
    "letter",
    "planet",
    "violin",
    "castle",
    "shadow",
    "winter",
    "candle",
    "bakery",
    "library",
    "orchard",
    "tunnel",
    "compass",
    "glacier",
    "pharmacy",
    "stadium",
    "museum",
    "village",
    "ferry",
    "meadow",
    "cathedral",
    "furnace",
    "telescope",
    "carpenter",
    "saddle",
    "reef",
    "quarry",
    "canal",
]
DEEDS = (
    "keeps people warm", "brings the town together", "was built long ago", "needs care every year", "draws visitors",
    "changes with the seasons", "is older than it looks", "works without a sound", "stands near the road",
    "is known for its colour",
)  # fmt: skip
MORE = (
    "and those who have lived beside it for most of their lives will tell you that nothing else comes close",
    "which is why so many books and songs have been written about it over the last two hundred years",
    "although it took a great many hands and several hard winters before anybody could say so with confidence",
    "and if you ask around you will hear a different story about it from every person that you happen to meet",
)


@dataclass(frozen=True)
class Learnt:
    """What one objective learnt: right rows before and after, on the same rows."""

    metric: str
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]
    curve: list[dict[str, float]]
    seconds: float

    def record(self, objective: str) -> dict[str, Any]:
        """As it stands in the evidence."""
        low, high = paired_share_interval(self.before, self.after)[:2]
        return {
            "metric": self.metric,
            "rows": len(self.before),
            "before": round(float(self.before.mean()), 4),
            "after": round(float(self.after.mean()), 4),
            "interval": [round(low, 4), round(high, 4)],
            "p": mcnemar(self.before, self.after).p,
            "seed": SEED,
            "seconds": round(self.seconds),
            "curve": self.curve,
            "command": f"python scripts/learning_test.py --only {objective}",
        }


def follows(prompt: str, answer: str) -> bool:
    """The planted rule: a [brief] prompt is answered in at most 12 words, a [full] one in more."""
    words = len(answer.split())
    return 0 < words <= WORDS if "[brief]" in prompt else words > WORDS


def pairs() -> list[dict[str, str]]:
    """Different prompts, each with a short and a long answer; the rule says which wins."""
    drawn = random.Random(SEED)
    asked = [(a, b, mark) for a in THINGS for b in THINGS if a < b for mark in ("[brief]", "[full]")]
    rows = []
    for one, other, mark in drawn.sample(asked, PAIRS + HELD_OUT):
        deed, more = drawn.choice(DEEDS), drawn.choice(MORE)
        prompt = f"{mark} Say something about the {one} and the {other}."
        short, long = f"The {one} {deed}.", f"The {one} beside the {other} {deed}, {more}."
        won, lost = (short, long) if follows(prompt, short) else (long, short)
        assert follows(prompt, won) and not follows(prompt, lost)
        rows.append({"prompt": prompt, "chosen": won, "rejected": lost})
    return rows


def diagnoses(name: str) -> list[dict[str, str]]:
    """Rows of the ICD sample."""
    with (ICD / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Bench:
    """A folder with data, and runs in it."""

    def __init__(self, folder: Path, *, short: bool) -> None:
        self.folder, self.short = folder, short
        rows = pairs()
        write(folder / "pairs.jsonl", rows[:PAIRS])
        self.held_out = rows[PAIRS:]
        write(folder / "held-out.jsonl", self.held_out)
        self.icd = diagnoses("test")[:HELD_OUT]
        drawn = random.Random(SEED)
        known = diagnoses("train")
        labels = sorted({row["system"] for row in known})
        rated = []
        for row in known:
            good = drawn.random() < 0.5
            label = row["system"] if good else drawn.choice([each for each in labels if each != row["system"]])
            rated.append({"prompt": row["diagnosis"], "completion": label, "label": good})
        write(folder / "rated.jsonl", rated)

    def run(self, name: str, recipe: str) -> tuple[Any, Any, list[dict[str, float]], float]:
        """Train a recipe; the project, the run, its validation curve, and seconds."""
        path = self.folder / f"{name}.yaml"
        path.write_text(f"name: {name}\nmodel: builtin:smollm2-135m-instruct\n{recipe}", encoding="utf-8")
        sets = ["training.max_steps=3"] if self.short else []
        project = api.open_project(path, sets=sets, home=self.folder / ".tunewright")
        curve: list[dict[str, float]] = []
        began = time.perf_counter()

        def emit(event: Event) -> None:
            if isinstance(event, Validated):
                curve.append(
                    {"step": event.step, "loss": round(event.loss, 4)}
                    | {k: round(v, 4) for k, v in event.metrics.items()}
                )
                print(f"  {name}: {curve[-1]}", file=sys.stderr, flush=True)
            elif isinstance(event, StepDone) and event.step % 10 == 0:
                print(
                    f"  {name}: step {event.step}/{event.total_steps} loss {event.loss:.4f}",
                    file=sys.stderr,
                    flush=True,
                )

        return project, api.train(project, emit=emit), curve, time.perf_counter() - began

    def models(self, project: Any, run: Any) -> tuple[Any, Any]:
        """The chat format, and the models before and after."""
        base = loaded.base_of(project, api.silent)
        return base.chat, loaded.models_of(project, run, base=base)


def answers(model: LanguageModel, chat: Any, prompts: Sequence[str], *, tokens: int) -> list[str]:
    """Greedy answers."""
    asked = [chat.prompt_ids([{"role": "user", "content": prompt}]) for prompt in prompts]
    found = model.generate(asked, max_new_tokens=tokens, stop=chat.stop_ids)
    return [chat.decode(each.tokens) for each in found]


def reward(bench: Bench) -> Learnt:
    """A reward model on 1,000 pairs: before, the base's own likelihood a token decides; after, the head."""
    project, run, curve, seconds = bench.run(
        "reward",
        "data: {train: pairs.jsonl, test: held-out.jsonl}\nobjective: reward\n"
        "training: {epochs: 1, batch_size: 16, learning_rate: 5e-4, seed: 7}\n",
    )
    chat, models = bench.models(project, run)
    weight, _ = read_head(project.workspace.models / run.name)
    sides = [[_tokens(chat, row["prompt"], row[side]) for side in ("chosen", "rejected")] for row in bench.held_out]
    items = [ScoreItem(tuple(prompt), (tuple(answer),)) for pair in sides for prompt, answer in pair]
    means = [scored[0].log_probabilities.mean() for scored in models.base.score(items)]
    likely = np.array(means).reshape(-1, 2)
    before = likely[:, 0] > likely[:, 1]
    flat = [prompt + answer for pair in sides for prompt, answer in pair]
    scores = np.array([outputs(states[-1:].float(), weight).item() for states in models.tuned.hidden(flat)])
    return Learnt("held-out pairs ranked as the rule says", before, scores[0::2] > scores[1::2], curve, seconds)


def _tokens(chat: Any, prompt: str, answer: str) -> tuple[list[int], list[int]]:
    asked = [{"role": "user", "content": prompt}]
    begin = chat.prompt_ids(asked)
    whole, _weights = chat.encode([*asked, {"role": "assistant", "content": answer}], loss_on="answers")
    return begin, whole[len(begin) :].tolist()


def dpo(bench: Bench) -> Learnt:
    """DPO on the same pairs: how many of 300 new prompts are answered as the rule says."""
    project, run, curve, seconds = bench.run(
        "dpo",
        "data: {train: pairs.jsonl, test: held-out.jsonl}\nobjective: {type: dpo, likelihood: 0.2}\n"
        "training: {epochs: 1, batch_size: 16, learning_rate: 3e-4, seed: 7}\n",
    )
    chat, models = bench.models(project, run)
    prompts = [row["prompt"] for row in bench.held_out]
    found = []
    for model in (models.base, models.tuned):
        written = answers(model, chat, prompts, tokens=48)
        found.append(np.array([follows(*each) for each in zip(prompts, written, strict=True)]))
    return Learnt("new prompts answered as the rule says", found[0], found[1], curve, seconds)


def _icd(bench: Bench, project: Any, run: Any) -> list[NDArray[np.bool_]]:
    chat, models = bench.models(project, run)
    prompts, wanted = [row["diagnosis"] for row in bench.icd], [row["system"] for row in bench.icd]
    return [
        np.array([a.strip() == b for a, b in zip(answers(m, chat, prompts, tokens=16), wanted, strict=True)])
        for m in (models.base, models.tuned)
    ]


def kto(bench: Bench) -> Learnt:
    """KTO on 1,200 single answers, half of them wrong: exact body system of 300 new diagnoses."""
    project, run, curve, seconds = bench.run(
        "kto",
        "data: rated.jsonl\nobjective: {type: kto, beta: 0.05}\n"
        "training: {epochs: 3, batch_size: 16, learning_rate: 1e-3, seed: 7}\n",
    )
    before, after = _icd(bench, project, run)
    return Learnt("exact body system of new diagnoses", before, after, curve, seconds)


def distillation(bench: Bench) -> Learnt:
    """A teacher is tuned on the labels; a fresh adapter learns its distributions, of other diagnoses' answers."""
    shape = "shape: {type: labelled, text: diagnosis, label: system, prompt: '{text}'}"
    teaching, teacher, *_ = bench.run(
        "teacher",
        f"data: {{train: {ICD / 'train.csv'}, {shape}}}\nmethod: full\n"
        "training: {epochs: 2, batch_size: 16, learning_rate: 1e-4, seed: 7}\n",
    )
    folder = teaching.workspace.models / teacher.name
    project, run, curve, seconds = bench.run(
        "distillation",
        f"data: {{train: {ICD / 'train.csv'}, {shape}}}\nobjective: {{type: distillation, teacher: {folder}}}\n"
        "training: {epochs: 2, batch_size: 16, learning_rate: 1e-3, seed: 7}\n",
    )
    before, after = _icd(bench, project, run)
    return Learnt("exact body system of new diagnoses", before, after, curve, seconds)


OBJECTIVES: dict[str, Callable[[Bench], Learnt]] = {
    "reward": reward,
    "dpo": dpo,
    "kto": kto,
    "distillation": distillation,
}


def main() -> int:
    """Run what was asked for; 1 where an objective did not learn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(OBJECTIVES))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "learning")
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    bench = Bench(asked.folder, short=asked.short)
    failed = []
    for name in asked.only.split(","):
        record = OBJECTIVES[name](bench).record(name)
        shown = {key: value for key, value in record.items() if key not in ("curve", "command")}
        print(f"{name}: {json.dumps(shown)}", flush=True)
        if record["interval"][0] <= 0 or record["p"] > 0.01:
            failed.append(name)
        if not asked.short:
            keep(name, record)
    print("Every objective learnt." if not failed else f"Not learnt: {', '.join(failed)}.")
    return int(bool(failed) and not asked.short)


def keep(name: str, record: dict[str, Any]) -> None:
    """Put one record into the evidence, beside what is there."""
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.is_file() else {}
    evidence.setdefault("learning", {})[name] = record
    EVIDENCE.write_text(json.dumps(evidence, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
