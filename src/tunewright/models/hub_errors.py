"""What the hub's library raises, as one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import errors
from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]: whichever httpx it uses

from tunewright.core.errors import TunewrightError
from tunewright.core.hub_sentences import Asked


@contextmanager
def hub_sentences(name: str, endpoint: str | None) -> Iterator[None]:
    """Turn errors of the hub's library and of the network into UserError or OutsideError."""
    asked = Asked(
        name,
        "model",
        form="organisation/model",
        instead="give a local folder",
        where="model.name",
        where_revision="model.revision",
        at=endpoint or "the hub",
    )
    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        answered = isinstance(cause, errors.HfHubHTTPError)
        raise (_of_status(cause, asked) if answered else asked.cut_off(cause)) from error
    except errors.OfflineModeIsEnabled as error:
        raise asked.forbidden() from error
    except errors.HFValidationError as error:
        raise asked.misnamed() from error
    except errors.HfHubHTTPError as error:
        raise _of_status(error, asked) from error
    except (HTTPError, errors.FileMetadataError, errors.XetDownloadError, ConnectionError, TimeoutError) as error:
        raise asked.cut_off(error) from error
    except OSError as error:
        if "Consistency check failed" not in str(error):
            raise
        raise asked.cut_off(error) from error


def _of_status(error: errors.HfHubHTTPError, asked: Asked) -> TunewrightError:
    gated, lost = isinstance(error, errors.GatedRepoError), isinstance(error, errors.RevisionNotFoundError)
    return asked.refused(error.response.status_code, gated=gated, no_revision=lost)
