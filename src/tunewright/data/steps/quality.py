"""How rows are written: rules of published filters, one score with its parts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tunewright.core.ports import Row
from tunewright.data.looked_at import answers, conversation, written
from tunewright.data.rows import with_column
from tunewright.data.step import BatchStep, Outcome
from tunewright.detect import quality as measures
from tunewright.detect.quality_rules import RULES, Rule, judge, score
from tunewright.recipe.options.steps.quality import Options

LOOKS = {"auto": written, "answers": answers, "conversation": conversation}
COLUMN = "quality"


class Work(BatchStep):
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __getstate__(self) -> dict[str, Options]:
        """The options alone travel to other processes: rules hold functions."""
        return {"options": self.options}

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all sets, with the limits that the recipe sets in place of theirs."""
        sets = {rule.name: rule for name in self.options.rules for rule in RULES[name]}
        for own in _own(self.options):
            old = sets.get(own.name, own)
            low, high = (own.low if own.low is not None else old.low), (own.high if own.high is not None else old.high)
            sets[own.name] = own._replace(low=low, high=high)
        return tuple(sets.values())

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row, or the kind of the first rule that it breaks."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> Outcome:
        texts = LOOKS[self.options.look_at](row)
        if not texts and any(turn.get("tool_calls") for turn in row.messages):
            return Outcome(row)  # calls are no prose
        found = judge("\n\n".join(texts), self.rules)
        for finding in found:
            if finding.broken:
                return Outcome(None, reason=f"quality.{finding.rule.kind}")
        total, _parts = score(found)
        if self.options.least is not None and total < self.options.least:
            return Outcome(None, reason="quality.score")
        return Outcome(with_column(row, COLUMN, value=f"{total:.2f}") if self.options.keep_score else row)


def _own(options: Options) -> tuple[Rule, ...]:
    """Rules with the limits of the recipe."""
    found: list[Rule] = []
    if options.least_words is not None or options.most_words is not None:
        low, high = options.least_words, options.most_words
        found.append(Rule("words", "length", measures.words, low=low, high=high))
    if options.shortest_mean_word is not None or options.longest_mean_word is not None:
        low, high = options.shortest_mean_word, options.longest_mean_word
        found.append(Rule("mean_word_length", "words", measures.mean_word_length, low=low, high=high))
    if options.repetition is not None:
        found.append(Rule("duplicate_5_grams", "repetition", measures.duplicate_grams(5), high=options.repetition))
    if options.unique_words is not None:
        found.append(Rule("unique_words", "words", measures.unique_words, low=options.unique_words))
    if options.markup is not None:
        found.append(Rule("markup", "markup", measures.markup, high=options.markup))
    if options.symbols is not None:
        found.append(Rule("hashes", "symbols", measures.hashes, high=options.symbols))
        found.append(Rule("ellipses", "symbols", measures.ellipses, high=options.symbols))
    return tuple(found)
