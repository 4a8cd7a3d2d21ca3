"""How often the step `language` is right, by letters of a text: translated messages of programs.

python scripts/language_by_length.py [/usr/share/locale] [--languages de fr ...] [--domains bash git ...] [--each 700]

The messages are those installed (gettext catalogues of bash, coreutils, git, GTK); they are measured, never kept. A
message that is the English one is left out. Such texts name files and options, and are harder than prose of the same
length. `--languages all` takes every language that the model and the folder know.
"""

from __future__ import annotations

import argparse
import gettext
import random
import re
from collections import Counter
from pathlib import Path

from tunewright.detect.language import UNKNOWN, codes, language, same

BINS = (3, 10, 20, 40, 80, 160)
LEAST = 0.5
LANGUAGES = ("cs", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "vi", "zh_CN")
DOMAINS = ("bash", "coreutils", "git", "gtk30")
PLACES = re.compile(r"%\(?[-\w.]*\)?[a-zA-Z]|<[^>]*>|\\\w|_(?=\w)|--?[\w-]+|`[^']*'|[/~][\w./-]+")
"""Places of values, marks of keys, options and paths: they are in no language."""


def main() -> None:
    """Print a table by length."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?", default=Path("/usr/share/locale"))
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    parser.add_argument("--domains", nargs="+", default=DOMAINS)
    parser.add_argument("--each", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wanted = sorted(codes()) if "all" in asked.languages else asked.languages
    texts = {code: messages(asked.folder, code, domains=asked.domains) for code in wanted}
    draw = random.Random(asked.seed)
    counts: Counter[tuple[int, str]] = Counter()
    found = {code: every for code, every in texts.items() if len(every) >= asked.each}
    for code, every in found.items():
        for text in draw.sample(every, asked.each):
            letters, verdict = judged(text, code.split("_")[0])
            if letters >= BINS[0]:
                counts[max(each for each in BINS if each <= letters), verdict] += 1
    print(f"{len(found)} languages, {counts.total():,} texts, least probability {LEAST}")
    for low in BINS:
        right, wrong, unsure = (counts[low, verdict] for verdict in ("right", "wrong", "unsure"))
        whole, known = right + wrong + unsure, right + wrong
        if known:
            print(f"from {low:3} letters: n {whole:5}, known {known / whole:.3f}, of these right {right / known:.4f}")


def judged(text: str, code: str) -> tuple[int, str]:
    """Letters of a text, and whether its language was found, not found, or another."""
    found = language(text)
    if found.code == UNKNOWN or found.score < LEAST:
        return found.letters, "unsure"
    return found.letters, "right" if same(found.code, code) else "wrong"


def messages(folder: Path, code: str, *, domains: list[str]) -> list[str]:
    """Different translated messages of a language, without what is in none."""
    found: dict[str, None] = {}
    for domain in domains:
        path = folder / code / "LC_MESSAGES" / f"{domain}.mo"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            catalogue = vars(gettext.GNUTranslations(file))["_catalog"]
        for original, text in catalogue.items():
            if isinstance(original, str) and original and text and text != original:
                found[" ".join(PLACES.sub(" ", text).split())] = None
    return list(found)


if __name__ == "__main__":
    main()
