"""Options of the step `relevance`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tunewright.recipe.fields import Part, PartOf, Share, option


class Options(Part):
    """How near each row is to a domain, given in words or by examples; filters, ranks or weights rows by it."""

    type: Literal["relevance"] = "relevance"
    version: Literal[1] = 1
    description: str | None = option(
        None, "The domain in words, the more of its own the better.", why="none: name it here, or give examples"
    )
    examples: tuple[Annotated[str, Field(min_length=1)], ...] = option(
        (), "Texts of the domain.", why="none: a description, or a file, may do"
    )
    file: str | None = option(
        None,
        "A text file with an example on each line, relative to the recipe.",
        why="none: a few examples may stand here",
        min_length=1,
    )
    by: Annotated[Any, PartOf("embedders", also=("bm25",))] = option(
        "bm25",
        "bm25: words shared with the domain, the rarer the more; or an embedder: the cosine of meanings.",
        why="bm25: needs no model, and told 99 % of pairs of diagnoses and questions apart",
    )
    text: Literal["all", "prompt", "answer"] = option(
        "all", "Which turns are compared; system turns never are.", why="all: the domain may show in either"
    )
    action: Literal["filter", "rank", "weight"] = option(
        "filter",
        "filter: leave out what is far, before rows are divided; rank: nearest training rows first; weight: multiply "
        "the loss of each training row by the share of rows that are no nearer.",
        why="filter: the plainest use, and seen in the receipt",
    )
    top: Share = option(
        1.0, "filter: so large a share of the rows stays, the nearest.", why="all: the share is yours to name"
    )
    least: float | None = option(
        None,
        "filter: rows below this score go; BM25's scores have no upper end, those of an embedder go from -1 to 1.",
        why="none: scores depend on the rows; look at the receipt's samples first",
    )
