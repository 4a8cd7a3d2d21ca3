"""Our rules of Gopher, C4 and FineWeb against datatrove's filters, on fresh random texts and on real ones.

PYTHONPATH=FOLDER python scripts/quality_parity.py [--texts 3000] [--seed 0] [--real FOLDER ...]

FOLDER holds datatrove 0.10.1 (`pip install --no-deps --target FOLDER datatrove==0.10.1 loguru dill multiprocess
humanize`). Words, sentences and what counts as punctuation (Unicode's categories) are ours on both sides: datatrove's
come from spaCy and a list of signs. Compared are the decision and the first rule that is broken. Exit code 1 when they
differ in anything but function words beside punctuation, which datatrove does not see in words split at blanks.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document  # pyright: ignore[reportMissingImports]
from datatrove.pipeline.filters import (  # pyright: ignore[reportMissingImports]
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

from tunewright.detect.passage import SENTENCE, Passage
from tunewright.detect.quality import is_sign
from tunewright.detect.quality_rules import RULES, Rule, judge

NAMES = {
    "gopher_short_doc": "words", "gopher_long_doc": "words", "gopher_below_avg_threshold": "mean_word_length",
    "gopher_above_avg_threshold": "mean_word_length", "gopher_too_many_hashes": "hashes",
    "gopher_too_many_ellipsis": "ellipses", "gopher_too_many_bullets": "bullet_lines",
    "gopher_too_many_end_ellipsis": "ellipsis_lines", "gopher_below_alpha_threshold": "alphabetic_words",
    "gopher_enough_stop_words": "stop_words", "dup_line_frac": "duplicate_lines",
    "dup_para_frac": "duplicate_paragraphs", "dup_line_char_frac": "duplicate_line_characters",
    "dup_para_char_frac": "duplicate_paragraph_characters", "lorem_ipsum": "c4_placeholder",
    "curly_bracket": "c4_placeholder", "too_few_sentences": "c4_sentences", "line_punct_ratio": "terminal_lines",
    "short_line_ratio": "short_lines", "char_dup_ratio": "fineweb_duplicate_characters", "list_ratio": "line_ends",
    **{f"top_{size}_gram": f"top_{size}_grams" for size in (2, 3, 4)},
    **{f"duplicated_{size}_n_grams": f"duplicate_{size}_grams" for size in range(5, 11)},
}  # fmt: skip
_COMMON = "the of and to a in is that it was for on are with as I his they be at one have this from"
COMMON = _COMMON.split()
_RARE = "Wohnung ökonomisch 12.5 3,000 #tag ## ... … — - • { } lorem ipsum javascript cookies [1] x y z Zürich 你好"
RARE = _RARE.split()
ENDS = [".", "!", "?", "...", "…", "", "", '."', ".)", ":", "。"]


def main() -> None:
    """Compare, and say in one line a filter what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, _language: Passage(text).words
    c4_filters.split_into_sentences = lambda text, _language: [
        found for found in SENTENCE.findall(text) if any(map(str.isalnum, found))
    ]
    gopher_quality_filter.PUNCTUATION_SET = Signs()
    texts = [*random_texts(asked.texts, seed=asked.seed), *real_texts(asked.real)]
    quality = [rule for rule in RULES["gopher"] if rule.kind != "repetition"]
    repetition = [rule for rule in RULES["gopher"] if rule.kind == "repetition"]
    pairs: list[tuple[str, Any, list[Rule]]] = [
        ("gopher quality", GopherQualityFilter(), quality),
        ("gopher repetition", GopherRepetitionFilter(), repetition),
        ("c4", C4QualityFilter(), list(RULES["c4"])),
        ("fineweb", FineWebQualityFilter(), list(RULES["fineweb"])),
    ]
    problems = [compare(name, theirs.filter, rules, texts=texts) for name, theirs, rules in pairs]
    sys.exit(1 if any(problems) else 0)


class Signs:
    """Every sign that is punctuation."""

    def __contains__(self, sign: object) -> bool:
        """True for one."""
        return is_sign(str(sign))


def compare(name: str, theirs: Callable[[Any], Any], rules: list[Rule], *, texts: list[str]) -> int:
    """How many decisions differ without a reason that is known."""
    differ = explained = dropped = 0
    reasons: Counter[str] = Counter()
    for text in texts:
        given = theirs(Document(text=text, id=""))
        wanted = "" if given is True else NAMES[given[1]]
        found = next((each.rule.name for each in judge(text, rules) if each.broken), "")
        dropped += bool(wanted)
        reasons[wanted] += 1
        if found == wanted:
            continue
        if wanted == "stop_words" or (wanted == "" and found == ""):
            explained += 1
        else:
            differ += 1
            print(f"  {name}: datatrove {wanted or 'keeps'}, ours {found or 'keeps'}: {text[:80]!r}")
    print(
        f"{name}: {len(texts):,} texts, {dropped:,} dropped by {len(reasons) - bool(reasons[''])} rules; "
        f"{len(texts) - differ - explained:,} decided alike, {explained} differ by function words, {differ} else"
    )
    return differ


def random_texts(count: int, *, seed: int) -> Iterator[str]:
    """Texts of words, lines and paragraphs that stand again and again, in every proportion."""
    draw = random.Random(seed)
    for _ in range(count):
        lines = [" ".join(words(draw)) + draw.choice(ENDS) for _ in range(draw.choice((1, 2, 5, 12, 30)))]
        again = draw.random() < 0.4
        chosen = [draw.choice(lines[:3]) if again and draw.random() < 0.5 else line for line in lines]
        text = draw.choice(("\n", "\n\n", "\n- ", " ")).join(chosen)
        if text.strip() and any(map(str.isalnum, text)):
            yield text


def words(draw: random.Random) -> list[str]:
    """One line: common words, rare ones, and runs of the same."""
    found: list[str] = []
    rare = draw.choice((0.02, 0.1, 0.4))
    for _ in range(draw.choice((1, 3, 8, 20, 60))):
        if found and draw.random() < 0.05:
            found += found[-draw.randint(1, 6) :]
        found.append(draw.choice(RARE if draw.random() < rare else COMMON))
    return found


def real_texts(folders: list[Path]) -> Iterator[str]:
    """Paragraphs and whole files of text and Markdown."""
    for folder in folders:
        for path in sorted(
            [*folder.rglob("*.md"), *folder.rglob("*.txt"), *folder.rglob("*.jsonl"), *folder.rglob("*.csv")]
        ):
            text = path.read_text(encoding="utf-8", errors="replace")
            yield from (part for part in (text, *text.split("\n\n")) if any(map(str.isalnum, part)))


if __name__ == "__main__":
    main()
