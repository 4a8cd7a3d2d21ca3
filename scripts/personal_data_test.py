"""Precision and recall of the detector of personal data, by kind, on text that its patterns were not made on.

    python scripts/personal_data_test.py                  # development sentences: what the patterns were made on
    python scripts/personal_data_test.py --final          # sentences written afterwards; writes docs/evidence/data.json
    python scripts/personal_data_test.py --mistakes 5     # shows some of each kind
    python scripts/personal_data_test.py --names --final  # names alone: by list, by the model, by both

The last needs the extra `names`; in an environment of its own: tests/edge/detectors/own_environment.py makes it.

A value is found when spans of its kind cover it whole. A finding is right when it lies on a planted value of its kind.
Findings in text without personal data (topics of Python's manual, sources of its library) count as wrong ones, too.
Values are made by Faker in five locales; the detector's name lists are from another source. Of names the
plain text is counted apart: it names people (64 of 69 findings, when we read them).
"""

from __future__ import annotations

import argparse
import json
import math
import pydoc_data.topics
import re
import sys
import sysconfig
import time
from collections import Counter, defaultdict
from pathlib import Path

from personal_data_rows import Planted, planted

from tunewright.core import catalog
from tunewright.detect.language import language
from tunewright.detect.personal import KINDS, Finder, personal_spans
from tunewright.detect.personal_name import names
from tunewright.detect.personal_name_model import named_by
from tunewright.detect.spans import Span

HERE = Path(__file__).parent
EVIDENCE = HERE.parent / "docs" / "evidence" / "data.json"
BARS = {
    **dict.fromkeys(["email", "card", "iban", "ssn", "ip"], 0.97),
    **dict.fromkeys(["phone", "medical_record"], 0.90),
}
NAMES_BAR = 0.75
"""Of names by lists and model; by lists alone they are reported."""
WITH_ADDRESSES = ("_aix_support", "ipaddress", "socket", "uuid")
CREDITS = re.compile(r"(?im)^.*(?:@|author|copyright|\(c\)|written|contributed|maintain|thanks|\bby ).*$")
"""Lines that may name people. Others do, too: what is found of names there is no false alarm by itself."""
Z = 1.959964


class Counts:
    """What was planted, found, and found wrongly, by kind; `mistakes` are texts to look at."""

    def __init__(self) -> None:
        self.planted: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.in_real_text: Counter[str] = Counter()
        self.mistakes: defaultdict[str, list[str]] = defaultdict(list)

    def look(self, row: Planted, *, kinds: tuple[str, ...] = KINDS, by: Finder = names) -> None:
        """Compare what is found in a text with what was planted."""
        spans = personal_spans(row.text, kinds, by=by)
        for start, end, kind in (value for value in row.values if value[2] in kinds):
            own = {place for span in spans if span.kind == kind for place in range(span.start, span.end)}
            self.planted[kind] += 1
            if all(place in own or not row.text[place].isalnum() for place in range(start, end)):
                self.found[kind] += 1
            else:
                self.mistakes[kind].append(f"missed {row.text[start:end]!r} in {row.text!r}")
        for span in spans:
            if any(span.start < end and start < span.end for start, end, kind in row.values if kind == span.kind):
                self.right[span.kind] += 1
            else:
                self.wrong[span.kind] += 1
                self.mistakes[span.kind].append(f"wrong {row.text[span.start : span.end]!r} in {row.text!r}")

    def look_at_real(self, text: str) -> None:
        """Count everything that is found in a text without personal data as wrong."""
        for span in personal_spans(text):
            self.in_real_text[span.kind] += 1
            around = text[max(0, span.start - 30) : span.end + 10]
            self.mistakes[span.kind].append(f"in real text {text[span.start : span.end]!r} in {around!r}")

    def measured(self, kind: str) -> dict[str, object]:
        """Precision and recall with their intervals."""
        wrong = self.wrong[kind] + (self.in_real_text[kind] if kind != "name" else 0)
        every = self.right[kind] + wrong
        return {
            "precision": share(self.right[kind], every),
            "recall": share(self.found[kind], self.planted[kind]),
            "interval": wilson(self.found[kind], self.planted[kind]),
            "precision_interval": wilson(self.right[kind], every),
            "n": self.planted[kind],
            "false_alarms_in_real_text": self.in_real_text[kind],
        }


def share(part: int, whole: int) -> float:
    """Part of a whole; 1 of nothing."""
    return round(part / whole, 4) if whole else 1.0


def wilson(part: int, whole: int) -> list[float]:
    """Interval of a share at 95 % (Wilson, 1927)."""
    if not whole:
        return [0.0, 1.0]
    p = part / whole
    middle, width = p + Z**2 / (2 * whole), Z * math.sqrt(p * (1 - p) / whole + Z**2 / (4 * whole**2))
    return [
        round(max(0.0, (middle - width) / (1 + Z**2 / whole)), 4),
        round(min(1.0, (middle + width) / (1 + Z**2 / whole)), 4),
    ]


def real_texts() -> list[str]:
    """Text without personal data."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in sorted(library.glob("*.py")) if path.stem not in WITH_ADDRESSES]
    texts = [*pydoc_data.topics.topics.values(), *(path.read_text(encoding="utf-8") for path in paths)]
    return [CREDITS.sub("", text) for text in texts]


def speed(rows: list[Planted], real: list[str]) -> dict[str, float]:
    """Rows and bytes a second on one core, without names and with them."""
    texts = [row.text for row in rows]
    found: dict[str, float] = {}
    for what, kinds in (("", tuple(kind for kind in KINDS if kind != "name")), ("_with_names", KINDS)):
        for of, given in (("", texts), ("_plain_text", real)):
            begun = time.perf_counter()
            for text in given:
                personal_spans(text, kinds)
            taken = time.perf_counter() - begun
            found[f"mb_per_s{of}{what}"] = round(sum(len(text.encode()) for text in given) / taken / 1e6, 2)
            if not of:
                found[f"rows_per_s{what}"] = round(len(given) / taken)
    return found


def main(arguments: list[str]) -> int:
    """Print the table; 1 when a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--mistakes", type=int, default=0)
    given = parser.parse_args(arguments)
    which, seed = ("final", 20261129) if given.final else ("development", 1)
    rows = planted(HERE / f"personal_data_{which}.tsv", rounds=given.rounds, seed=seed)
    if given.names:
        return names_alone(rows, final=given.final, mistakes=given.mistakes)
    counts = Counts()
    for row in rows:
        counts.look(row)
    real = real_texts()
    for text in real:
        counts.look_at_real(text)
    measured = {f"personal_data.{kind}": counts.measured(kind) for kind in KINDS}
    show(measured, sum(map(len, real)))
    for kind in KINDS:
        for line in counts.mistakes[kind][:: max(1, len(counts.mistakes[kind]) // max(1, given.mistakes))][
            : given.mistakes
        ]:
            print(f"  {kind}: {line}")
    timed = speed(rows, real)
    print(json.dumps(timed))
    if given.final:
        keep({**measured, "personal_data": timed})
    low = [
        f"{kind} {name}"
        for kind, bar in BARS.items()
        for name in ("precision", "recall")
        if measured[f"personal_data.{kind}"][name] < bar  # type: ignore[operator]
    ]
    print(f"below its bar: {', '.join(low)}" if low else "every bar is met")
    return bool(low)


def names_alone(rows: list[Planted], *, final: bool, mistakes: int) -> int:
    """Names by each way, in all texts and in the English ones; 1 when the lists and the model miss the bar."""
    model = catalog.work("detectors", "spacy")(catalog.options("detectors", "spacy")())
    ways: dict[str, Finder] = {
        "list": names,
        "model": lambda text: [Span(*place, "name", 0.6) for place in model.places(text.replace("\0", "0"))],
        "list_and_model": named_by(model.places),
    }
    found: dict[str, dict[str, object]] = {}
    for way, by in ways.items():
        for where, texts in (("", rows), ("_english", [row for row in rows if language(row.text).code == "en"])):
            counts, begun = Counts(), time.perf_counter()
            for row in texts:
                counts.look(row, kinds=("name",), by=by)
            measured = {**counts.measured("name"), "rows_per_s": round(len(texts) / (time.perf_counter() - begun))}
            del measured["false_alarms_in_real_text"]  # no such text was looked at
            found[f"personal_data.name_by_{way}{where}"] = measured
            for line in counts.mistakes["name"][:: max(1, len(counts.mistakes["name"]) // max(1, mistakes))][:mistakes]:
                print(f"  {way}{where}: {line}")
    for way, one in found.items():
        print(f"{way}: " + ", ".join(f"{what} {value}" for what, value in one.items()))
    if final:
        keep(found)
    both = found["personal_data.name_by_list_and_model"]
    return int(min(both["precision"], both["recall"]) < NAMES_BAR)  # type: ignore[type-var]


def show(measured: dict[str, dict[str, object]], characters: int) -> None:
    """The table."""
    print(f"| kind | precision | recall | values | false alarms in {characters / 1e6:.1f} MB of plain text |")
    print("| --- | --- | --- | --- | --- |")
    for kind, one in measured.items():
        precision = f"{one['precision']:.3f} {tuple(one['precision_interval'])}"  # type: ignore[arg-type]
        recall = f"{one['recall']:.3f} {tuple(one['interval'])}"  # type: ignore[arg-type]
        print(f"| {kind.split('.')[1]} | {precision} | {recall} | {one['n']:,} | {one['false_alarms_in_real_text']} |")


def keep(measured: dict[str, object]) -> None:
    """Merge into the evidence."""
    known = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
    text = json.dumps({**known, **measured}, indent=1, sort_keys=True)
    EVIDENCE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
