"""What an objective learns from, and which shapes give that; a wrong pair of them is one sentence."""

from __future__ import annotations

from typing import Literal

from tunewright.core.errors import UserError
from tunewright.recipe.recipe import OverlongOptions

Rows = Literal["conversations", "documents", "pairs", "rated", "prompts"]
"""`conversations`: answers to imitate. `documents`: plain text. `pairs`: an answer that won and one that lost.

`rated`: answers with what they are worth. `prompts`: turns that end where the assistant is to answer.
"""
DOCUMENTS = frozenset({"text"})
"""Shapes whose rows are plain text."""
PAIRS, RATED, PROMPTS = "preference", "rated", "prompts"
UNCUT = ("pairs", "prompts")
"""Rows that lose their meaning with a part of them: both answers follow one prompt, and a prompt ends where it ends."""


def learned(rows: Rows, loss_on: str) -> str:
    """What is written of rows, for the key of a data set."""
    if rows == "prompts":
        return f"prompts:{loss_on}:labels counted"
    return loss_on if rows in ("conversations", "documents") else f"{rows}:{loss_on}"


def check_form(shape: str, rows: Rows, *, where: str) -> None:
    """Raise UserError when rows of a shape are not what the objective learns from, with what to do."""
    found = _wrong(shape, rows)
    if found is not None:
        raise UserError(found[0], where=where, do=found[1])


def check_overlong(rows: Rows, options: OverlongOptions) -> None:
    """Raise UserError when over-long rows of this form cannot be treated as the recipe says."""
    whole = rows in UNCUT and options.action == "cut"
    if whole or (rows in (*UNCUT, "rated") and options.action == "split"):
        what = {"pairs": "both answers of a pair follow one whole prompt", "prompts": "a prompt is no prompt without"}
        why = what.get(rows, "a part of an answer has no rating")
        ends = " its end" if rows == "prompts" else ""
        raise UserError(
            f"over-long rows cannot be {'cut' if options.action == 'cut' else 'split'} here: {why}{ends}.",
            where="data.overlong",
            do="Write refuse, or drop.",
        )


def _wrong(shape: str, rows: Rows) -> tuple[str, str] | None:
    """What is wrong and what to do, or None."""
    if rows == "documents" and shape not in DOCUMENTS:
        what = f"these rows have the shape {shape}, and the objective pretrain learns from plain text."
        return what, "Write objective: {type: sft, loss_on: all}, or give plain text."
    if shape in DOCUMENTS and rows == "conversations":
        return "these rows are plain text, and the objective learns from conversations.", "Write objective: pretrain."
    if shape == PROMPTS and rows not in ("prompts", "documents"):
        return (
            "these rows are prompts without answers, and the objective learns from answers.",
            "Name the column of the answers, for example data.shape: {type: prompt_completion, completion: reply}.",
        )
    if rows == "pairs" and shape != PAIRS:
        return (
            f"these rows have the shape {shape}, and the objective learns from pairs of answers.",
            "Give rows with prompt, chosen and rejected; data.shape: preference makes pairs of scored answers.",
        )
    if rows == "rated" and shape != RATED:
        return (
            f"these rows have the shape {shape}, and the objective learns from rated answers.",
            "Give rows with prompt, completion and a rating, or write data.shape: {type: rated} with your columns.",
        )
    if rows == "prompts" and shape in DOCUMENTS:
        return "these rows are plain text, and the objective needs prompts.", "Give rows with a prompt."
    return None
