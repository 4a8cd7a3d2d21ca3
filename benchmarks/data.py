"""Preparing data beside peers: near duplicates, stages, a million chat rows; writes the key `data` and the table.

    python benchmarks/data.py                       everything: three repeats of near duplicates, then the rest once
    python benchmarks/data.py --only near           near duplicates; personal: personal data; rows: a million rows;
                                                    stages: each stage alone, and Presidio and data-juicer beside some
    python benchmarks/data.py --documents 20000     fewer documents, nothing is written

Near duplicates: one thread each, by processor time, which other work on the machine changes less than time by the
clock; start-up left out, sides one after the other in each repeat. Ours: shingles, MinHash, bands, every pair verified
exactly, one row of several alike chosen. rensa alone: MinHash and its own index over the same shingles, made in Python;
and over plain words, its usual use. datatrove: its four stages over 20,000 of the documents, in an environment of its
own (made under .cache where it is not there).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import table
from documents import Documents, documents
from environments import PIECES, REPOSITORY, environment
from rensa import RMinHash, RMinHashLSH

from tunewright.core.ports import Converted, Message, Row
from tunewright.data.rows import make_row
from tunewright.data.shingles import jaccard, shingles
from tunewright.data.steps.near_duplicates import BAND_ROWS, BANDS, Work
from tunewright.data.steps.personal_data import Work as PersonalData
from tunewright.recipe.options.steps.near_duplicates import Options
from tunewright.recipe.options.steps.personal_data import Options as PersonalDataOptions

DOCUMENTS, OF_DATATROVE, TRUTH, REPEATS = 200_000, 20_000, 2_000, 3
PRIVATE = 3_000
THRESHOLD, NGRAM = 0.7, 3
PACKAGES = ("datatrove==0.10.1", "spacy==3.8.18", "nltk", "loguru", "humanize", "xxhash<4", "orjson", "tokenizers")


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["near", "personal", "stages", "rows"])
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    asked = parser.parse_args()
    PIECES.mkdir(parents=True, exist_ok=True)
    whole = asked.documents == DOCUMENTS
    if asked.only in (None, "personal") and whole:
        found = personal_data()
        print(json.dumps(found))
        (PIECES / "personal_data.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    if asked.only in (None, "near"):
        found = near_duplicates(asked.documents)
        print(json.dumps(found, indent=1))
        if whole:
            (PIECES / "near_duplicates.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if asked.only in (None, "stages") and whole:
        subprocess.run([sys.executable, str(Path(__file__).with_name("stages.py"))], check=True)
    if asked.only in (None, "rows") and whole:
        subprocess.run([sys.executable, str(REPOSITORY / "scripts" / "million_rows.py")], check=False)
    if whole:
        table.join(PIECES)
    return 0


def personal_data() -> dict[str, Any]:
    """Rows a second of the step `personal_data` over documents of about 2 kB, one thread, three repeats."""
    rows = [_row(text, at) for at, text in enumerate(documents(PRIVATE).texts)]
    step = PersonalData(PersonalDataOptions())
    step.batch(rows[:10])
    speeds = []
    for _ in range(REPEATS):
        began = time.process_time()
        step.batch(rows)
        speeds.append(len(rows) / (time.process_time() - began))
    size = sum(len(row.messages[0].get("content", "")) for row in rows) / len(rows)
    return {"rows_per_s": round(median(speeds)), "characters_a_row": round(size), "repeats": REPEATS}


def near_duplicates(count: int) -> dict[str, Any]:
    """Every side, repeats interleaved, and whether what was found is true."""
    made = documents(count)
    rows = [_row(text, at) for at, text in enumerate(made.texts)]
    few = made.texts[: min(OF_DATATROVE, count)]
    runs: dict[str, list[float]] = {side: [] for side in ("ours", "rensa_shingles", "rensa_words", "datatrove")}
    result: Any = None
    for repeat in range(REPEATS):
        sides = {
            "ours": lambda: _ours(rows),
            "rensa_shingles": lambda: _rensa(made.texts, shingled=True),
            "rensa_words": lambda: _rensa(made.texts, shingled=False),
            "datatrove": lambda: _datatrove(few),
        }
        names = list(sides)
        for side in names[repeat % 4 :] + names[: repeat % 4]:
            if side == "datatrove" and runs[side]:
                continue  # minutes; once is enough for a ratio of dozens
            speed, said = sides[side]()
            runs[side].append(speed)
            result = said if side == "ours" else result
            print(f"{repeat + 1} {side}: {speed:,.0f} documents/s", flush=True)
    speeds = {side: median(some) for side, some in runs.items()}
    return {
        "documents": count,
        "documents_per_s": round(speeds["ours"]),
        "lowest": round(min(runs["ours"])),
        "highest": round(max(runs["ours"])),
        "rensa_shingles_documents_per_s": round(speeds["rensa_shingles"]),
        "rensa_words_documents_per_s": round(speeds["rensa_words"]),
        "datatrove_documents_per_s": round(speeds["datatrove"]),
        "ratio_datatrove": round(speeds["ours"] / speeds["datatrove"], 1),
        "ratio_rensa_shingles": round(speeds["ours"] / speeds["rensa_shingles"], 2),
        "ratio_rensa_words": round(speeds["ours"] / speeds["rensa_words"], 2),
        "repeats": REPEATS,
        **truth(made, result),
    }


def truth(made: Documents, result: Any) -> dict[str, Any]:
    """Recall of planted pairs above the threshold, by plain sets; edges below it; and a sample by brute force."""
    place = {int(gone.row.line): gone for gone in result.gone}
    by_id = {row.id: int(row.line) for row in result.rows["train"]}
    pairs = [(a, b) for a, b in made.planted if plain_similarity(made.texts[a], made.texts[b]) >= THRESHOLD]
    found = sum(a in place or b in place for a, b in pairs)
    false = sum(
        plain_similarity(made.texts[line], made.texts[by_id[gone.of]]) < THRESHOLD for line, gone in place.items()
    )
    chosen = random.Random(1).sample(range(len(made.texts)), min(TRUTH, len(made.texts)))
    sets = shingles([made.texts[at] for at in chosen], ngram=NGRAM)
    brute = missed = 0
    for one in range(len(chosen)):
        for other in range(one):
            if jaccard(sets.of(one), sets.of(other)) >= THRESHOLD:
                brute += 1
                missed += chosen[one] not in place and chosen[other] not in place
    return {
        "recall": round(found / len(pairs), 4),
        "planted_pairs": len(pairs),
        "removed": len(place),
        "false_merges": false,
        "brute_force_pairs": brute,
        "brute_force_missed": missed,
    }


def plain_similarity(one: str, other: str) -> float:
    """Jaccard similarity by sets of tuples of words, with nothing of ours in it."""
    first, second = (_plain(text) for text in (one, other))
    return len(first & second) / len(first | second)


def _plain(text: str) -> set[tuple[str, ...]]:
    words = "".join(each if each.isalnum() else " " for each in text.casefold()).split()
    return {tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)}


def _row(text: str, line: int) -> Row:
    turns: tuple[Message, ...] = ({"role": "document", "content": text},)
    return make_row(Converted(turns), source="documents", line=line)


def _ours(rows: list[Row]) -> tuple[float, Any]:
    began = time.process_time()
    result = Work(Options(threshold=THRESHOLD, ngram=NGRAM)).apply({"train": rows})
    return len(rows) / (time.process_time() - began), result


def _rensa(texts: list[str], *, shingled: bool) -> tuple[float, Any]:
    """In blocks, so that memory holds one block's tokens."""
    began = time.process_time()
    index = RMinHashLSH(threshold=THRESHOLD, num_perm=BANDS * BAND_ROWS, num_bands=BANDS)
    for start in range(0, len(texts), 10_000):
        words = [text.split() for text in texts[start : start + 10_000]]
        if shingled:
            words = [[" ".join(each[at : at + NGRAM]) for at in range(len(each) - NGRAM + 1)] for each in words]
        matrix = RMinHash.digest_matrix_from_token_sets(words, BANDS * BAND_ROWS, 1)
        index.insert_matrix_and_query_duplicate_flags(matrix, start)
    return len(texts) / (time.process_time() - began), None


def _datatrove(texts: list[str]) -> tuple[float, Any]:
    python = environment("datatrove", PACKAGES)
    file = PIECES / "documents.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    command = [str(python), str(Path(__file__).with_name("peer_datatrove.py")), str(file)]
    alone = os.environ | {"OMP_NUM_THREADS": "1", "LOGURU_LEVEL": "ERROR"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=alone)
    found = json.loads(said.stdout.strip().splitlines()[-1])
    return found["documents"] / found["cpu_s"], found


if __name__ == "__main__":
    sys.exit(main())
