"""Building a revision: read what changed, embed what is new, copy the rest, all aside from what serves."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np

from app.config import IndexSettings
from app.errors import DocentError, IndexRejected
from app.index.chunking import chunk_page
from app.index.embedding import Embedder
from app.index.readers import SourceFile, read_sections, scan
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


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder (or single file) to index under a name that is part of every chunk id."""

    name: str
    root: Path
    base_url: str


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
    """phase: 'read' (in files) or 'embed' (in chunks)."""

    phase: str
    done: int
    total: int
    item: str


@dataclass(slots=True)
class Changes:
    """What a run found: the documents of the coming revision, and how they differ from the serving one."""

    documents: list[IndexedDocument] = field(default_factory=list)
    fresh: list[Chunk] = field(default_factory=list)  # of files that are new or changed
    skipped: list[Skipped] = field(default_factory=list)
    deleted_documents: int = 0
    changed: bool = False


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
    seen: set[tuple[str, str]] = set()
    for source in sources:
        found = list(scan(source.root, settings.max_file_bytes))
        for number, item in enumerate(found, start=1):
            report(Progress("read", number, len(found), item.path))
            if isinstance(item, Skipped):
                changes.skipped.append(item)
                continue
            known = previous.get((source.name, item.path))
            if known is not None and known.content_hash == item.content_hash and source.name not in reread:
                changes.documents.append(known)
                seen.add((source.name, item.path))
            elif _read(source, item, changes, count_tokens, settings):
                seen.add((source.name, item.path))
    gone = [key for key in previous if key[0] in named and key not in seen]
    changes.deleted_documents = len(gone)
    changes.changed = bool(gone or changes.fresh or reread & named)
    return changes


def _read(
    source: FolderSource,
    file: SourceFile,
    changes: Changes,
    count_tokens: Callable[[str], int],
    settings: IndexSettings,
) -> bool:
    try:
        sections = read_sections(file, source.base_url)
    except DocentError as error:
        changes.skipped.append(Skipped(file.path, error.detail))
        return False
    if not sections:
        changes.skipped.append(Skipped(file.path, "no text in it"))
        return False
    chunks = chunk_page(
        sections,
        source=source.name,
        count_tokens=count_tokens,
        limit=settings.chunk_tokens,
        overlap=settings.chunk_overlap,
    )
    changes.fresh.extend(chunks)
    changes.documents.append(
        IndexedDocument(
            source.name,
            file.path,
            file.content_hash,
            sections[0].title,
            len(sections),
            tuple(chunk.id for chunk in chunks),
        )
    )
    return True


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
    for batch in _copies(old, wanted, fresh):
        _write(store, vocabulary, batch)
        written.update(point.chunk.id for point in batch)
    missing = [chunk for chunk_id, chunk in fresh.items() if chunk_id not in written]
    for batch in _embedded(missing, embedder, report):
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


def _embedded(chunks: Sequence[Chunk], embedder: Embedder, report: Report) -> Iterator[list[Point]]:
    sparse = Bm25Encoder()
    texts = [windows(chunk, embedder.count_tokens) for chunk in chunks]
    vectors = embedder.embed_passages(chain.from_iterable(texts))
    batch: list[Point] = []
    for number, (chunk, parts) in enumerate(zip(chunks, texts, strict=True), start=1):
        dense = np.stack(list(islice(vectors, len(parts))))
        batch.append(Point(chunk, dense, sparse.encode_passage(passage_text(chunk))))
        report(Progress("embed", number, len(chunks), chunk.path))
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
