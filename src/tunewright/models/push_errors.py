"""What can fail while a model is sent to a hub, as one sentence each; none holds the token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import errors
from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]: whichever httpx it uses

from tunewright.core.errors import OutsideError, TunewrightError, UserError

TOKEN = "Set HF_TOKEN to a token that may write there."
WHERE = "REPO"
LARGE_FILES = "LFS batch API returned errors"
"""How the library begins what a hub says against single files, such as a full quota."""


@contextmanager
def push_sentences(repository: str, endpoint: str | None) -> Iterator[None]:
    """Turn errors of the hub's library and of the network into UserError or OutsideError."""
    at = endpoint or "the hub"
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise OutsideError("HF_HUB_OFFLINE forbids to send anything.", where=WHERE, do="Unset it once.") from error
    except errors.HFValidationError as error:
        what = f'"{repository}" is no name of a repository.'
        raise UserError(what, where=WHERE, do="Write organisation/name.") from error
    except errors.HfHubHTTPError as error:
        raise _refused(error, repository, at=at) from error
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise _cut_off(error, at) from error
    except RuntimeError as error:  # the library and its uploader wrap what fails while a large file is on its way
        cause = error.__cause__
        answered = isinstance(cause, errors.HfHubHTTPError)
        raise (_refused(cause, repository, at=at) if answered else _cut_off(cause or error, at)) from error
    except ValueError as error:
        if not str(error).startswith(LARGE_FILES):
            raise
        raise OutsideError(
            f"{at} did not take a file: {_line(error)}.", where=WHERE, do="Mend that, then push."
        ) from error


def _refused(error: errors.HfHubHTTPError, repository: str, *, at: str) -> TunewrightError:
    status = error.response.status_code
    if status == 401:
        return UserError(f"{at} does not know this token.", where="HF_TOKEN", do=TOKEN)
    if status == 403:
        return UserError(f"{at} does not let this token write to {repository}.", where="HF_TOKEN", do=TOKEN)
    if status in (409, 412):
        return UserError(
            f"the repository {repository} was changed meanwhile.", where=WHERE, do="See what it holds, and push again."
        )
    if status == 404:
        return UserError(f"{at} has no place {repository}.", where=WHERE, do="Check the name of the organisation.")
    return OutsideError(f"{at} answered with status {status}.", where=repository, do="Try again later.", retry="safe")


def _cut_off(error: BaseException, at: str) -> OutsideError:
    return OutsideError(
        f"the connection to {at} failed: {_line(error)}.",
        where=WHERE,
        do="Check the network and push again: what arrived in full is not sent twice.",
        retry="safe",
    )


def _line(error: BaseException) -> str:
    """What an error says, on one line and without its point."""
    return " ".join((str(error) or "no answer").split())[:160].rstrip(".")
