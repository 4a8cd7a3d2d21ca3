"""What the hub's library raises, as one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import errors
from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]: whichever httpx it uses

from tunewright.core.errors import OutsideError, TunewrightError, UserError

TOKEN = "Set HF_TOKEN to a token of yours that may read it."


@contextmanager
def hub_sentences(name: str, endpoint: str | None) -> Iterator[None]:
    """Turn errors of the hub's library and of the network into UserError or OutsideError."""
    at = endpoint or "the hub"
    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        raise (
            _of_status(cause, name, at) if isinstance(cause, errors.HfHubHTTPError) else _network(at, cause)
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise OutsideError(
            f"{name} is not on this machine yet, and HF_HUB_OFFLINE forbids to fetch it.",
            where="model.name",
            do="Unset HF_HUB_OFFLINE once, or give a local folder.",
        ) from error
    except errors.HFValidationError as error:
        raise UserError(f'"{name}" is no hub name.', where="model.name", do="Write organisation/model.") from error
    except errors.HfHubHTTPError as error:
        raise _of_status(error, name, at) from error
    except (
        HTTPError,
        errors.FileMetadataError,
        errors.XetDownloadError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise _network(at, error) from error
    except OSError as error:
        if "Consistency check failed" not in str(error):
            raise
        raise _network(at, error) from error


def _of_status(error: errors.HfHubHTTPError, name: str, at: str) -> TunewrightError:
    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return UserError(
            f"{at} does not let you read {name} (status {status}).",
            where="model.name",
            do=f"Accept the model's terms on its page. {TOKEN}",
        )
    if status == 401:
        return UserError(f"{at} knows no public model {name}, or the token is wrong.", where="model.name", do=TOKEN)
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(f"{name} has no such commit.", where="model.revision", do="Write a commit of 40 characters.")
    if status == 404:
        return UserError(
            f"{at} has no model {name}.", where="model.name", do=f"Check the name. If it is private: {TOKEN}"
        )
    return OutsideError(f"{at} answered with status {status}.", where=name, do="Try again later.", retry="safe")


def _network(at: str, error: BaseException | None) -> OutsideError:
    reason = " ".join(str(error or "no answer").split())[:160]
    return OutsideError(
        f"the connection to {at} failed: {reason}.",
        where="model.name",
        do="Check the network and run again: a download goes on where it broke off.",
        retry="safe",
    )
