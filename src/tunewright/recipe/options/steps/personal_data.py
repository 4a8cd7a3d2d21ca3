"""Options of the step `personal_data`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import model_validator

from tunewright.recipe.fields import Options as Block
from tunewright.recipe.fields import Part, PartOf, option

Action = Literal["redact", "mask", "hash", "pseudonym", "drop", "refuse", "keep"]
AsSaid = Literal["redact", "mask", "hash", "pseudonym", "drop", "refuse", "keep", "default"]
KEYED = ("hash", "pseudonym")


class Kinds(Block):
    """What happens to each kind; `default`: what `action` says."""

    email: AsSaid = option("default", "E-mail addresses.", why="as all kinds")
    phone: AsSaid = option("default", "Telephone numbers.", why="as all kinds")
    card: AsSaid = option("default", "Payment cards, by range of the issuer and check digit.", why="as all kinds")
    iban: AsSaid = option("default", "International bank accounts, by checksum.", why="as all kinds")
    ssn: AsSaid = option("default", "Social security numbers of the United States.", why="as all kinds")
    ip: AsSaid = option("default", "IP addresses, versions 4 and 6.", why="as all kinds")
    medical_record: AsSaid = option("default", "Numbers of patients and their records.", why="as all kinds")
    date_of_birth: AsSaid = option("default", "Dates of birth.", why="as all kinds")
    identity_number: AsSaid = option(
        "default", "Numbers of passports, taxes and registers that carry a check.", why="as all kinds"
    )
    credentials: AsSaid = option("default", "Keys, tokens, private keys and passwords.", why="as all kinds")
    name: AsSaid = option(
        "keep",
        "Names of people, as `names` says.",
        why="lists miss one name in several and take some words for names: docs/how-to/personal-data.md has how many",
    )


class Options(Part):
    """Finds personal data and credentials in every text of a row; what happens to each kind is yours to say."""

    type: Literal["personal_data"] = "personal_data"
    version: Literal[1] = 1
    action: Action = option(
        "redact",
        "redact: `[EMAIL]` in its place; mask: all but the last four signs are `*`; hash: `[EMAIL:...]`, keyed;"
        " pseudonym: an invented value, the same for the same value; drop: the row goes; refuse: nothing is prepared;"
        " keep: it is not looked for.",
        why="redact: what is not in the data cannot be learnt by heart",
    )
    kinds: Kinds = option(Kinds(), "What happens to single kinds.", why="see its keys")
    names: Annotated[Any, PartOf("detectors", also=("list",))] = option(
        "list",
        "How names are found: by lists of common names, or also by a model (`spacy`, for English).",
        why="list: needs no package and is twenty times as fast; docs/how-to/personal-data.md measures both",
    )
    key_variable: str = option(
        "",
        "Name of the environment variable that holds the key of hash and pseudonym.",
        why="empty: no action by default needs one; a key never stands in a recipe",
    )
    key_file: str = option(
        "", "Path of a file that holds the key, from the recipe's folder.", why="empty: see key_variable"
    )

    @model_validator(mode="after")
    def _has_its_key(self) -> Options:
        keyed = sorted({action for action in self.actions().values() if action in KEYED})
        if keyed and not self.key_variable and not self.key_file:
            raise ValueError(f"{keyed[0]} needs a key: write key_variable or key_file.")
        if self.key_variable and self.key_file:
            raise ValueError("write key_variable or key_file, not both.")
        if self.names != "list" and self.actions()["name"] == "keep":
            raise ValueError("a model for names does nothing while names are kept: write kinds.name: redact.")
        return self

    def actions(self) -> dict[str, str]:
        """What happens to each kind."""
        return {kind: self.action if said == "default" else said for kind, said in self.kinds}
