"""Options of an MLflow tracking server."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """An MLflow server; who you are is told by MLflow's own variables, such as MLFLOW_TRACKING_TOKEN."""

    type: Literal["mlflow"] = "mlflow"
    version: Literal[1] = 1
    uri: str = option(
        "http://127.0.0.1:5000",
        "Address of the tracking server.",
        why="where `mlflow server` listens on this machine",
        min_length=1,
    )
    experiment: str | None = option(
        None, "MLflow's experiment; made when it is not there.", why="none: the recipe's name", min_length=1
    )

    @field_validator("uri")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        if urlsplit(value).password is not None:
            raise ValueError("no password belongs in a recipe; set MLFLOW_TRACKING_USERNAME and _PASSWORD instead.")
        return value
