"""Building a revision: read what changed, embed what is new, copy the rest, all aside from what serves."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from app.config import IndexSettings
from app.errors import DocentError, IndexRejected
from app.index.chunking import chunk_page
from app.index.embedding import Embedder
from app.index.readers import PassingTrouble, Patterns, SourceFile, read_sections, scan, site_of
from app.index.readers.site import Site
from app.index.revisions import OpenRevision, Revisions
from app.index.section import Chunk, Skipped
from app.index.sparse import Bm25Encoder
from app.index.store import Point, VectorStore
from app.index.terms import Vocabulary
from app.index.windows import passage_text, windows

# Part of the chunking's name in the index: raised when readers or chunker would cut the same file otherwise.
CHUNKER_VERSION = 1
_COPY_BATCH = 500  # points copied from the old revision at a time: about 3 MB at 768 dimensions
_WRITE_BATCH = 64
SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder (or single file) to index under a name that is part of every chunk id.

    patterns: which of its files. urls: of its pages, by path, where the base URL does not say. changed: paths that
    may differ from the serving revision, None: all. unreachable: paths that could not be fetched this time, and of
    which what is indexed stays.
    """

    name: str
    root: Path
    base_url: str
    patterns: Patterns = field(default_factory=Patterns)
    urls: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] | None = None
    unreachable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    source: str
    path: str
    content_hash: str
    title: str
    sections: int
    chunk_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """phase: 'fetch' (in pages), 'read' (in files), 'embed' (in chunks) or 'check' (in probe questions).

    seen, changed, deleted, failed: files so far. embedded: chunks so far. failures: the first of those that failed, as
    (path, reason).
    """

    phase: str
    done: int
    total: int
    item: str
    seen: int = 0
    changed: int = 0
    deleted: int = 0
    failed: int = 0
    embedded: int = 0
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Changes:
    """What a run found: the documents of the coming revision, and how they differ from the serving one."""

    documents: list[IndexedDocument] = field(default_factory=list)
    fresh: list[Chunk] = field(default_factory=list)  # of files that are new or changed
    skipped: list[Skipped] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)  # (source, path)
    seen: int = 0
    embedded: int = 0  # chunks
    changed_documents: int = 0
    changed: bool = False
    anew: bool = False  # whether what was read is embedded even where the serving revision has its vectors

    def progress(self, phase: str, done: int, total: int, item: str) -> Progress:
        if phase == "embed":
            self.embedded = done
        return Progress(
            phase,
            done,
            total,
            item,
            seen=self.seen,
            changed=self.changed_documents,
            deleted=len(self.deleted),
            failed=len(self.skipped),
            embedded=self.embedded,
            failures=tuple((one.path, one.reason) for one in self.skipped[:SHOWN_FAILURES]),
        )


Report = Callable[[Progress], None]


def chunking_name(settings: IndexSettings) -> str:
    """How chunks are cut, as it stands in the index: a revision cut otherwise is refused."""
    return f"v{CHUNKER_VERSION} {settings.chunk_tokens}/{settings.chunk_overlap}"


def new_revision_id() -> str:
    """Sorts by time; the random end parts two of one second."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def find_changes(
    sources: Sequence[FolderSource],
    previous: Mapping[tuple[str, str], IndexedDocument],
    reread: frozenset[str],
    count_tokens: Callable[[str], int],
    settings: IndexSettings,
    report: Report,
) -> Changes:
    """Compare the files of `sources` by content hash with the `previous` documents, and read those that differ.

    previous: by (source, path), of all sources; those of other sources are kept as they are.
    reread: names of sources whose files are read even if unchanged, since their URLs are.
    """
    changes = Changes()
    named = {source.name for source in sources}
    changes.documents.extend(document for (name, _), document in previous.items() if name not in named)
    for source in sources:
        before = {path: document for (name, path), document in previous.items() if name == source.name}
        changed = None if source.name in reread or not before else source.changed
        found = list(scan(source.root, settings.max_file_bytes, source.patterns, changed))
        site = site_of(source.root, settings.site_generator)
        reading = _Reading(source, changes, count_tokens, settings, site)
        seen = set()
        if changed is not None:
            seen = {path for path in before if path not in changed and source.patterns.wants(path)}
        kept = set(source.unreachable)
        for number, item in enumerate(found, start=1):
            changes.seen += 1
            report(changes.progress("read", number, len(found), item.path))
            if isinstance(item, Skipped):
                reading.skip(item)
                kept |= {item.path} if item.passing else set()
                continue
            seen.discard(item.path)
            known = before.get(item.path)
            if known is not None and known.content_hash == item.content_hash and source.name not in reread:
                seen.add(item.path)
                continue
            kept |= {item.path} if reading.read(item) == "later" else set()
        read = {document.path for document in changes.documents if document.source == source.name}
        seen |= {path for path in before if _is_below(path, kept) and path not in read}
        changes.documents.extend(before[path] for path in before if path in seen)
        changes.deleted.extend((source.name, path) for path in before if path not in seen | read)
    changes.changed = bool(changes.deleted or changes.fresh or reread & named)
    return changes


def _is_below(path: str, kept: set[str]) -> bool:
    """Whether a path, or a folder that it is in, is among `kept`."""
    return path in kept or any(str(folder) in kept for folder in PurePosixPath(path).parents)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads files of one source into what a run found."""

    source: FolderSource
    changes: Changes
    count_tokens: Callable[[str], int]
    settings: IndexSettings
    site: Site

    def skip(self, skipped: Skipped) -> None:
        self.changes.skipped.append(replace(skipped, source=self.source.name))

    def read(self, file: SourceFile) -> Literal["read", "failed", "later"]:
        """later: what is indexed of the file stays."""
        try:
            url = self.source.urls.get(file.path)
            sections = read_sections(file, self.source.base_url, url, self.site)
        except DocentError as error:
            self.skip(Skipped(file.path, error.detail))
            return "later" if isinstance(error, PassingTrouble) else "failed"
        if not sections:
            self.skip(Skipped(file.path, "no text in it"))
            return "failed"
        chunks = chunk_page(
            sections,
            source=self.source.name,
            count_tokens=self.count_tokens,
            limit=self.settings.chunk_tokens,
            overlap=self.settings.chunk_overlap,
        )
        self.changes.fresh.extend(chunks)
        self.changes.changed_documents += 1
        ids = tuple(chunk.id for chunk in chunks)
        document = IndexedDocument(
            self.source.name, file.path, file.content_hash, sections[0].title, len(sections), ids
        )
        self.changes.documents.append(document)
        return "read"


def write_revision(
    revisions: Revisions,
    revision_id: str,
    changes: Changes,
    old: OpenRevision | None,
    dimension: int,
    embedder: Embedder,
    report: Report,
) -> int:
    """Write all chunks of `changes.documents` into a new revision and check it. Returns how many were embedded.

    A chunk that stands in `old` with the same title and headings keeps its vectors.
    Raises IndexRejected when the revision does not hold what it should.
    """
    store = revisions.create(revision_id, dimension)
    vocabulary = Vocabulary()
    fresh = {chunk.id: chunk for chunk in changes.fresh}
    wanted = [chunk_id for document in changes.documents for chunk_id in document.chunk_ids]
    written: set[str] = set()
    for batch in _copies(old, [one for one in wanted if not (changes.anew and one in fresh)], fresh):
        revisions.check_space()
        _write(store, vocabulary, batch)
        written.update(point.chunk.id for point in batch)
    missing = [chunk for chunk_id, chunk in fresh.items() if chunk_id not in written]
    for batch in _embedded(missing, embedder, changes, report):
        revisions.check_space()
        _write(store, vocabulary, batch)
    _validate(store, wanted)
    store.flush()
    store.close()
    revisions.finish(revision_id, vocabulary)
    return len(missing)


def _copies(old: OpenRevision | None, wanted: Sequence[str], fresh: Mapping[str, Chunk]) -> Iterator[list[Point]]:
    if old is None:
        return
    for start in range(0, len(wanted), _COPY_BATCH):
        batch: list[Point] = []
        for point in old.store.points(wanted[start : start + _COPY_BATCH]):
            chunk = fresh.get(point.chunk.id, point.chunk)
            if (chunk.context, chunk.summary) == (point.chunk.context, point.chunk.summary):
                batch.append(Point(chunk, point.dense, point.sparse))
        yield batch


def _embedded(chunks: Sequence[Chunk], embedder: Embedder, changes: Changes, report: Report) -> Iterator[list[Point]]:
    """The points of chunks, in order. Windows are made one by one: all at once they would double the texts."""
    sparse = Bm25Encoder()
    counts: deque[int] = deque()  # of the windows of chunks that the embedder has begun

    def texts() -> Iterator[str]:
        for chunk in chunks:
            parts = windows(chunk, embedder.count_tokens)
            counts.append(len(parts))
            yield from parts

    vectors = embedder.embed_passages(texts())
    batch: list[Point] = []
    for number, chunk in enumerate(chunks, start=1):
        first = next(vectors)
        dense = np.stack([first, *islice(vectors, counts.popleft() - 1)])
        batch.append(Point(chunk, dense, sparse.encode_passage(passage_text(chunk))))
        report(changes.progress("embed", number, len(chunks), chunk.path))
        if len(batch) == _WRITE_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(store: VectorStore, vocabulary: Vocabulary, points: Sequence[Point]) -> None:
    if not points:
        return
    store.write(points)
    for point in points:
        vocabulary.add(passage_text(point.chunk))


def _validate(store: VectorStore, wanted: Sequence[str]) -> None:
    count = store.count()
    if count != len(set(wanted)):
        raise IndexRejected(
            f"the new index holds {count} chunks instead of {len(set(wanted))}; the old one serves on "
            "(if this comes again: `docent index --rebuild`)"
        )
