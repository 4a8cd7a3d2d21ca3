"""Asks a model: what suites share. A respondent writes answers, or scores given ones.

`generated` and `ranked` give one answered row a row; `read_texts` scores plain text. N rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Row
from tunewright.evaluate.prompts import TRAINED, Style
from tunewright.evaluate.suite import Bench, NotMeasured, Respondent, Talk, Written


def talks_of(rows: Sequence[Row], *, style: Style, bench: Bench) -> list[Talk]:
    """What a model is asked about each row."""
    return [Talk(bench.prompts.messages(row, style), row.tools) for row in rows]


def generated(
    model: Respondent,
    rows: Sequence[Row],
    *,
    bench: Bench,
    style: Style = TRAINED,
    max_new_tokens: int | None = None,
    sampling: Sampling = GREEDY,
) -> list[AnsweredRow]:
    """One answer a row, greedy unless `sampling` says otherwise, at most `max_new_tokens` (else the bench's) long."""
    limit = max_new_tokens or bench.max_new_tokens
    answers = model.write(talks_of(rows, style=style, bench=bench), max_new_tokens=limit, sampling=sampling)
    return [answered(row, answer) for row, answer in zip(rows, answers, strict=True)]


def answered(row: Row, written: Written) -> AnsweredRow:
    """A row with what was written."""
    return AnsweredRow(
        row,
        written.text,
        log_probabilities=written.log_probabilities,
        tokens=written.tokens,
        finish=written.finish,
        seconds=written.seconds,
        first_token_s=written.first_token_s,
    )


def chat_of(model: Respondent) -> Chat:
    """The tokenizer and template of a model that is here. Raises NotMeasured for one that is far away."""
    if model.chat is None:
        raise NotMeasured(f"{model.name} gives no log-probabilities of a given text; only its written answers count")
    return model.chat


def check_tokens(model: Respondent, bench: Bench) -> None:
    """Raise NotMeasured for a model with another tokenizer or template: other tokens would be another measure."""
    if chat_of(model).digest != bench.chat_digest:
        raise NotMeasured(f"{model.name} has another tokenizer or template than the dataset was encoded with")


def ranked(
    model: Respondent, rows: Sequence[Row], *, choices: Sequence[Sequence[str]], bench: Bench, style: Style = TRAINED
) -> list[AnsweredRow]:
    """Each row's likeliest choice as an answer in the chat: text and stop token together, summed in float64.

    `choices` holds the choices of each row [N]. Raises NotMeasured for a model that is far away.
    """
    results = answer_scores(model, rows, answers=choices, bench=bench, style=style)
    return [likeliest(row, scored, choices=own) for row, scored, own in zip(rows, results, choices, strict=True)]


def answer_scores(
    model: Respondent, rows: Sequence[Row], *, answers: Sequence[Sequence[str]], bench: Bench, style: Style
) -> list[list[Scored]]:
    """Scores of given answers to each row [N], text and stop token. Raises NotMeasured for a model that is far away."""
    chat = chat_of(model)
    items = [
        ScoreItem(
            tuple(chat.prompt_ids(talk.messages, tools=talk.tools)),
            tuple((*chat.encode_text(answer), *chat.turn_end) for answer in own),
        )
        for talk, own in zip(talks_of(rows, style=style, bench=bench), answers, strict=True)
    ]
    return model.score(items)


def likeliest(row: Row, scored: Sequence[Scored], *, choices: Sequence[str]) -> AnsweredRow:
    """The row with the first of its likeliest choices; sums in float64. Without a number it counts as not answered."""
    sums = np.array([one.log_probabilities.sum(dtype=np.float64) for one in scored])
    if not np.isfinite(sums).any():
        return AnsweredRow(row, "", choices=tuple(sums.tolist()), finish="error")
    best = choices[int(np.nanargmax(sums))]
    return AnsweredRow(row, best, predicted=best, choices=tuple(sums.tolist()))


def read_texts(model: Respondent, rows: Sequence[Row], *, texts: Sequence[str]) -> list[AnsweredRow]:
    """How likely plain texts are, no template around them: log-probability and arg-max of every token but the first.

    `texts` [N]. Raises NotMeasured for a model that is far away.
    """
    chat = chat_of(model)
    tokens = [chat.encode_text(text) for text in texts]
    items = [ScoreItem(tuple(each[:1]), (tuple(each[1:]),)) for each in tokens if len(each) > 1]
    results = iter(model.score(items))
    return [
        scored_row(row, next(results)[0], text=text) if len(each) > 1 else AnsweredRow(row, "")
        for row, text, each in zip(rows, texts, tokens, strict=True)
    ]


def answers_scored(
    model: Respondent, rows: Sequence[Row], *, bench: Bench, answers: Sequence[str], style: Style = TRAINED
) -> list[AnsweredRow]:
    """How likely a given answer to each row is, its stop token included. `answers` [N]."""
    results = answer_scores(model, rows, answers=[(answer,) for answer in answers], bench=bench, style=style)
    return [scored_row(row, result[0], text=text) for row, result, text in zip(rows, results, answers, strict=True)]


def scored_row(row: Row, scored: Scored, *, text: str) -> AnsweredRow:
    """A row with the log-probabilities of a given text."""
    return AnsweredRow(
        row,
        "",
        log_probabilities=tuple(scored.log_probabilities.astype(np.float64).tolist()),
        greedy=tuple(scored.greedy.tolist()),
        bytes=len(text.encode("utf-8", "replace")),
    )
