"""What failed at a model hub, as one sentence each: the same for models and data sets."""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.errors import OutsideError, TunewrightError, UserError

TOKEN = "Set HF_TOKEN to a token of yours that may read it."


@dataclass(frozen=True)
class Asked:
    """What was asked of a hub: its `name`, its `kind` (model, data set), whom (`at`), and the recipe's keys for it.

    `form`: how a name is written; `instead`: what to name where the hub may not be asked.
    """

    name: str
    kind: str
    form: str
    instead: str
    where: str
    where_revision: str
    at: str = "the hub"

    @property
    def called(self) -> str:
        """A data set is said to be one; a name alone is a model's."""
        return self.name if self.kind == "model" else f"the {self.kind} {self.name}"

    def forbidden(self) -> OutsideError:
        """It is not here, and nothing may be fetched."""
        return OutsideError(
            f"{self.called} is not on this machine yet, and HF_HUB_OFFLINE forbids to fetch it.",
            where=self.where,
            do=f"Unset HF_HUB_OFFLINE once, or {self.instead}.",
        )

    def misnamed(self) -> UserError:
        """Its name is none."""
        return UserError(f'"{self.name}" is no hub name.', where=self.where, do=f"Write {self.form}.")

    def refused(self, status: int, *, gated: bool, no_revision: bool) -> TunewrightError:
        """The hub answered with a status that is an error."""
        where, kind, at = self.where, self.kind, self.at
        if gated or status == 403:
            what = f"{at} does not let you read {self.called} (status {status})."
            return UserError(what, where=where, do=f"Accept the {kind}'s terms on its page. {TOKEN}")
        if status == 401:
            what = f"{at} knows no public {kind} {self.name}, or the token is wrong."
            return UserError(what, where=where, do=TOKEN)
        if no_revision:
            what = f"{self.called} has no such commit."
            return UserError(what, where=self.where_revision, do="Write a commit of 40 characters.")
        if status == 404:
            what = f"{at} has no {kind} {self.name}."
            return UserError(what, where=where, do=f"Check the name. If it is private: {TOKEN}")
        what = f"{at} answered with status {status}."
        return OutsideError(what, where=self.name, do="Try again later.", retry="safe")

    def cut_off(self, error: BaseException | None) -> OutsideError:
        """The connection failed."""
        reason = " ".join(str(error or "no answer").split())[:160]
        return OutsideError(
            f"the connection to {self.at} failed: {reason}.",
            where=self.where,
            do="Check the network and run again: a download goes on where it broke off.",
            retry="safe",
        )
