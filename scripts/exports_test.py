"""Every form of a really trained LoRA is proved, and every export broken on purpose is refused: real model, real files.

    python scripts/exports_test.py             # 40 steps of the demo's recipe, six forms, six faults; about 8 minutes
    python scripts/exports_test.py --steps 150 # the whole demo
    python scripts/exports_test.py --run examples/icd/.tunewright/runs/KEY   # a run of it that is there

What was done before is taken from its record, so a stopped run goes on. Writes docs/evidence/exports.json and ends with
0 when every right form is kept and every broken one refused for the right reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from export_faults import FAULTS, Fault

from tunewright.app import flow
from tunewright.app.exporting import Export
from tunewright.app.loaded import base_of
from tunewright.app.project import Project, open_project, open_run
from tunewright.core.events import Event, Note
from tunewright.core.nouns import Run
from tunewright.core.proof import Proof
from tunewright.core.workspace import write_json
from tunewright.models.export.forms import FORMS

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "examples" / "icd" / "recipe.yaml"
EVIDENCE = ROOT / "docs" / "evidence" / "exports.json"


def tell(event: Event) -> None:
    """Notes alone."""
    if isinstance(event, Note):
        print(f"  {event.text}", flush=True)


def export_of(given: argparse.Namespace, fault: Fault | None = None) -> Export:
    """The trained model of the demo's recipe, trained if need be; faults show on few rows."""
    project, run = trained(given)
    dataset = flow.dataset_of(project, run, emit=tell)
    base = base_of(project, tell)
    rows = {"rows": given.rows, "score_rows": given.score_rows} if fault is None else {"rows": 16, "score_rows": 0}
    proof = project.recipe.proof.model_copy(update=rows)
    project = replace(project, recipe=project.recipe.model_copy(update={"proof": proof}))
    if fault is None:
        return Export(project, run, base, dataset, tell)
    return Export(project, run, base, dataset, tell, merge=fault.merge, write=fault.write, planted=fault.name)


def trained(given: argparse.Namespace) -> tuple[Project, Run]:
    """The run that was named, or one of so many steps of the demo's recipe."""
    if given.run is not None:
        return open_run(given.run)
    project = open_project(RECIPE, sets=[f"training.max_steps={given.steps}"], home=given.home)
    return project, flow.train(project, tell)


def arguments(text: str | None) -> argparse.ArgumentParser:
    """What says which model is meant."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40, help="of the demo's recipe")
    parser.add_argument(
        "--run",
        type=Path,
        help="the folder of a run of the demo's recipe that was trained already",
    )
    parser.add_argument("--rows", type=int, default=48, help="that distributions are compared on")
    parser.add_argument("--score-rows", type=int, default=60, help="that both models answer")
    parser.add_argument("--home", type=Path, default=ROOT / ".cache" / "tests")
    return parser


def entry(proof: Proof) -> dict[str, Any]:
    """What others read of a proof."""
    score = proof.score
    return {
        "kl_mean": proof.kl_mean,
        "kl_max": proof.kl_max,
        "loss_difference": proof.loss_difference,
        "greedy_agreement": proof.greedy_agreement,
        "refused": "; ".join(proof.problems) or None,
        "limit": proof.limit,
        "own_kl": proof.own_kl,
        "merge_kl": proof.merge_kl,
        "positions": proof.positions,
        "bytes": proof.bytes,
        "score": None if score is None else [proof.metric, score.base, score.tuned, score.interval, score.n],
    }


def main() -> int:
    """All forms, then all faults, or those that are named; returns the exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--only", action="append", help="a form or a fault by name; the others' numbers stay")
    given = parser.parse_args()
    wanted = set(given.only or (*FORMS, *(fault.name for fault in FAULTS)))
    wrong: list[str] = []
    for each in export_of(given).forms([form for form in FORMS if form in wanted]):
        keep(each.form, entry(each.proof))
        wrong += [f"{each.form} is refused: {why}" for why in each.proof.problems]
    for fault in (each for each in FAULTS if each.name in wanted):
        (broken,) = export_of(given, fault).forms([fault.form])
        name = f"{fault.form} {fault.name}"
        keep(name, entry(broken.proof))
        if not any(fault.says in why for why in broken.proof.problems):
            wrong.append(f"{name} is not refused for its fault: {broken.proof.problems}")
    print("\n".join(wrong) or "OK: every right form is kept, every broken one is refused.")
    return 1 if wrong else 0


def keep(name: str, found: dict[str, Any]) -> None:
    """Put one form's numbers into the evidence."""
    print(f"{name}: {found}", flush=True)
    known = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.is_file() else {}
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    write_json(EVIDENCE, known | {name: found})


if __name__ == "__main__":
    sys.exit(main())
