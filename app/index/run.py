"""One index run: compare, build aside, check, switch the pointer. Whatever goes wrong, what served before serves on."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import dataclass

from app.config import Settings
from app.errors import DocentError, IndexMismatch, IndexMissing, IndexRejected
from app.index.build import (
    Changes,
    IndexedDocument,
    Report,
    chunking_name,
    find_changes,
    new_revision_id,
    write_revision,
)
from app.index.catalog import Catalog, Serving
from app.index.comparison import Comparison, Probed, compare, probe_changes, run_probes
from app.index.plan import Plan, refusals, refuse, refuse_empty
from app.index.report import IndexReport, report_of
from app.index.revisions import Revisions
from app.index.search import Searcher
from app.models.index import Document, Revision


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every run works with."""

    settings: Settings
    catalog: Catalog
    revisions: Revisions
    searcher: Searcher


class IndexRun:
    """The holder of the index lock runs it, once."""

    def __init__(self, workshop: Workshop, plan: Plan, serving: Serving, report: Report) -> None:
        self._settings = workshop.settings
        self._catalog = workshop.catalog
        self._revisions = workshop.revisions
        self._searcher = workshop.searcher
        self._embedder = workshop.searcher.embedder
        self._plan = plan
        self._serving = serving
        self._report = report
        self._started = time.monotonic()

    async def run(self) -> IndexReport:
        """Raises as `Indexer.index` does."""
        plan, serving = self._plan, self._serving
        intact = self._intact(serving.revision)
        revision = None if plan.rebuild else intact
        await self._drop_stale(serving.revision)
        anew = {source.name for source in plan.named} if plan.full else set()
        previous = _previous(serving, plan.kept - anew) if revision is not None else {}
        changes = await asyncio.to_thread(
            find_changes, plan.named, previous, self._moved(), self._embedder.count_tokens, self._settings.index,
            self._report,
        )  # fmt: skip
        changes.anew = plan.full
        refuse_empty(plan.named, changes)
        refused = refusals(plan.named, serving.documents, changes, self._settings.index.max_deleted_share)
        if not (plan.force or plan.dry_run):
            refuse(refused)
        removed = any(document.source not in plan.kept for document in serving.documents)
        if not (changes.changed or removed) and (revision is not None or not plan.named):
            return await self._unchanged(revision, changes)
        row = self._row(new_revision_id(), changes, revision if not plan.named else None)
        try:
            embedded = await self._build(row, changes, revision)
            before, after = await asyncio.to_thread(self._probe, row.id, intact, changes)
            if plan.dry_run:
                return await self._compared(changes, intact, refused, (before, after), embedded)
            if not plan.force:
                refuse(_not_found(after))
            documents = _documents(row.id, changes)
            synced = [source.name for source in plan.named]
            before_it = serving.revision.id if serving.revision is not None else None
            if not await self._catalog.switch(row, documents, plan.put, plan.drop, synced, instead_of=before_it):
                raise IndexRejected(
                    "another revision was put into service while this run was at work (a rollback, or another "
                    "service): it serves on; run it again where that is wanted"
                )
        except (DocentError, OSError):
            await self._drop_stale(serving.revision)
            raise
        await self._drop_stale(row)
        return self._told(row.id, changes, embedded)

    def _told(self, revision_id: str, changes: Changes, embedded: int) -> IndexReport:
        named = {source.name for source in self._plan.named}
        seconds = time.monotonic() - self._started
        return report_of(revision_id, named, changes, self._serving.documents, embedded, seconds)

    async def _unchanged(self, revision: Revision | None, changes: Changes) -> IndexReport:
        told = self._told(revision.id if revision is not None else "", changes, 0)
        if self._plan.dry_run:
            told.dry_run = Comparison()
        else:
            serving = self._serving.revision.id if self._serving.revision is not None else None
            synced = [source.name for source in self._plan.named]
            await self._catalog.stay(serving, self._fetched(), self._plan.put, self._plan.drop, synced)
        return told

    async def _build(self, row: Revision, changes: Changes, revision: Revision | None) -> int:
        """Write the coming revision aside; how many chunks were embedded."""
        old = self._revisions.open(revision.id) if revision is not None else None
        try:
            return await asyncio.to_thread(
                write_revision, self._revisions, row.id, changes, old, row.dimension, self._embedder, self._report
            )
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise IndexRejected(
                "the disk of the data folder is full: make room, and run it again; what was indexed before serves on"
            ) from error

    def _probe(self, revision_id: str, intact: Revision | None, changes: Changes) -> tuple[list[Probed], list[Probed]]:
        """The probe questions in the serving revision, for a dry run, and in the coming one.

        Those of a source that nothing is indexed of do not count: it could not be fetched yet, which is no fault of
        the others.
        """
        filled = {document.source for document in changes.documents}
        probes = [probe for probe in self._plan.probes if probe.source in filled]
        if not probes:
            return [], []
        before: list[Probed] = []
        if intact is not None and self._plan.dry_run:
            before = run_probes(self._searcher, self._revisions.open(intact.id), probes)
        coming = self._revisions.open(revision_id)
        self._report(changes.progress("check", len(probes), len(probes), ""))
        return before, run_probes(self._searcher, coming, probes)

    async def _compared(
        self,
        changes: Changes,
        intact: Revision | None,
        refused: dict[str, str],
        probed: tuple[list[Probed], list[Probed]],
        embedded: int,
    ) -> IndexReport:
        """The report of a dry run, whose revision is dropped again."""
        old = self._revisions.open(intact.id) if intact is not None else None
        found = await asyncio.to_thread(compare, self._serving.documents, changes, old, self._plan.cited)
        found.probes = probe_changes(*probed)
        found.refused = [*refused.values(), *_not_found(probed[1]).values()]
        found.breaks = bool(found.broken_citations or found.probes or found.refused)
        await self._drop_stale(self._serving.revision)
        told = self._told(intact.id if intact is not None else "", changes, embedded)
        told.dry_run = found
        return told

    def _moved(self) -> frozenset[str]:
        """Names of the sources whose pages have other URLs than they were indexed with."""
        known = {source.name: source.base_url for source in self._serving.sources}
        indexed = (self._serving.revision.fetched or {}) if self._serving.revision is not None else {}
        return frozenset(
            source.name
            for source in self._plan.named
            if indexed.get(source.name, {}).get("base_url", known.get(source.name, source.base_url)) != source.base_url
        )

    def _fetched(self) -> dict[str, dict[str, object]]:
        """What the next fetch of each source is handed: of this run, else as it was."""
        before = (self._serving.revision.fetched or {}) if self._serving.revision is not None else {}
        read = {
            source.name: {"base_url": source.base_url, **self._plan.fetched.get(source.name, {})}
            for source in self._plan.named
        }
        return {**{name: held for name, held in before.items() if name in self._plan.kept}, **read}

    def _row(self, revision_id: str, changes: Changes, like: Revision | None) -> Revision:
        """The coming revision's row. like: the one that it only leaves documents out of."""
        return Revision(
            id=revision_id,
            embedding_model=like.embedding_model if like else self._embedder.name,
            dimension=like.dimension if like else self._embedder.dimension,
            chunking=like.chunking if like else chunking_name(self._settings.index),
            documents=len(changes.documents),
            fetched=self._fetched(),
            chunks=sum(len(document.chunk_ids) for document in changes.documents),
        )

    def _intact(self, revision: Revision | None) -> Revision | None:
        """The revision, None when its files are gone: then everything is built anew."""
        if revision is not None:
            try:
                self._revisions.open(revision.id)
            except IndexMissing:
                return None
        return revision

    async def _drop_stale(self, serving: Revision | None) -> None:
        """Remove what a killed run left, and revisions beyond those to keep."""
        ids = await self._catalog.revision_ids()
        released = await self._catalog.released_revisions()
        kept = [one for place, one in enumerate(ids) if place < self._settings.index.keep_revisions or one in released]
        if serving is not None and serving.id not in kept:
            kept = [*kept, serving.id]
        await self._catalog.forget([revision_id for revision_id in ids if revision_id not in kept])
        await asyncio.to_thread(self._revisions.drop_all_but, kept)


def check_compatible(revision: Revision, settings: Settings) -> None:
    """Raises IndexMismatch, saying what differs and what to do, when `revision` does not fit the settings."""
    built = (revision.embedding_model, revision.chunking)
    wanted = (settings.embedding.model, chunking_name(settings.index))
    if built != wanted:
        raise IndexMismatch(
            f"the index was built with {built[0]} (dimension {revision.dimension}) and chunks {built[1]}, the settings "
            f"say {wanted[0]} and {wanted[1]}: run `docent index --rebuild`, or set DOCENT_EMBEDDING__MODEL, "
            "DOCENT_INDEX__CHUNK_TOKENS and DOCENT_INDEX__CHUNK_OVERLAP back"
        )


def is_servable(revision: Revision, settings: Settings, revisions: Revisions) -> bool:
    """Whether it fits the settings and its files are there, which are opened to see."""
    try:
        check_compatible(revision, settings)
        revisions.open(revision.id)
    except DocentError:
        return False
    return True


def _previous(serving: Serving, kept: frozenset[str]) -> dict[tuple[str, str], IndexedDocument]:
    return {
        (row.source, row.path): IndexedDocument(
            row.source, row.path, row.content_hash, row.title, row.sections, tuple(row.chunk_ids)
        )
        for row in serving.documents
        if row.source in kept
    }


def _not_found(probed: list[Probed]) -> dict[str, str]:
    """Probe questions that do not find their page, by the source that they are of."""
    found: dict[str, str] = {}
    for one in probed:
        if not one.found:
            said = f"the probe question {one.probe.question!r} would not find {one.probe.path} of {one.probe.source}"
            found[one.probe.source] = f"{found[one.probe.source]}; {said}" if one.probe.source in found else said
    return found


def _documents(revision_id: str, changes: Changes) -> list[Document]:
    return [
        Document(
            revision_id=revision_id,
            source=document.source,
            path=document.path,
            content_hash=document.content_hash,
            title=document.title,
            sections=document.sections,
            chunk_ids=list(document.chunk_ids),
        )
        for document in changes.documents
    ]
