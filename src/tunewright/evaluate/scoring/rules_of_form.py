"""Checks of instruction rules about paragraphs, lists, marks, and how an answer begins and ends.

Each takes an answer and its keys. All take a time that grows with the length of the answer, not with its square.
"""

from __future__ import annotations

import re

CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
DIVIDER = re.compile(r"\s?\*\*\*\s?")
HIGHLIGHT = re.compile(r"\*([^\n*]*)\*")
DOUBLE_HIGHLIGHT = re.compile(r"\*\*([^\n*]*)\*\*")
POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
FENCES = ("```json", "```Json", "```JSON", "```")
FIRST_WORD = re.compile(r"'*\"*([^.,?!'\"]*)")


def number_paragraphs(answer: str, *, num_paragraphs: int) -> bool:
    """Exactly so many paragraphs between the dividers `***`; one at the very start or end divides nothing."""
    parts = [part.strip() for part in DIVIDER.split(answer)]
    return all(parts[1:-1]) and len([part for part in parts if part]) == num_paragraphs


def nth_paragraph_first_word(answer: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Exactly so many paragraphs between empty lines, and the n-th begins with the word; case does not count.

    An empty paragraph is not counted, but takes a place, as in IFEval.
    """
    parts = [part.strip() for part in answer.split("\n\n")]
    full = sum(1 for part in parts if part)
    if full != num_paragraphs or not 1 <= nth_paragraph <= full or not parts[nth_paragraph - 1]:
        return False
    found = FIRST_WORD.match(parts[nth_paragraph - 1].split()[0])
    return found is not None and found.group(1).lower() == first_word.lower()


def number_placeholders(answer: str, *, num_placeholders: int) -> bool:
    """At least so many pairs of square brackets, each on one line."""
    return sum(_bracketed(line) for line in answer.split("\n")) >= num_placeholders


def has_postscript(answer: str, *, postscript_marker: str) -> bool:
    """The marker of a postscript (`P.S.`, `P.P.S` or another) stands somewhere; case does not count."""
    marker = postscript_marker.strip()
    pattern = POSTSCRIPTS.get(marker) or re.escape(marker.lower())
    return re.search(pattern, answer.lower()) is not None


def number_bullets(answer: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin with `-`, or with one `*` and something behind it."""
    lines = [line.lstrip() for line in answer.split("\n")]
    return sum(line[:1] == "-" or (line[:1] == "*" and line[1:2] not in ("", "*")) for line in lines) == num_bullets


def is_constrained(answer: str) -> bool:
    """One of IFEval's three sentences is there: "My answer is yes." and so on."""
    return any(sentence in answer for sentence in CONSTRAINED)


def number_highlights(answer: str, *, num_highlights: int) -> bool:
    """At least so many parts between single or double asterisks, on one line each and not empty."""
    found = [*HIGHLIGHT.findall(answer), *DOUBLE_HIGHLIGHT.findall(answer)]
    return sum(bool(part.strip()) for part in found) >= num_highlights


def has_sections(answer: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many times the word of a section with a number behind it, as in `Section 1`."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", answer)) >= num_sections


def without_fence(answer: str) -> str:
    """The answer without the marks of a code block around it."""
    text = answer.strip()
    for fence in FENCES:
        text = text.removeprefix(fence)
    return text.removesuffix("```").strip()


def has_title(answer: str) -> bool:
    """A line has something in double angular brackets, `<<title>>`."""
    return any(_titled(line) for line in answer.split("\n"))


def ends_with(answer: str, *, end_phrase: str) -> bool:
    """The last words are these; case and quotation marks around the answer do not count."""
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def is_quoted(answer: str) -> bool:
    """The whole answer is between double quotation marks."""
    text = answer.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def has_two_responses(answer: str) -> bool:
    """Two different parts, divided by six asterisks and nothing else."""
    parts = [part.strip() for part in answer.split("******")]
    full = [part for part in parts if part]
    return all(parts[1:-1]) and len(full) == 2 and full[0] != full[1]


def repeats_prompt(answer: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the request; case does not count."""
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _bracketed(line: str) -> int:
    count, place = 0, line.find("[")
    while place >= 0 and (end := line.find("]", place)) >= 0:
        count, place = count + 1, line.find("[", end)
    return count


def _titled(line: str) -> bool:
    start, end = line.find("<<"), line.rfind(">>")
    return 0 <= start < end - 2 and bool(line[start : end + 2].lstrip("<").rstrip(">").strip())
