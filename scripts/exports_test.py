"""Every form of a really trained LoRA is proved, and every export broken on purpose is refused: real model, real files.

    python scripts/exports_test.py             # 40 steps of the demo's recipe, six forms, six faults; about 8 minutes
    python scripts/exports_test.py --steps 150 # the whole demo

What was done before is taken from its record, so a stopped run goes on. Writes docs/evidence/exports.json and ends with
0 when every right form is kept and every broken one refused for the right reason.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from export_faults import FAULTS, Fault

from tunewright.app import flow
from tunewright.app.exporting import Export
from tunewright.app.loaded import base_of
from tunewright.app.project import open_project
from tunewright.core.events import Event, Note
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


def export_of(steps: int, home: Path, fault: Fault | None = None) -> Export:
    """The trained model of the demo's recipe after so many steps, trained if need be; faults show on few rows."""
    few = ["proof.rows=24", "proof.score_rows=0"] if fault else []
    project = open_project(RECIPE, sets=[f"training.max_steps={steps}", *few], home=home)
    run = flow.train(project, tell)
    dataset = flow.dataset_of(project, run, emit=tell)
    base = base_of(project, tell)
    if fault is None:
        return Export(project, run, base, dataset, tell)
    return Export(project, run, base, dataset, tell, merge=fault.merge, write=fault.write, planted=fault.name)


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
    """All forms, then all faults; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--home", type=Path, default=ROOT / ".cache" / "tests")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for each in export_of(given.steps, given.home).forms(FORMS):
        found[each.form] = entry(each.proof)
        print(f"{each.form}: {found[each.form]}", flush=True)
        wrong += [f"{each.form} is refused: {why}" for why in each.proof.problems]
    write_json(EVIDENCE, found)
    for fault in FAULTS:
        (broken,) = export_of(given.steps, given.home, fault).forms([fault.form])
        name = f"{fault.form} {fault.name}"
        found[name] = entry(broken.proof)
        print(f"{name}: {found[name]}", flush=True)
        if not any(fault.says in why for why in broken.proof.problems):
            wrong.append(f"{name} is not refused for its fault: {broken.proof.problems}")
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    write_json(EVIDENCE, found)
    print("\n".join(wrong) or "OK: every right form is kept, every broken one is refused.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
