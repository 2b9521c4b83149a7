"""Indexing: its speed beside the bare model, the price of an unchanged source, and 100,000 chunks.

    python -m bench.indexing [--part embedding|unchanged|large] [--json]

Each part can be run alone; together, each runs in a process of its own, so that one's memory is not the other's.

embedding: chunks a second of an index run from its last file read to the switched pointer, beside those of fastembed
alone on the same windows, with the same threads and one text a batch, which is fastembed's fastest on a CPU. They take
turns, and the median of the turns counts.

unchanged: the first sync of a source of 2,000 short pages, and syncs of the same pages after it.

large: 100,000 chunks with 2.2 windows each, as many as the handbook's have. Two cores would embed them for hours, so
the first 1,000 windows get the model's own vectors, and every other one a vector of those with noise that leaves it at
a cosine of about 0.85 to its origin: vectors as near to each other as real ones, which mean nothing. All else is real:
reading, chunking, BM25, the store, the switch, and the embedding of the questions. `sync_of_one_page` copies the other
chunks from one revision to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fastembed import TextEmbedding

from app.config import Settings
from app.index.embedding import Embedder, Vector
from app.index.indexer import Indexer, IndexRequest, Progress
from app.index.library import Library
from app.index.packaged import packaged_model_folder
from app.index.search import Searcher
from app.index.windows import windows
from app.runtime import Core, open_core
from app.sources.registry import SourceRegistry
from app.sources.reindexing import Reindexing
from app.sources.specification import ReindexBody, SourceBody
from bench.synthetic import Writer

EMBEDDED = Path(__file__).resolve().parent.parent / "docs" / "reference"
_ROUNDS = 5
_PAGES = 2000
_LARGE_PAGES, _SECTIONS, _QUESTIONS = 2500, 40, 200  # a chunk a section
_OWN_VECTORS = 1000
_NOISE = 0.62  # length of what is added to a unit vector: 1 / sqrt(1 + 0.62 ** 2) = 0.85


async def measure_embedding(data_dir: Path) -> dict[str, Any]:
    """Bar: a ratio of 0.9 or more."""
    settings = Settings(data_dir=data_dir)
    ours, bare = [], []
    async with open_core(settings) as core:
        model = TextEmbedding(
            settings.embedding.model,
            threads=settings.embedding.threads,
            cuda=False,
            specific_model_path=str(packaged_model_folder(data_dir)),
        )
        texts: list[str] = []
        for _ in range(_ROUNDS):
            since = _SinceRead()
            report = await core.indexer.index(IndexRequest((EMBEDDED,), rebuild=True), since)
            ours.append(report.embedded / (time.perf_counter() - since.read))
            texts = texts or await _texts(core)
            started = time.perf_counter()
            for _vector in model.embed(texts, batch_size=1):
                pass
            bare.append(report.embedded / (time.perf_counter() - started))
    return {
        "chunks": report.embedded,
        "windows": len(texts),
        "chunks_a_second": round(statistics.median(ours), 2),
        "chunks_a_second_bare": round(statistics.median(bare), 2),
        "ratio": round(statistics.median(one / other for one, other in zip(ours, bare, strict=True)), 3),
    }


class _SinceRead:
    """read: when the last file was about to be read (time.perf_counter)."""

    def __init__(self) -> None:
        self.read = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "read":
            self.read = time.perf_counter()


async def _texts(core: Core) -> list[str]:
    """What the vectors of the serving revision were made of."""
    documents = (await core.catalog.serving()).documents
    ids = list(dict.fromkeys(one for document in documents for one in document.chunk_ids))
    count = core.library.searcher.embedder.count_tokens
    points = (await core.library.current()).store.points(ids)
    return [text for point in points for text in windows(point.chunk, count)]


async def measure_unchanged(data_dir: Path) -> dict[str, Any]:
    """Bar: a ratio of a fiftieth, 0.02, or less."""
    pages = data_dir / "pages"
    Writer().write_pages(pages, _PAGES, sections=1, words=25)
    settings = Settings(data_dir=data_dir)
    async with open_core(settings) as core:
        registry = SourceRegistry(settings, core.database, core.catalog)
        await registry.create(SourceBody(name="pages", kind="folder", location=str(pages)))
        reindexing = Reindexing(settings, core.database, core.catalog, core.indexer)
        seconds = []
        for _ in range(1 + _ROUNDS):
            started = time.perf_counter()
            report = await reindexing.run(ReindexBody(), lambda _: None)
            seconds.append(time.perf_counter() - started)
    if report.unchanged != _PAGES:
        raise RuntimeError(f"{report.unchanged} of {_PAGES} pages were unchanged")
    again = statistics.median(seconds[1:])
    return {
        "pages": _PAGES,
        "chunks": report.chunks,
        "first_s": round(seconds[0], 2),
        "unchanged_s": round(again, 3),
        "ratio": round(again / seconds[0], 4),
    }


class DerivedVectors(Embedder):
    """The model itself for questions and for the first passages; a noisy copy of one of those for every other one."""

    def __init__(self, settings: Settings, own: int) -> None:
        super().__init__(settings.embedding, settings.data_dir)
        self._own = own
        self._vectors: list[Vector] = []
        self._random = np.random.default_rng(1)

    def embed_passages(self, texts: Iterable[str]) -> Iterator[Vector]:
        for text in texts:
            if len(self._vectors) < self._own:
                self._vectors.append(next(super().embed_passages([text])))
                yield self._vectors[-1]
            else:
                yield self._derived()

    def _derived(self) -> Vector:
        noise = self._random.standard_normal(self.dimension, dtype=np.float32) * (_NOISE / self.dimension**0.5)
        vector = self._vectors[self._random.integers(len(self._vectors))] + noise
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


async def measure_large(data_dir: Path) -> dict[str, Any]:
    """Bars: 4 GB at the peak, and a p95 of 50 ms."""
    pages = data_dir / "pages"
    writer = Writer()
    writer.write_pages(pages, _LARGE_PAGES, sections=_SECTIONS, words=75)
    settings = Settings(data_dir=data_dir)
    async with open_core(settings) as opened:
        core = _with(opened, DerivedVectors(settings, _OWN_VECTORS))
        first = await core.indexer.index(IndexRequest((pages,)), lambda _: None)
        peak = _peak_mb()
        times, stages = await _search_times(core, writer.questions(_QUESTIONS))
        next(pages.rglob("*.md")).write_text("# Changed\n\nThis page says something else now.\n")
        again = await core.indexer.index(IndexRequest((pages,)), lambda _: None)
    return {
        "chunks": first.chunks,
        "index_s": round(first.seconds, 1),
        "index_peak_mb": round(peak),
        "search_ms_p50": _percentile(times, 50),
        "search_ms_p95": _percentile(times, 95),
        **{f"{stage}_ms_p50": _percentile(values, 50) for stage, values in stages.items()},
        "sync_of_one_page_s": round(again.seconds, 1),
        "peak_mb": round(_peak_mb()),
        "revision_mb": round(sum(one.stat().st_blocks * 512 for one in (data_dir / "index").rglob("*")) / 2e6),
    }


def _with(core: Core, embedder: Embedder) -> Core:
    searcher = Searcher(core.settings.retrieval, embedder, None)
    library = Library(core.settings, core.catalog, core.revisions, searcher)
    indexer = Indexer(core.settings, core.database, core.revisions, searcher)
    return replace(core, library=library, indexer=indexer)


async def _search_times(core: Core, questions: list[str]) -> tuple[list[float], dict[str, list[float]]]:
    """Milliseconds of searches as a whole, and by stage."""
    await core.library.search("warm up")
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    for question in questions:
        started = time.perf_counter()
        result = await core.library.search(question)
        times.append((time.perf_counter() - started) * 1000)
        for stage, milliseconds in result.timings_ms.items():
            stages.setdefault(stage, []).append(milliseconds)
    return times, stages


def _peak_mb() -> float:
    """The most memory that this process has had resident so far, files mapped into it included, in MB (10^6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _percentile(values: list[float], share: int) -> float:
    return round(float(np.percentile(values, share)), 1)


PARTS = {"embedding": measure_embedding, "unchanged": measure_unchanged, "large": measure_large}


def measure_part(name: str) -> dict[str, Any]:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "bench.indexing", "--part", name, "--json"]
    measured: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured[name]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.indexing")
    parser.add_argument("--part", choices=tuple(PARTS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.part:
        with tempfile.TemporaryDirectory(prefix="docent-bench-") as temporary:
            results = {options.part: asyncio.run(PARTS[options.part](Path(temporary)))}
    else:
        results = {name: measure_part(name) for name in PARTS}
    if options.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(name)
        for value_name, value in result.items():
            print(f"  {value_name:<40} {value}")


if __name__ == "__main__":
    main()
