"""Sets with choices: which of several answers is right. The label is one of `details["choices"]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

from tunewright.core.ports import Details, Row
from tunewright.evaluate.archives.package import Record
from tunewright.evaluate.archives.rows import asked, family_of, stem

YES_NO = ["yes", "no"]
_CODES = re.compile(r"\s*\([A-Z][0-9A-Z]{2}-[A-Z][0-9A-Z]{2}\)$")
_UNKNOWN = re.compile(r"not |can.?t |cannot |unknown|undetermined", re.IGNORECASE)
CATEGORY_CHARACTERS = 3
"""Of an ICD-10-CM code: what lies below one category differs by a word or two."""


def yes_or_no(records: Iterable[Record], *, column: str, known: tuple[str, ...] = ("yes", "no")) -> Iterator[Row]:
    """A passage and a question; the answer stands in a column as true or false, or as one of the known words.

    Rows whose column is absent have no right answer and are passed over. Rows on one passage are one family.
    """
    for record in records:
        if column not in record.value:
            continue
        passage, question = record.value["passage"], record.value["question"].strip().rstrip("?")
        answer = _as_word(record.value[column])
        if answer not in known:
            raise ValueError(f"{record.member}:{record.line} has the answer {answer!r}")
        details = Details(choices=list(known), family=family_of(passage))
        yield asked(record, f"{passage}\n\nQuestion: {question}?", answer=answer, label=answer, details=details)


def _as_word(value: Any) -> str:
    word = str(value).strip().lower()
    return {"true": "yes", "false": "no"}.get(word, word)


def lettered(records: Iterable[Record]) -> Iterator[Row]:
    """Options A, B, C ...: they stand in the prompt, and the answer is a letter. A passage makes a family."""
    for record in records:
        yield _lettered(record, {})


def subjects(records: Iterable[Record]) -> Iterator[Row]:
    """The same in members that are named after their subject, which is kept as the column "subject"."""
    for record in records:
        yield _lettered(record, {"subject": stem(record).replace("_", " ")})


def ambiguous(records: Iterable[Record]) -> Iterator[Row]:
    """BBQ: one option says that it cannot be known; the column "context" says whether that is the right one.

    The wording of that option varies on purpose.
    """
    for record in records:
        record.value["question"] = record.value["question"].split("\n")[0]
        known = _UNKNOWN.match(record.value["answer"][0]) is None
        yield _lettered(record, {"context": "disambiguated" if known else "ambiguous"})


def _lettered(record: Record, columns: dict[str, str]) -> Row:
    options, right = options_of(record.value)
    listed = "\n".join(f"{letter}. {words}" for letter, words in options.items())
    details = Details(choices=list(options))
    if columns:
        details["columns"] = columns
    return _with_passage(record, listed, right=right, details=details)


def worded(records: Iterable[Record]) -> Iterator[Row]:
    """The same questions where the answer is an option's own words, which do not stand in the prompt."""
    for record in records:
        options, right = options_of(record.value)
        yield _with_passage(record, "", right=options[right], details=Details(choices=list(options.values())))


def _with_passage(record: Record, listed: str, *, right: str, details: Details) -> Row:
    passage = (record.value.get("passage") or "").strip()
    if passage:
        details["family"] = family_of(passage)
    question = f"Question: {record.value['question'].strip()}"
    parts = [passage, "\n".join(part for part in (question, listed) if part)]
    return asked(record, "\n\n".join(part for part in parts if part), answer=right, label=right, details=details)


def options_of(value: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Options by letter, and the letter of the right one; options may hold line ends.

    The answer is an option with its letter, or its words alone. Raises ValueError where it is none of them.
    """
    options: dict[str, str] = {}
    for line in value["options"].strip("\n").split("\n"):
        expected = chr(ord("A") + len(options))
        if line.startswith(f"{expected}. "):
            options[expected] = line[3:]
        elif options:
            last = chr(ord(expected) - 1)
            options[last] += f"\n{line}"
    options = {letter: words.strip() for letter, words in options.items()}
    answer = value["answer"][0] if isinstance(value["answer"], list) else value["answer"]
    said = re.match(r"([A-Z])\. ", answer)
    matching = [letter for letter, words in options.items() if words == answer.strip()]
    right = said.group(1) if said and said.group(1) in options else next(iter(matching), "")
    if not right or len(options) < 2:
        raise ValueError(f"the answer {answer!r} is none of {value['options']!r}")
    return options, right


def chapters(records: Iterable[Record]) -> Iterator[Row]:
    """ICD-10-CM: a diagnosis and the chapter that it belongs to. Leaves of a category are a family."""
    for record in records:
        tree = ElementTree.fromstring(record.value)
        names = [_CODES.sub("", chapter.findtext("desc", "")) for chapter in tree.findall("chapter")]
        for name, chapter in zip(names, tree.findall("chapter"), strict=True):
            for leaf in (each for each in chapter.iter("diag") if each.find("diag") is None):
                code, words = leaf.findtext("name", ""), leaf.findtext("desc", "")
                details = Details(choices=names, family=code[:CATEGORY_CHARACTERS])
                prompt = f"Question: To which chapter of ICD-10-CM does this diagnosis belong? {words}"
                yield asked(record, prompt, answer=name, label=name, details=details)
