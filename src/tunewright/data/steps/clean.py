"""Cleaning of texts, turn by turn."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import ftfy
from selectolax.lexbor import LexborHTMLParser

from tunewright.core.ports import Message, Row
from tunewright.data.step import BatchStep, Outcome
from tunewright.recipe.options.steps.clean import Options

TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-zA-Z]{2,8}|#\d{1,6});")
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters but tab and line ends, soft hyphens, zero-width spaces, marks of direction, tags.

Zero-width joiners stay: Persian, Hindi and joined emoji are written with them.
"""
LINE_ENDS = re.compile(r"\r\n?|\u0085|\u2028|\u2029")
TRAILING = re.compile(r"[^\S\n]+$", re.MULTILINE)
EMPTY_LINES = re.compile(r"\n{3,}")
BLANKS = re.compile(r"[^\S\n]+")
BLOCKS = "p,div,li,tr,h1,h2,h3,h4,h5,h6,blockquote,pre,section,article,header,footer,ul,ol,table,dd,dt"
UNSEEN = "script,style,template,noscript,head"
FTFY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=True,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
)
"""Only what is surely broken: quotes, ligatures and widths are somebody's choice."""


class Work(BatchStep):
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row with its texts clean; reasons are those of the first word of a kind that changed."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> Outcome:
        reasons: dict[str, None] = {}
        messages = tuple(self._turn(turn, reasons) for turn in row.messages)
        rejected = tuple(self._turn(turn, reasons) for turn in row.rejected)
        if self.options.empty_turns == "drop_row" and any(_empty(turn) for turn in (*messages, *rejected)):
            return Outcome(None, reason="clean.empty_turn")
        if not reasons:
            return Outcome(row)
        label = clean(row.label, self.options, reasons=reasons) if row.label is not None else None
        return Outcome(replace(row, messages=messages, rejected=rejected, label=label), tuple(reasons))

    def _turn(self, turn: Message, reasons: dict[str, None]) -> Message:
        text = turn.get("content", "")
        mended = clean(text, self.options, reasons=reasons)
        return turn if mended == text else cast("Message", {**turn, "content": mended})


def clean(text: str, options: Options, *, reasons: dict[str, None]) -> str:
    """A text after every operation that is asked for; the names of those that changed it are added to `reasons`."""
    for name, work in _operations(options):
        mended = work(text)
        if mended != text:
            reasons[f"clean.{name}"] = None
            text = mended
    return text


def _operations(options: Options) -> list[tuple[str, Callable[[str], str]]]:
    found: list[tuple[str, Callable[[str], str]]] = []
    if options.unicode:
        found.append(("unicode", mended_unicode))
    if options.html:
        found.append(("html", text_of_html))
    if options.invisible:
        found.append(("invisible", visible))
    if options.normal_form != "none":
        form = options.normal_form
        found.append(("normal_form", lambda text: unicodedata.normalize(form, text)))
    if options.white_space != "none":
        found.append(("white_space", one_blank if options.white_space == "all" else tidy_lines))
    return found


def mended_unicode(text: str) -> str:
    """Text that was decoded wrongly as it was meant, by ftfy."""
    return text if text.isascii() and "\x1b" not in text else ftfy.fix_text(text, FTFY)


def visible(text: str) -> str:
    """Without control characters and those without width."""
    return INVISIBLE.sub("", text) if not text.isprintable() else text


def tidy_lines(text: str) -> str:
    """One kind of line end, nothing at the end of lines, at most one empty line, no blank ends of the text."""
    text = LINE_ENDS.sub("\n", text) if not text.isprintable() else text
    return EMPTY_LINES.sub("\n\n", TRAILING.sub("", text)).strip()


def one_blank(text: str) -> str:
    """The same, and one blank between words."""
    return "\n".join(line.strip() for line in BLANKS.sub(" ", tidy_lines(text)).split("\n"))


def text_of_html(text: str) -> str:
    """The text of HTML, a line for each block; text without tags and entities as it is."""
    if not TAG.search(text):
        return text
    if "<" not in text:
        return html.unescape(text)
    tree = LexborHTMLParser(text)
    for node in tree.css(UNSEEN):
        node.decompose()
    for node in tree.css("br"):
        node.replace_with("\n")
    for node in tree.css(BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    body = tree.body
    return body.text() if body is not None else ""


def _empty(turn: Message) -> bool:
    return not turn.get("content", "").strip() and not turn.get("tool_calls") and turn.get("role") != "system"
