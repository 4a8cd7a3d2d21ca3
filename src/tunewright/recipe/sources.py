"""Where the rows of a split come from: files, databases, stores, hub data sets; one source or several."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, WrapValidator, field_serializer, model_validator

from tunewright.recipe import remote
from tunewright.recipe.fields import Options, option


class SourceOptions(Options):
    """Files, a database, a store or a hub data set that rows come from."""

    path: str = option(
        ...,
        "A file, glob or folder of texts, relative to the recipe; or an address: `sqlite:///a.db`, `postgresql://...`, "
        "`s3://...`, `gs://...`, `az://...`, `hub:owner/name`.",
        why="no default",
        min_length=1,
    )
    type: str = option(
        "auto", "File format: a source's name, or auto.", why="auto: by the file's ending (`.jsonl`, `.csv`)"
    )
    name: str | None = option(
        None, "Name of the source in the receipt.", why="none: the file or address", pattern=r"^[^\s/][^\n/]{0,99}$"
    )
    weight: float = option(1.0, "What the loss of its rows is multiplied by.", why="1: every row counts alike", gt=0)
    query: str | None = option(None, "Of a database: the SELECT that is read.", why="none: `table`", min_length=1)
    table: str | None = option(None, "Of a database: the table that is read whole.", why="none: `query`", min_length=1)
    split: str | None = option(
        None, "Of a hub data set: its split.", why="none: the one of the same name, where it has splits", min_length=1
    )
    revision: str | None = option(
        None,
        "Of a hub data set: its commit.",
        why="none: the newest is looked up once and pinned by the copy",
        pattern="^[0-9a-f]{40}$",
    )
    storage: dict[str, Any] = option(
        {},
        "Options of a store, as its fsspec file system takes them (`endpoint_url`, `anon`, ...).",
        why="none: keys come from the environment, as the store's own programs take them",
    )
    refresh: Literal["auto", "always", "never"] = option(
        "auto",
        "When a copy of a remote source is read anew.",
        why="auto: files when they changed; databases and hub data sets keep the first copy, so that runs stay equal",
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> SourceOptions:
        store = remote.store_of(self.path)
        if store == "sql" and (self.query is None) == (self.table is None):
            raise ValueError("a database needs either `query` or `table`.")
        for owner, keys, what in (
            ("sql", ("query", "table"), "databases"),
            ("hub", ("split", "revision"), "hub data sets"),
            ("files", ("storage",), "stores"),
        ):
            given = [key for key in keys if getattr(self, key)]
            if given and store != owner:
                raise ValueError(f"`{given[0]}` belongs to {what}; this source is none.")
        return self

    @field_serializer("path")
    def _path_without_secrets(self, path: str) -> str:
        """Records hold the recipe: a password is no part of it."""
        return remote.without_secrets(path) if remote.store_of(path) else path

    @field_serializer("storage")
    def _storage_without_secrets(self, storage: dict[str, Any]) -> dict[str, Any]:
        return remote.harmless(storage)

    def __repr__(self) -> str:
        """Without secrets."""
        return f"SourceOptions({self.model_dump(exclude_defaults=True)!r})"

    __str__ = __repr__


_MANY = TypeAdapter(tuple[SourceOptions, ...])


def _short(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _one_or_many(value: Any, _handler: Any) -> Any:
    """Validate a list as sources and all else as one, so that a mistake is said once."""
    if not isinstance(value, list | tuple):
        return SourceOptions.model_validate(_short(value))
    given = cast("list[Any]", value)
    if not given:
        raise ValueError("a list of sources names at least one.")
    found = _MANY.validate_python([_short(each) for each in given])
    names = [each.name for each in found if each.name is not None]
    if len(set(names)) < len(names):
        raise ValueError("two sources have the same name.")
    return found


Sources = Annotated[
    SourceOptions | Annotated[tuple[SourceOptions, ...], Field(min_length=1)], WrapValidator(_one_or_many)
]
"""One source, or a list of them; a path stands for a source."""


def sources_of(given: SourceOptions | tuple[SourceOptions, ...] | None) -> tuple[SourceOptions, ...]:
    """The sources of a split; none where the recipe names none."""
    if given is None:
        return ()
    return given if isinstance(given, tuple) else (given,)
