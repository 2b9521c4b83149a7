"""What a coming revision changes: sections, citations that would break, what probe questions find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from app.index.build import Changes, IndexedDocument
from app.index.revisions import OpenRevision
from app.index.search import Searcher
from app.index.section import Chunk
from app.models.index import Document

PROBED = 5  # chunks among which the page of a probe question has to be
_SHOWN_SOURCES = 3  # of a probe question's pages

Key = tuple[str, str, tuple[str, ...]]  # source, path, heading path


@dataclass(frozen=True, slots=True)
class Probe:
    """A question with the page of its source that has to be found for it."""

    source: str
    question: str
    path: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation of an answer that was given."""

    answer_id: str
    chunk_id: str
    url: str
    heading_path: tuple[str, ...]
    quote: str


class SectionChange(BaseModel):
    source: str
    path: str
    heading_path: list[str]


class BrokenCitation(BaseModel):
    answer_id: str
    url: str
    heading_path: list[str]
    quote: str


class ProbeChange(BaseModel):
    """A probe question whose best pages would be others, or that would not find its own."""

    source: str
    question: str
    path: str
    found_before: bool
    found_after: bool
    top_before: list[str]
    top_after: list[str]


class Comparison(BaseModel):
    """refused: why the run would not be put into service. breaks: whether anything would be worse than it is."""

    added: list[SectionChange] = Field(default_factory=list)
    changed: list[SectionChange] = Field(default_factory=list)
    removed: list[SectionChange] = Field(default_factory=list)
    broken_citations: list[BrokenCitation] = Field(default_factory=list)
    probes: list[ProbeChange] = Field(default_factory=list)
    refused: list[str] = Field(default_factory=list)
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """found: whether the page is among the first chunks. pages: the best ones, as `source/path`."""

    probe: Probe
    found: bool
    pages: tuple[str, ...]


def compare(
    before: Sequence[Document], changes: Changes, old: OpenRevision | None, cited: Sequence[Cited]
) -> Comparison:
    """Sections and citations of the documents that differ. old: the revision of `before`, None where none serves."""
    was = {(row.source, row.path): tuple(row.chunk_ids) for row in before}
    now = {(document.source, document.path): document for document in changes.documents}
    differing = {key for key in was | now if key not in now or was.get(key) != now[key].chunk_ids}
    fresh = {chunk.id: chunk for chunk in changes.fresh}
    gone = [chunk_id for key in differing for chunk_id in was.get(key, ())]
    old_chunks = [] if old is None else [point.chunk for point in old.store.points(gone)]
    new_chunks = [fresh[chunk_id] for key in differing for chunk_id in _chunk_ids(now.get(key)) if chunk_id in fresh]
    sections, coming = _sections(old_chunks), _sections(new_chunks)
    return Comparison(
        added=_shown(coming.keys() - sections.keys()),
        changed=_shown(key for key in sections.keys() & coming.keys() if sections[key] != coming[key]),
        removed=_shown(sections.keys() - coming.keys()),
        broken_citations=_broken(cited, old_chunks, new_chunks),
    )


def run_probes(searcher: Searcher, revision: OpenRevision, probes: Iterable[Probe]) -> list[Probed]:
    probed = []
    for probe in probes:
        found = searcher.search(revision, probe.question, PROBED).candidates
        pages = tuple(dict.fromkeys(f"{one.chunk.source}/{one.chunk.path}" for one in found))
        probed.append(Probed(probe, f"{probe.source}/{probe.path}" in pages, pages[:_SHOWN_SOURCES]))
    return probed


def probe_changes(before: Sequence[Probed], after: Sequence[Probed]) -> list[ProbeChange]:
    """Of the same probe questions in the same order; before: empty where nothing serves yet."""
    changes = []
    for number, now in enumerate(after):
        was = before[number] if before else None
        if was is not None and (was.found, was.pages) == (now.found, now.pages) and now.found:
            continue
        changes.append(
            ProbeChange(
                source=now.probe.source,
                question=now.probe.question,
                path=now.probe.path,
                found_before=was is not None and was.found,
                found_after=now.found,
                top_before=list(was.pages) if was is not None else [],
                top_after=list(now.pages),
            )
        )
    return changes


def _chunk_ids(document: IndexedDocument | None) -> tuple[str, ...]:
    return () if document is None else document.chunk_ids


def _sections(chunks: Sequence[Chunk]) -> dict[Key, list[str]]:
    """The texts of each section, which may stand in several chunks."""
    sections: dict[Key, list[str]] = defaultdict(list)
    for chunk in chunks:
        for span in chunk.spans:
            sections[(chunk.source, chunk.path, span.heading_path)].append(chunk.text[span.start : span.end].strip())
    return {key: sorted(texts) for key, texts in sections.items()}


def _shown(keys: Iterable[Key]) -> list[SectionChange]:
    return [
        SectionChange(source=source, path=path, heading_path=list(headings)) for source, path, headings in sorted(keys)
    ]


def _broken(cited: Sequence[Cited], old: Sequence[Chunk], new: Sequence[Chunk]) -> list[BrokenCitation]:
    """Citations of chunks that go, whose quote does not stand on the same page any more."""
    kept = {chunk.id for chunk in new}
    page_of = {chunk.id: (chunk.source, chunk.path) for chunk in old if chunk.id not in kept}
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for chunk in new:
        texts[(chunk.source, chunk.path)].append(chunk.text)
    return [
        BrokenCitation(answer_id=one.answer_id, url=one.url, heading_path=list(one.heading_path), quote=one.quote)
        for one in cited
        if one.chunk_id in page_of and not any(one.quote in text for text in texts[page_of[one.chunk_id]])
    ]
