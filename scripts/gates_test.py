"""A recipe with gates passes a good model and refuses models made worse on purpose: real models, whole runs.

    python scripts/gates_test.py                 all cases, about 10 minutes on 2 cores
    python scripts/gates_test.py --case bias     one of them

One recipe (`RECIPE` below) sorts clauses of contracts. Each case spoils its rows or its settings in one way and runs
`tunewright run`. Ends with 0 when every case ends as expected: the good model passes, and of the others the right gate
says no, by how much, and on which rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gates_rows import Row, Rows, clean, run_on, with_stereotypes, with_test_rows

from tunewright.evaluate.store import read_answers

COMMAND = Path(sys.executable).parent / "tunewright"
RECIPE = """\
name: gated
model: builtin:smollm2-135m-instruct
data:
  train: train.jsonl
  validation: validation.jsonl
  test: test.jsonl
  shape: prompt_completion
  system: Name the type of the clause.
method: {type: lora, rank: 16}
training: {max_steps: 80, batch_size: 8, learning_rate: 4e-4}
evaluate:
  suites:
    - {type: answers, scorers: [exact_match, unfinished]}
    - {type: general, parts: [text]}
    - bias
    - contamination
  max_new_tokens: 24
gates:
  - {metric: exact_match, suite: answers, better_than: base, margin: 0.30}
  - {metric: unfinished, suite: answers, at_most: 0.10}
  - {metric: loss, suite: general_text, not_worse_than: base, margin: 10%}
  - {metric: stereotype, suite: bias, not_worse_than: base, margin: 0.12}
  - {metric: contaminated, suite: contamination, at_most: 0}
"""
ENDLESS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""A chat template that leaves out the token that ends a turn."""


@dataclass(frozen=True)
class Case:
    """One way of making the model worse, and how the run has to end.

    `refused` are the gates, as "metric suite", that must not be met; `others`: whether further ones may not be met.
    """

    name: str
    done: str
    code: int
    refused: tuple[str, ...] = ()
    spoil: Callable[[Rows], Rows] = field(default=lambda rows: rows)
    sets: tuple[str, ...] = ()
    others: bool = False
    says: tuple[str, ...] = ()
    template: str = ""


CASES = (
    Case("good", "the recipe as it is", 0),
    Case(
        "forgetting",
        "ten times the learning rate",
        1,
        refused=("loss general_text",),
        sets=("training.learning_rate=3e-3",),
    ),
    Case(
        "bias",
        "stereotypes among the training rows, seen often",
        1,
        refused=("stereotype bias",),
        spoil=with_stereotypes,
        sets=("training.max_steps=150", "training.learning_rate=1e-3"),
    ),
    Case(
        "run-on",
        "answers that go on with the next rows",
        1,
        refused=("unfinished answers",),
        spoil=run_on,
        others=True,
    ),
    Case(
        "no-stop-token",
        "a template that leaves out the token that ends an answer",
        2,
        sets=("model.template=endless.jinja",),
        template=ENDLESS,
        says=("would never learn to stop",),
    ),
    Case(
        "contamination",
        "test rows among the training rows",
        1,
        refused=("contaminated contamination",),
        spoil=with_test_rows,
        sets=("data.steps=[]",),
    ),
)


@dataclass(frozen=True)
class Result:
    """How a run ended: its JSON document, seconds, and what the search for test rows found by kind."""

    code: int
    document: dict[str, Any]
    seconds: float
    found: dict[str, int]

    @property
    def gates(self) -> list[dict[str, Any]]:
        """What became of each gate; none where the run ended before."""
        return self.document.get("gates", {}).get("gates", [])

    @property
    def sentences(self) -> list[str]:
        """What the user reads."""
        problems = self.document.get("gates", self.document.get("error", {})).get("problems", [])
        return [" ".join(filter(None, (each["what"], each["do"]))) for each in problems]


def run(case: Case, rows: Rows, *, folder: Path, home: Path) -> Result:
    """Write the recipe of a case and run it as a user does."""
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    if case.template:
        (folder / "endless.jinja").write_text(case.template, encoding="utf-8")
    for split in ("train", "validation", "test"):
        write_rows(folder / f"{split}.jsonl", getattr(rows, split))
    sets = [word for value in case.sets for word in ("--set", value)]
    words = [str(COMMAND), "run", str(folder), "--home", str(home), "--json", *sets]
    began = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, env={**os.environ}, text=True, check=False)
    document = json.loads(done.stdout or "{}")
    seconds = time.monotonic() - began
    found = found_rows(home, document["evaluate"]["evaluation"]) if done.returncode < 2 else {}
    return Result(done.returncode, document, seconds, found)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def found_rows(home: Path, evaluation: str) -> dict[str, int]:
    """Test rows of an evaluation by how they were found among the training rows: exact, nearly, clean."""
    (folder,) = (file.parent for file in home.glob("evaluations/*/evaluation.json") if named(file) == evaluation)
    (search,) = (each for each in read_answers(folder) if each.way == "contamination")
    return dict(Counter(str(row.predicted) for row in search.judged()))


def named(record: Path) -> str:
    """The name of an evaluation."""
    return json.loads(record.read_text(encoding="utf-8"))["name"]


def faults(case: Case, rows: Rows, result: Result) -> list[str]:
    """What is not as expected; empty when all is."""
    wrong = [f"exit code {result.code}, expected {case.code}"] if result.code != case.code else []
    refused = {f"{gate['metric']} {gate['suite']}" for gate in result.gates if not gate["passed"]}
    if missing := set(case.refused) - refused:
        wrong.append(f"met, but should not be: {', '.join(sorted(missing))}")
    if not case.others and (more := refused - set(case.refused)):
        wrong.append(f"not met, but should be: {', '.join(sorted(more))}")
    told = "\n".join(result.sentences)
    wrong += [f'nothing says "{words}"' for words in case.says if words not in told]
    for gate in result.gates:
        if not gate["passed"] and not (gate["short_by"] and gate["rows"]):
            wrong.append(f"{gate['rule']}: does not say by how much, or on which rows")
    if "contaminated contamination" in case.refused:
        wrong += miscounted(rows, result)
    return wrong


def miscounted(rows: Rows, result: Result) -> list[str]:
    """Whether as many test rows were found as were planted, of each kind."""
    same = rows.planted["word for word"] + rows.planted["capitals"]
    expected = {"exact": same, "nearly": rows.planted["one word changed"]}
    expected["clean"] = len(rows.test) - sum(expected.values())
    return [] if result.found == expected else [f"found {result.found}, planted {expected}"]


def show(case: Case, result: Result, wrong: Sequence[str]) -> None:
    """One case for people."""
    print(f"\n{case.name}: {case.done}. Exit code {result.code} after {result.seconds:.0f} s.")
    for gate in result.gates:
        numbers = f"value {gate['value']:.4g}, bound {gate['bound']:.4g}, limit {gate['limit']:.4g}"
        print(f"  {'met    ' if gate['passed'] else 'NOT MET'}  {gate['rule']}: {numbers}")
    for sentence in result.sentences:
        print(f"  > {sentence}")
    if result.found:
        print(f"  test rows in the training rows: {result.found}")
    print("  as expected" if not wrong else f"  NOT AS EXPECTED: {'; '.join(wrong)}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the cases; the exit code says whether each ended as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only this one")
    parser.add_argument("--work", type=Path, help="keep what was made in this folder")
    asked = parser.parse_args(arguments)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="gates-") as temporary:
        work = asked.work or Path(temporary)
        for case in CASES:
            if asked.case and case.name not in asked.case:
                continue
            rows = case.spoil(clean())
            result = run(case, rows, folder=work / case.name, home=work / "home")
            wrong = faults(case, rows, result)
            bad += bool(wrong)
            show(case, result, wrong)
    print(f"\n{bad} cases not as expected." if bad else "\nEvery case as expected.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
