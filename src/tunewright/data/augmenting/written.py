"""Rows written by a model: paraphrases of requests, or new requests with answers."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.core.ports import Message, Row
from tunewright.core.writing import Endpoint, Writer, Written
from tunewright.data.augmenting.alike import Alike, Words
from tunewright.data.augmenting.copies import last_request, new_row, with_last_request
from tunewright.data.words import words_of
from tunewright.recipe.options.steps.augment import WrittenOptions

PARAPHRASE = (
    "Rewrite the following message in other words. Keep its meaning, names, numbers and language. "
    "Answer with the rewritten message alone.\n\n{text}"
)
SYNTHESIS = (
    "These are requests with their answers, one JSON object a line:\n\n{examples}\n\nWrite one more of the same kind "
    "about something else, with a right answer. Answer with one JSON object with the keys prompt and answer alone."
)
LABELLED = " The answer is one of these, as written: {labels}."
VERDICT = "{rubric}\n\nRequest:\n{prompt}\n\nAnswer:\n{answer}\n\nIs this so? Answer yes or no."
COMPARED = (
    "{rubric}\n\nOriginal:\n{original}\n\nRewritten:\n{prompt}\n\nAnswer:\n{answer}\n\nIs this so? Answer yes or no."
)
EXAMPLES = 3
OBJECT = re.compile(r"\{.*\}", re.DOTALL)
YES = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@dataclass
class Harvest:
    """Rows that a model wrote, and by reason how many answers became none."""

    rows: list[Row] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def endpoint_of(options: WrittenOptions) -> Endpoint:
    """Where the model is, and what it may cost."""
    return Endpoint(
        options.url,
        options.model,
        options.api_key_env,
        options.max_new_tokens,
        options.temperature,
        options.read_usd,
        options.written_usd,
        options.cost_limit_usd,
    )


def paraphrases(rows: Sequence[Row], options: WrittenOptions, *, writer: Writer) -> Harvest:
    """Each row with its last user turn in other words."""
    wording = options.prompt or PARAPHRASE
    asked = [_asked(wording.replace("{text}", last_request(row.messages))) for row in rows]
    harvest = Harvest()
    for row, said in zip(rows, writer.write(asked), strict=True):
        text = said.text.strip()
        if _is_whole(said, harvest):
            harvest.rows.append(new_row(row, with_last_request(row.messages, text), mark="augment.paraphrase"))
    return harvest


def synthesised(
    rows: Sequence[Row], options: WrittenOptions, *, writer: Writer, labels: Sequence[str], seed: int
) -> Harvest:
    """New requests with their answers, each after three rows drawn by lot; one of the labels where rows have labels."""
    pool = sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)
    wording = options.prompt or SYNTHESIS + (LABELLED if labels else "")
    drawn = [random.Random(f"{seed}:synthesis:{number}").sample(pool, k=min(EXAMPLES, len(pool)))
             for number in range(options.rows)] if pool else []  # fmt: skip
    asked = [
        _asked(wording.replace("{labels}", ", ".join(labels)).replace("{examples}", "\n".join(map(_example, some))))
        for some in drawn
    ]
    harvest = Harvest()
    for some, said in zip(drawn, writer.write(asked), strict=True):
        if not _is_whole(said, harvest):
            continue
        pair = _pair(said.text)
        if pair is None or (labels and pair[1] not in labels):
            harvest.rejected["not_in_its_form"] += 1
            continue
        harvest.rows.append(_new(some[0], *pair, labelled=bool(labels)))
    return harvest


def _asked(text: str) -> tuple[Message, ...]:
    return ({"role": "user", "content": text},)


def _is_whole(said: Written, harvest: Harvest) -> bool:
    reason = said.fate if said.fate != "whole" else "" if said.text.strip() else "empty"
    if reason:
        harvest.rejected[reason] += 1
    return not reason


def _example(row: Row) -> str:
    return json.dumps({"prompt": last_request(row.messages), "answer": row.target}, ensure_ascii=False)


def _pair(text: str) -> tuple[str, str] | None:
    """The prompt and the answer of the JSON object in a text, None where there is none."""
    match = OBJECT.search(text)
    try:
        value: Any = json.loads(match.group()) if match else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    pair = [value.get("prompt"), value.get("answer")]
    if not all(isinstance(each, str) and each.strip() for each in pair):
        return None
    prompt, answer = (str(each).strip() for each in pair)
    return prompt, answer


def _new(model: Row, prompt: str, answer: str, *, labelled: bool) -> Row:
    """A row like `model`, with its system turn, another request and another answer."""
    system = tuple(turn for turn in model.messages if turn.get("role") == "system")[:1]
    turns: tuple[Message, ...] = (
        *system,
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": answer},
    )
    plain = Row(model.id, turns, answer if labelled else None, "written", 0)
    return new_row(plain, turns, mark="augment.synthesis")


def judged(harvest: Harvest, options: WrittenOptions, *, writer: Writer, rows: dict[str, Row]) -> None:
    """Leave out the rows of which the model does not say that the rubric holds; `rows` are the originals by id."""
    asked = [_asked(_verdict(row, options, rows)) for row in harvest.rows]
    kept: list[Row] = []
    for row, said in zip(harvest.rows, writer.write(asked, temperature=0.0), strict=True):
        match = YES.match(said.text)
        if match is None:
            harvest.rejected["no_verdict"] += 1
        elif match.group(1).lower() == "no":
            harvest.rejected["judged_no"] += 1
        else:
            kept.append(row)
    harvest.rows = kept


def _verdict(row: Row, options: WrittenOptions, rows: dict[str, Row]) -> str:
    original = rows.get(row.details.get("original", ""))
    wording = COMPARED if options.task == "paraphrase" and original is not None else VERDICT
    return wording.format(
        rubric=options.rubric,
        original=last_request(original.messages) if original is not None else "",
        prompt=last_request(row.messages),
        answer=row.target,
    )


def without_alike(harvest: Harvest, others: Iterator[Row], *, share: float) -> None:
    """Leave out rows whose request is alike to that of another row, or of one that stands before them here."""
    texts = [request_words(row) for row in harvest.rows]
    alike = Alike(texts, share=share)
    taken: set[int] = set()
    for row in others:
        taken.update(alike.places(request_words(row)))
    for place, words in enumerate(texts):
        if place not in taken:
            taken.update(other for other in alike.places(words) if other > place)
    harvest.rejected["alike"] += len(taken)
    harvest.rejected = +harvest.rejected
    harvest.rows = [row for place, row in enumerate(harvest.rows) if place not in taken]


def request_words(row: Row) -> Words:
    """The different words of the last user turn."""
    return frozenset(words_of(last_request(row.messages)))
