"""The code set inside the package `simple-icd-10-cm`: short diagnoses and the chapter of each."""

from __future__ import annotations

from tunewright.evaluate.archives import choices
from tunewright.evaluate.archives.package import Archive, ArchiveSet

ARCHIVE = Archive(
    name="simple-icd-10-cm",
    version="1.5.0",
    file="simple_icd_10_cm-1.5.0-py3-none-any.whl",
    sha256="6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42",
    bytes=1_076_390,
    licence="MIT",
    written="simple_icd_10_cm-1.5.0.dist-info/licenses/LICENSE in the archive",
    source="Stefano Travasci",
)
SETS = (
    ArchiveSet(
        name="icd10cm",
        archive=ARCHIVE.name,
        members=("simple_icd_10_cm/data/icd10c-tabular-April-1-2026.xml",),
        rows=36_343,
        form="choices",
        convert=choices.chapters,
        measures="To which of 22 chapters of ICD-10-CM does a diagnosis belong? Leaves of the tabular list.",
        licence="agencies of the United States; the underlying ICD-10: WHO",
        written="examples/icd/SOURCE.md of this repository",
    ),
)
