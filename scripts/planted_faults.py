"""A data set with one in a hundred rows of each of 14 faults: does the receipt name each of them, with its count?

    python scripts/planted_faults.py                 5,000 rows; merges docs/evidence/data.json and prints the table
    python scripts/planted_faults.py --rows 2000     fewer, nothing is written

Rows are questions about sentences of Python's manual with the topic's part as label. Ends with 0 when every fault is
named and each kind is found in at least nine of ten rows, and when at most one sound row in a hundred was lost.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from faker import Faker

from tunewright import api
from tunewright.stats.single import share_interval

REPOSITORY = Path(__file__).resolve().parent.parent
EVIDENCE = REPOSITORY / "docs" / "evidence" / "data.json"
SEED = 20261129
LEXICON = REPOSITORY / "src" / "tunewright" / "detect" / "toxicity_en.tsv"
RECIPE = """\
name: planted
model: builtin:smollm2-135m-instruct
data:
  train: train.jsonl
  test: test.jsonl
  shape: {type: labelled, prompt: "{text}"}
  max_tokens: 256
  overlong: drop
  keep: [planted]
  limits: {quarantined_rows: 10%}
  steps:
    - clean
    - deduplicate
    - near_duplicates
    - personal_data
    - language: {allowed: [en]}
    - toxicity
    - contamination
evaluate:
  suites:
    - {type: file, path: suite.jsonl}
"""


class Fault(NamedTuple):
    """A kind of fault: its name, the reason that the receipt should give, and what makes a bad row of a good one."""

    name: str
    reason: str
    make: Callable[[dict[str, str]], Any]


def main() -> int:
    """Plant, prepare, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        found = run(Path(folder), asked.rows)
    print(table(found))
    if asked.rows == 5000:
        known = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
        known |= {f"planted.{name}": each for name, each in found.items()}
        EVIDENCE.parent.mkdir(exist_ok=True)
        EVIDENCE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
    lost = found.pop("sound_rows_lost")
    return 0 if all(each["recall"] >= 0.9 for each in found.values()) and lost["recall"] <= 0.01 else 1


def run(folder: Path, count: int) -> dict[str, dict[str, Any]]:
    """Of each fault how many rows were found under their reason; of sound rows how many were lost."""
    rng = random.Random(SEED)
    good = sound_rows(count)
    few = max(10, count // 100)
    lines = [json.dumps(row) for row in good]
    planted: dict[str, set[int]] = {}
    partner: dict[int, int] = {}
    test = [dict(row) for row in sound_rows(count + 200)[count:]]
    suite = []
    faults = kinds(rng)
    for fault in faults:
        chosen = rng.sample(good, few)
        planted[fault.name] = set()
        for row in chosen:
            if fault.name == "train_test_leak":
                test.append(dict(row))
                planted[fault.name].add(good.index(row) + 1)
                continue
            if fault.name == "evaluation_overlap":
                suite.append({"messages": chat(row)})
                planted[fault.name].add(good.index(row) + 1)
                continue
            made = fault.make(dict(row))
            lines.append(made if isinstance(made, str) else json.dumps(made))
            planted[fault.name].add(len(lines))
            if fault.name == "near_duplicate":
                partner[len(lines)] = good.index(row) + 1
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    (folder / "suite.jsonl").write_text("".join(json.dumps(row) + "\n" for row in suite), encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    project = api.open_project(folder, home=folder / "home")
    version = api.prepare(project)
    print(json.dumps(version.receipt.rows.model_dump(by_alias=True)), file=sys.stderr)
    return judged(project.workspace.datasets / version.name, faults, planted, partner=partner, sound=len(good))


def judged(
    folder: Path, faults: list[Fault], planted: dict[str, set[int]], *, partner: dict[int, int], sound: int
) -> dict[str, dict[str, Any]]:
    """Recall and precision of each fault by the lines that carry its reason."""
    named: dict[str, set[int]] = {}
    for line in pq.read_table(folder / "fates.parquet").to_pylist():
        if line["source"] == "train.jsonl":
            named.setdefault(line["reason"], set()).add(line["line"])
    for text in (folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(text)
        named.setdefault(entry["reason"], set()).add(entry["line"])
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    back = {original: copy for copy, original in partner.items()}
    for fault in faults:
        wanted = planted[fault.name]
        if fault.name == "label_noise":  # told, not taken out: both rows of a pair
            told = receipt["sources"]["train.jsonl"]["reasons"].get(fault.reason, 0)
            hits, all_named = min(len(wanted), told // 2), 0
        else:
            given = set().union(*(lines for reason, lines in named.items() if re.fullmatch(fault.reason, reason)))
            if fault.name == "near_duplicate":  # either of the two may be the one that stays
                given = {line if line in wanted else back.get(line, line) for line in given}
            hits, all_named = len(wanted & given), len(given)
        low, high = share_interval(hits, len(wanted))
        precision = hits / all_named if all_named else None
        found[fault.name] = {
            "precision": None if precision is None else round(precision, 4),
            "recall": round(hits / len(wanted), 4),
            "interval": [round(low, 4), round(high, 4)],
            "n": len(wanted),
        }
    touched = set().union(*planted.values(), back)
    gone = set().union(*(lines for reason, lines in named.items() if not reason.startswith(("personal_data", "clean"))))
    lost = {line for line in gone if line <= sound} - touched
    low, high = share_interval(len(lost), sound)
    found["sound_rows_lost"] = {
        "precision": None,
        "recall": round(len(lost) / sound, 4),
        "interval": [round(low, 4), round(high, 4)],
        "n": sound,
    }
    return found


def sound_rows(count: int) -> list[dict[str, str]]:
    """Rows without a fault, the first of them the same for every count."""
    rng = random.Random(SEED)
    prose = {name: " ".join(re.sub(r"[*`_|=^+~-]{2,}|\W{4,}", " ", text).split()) for name, text in topics.items()}
    labels = ("early", "middle", "late")
    sentences = sorted(
        {
            (sentence, labels[len(labels) * ord(name[0].lower()) // 128 % 3])
            for name, text in prose.items()
            for sentence in re.split(r"(?<=[.])\s", text)
            if 10 <= len(sentence.split()) <= 40 and sentence.isascii()
        }
    )
    rng.shuffle(sentences)
    words = sorted({word for sentence, _label in sentences for word in sentence.split() if word.isalpha()})
    found = []
    for number in range(count):
        sentence, label = sentences[number % len(sentences)]
        draw = random.Random(number)
        own = [*sentence.rstrip(".").split(), *draw.sample(words, 14)]
        draw.shuffle(own)  # there are fewer sentences than rows, and no two rows are to share one
        found.append({"text": " ".join(own).capitalize() + ".", "label": label, "planted": "none"})
    return found


def kinds(rng: random.Random) -> list[Fault]:
    """Every fault with what makes it."""
    fake = Faker("en_US")
    fake.seed_instance(SEED)
    foreign = Faker("de_DE")
    foreign.seed_instance(SEED)

    def with_text(change: Callable[[str], str]) -> Callable[[dict[str, str]], dict[str, str]]:
        return lambda row: row | {"text": change(fresh(row["text"]))}

    def fresh(text: str) -> str:
        """Another row's text in another order, so that it is no duplicate."""
        words = text.split()
        rng.shuffle(words)
        return " ".join(words)

    def private(value: Callable[[], str]) -> Callable[[dict[str, str]], dict[str, str]]:
        return with_text(lambda text: f"{text} You can reach the owner under {value()} until Friday.")

    def near(row: dict[str, str]) -> dict[str, str]:
        words = row["text"].split()
        words[len(words) // 2] = "changed"
        return row | {"text": " ".join(words)}

    def toxic(row: dict[str, str]) -> dict[str, str]:
        bad = [line.split("\t") for line in LEXICON.read_text(encoding="utf-8").splitlines() if line[:1].isdigit()]
        strong = [word.strip("*") for score, _kind, word in bad if float(score) >= 0.8 and "*" not in word]
        return row | {"text": f"{fresh(row['text'])} You are a {rng.choice(strong)} and everybody hates you."}

    def german(row: dict[str, str]) -> dict[str, str]:
        return row | {"text": foreign.paragraph(nb_sentences=5)}

    return [
        Fault("broken_row", "broken_json", lambda row: json.dumps(row)[:-9]),
        Fault("duplicate", "duplicate_of_train", lambda row: row),
        Fault("near_duplicate", "near_duplicates", near),
        Fault("email", r"personal_data\.email", private(fake.email)),
        Fault("phone", r"personal_data\.phone", private(lambda: "+1 " + fake.numerify("212-555-01##"))),
        Fault("card", r"personal_data\.card", private(lambda: fake.credit_card_number("visa16"))),
        Fault("iban", r"personal_data\.iban", private(fake.iban)),
        Fault("ssn", r"personal_data\.ssn", private(fake.ssn)),
        Fault("wrong_language", "language", german),
        Fault("toxic", "toxicity", toxic),
        Fault("too_long", "overlong", with_text(lambda text: " ".join([text] * 9))),
        Fault("empty_answer", "empty_text", lambda row: row | {"label": ""}),
        Fault("label_noise", "conflicting_labels", lambda row: row | {"label": "elsewhere"}),
        Fault("train_test_leak", "duplicate_of_test", lambda row: row),
        Fault("evaluation_overlap", r"contamination\..*", lambda row: row),
    ]


def chat(row: dict[str, str]) -> list[dict[str, str]]:
    """A row as a conversation, as a suite's file holds it."""
    return [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": row["label"]}]


def table(found: dict[str, dict[str, Any]]) -> str:
    """The detection table as Markdown."""
    lines = ["| fault | planted | found | 95 % interval | named rightly |", "|---|---|---|---|---|"]
    for name, each in found.items():
        low, high = each["interval"]
        right = "" if each["precision"] is None else f"{each['precision']:.1%}"
        what = name.replace("_", " ")
        lines.append(f"| {what} | {each['n']:,} | {each['recall']:.1%} | {low:.1%} to {high:.1%} | {right} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
