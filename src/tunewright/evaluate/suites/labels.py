"""Labels: classification by what the model says, and by which of the known labels it finds likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import ScoreItem
from tunewright.core.ports import Row
from tunewright.evaluate.asking import chat_of, generated, likeliest, ranked, talks_of
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, Respondent, Sample, measured_rows
from tunewright.recipe.options.suites.labels import Options

GENERATED = "labels_generated"
RANKED = "labels_ranked"


class Work:
    """Two results: `labels_generated`, where an answer counts as a label only when it is that label, character by
    character (spaces and line ends around it left out, case kept); and `labels_ranked`, the label whose tokens and stop
    token together are the likeliest after the prompt."""

    name = "labels"
    ways = (GENERATED, RANKED)
    written_ways = (GENERATED,)
    predicts_labels = True
    own = False

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scorers = options.scorers

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """All that are offered."""
        return tuple(offered) or ("bare",)

    def fits(self, row: Row) -> bool:
        """Rows that have a label."""
        return row.label is not None

    def examples(self, bench: Bench) -> Sample:
        """The labelled rows of the split. Raises NotMeasured where there is none."""
        if not bench.labels:
            raise NotMeasured('the suite labels needs rows with labels: the shape "labelled", or another suite')
        return measured_rows(self, bench)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the predicted label, or None where the answer is no label; ranked rows with `choices`."""
        rows = sample.rows()
        if way == RANKED:
            return ranked_labels(model, rows, style=style, bench=bench)
        answered = generated(model, rows, style=style, bench=bench)
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in answered]


def as_label(answer: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is, exactly; None for anything else."""
    said = answer.strip()
    return next((label for label in labels if label.strip() == said), None)


def ranked_labels(model: Respondent, rows: Sequence[Row], *, style: Style, bench: Bench) -> list[AnsweredRow]:
    """Each row's likeliest label: by the tokens that were trained where the model has the dataset's template, else by
    the labels' plain tokens."""
    chat = chat_of(model)
    if chat.digest != bench.chat_digest:
        return ranked(model, rows, choices=[bench.labels] * len(rows), bench=bench, style=style)
    prompts = [tuple(chat.prompt_ids(talk.messages)) for talk in talks_of(rows, style=style, bench=bench)]
    results = model.score([ScoreItem(prompt, bench.label_tokens) for prompt in prompts])
    return [likeliest(row, scored, choices=bench.labels) for row, scored in zip(rows, results, strict=True)]
