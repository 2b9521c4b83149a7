"""`docent index` as one call: lock, compare, build aside, switch the pointer."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel

from app.config import Settings
from app.db import Database
from app.errors import IndexLocked, IndexMismatch, IndexMissing, InvalidInput, NotFound
from app.index.build import (
    Changes,
    FolderSource,
    IndexedDocument,
    Progress,
    chunking_name,
    find_changes,
    new_revision_id,
    write_revision,
)
from app.index.catalog import Catalog, Serving
from app.index.embedding import Embedder
from app.index.revisions import Revisions
from app.index.section import Skipped
from app.models.index import Document, Revision, Source


class SkippedFile(BaseModel):
    path: str
    reason: str


class IndexReport(BaseModel):
    """Summary of a run. Counts of files, sections and chunks are of the sources named in it."""

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


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """paths: absolute folders or files. rebuild: embed everything anew, of all sources known when no path is given.

    handbook: the paths are Docent's own docs, which give way to the first source that is not.
    """

    paths: tuple[Path, ...]
    base_url: str | None = None
    rebuild: bool = False
    handbook: bool = False


class Indexer:
    def __init__(self, settings: Settings, database: Database, revisions: Revisions, embedder: Embedder) -> None:
        self._settings = settings
        self._catalog = Catalog(database)
        self._revisions = revisions
        self._embedder = embedder
        self._lock = FileLock(settings.data_dir / "index.lock", timeout=0, thread_local=False)

    async def index(self, request: IndexRequest, report: Callable[[Progress], None]) -> IndexReport:
        """Sync the sources at `request.paths` and switch to the new revision.

        `report` is called from another thread. Raises IndexLocked while another indexer runs, IndexMismatch when the
        serving index was built with another model or chunking, InvalidInput when a path holds no document.
        """
        for path in request.paths:
            if not path.exists():
                raise InvalidInput(f"there is no file or folder {path}")
        async with self._locked():
            serving = await self._catalog.serving()
            plan = _sources(request, serving, self._settings.index.base_url)
            if serving.revision is not None and not request.rebuild:
                check_compatible(serving.revision, self._settings)
            with _stoppable(report) as stoppable:
                return await self._sync(plan, serving, request.rebuild, stoppable)

    async def remove(self, name: str, report: Callable[[Progress], None]) -> IndexReport:
        """Take a source and all its documents out of the index, whatever model it was built with."""
        async with self._locked():
            serving = await self._catalog.serving()
            kept = [source for source in serving.sources if source.name != name]
            if len(kept) == len(serving.sources):
                names = ", ".join(source.name for source in serving.sources) or "none"
                raise NotFound(f"there is no source named {name} (there are: {names})")
            with _stoppable(report) as stoppable:
                return await self._sync(_Plan(kept, []), serving, False, stoppable)

    def _locked(self) -> _IndexLock:
        return _IndexLock(self._lock)

    async def _sync(
        self, plan: _Plan, serving: Serving, rebuild: bool, report: Callable[[Progress], None]
    ) -> IndexReport:
        started = time.monotonic()
        revision = None if rebuild else self._intact(serving.revision)
        await self._drop_stale(serving.revision)
        previous = _previous(serving, {source.name for source in plan.kept}) if revision is not None else {}
        moved = frozenset(
            source.name
            for source in plan.named
            for old in serving.sources
            if old.name == source.name and old.base_url != source.base_url
        )
        embedder = self._embedder
        changes = await asyncio.to_thread(
            find_changes, plan.named, previous, moved, embedder.count_tokens, self._settings.index, report
        )
        _refuse_empty(plan.named, changes)
        removed = serving.revision is not None and any(
            document.source not in {source.name for source in plan.kept} for document in serving.documents
        )
        embedded = 0
        if revision is None or changes.changed or removed:
            revision_id = new_revision_id()
            old = self._revisions.open(revision.id) if revision is not None else None
            row = self._row(revision_id, changes, revision if not plan.named else None)
            embedded = await asyncio.to_thread(
                write_revision, self._revisions, revision_id, changes, old, row.dimension, embedder, report
            )
            await self._catalog.switch(row, _documents(revision_id, changes), plan.kept)
            await self._drop_stale(row)
        else:
            revision_id = revision.id
            await self._catalog.replace_sources(plan.kept)
        return _report(revision_id, plan, changes, serving, embedded, time.monotonic() - started)

    def _row(self, revision_id: str, changes: Changes, like: Revision | None) -> Revision:
        """The coming revision's row. like: the one that it only leaves documents out of."""
        return Revision(
            id=revision_id,
            embedding_model=like.embedding_model if like else self._embedder.name,
            dimension=like.dimension if like else self._embedder.dimension,
            chunking=like.chunking if like else chunking_name(self._settings.index),
            documents=len(changes.documents),
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
        kept = ids[: self._settings.index.keep_revisions]
        if serving is not None and serving.id not in kept:
            kept = [*kept, serving.id]
        await self._catalog.forget([revision_id for revision_id in ids if revision_id not in kept])
        await asyncio.to_thread(self._revisions.drop_all_but, kept)


class _Stopped(Exception):
    """Ends the thread of a cancelled run; nobody waits for its result."""


@contextmanager
def _stoppable(report: Callable[[Progress], None]) -> Iterator[Callable[[Progress], None]]:
    """A `report` that ends the thread calling it once the block is left: a thread cannot be cancelled, and Ctrl-C
    should not wait until all is embedded.
    """
    left = threading.Event()

    def pass_on(progress: Progress) -> None:
        if left.is_set():
            raise _Stopped
        report(progress)

    try:
        yield pass_on
    finally:
        left.set()


class _IndexLock:
    """The lock of the one indexer. The kernel frees it when its holder dies."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        if self._lock.is_locked:
            raise IndexLocked("another indexer is at work in this process: wait until it is done")
        try:
            self._lock.acquire()
        except Timeout as error:
            raise IndexLocked(
                f"another indexer is at work (it holds {self._lock.lock_file}): wait until it is done"
            ) from error

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True, slots=True)
class _Plan:
    """kept: every source after this run. named: those that this run reads."""

    kept: list[Source]
    named: list[FolderSource]


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


def _sources(request: IndexRequest, serving: Serving, default_base_url: str) -> _Plan:
    known = {source.location: source for source in serving.sources}
    kept = [source for source in serving.sources if not (source.handbook and not request.handbook and request.paths)]
    named: list[Source] = []
    for path in dict.fromkeys(request.paths):
        old = known.get(str(path))
        base_url = request.base_url if request.base_url is not None else (old.base_url if old else default_base_url)
        taken = {source.name for source in [*kept, *named] if source.location != str(path)}
        source = Source(
            name=old.name if old else _free_name(path, taken),
            kind="folder",
            location=str(path),
            base_url=base_url,
            handbook=request.handbook,
        )
        named.append(source)
    names = {source.name for source in named}
    kept = [source for source in kept if source.name not in names] + named
    if request.rebuild:
        named = kept
        for source in named:
            if not Path(source.location).exists():
                raise InvalidInput(
                    f"source {source.name} is gone from {source.location}: put it back, or run "
                    f"`docent source delete {source.name}`"
                )
    if not named:
        raise InvalidInput("nothing to index: name a folder, as in `docent index docs/`")
    return _Plan(kept, [FolderSource(s.name, Path(s.location), s.base_url) for s in named])


def _free_name(path: Path, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "docs"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _previous(serving: Serving, kept: set[str]) -> dict[tuple[str, str], IndexedDocument]:
    return {
        (row.source, row.path): IndexedDocument(
            row.source, row.path, row.content_hash, row.title, row.sections, tuple(row.chunk_ids)
        )
        for row in serving.documents
        if row.source in kept
    }


def _refuse_empty(named: Sequence[FolderSource], changes: Changes) -> None:
    """A folder without one document is a wrong path or an unmounted disk, never a wish to delete all."""
    filled = {document.source for document in changes.documents}
    for source in named:
        if source.name not in filled:
            reasons = "; ".join(f"{skipped.path}: {skipped.reason}" for skipped in changes.skipped[:3])
            raise InvalidInput(
                f"no document could be read in {source.root}"
                + (f" ({reasons})" if reasons else "")
                + "; what was indexed before serves on"
            )


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


def _report(
    revision_id: str, plan: _Plan, changes: Changes, serving: Serving, embedded: int, seconds: float
) -> IndexReport:
    named = {source.name for source in plan.named}
    mine = [document for document in changes.documents if document.source in named]
    before = {chunk_id for row in serving.documents for chunk_id in row.chunk_ids}
    after = {chunk_id for document in changes.documents for chunk_id in document.chunk_ids}
    hashes = {(row.source, row.path, row.content_hash) for row in serving.documents}
    return IndexReport(
        revision=revision_id,
        sources=sorted(named),
        files=len(mine),
        sections=sum(document.sections for document in mine),
        chunks=sum(len(document.chunk_ids) for document in mine),
        embedded=embedded,
        deleted=len(before - after),
        unchanged=sum((document.source, document.path, document.content_hash) in hashes for document in mine),
        skipped=[SkippedFile(path=item.path, reason=item.reason) for item in changes.skipped],
        seconds=round(seconds, 3),
    )


__all__ = ["IndexReport", "IndexRequest", "Indexer", "Progress", "Skipped", "check_compatible"]
