"""Write the demo's data: 1,680 ICD-10-CM diagnoses, each with one of 12 body systems.

    python scripts/make_icd_sample.py            writes examples/icd/{train,validation,test}.csv
    python scripts/make_icd_sample.py --check    exits 1 when the committed files are not what it would write

Chapters 3 to 14 of the tabular list each cover one body system; the other ten (infections, injuries and so on) cut
across systems and are left out. A three-character category (such as H25, age-related cataract) lies in one split only:
its diagnoses differ by a word or two, and a test row whose twin was trained on measures memory.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent.parent / "examples" / "icd"
SEED = 2026
SYSTEMS = {
    "3": "blood",
    "4": "endocrine",
    "5": "mental",
    "6": "nervous",
    "7": "eye",
    "8": "ear",
    "9": "circulatory",
    "10": "respiratory",
    "11": "digestive",
    "12": "skin",
    "13": "musculoskeletal",
    "14": "genitourinary",
}
ROWS_PER_SYSTEM = {"train": 100, "validation": 15, "test": 25}
LEFT_OUT = {"F52", "F64", "F65", "F66"}
"""Sexual disorders: nothing is wrong with the rows, but the demo's answers stand on pages that anybody may open."""
CATEGORY_SHARE = 12
"""A category counts for at most so many rows when categories are dealt to splits, so that none fills a split alone."""


class Diagnosis(NamedTuple):
    """A leaf of the tree: what a coder would write down."""

    code: str
    text: str
    system: str

    @property
    def category(self) -> str:
        """The three characters before the dot."""
        return self.code[:3]


def read_tree() -> list[Diagnosis]:
    """Every leaf diagnosis of the 12 chapters, in the order of the tabular list."""
    import simple_icd_10_cm as icd  # noqa: PLC0415 - the package reads its whole tree when it is imported

    found: list[Diagnosis] = []
    for chapter, system in SYSTEMS.items():
        leaves = (
            code
            for code in icd.get_descendants(chapter)
            if icd.is_leaf(code) and icd.is_category_or_subcategory(code) and code[:3] not in LEFT_OUT
        )
        found += [Diagnosis(code, icd.get_description(code).strip(), system) for code in leaves]
    return found


def without_equals(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Diagnoses whose text, without regard to case, belongs to one code only."""
    times: dict[str, int] = defaultdict(int)
    for diagnosis in diagnoses:
        times[diagnosis.text.casefold()] += 1
    return [diagnosis for diagnosis in diagnoses if times[diagnosis.text.casefold()] == 1]


def deal(categories: Mapping[str, Sequence[Diagnosis]], order: random.Random) -> dict[str, list[list[Diagnosis]]]:
    """Give each category to the split that is furthest behind its quota."""
    dealt: dict[str, list[list[Diagnosis]]] = {split: [] for split in ROWS_PER_SYSTEM}
    room = dict.fromkeys(ROWS_PER_SYSTEM, 0)
    names = sorted(categories)
    order.shuffle(names)
    for name in names:
        split = min(ROWS_PER_SYSTEM, key=lambda split: room[split] / ROWS_PER_SYSTEM[split])
        leaves = sorted(categories[name])
        order.shuffle(leaves)
        dealt[split].append(leaves)
        room[split] += min(len(leaves), CATEGORY_SHARE)
    return dealt


def take_in_turn(categories: Sequence[Sequence[Diagnosis]], count: int) -> list[Diagnosis]:
    """`count` diagnoses, one from each category in turn, so that as many categories as possible are seen.

    Raises ValueError when there are fewer.
    """
    taken = [leaf for leaf in chain.from_iterable(zip_longest(*categories)) if leaf is not None][:count]
    if len(taken) < count:
        raise ValueError(f"{len(taken)} diagnoses for {count} rows")
    return taken


def sample(diagnoses: Sequence[Diagnosis], seed: int) -> dict[str, list[Diagnosis]]:
    """Rows by split: balanced over systems, no category on two sides, in an order drawn from the seed."""
    splits: dict[str, list[Diagnosis]] = {split: [] for split in ROWS_PER_SYSTEM}
    for system in SYSTEMS.values():
        categories: dict[str, list[Diagnosis]] = defaultdict(list)
        for diagnosis in diagnoses:
            if diagnosis.system == system:
                categories[diagnosis.category].append(diagnosis)
        for split, dealt in deal(categories, random.Random(f"{seed} {system}")).items():
            splits[split] += take_in_turn(dealt, ROWS_PER_SYSTEM[split])
    for split, rows in splits.items():
        random.Random(f"{seed} {split}").shuffle(rows)
    return splits


def as_csv(rows: Sequence[Diagnosis]) -> str:
    """The text of one file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["code", "diagnosis", "system"])
    writer.writerows(rows)
    return text.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Write the files, or compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the committed files, write nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files lie")
    given = parser.parse_args(arguments)
    stale: list[str] = []
    for split, rows in sample(without_equals(read_tree()), SEED).items():
        path, text = given.folder / f"{split}.csv", as_csv(rows)
        if given.check and (not path.exists() or path.read_bytes() != text.encode()):
            stale.append(path.name)
        if not given.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    if stale:
        print(
            f"{given.folder}: {', '.join(stale)} differ from what make_icd_sample.py writes. Run it, or undo the edit."
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
