"""What an index run tells at its end."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.index.build import Changes
from app.index.comparison import Comparison
from app.models.index import Document


class SkippedFile(BaseModel):
    path: str
    reason: str
    source: str = ""


class FailedSource(BaseModel):
    """A source that could not be read; what was indexed of it serves on."""

    source: str
    reason: str


class IndexReport(BaseModel):
    """Summary of a run. Counts of files, sections and chunks are of the sources named in it; deleted: documents of any.

    revision: the one that serves after the run. dry_run: what would change, of a run that changed nothing.
    """

    revision: str
    sources: list[str]
    files: int
    sections: int
    chunks: int
    embedded: int
    deleted: int
    unchanged: int
    skipped: list[SkippedFile]
    seconds: float
    failed_sources: list[FailedSource] = Field(default_factory=list)
    dry_run: Comparison | None = None


def report_of(
    revision_id: str, named: set[str], changes: Changes, before: Sequence[Document], embedded: int, seconds: float
) -> IndexReport:
    """before: the documents of the revision that served when the run began."""
    mine = [document for document in changes.documents if document.source in named]
    now = {(document.source, document.path) for document in changes.documents}
    hashes = {(row.source, row.path, row.content_hash) for row in before}
    return IndexReport(
        revision=revision_id,
        sources=sorted(named),
        files=len(mine),
        sections=sum(document.sections for document in mine),
        chunks=sum(len(document.chunk_ids) for document in mine),
        embedded=embedded,
        deleted=sum((row.source, row.path) not in now for row in before),
        unchanged=sum((document.source, document.path, document.content_hash) in hashes for document in mine),
        skipped=[SkippedFile(path=one.path, reason=one.reason, source=one.source) for one in changes.skipped],
        seconds=round(seconds, 3),
    )
