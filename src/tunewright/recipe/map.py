"""How columns of a user's own schema become those that a shape reads (`data.map`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from tunewright.recipe.fields import Options, option

Name = Annotated[str, Field(min_length=1)]
CASTS = ("text", "int", "float", "bool", "json")


def _known_casts(value: Any) -> Any:
    """Say which column has no such type; pydantic would speak of the mapping."""
    given = cast("dict[Any, Any]", value) if isinstance(value, dict) else {}
    for name, kind in given.items():
        if kind not in CASTS:
            raise ValueError(f'"{name}" cannot be cast to "{kind}"; there is: {", ".join(CASTS)}.')
    return cast("Any", value)


class JoinOptions(Options):
    """Columns of another local file, found by a key."""

    path: str = option(..., "A file, relative to the recipe.", why="no default", min_length=1)
    type: str = option("auto", "Its format: a source's name, or auto.", why="auto: by the file's ending")
    on: str = option(..., "The column whose value both have, after renaming.", why="no default", min_length=1)
    key: str | None = option(None, "Its name in the other file.", why="none: the same name", min_length=1)
    columns: tuple[Name, ...] = option((), "Columns that are taken.", why="none: all but the key")
    unmatched: Literal["quarantine", "keep"] = option(
        "quarantine", "What becomes of a row without a partner.", why="quarantine: a missing partner is mostly a fault"
    )


class MapOptions(Options):
    """Changes of raw columns before the shape sees them: renamed, joined, cast, written by templates; in this order."""

    rename: dict[Name, Name] = option({}, "New names of columns, by their names in the data.", why="none")
    join: JoinOptions | None = option(None, "Columns of another file.", why="none")
    cast: Annotated[dict[Name, Literal["text", "int", "float", "bool", "json"]], BeforeValidator(_known_casts)] = (
        option(
            {},
            "Types of columns; a value that has no such form sets its row aside.",
            why="none: as the file has them",
        )
    )
    columns: dict[Name, str] = option(
        {}, "New columns, each a Jinja template over the others (`{{ title }}`).", why="none"
    )
