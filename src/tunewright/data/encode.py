"""Rows to tokens: in batches on all cores, over-long ones by the recipe's policy, straight to disk."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunewright.core.digest import of_parts
from tunewright.core.events import Emit, Progress
from tunewright.core.ports import Chat, Gone, Message, Row, RowProblem
from tunewright.data.encode_forms import encoded_pairs, encoded_prompts, is_good
from tunewright.data.forms import UNCUT, Rows
from tunewright.data.overlong import OVERLONG, PART_WITHOUT_ANSWER, RATED_LOW, Fitted, Refusal, Tokens, fit
from tunewright.data.receipt import Ledger, Quarantine, are_measurements, histogram
from tunewright.data.rows import piece
from tunewright.data.shelf import wholes
from tunewright.data.step import batches
from tunewright.data.store import SplitWriter
from tunewright.data.windows import Window, Windows
from tunewright.recipe.recipe import DataOptions
from tunewright.text.spans import Conversation, LossOn

REWRITTEN = "answers_rewritten_later"
"""Earlier answers that the template writes otherwise once more turns follow: they stay untrained."""
REJECTED = "rejected_not_trained"
"""Preference pairs of which the winner is imitated: the turns that lost lie in Parquet and make no tokens."""


class TrainingChat(Chat, Protocol):
    """A chat format that also gives loss weights (room `text`)."""

    end_id: int

    def problem(self, messages: Sequence[Message]) -> RowProblem | None:
        """Why these turns cannot be written as tokens, or None."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Tokens of each plain text, nothing added."""
        ...

    def encode_prompts(self, rows: Sequence[Conversation]) -> list[NDArray[np.int32] | RowProblem]:
        """Tokens of each conversation up to where the assistant begins to answer, or its problem in its place."""
        ...

    def encode_many(
        self, rows: Sequence[Conversation], *, loss_on: LossOn, rewritten: dict[int, int] | None = None
    ) -> list[Tokens | RowProblem]:
        """Tokens and weights of each conversation, or its problem in its place.

        `rewritten` is filled with the number of answers that the template forbids to train, by index of the row.
        """
        ...


@dataclass(frozen=True)
class Encoder:
    """Encodes splits into a folder and counts what happens in the ledger."""

    options: DataOptions
    chat: TrainingChat
    loss_on: LossOn
    ledger: Ledger
    quarantine: Quarantine
    emit: Emit
    form: Rows = "conversations"

    def write(self, rows: dict[str, list[Row]], folder: Path) -> str:
        """Files of every split; the name of the whole: a digest of its content.

        Raises UserError when examples are too long and the recipe says to refuse them.
        """
        refusal = Refusal(self.options.max_tokens)
        total = sum(map(len, rows.values()))
        parts: list[bytes] = []
        done = 0
        for split, group in rows.items():
            self.ledger.labels[split] = Counter()
            with SplitWriter(folder, split, paired=self.form == "pairs") as writer:
                windows = Windows(self.chat, limit=self.options.max_tokens, end=self.chat.end_id)
                for batch in batches(wholes(group)):
                    if self.form == "documents":
                        self._documents(batch, writer, windows)
                    elif self.form in UNCUT:
                        self._wholes(batch, split, writer, refusal)
                    else:
                        self._batch(batch, split, writer, refusal)
                    done += len(batch)
                    self.emit(Progress(stage="data", done=done, total=total, unit="rows"))
                self._windows(windows.rest(), writer)
                writer.finish()
            self.ledger.splits[split] = len(writer.lengths)
            self.ledger.lengths[split] = histogram(writer.lengths)
            parts += [split.encode(), writer.digest.encode()]
        refusal.check()
        if self.form == "prompts" and are_measurements(set().union(*self.ledger.labels.values())):
            self.ledger.labels = {split: Counter() for split in self.ledger.labels}
        return of_parts(parts)

    def _batch(self, rows: Sequence[Row], split: str, writer: SplitWriter, refusal: Refusal) -> None:
        if self.form == "conversations":
            rows = self._imitated(rows, split)
        rewritten: dict[int, int] = {}
        talks = [Conversation(row.messages, row.tools) for row in rows]
        encoded = self.chat.encode_many(talks, loss_on=self.loss_on, rewritten=rewritten)
        results = [self._problem_of(row) or result for row, result in zip(rows, encoded, strict=True)]
        for index, answers in rewritten.items():
            self.ledger.sources[rows[index].source].notes[REWRITTEN] += answers
        policy = self.options.overlong
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, RowProblem):
                self._set_aside(row, result)
                continue
            result = weighted(result, row.details.get("weight", 1.0))
            fitted = fit(result, limit=self.options.max_tokens, policy=policy, stop_ids=self.chat.stop_ids)
            if fitted.reason == OVERLONG and policy.action == "refuse":
                refusal.add(row, len(result[0]))
            self._keep(row, split, fitted=fitted, length=len(result[0]), writer=writer)

    def _imitated(self, rows: Sequence[Row], split: str) -> Sequence[Row]:
        """Rows without the answers that are rated and not good. Raises UserError when nobody said which ones are."""
        good = [is_good(row) for row in rows]
        for row in itertools.compress(rows, map(operator.not_, good)):
            self.ledger.lose(Gone(row, split, "dropped", RATED_LOW))
        return rows if all(good) else list(itertools.compress(rows, good))

    def _wholes(self, rows: Sequence[Row], split: str, writer: SplitWriter, refusal: Refusal) -> None:
        """Pairs and prompts: each is kept as it is, or not at all."""
        counts = self.ledger.tokens
        encoded = encoded_pairs(rows, self.chat) if self.form == "pairs" else encoded_prompts(rows, self.chat)
        for row, found in zip(rows, encoded, strict=True):
            if isinstance(found, RowProblem):
                self._set_aside(row, found)
                continue
            total = sum(len(tokens) for tokens, _weights in found.sides)
            counts["in"] += total
            if found.longest > self.options.max_tokens:
                if self.options.overlong.action == "refuse":
                    refusal.add(row, found.longest)
                self.ledger.lose(Gone(row, split, "dropped", OVERLONG))
                counts["dropped"] += total
                continue
            weight = row.details.get("weight", 1.0)
            rejected = weighted(found.rejected, weight) if found.rejected is not None else None
            writer.add(row, weighted(found.example, weight), rejected=rejected)
            self.ledger.sources[row.source].kept += 1
            if row.label is not None:
                self.ledger.labels[split][row.label] += 1
            trained = sum(int(np.count_nonzero(weights)) for _tokens, weights in found.sides)
            counts.update(kept=total, trained=trained, masked=total - trained)

    def _problem_of(self, row: Row) -> RowProblem | None:
        """Why the turns that lost cannot be written as tokens, that a rating is missing, or None."""
        if self.form == "rated" and "rating" not in row.details:
            return RowProblem("missing_rating", "nobody says what this answer is worth")
        found = self.chat.problem(row.rejected) if row.rejected else None
        return found and RowProblem(found.reason, f"of the rejected turns {found.detail}")

    def _documents(self, rows: Sequence[Row], writer: SplitWriter, windows: Windows) -> None:
        """Documents into windows; each document counts as kept, however many windows it stands in."""
        problems = [self.chat.problem(row.messages) for row in rows]
        good = [row for row, problem in zip(rows, problems, strict=True) if problem is None]
        for row, problem in zip(rows, problems, strict=True):
            if problem is not None:
                self._set_aside(row, problem)
        for row, tokens in zip(good, self.chat.encode_texts([row.target for row in good]), strict=True):
            self.ledger.sources[row.source].kept += 1
            self._windows(windows.add(row, tokens), writer)

    def _windows(self, windows: Iterable[Window], writer: SplitWriter) -> None:
        for row, (tokens, weights) in windows:
            writer.add(row, (tokens, weights))
            trained = int(np.count_nonzero(weights))
            counts = {"in": len(tokens), "kept": len(tokens), "trained": trained, "masked": len(tokens) - trained}
            self.ledger.tokens.update(counts)

    def _set_aside(self, row: Row, problem: RowProblem) -> None:
        self.ledger.sources[row.source].quarantined[problem.reason] += 1
        raw = "\n".join(turn.get("content", "") for turn in row.messages)
        self.quarantine.add(file=row.source, line=row.line, reason=problem.reason, detail=problem.detail, raw=raw)

    def _keep(self, row: Row, split: str, *, fitted: Fitted, length: int, writer: SplitWriter) -> None:
        tally, counts = self.ledger.sources[row.source], self.ledger.tokens
        counts["in"] += length
        if not fitted.pieces:
            self.ledger.lose(Gone(row, split, "dropped", fitted.reason))
            counts["dropped"] += length
            return
        if fitted.truncated:
            self.ledger.truncated_rows += 1
            tally.notes["cut"] += 1
            counts["truncated"] += fitted.truncated
        if row.rejected:
            tally.notes[REJECTED] += 1
        if len(fitted.pieces) > 1:
            tally.created["overlong_split"] += len(fitted.pieces) - 1
        for number, (tokens, weights) in enumerate(fitted.pieces):
            trained = int(np.count_nonzero(weights))
            if not trained:
                tally.dropped[PART_WITHOUT_ANSWER] += 1
                counts["dropped"] += len(tokens)
                continue
            writer.add(piece(row, number), (tokens, weights))
            tally.kept += 1
            counts.update(kept=len(tokens), trained=trained, masked=len(tokens) - trained)
            if row.label is not None:
                self.ledger.labels[split][row.label] += 1


def weighted(example: Tokens, weight: float) -> Tokens:
    """Tokens and loss weights of a row whose loss is multiplied by `weight`."""
    return example if weight == 1 else (example[0], example[1] * np.float32(weight))
