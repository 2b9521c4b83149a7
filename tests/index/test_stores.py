"""Both kinds of store keep chunks and vectors as they are, and find them; the indexer works on either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from app.config import Settings
from app.db import open_database
from app.errors import IndexMissing
from app.index.catalog import Catalog
from app.index.edge import EdgeStore
from app.index.embedding import Embedder
from app.index.indexer import Indexer, IndexRequest
from app.index.library import Library
from app.index.qdrant_server import QdrantServerStore
from app.index.revisions import Revisions
from app.index.search import Searcher
from app.index.section import Chunk, Span
from app.index.sparse import Bm25Encoder, SparseVector
from app.index.store import Point, VectorStore, chunk_from, payload_of
from app.runtime import Core

MakeChunk = Callable[..., Chunk]


def unit(*rows: tuple[float, ...]) -> Any:
    """Vectors of length 1, shape (windows, dimension)."""
    vectors = np.asarray(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def point(chunk: Chunk, *rows: tuple[float, ...]) -> Point:
    return Point(chunk, unit(*(rows or ((1.0, 0.0, 0.0),))), Bm25Encoder().encode_passage(chunk.text))


@pytest.fixture(params=["edge", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorStore]:
    if request.param == "edge":
        edge = EdgeStore.create(tmp_path / "shard", 3)
        yield edge
        edge.close()
    else:
        client = QdrantClient(":memory:")
        yield QdrantServerStore.create(client, "docent-test", 3)
        client.close()


def test_an_empty_store_finds_nothing(store: VectorStore) -> None:
    assert store.count() == 0
    assert store.search_dense(unit((1.0, 0.0, 0.0))[0], 5) == []
    assert store.search_sparse(SparseVector([1], [1.0]), 5) == []


def test_points_come_back_as_they_were_written(store: VectorStore, chunk: MakeChunk) -> None:
    text = "Größe: 5 µm\n\n```sh\nlumen set\n```\n"
    first = chunk(1, text, heading_path=("Set up", "With “pip”"))
    spans = (Span(0, 5, ("Set up",), "https://docs.example.org/#a"), Span(5, len(text), (), ""))
    written = [
        point(Chunk(**{**_fields(first), "spans": spans, "summary": ""}), (1.0, 0.5, 0.0), (0.0, 1.0, 0.2)),
        point(chunk(2, "the of and"), (0.0, 0.0, 1.0)),  # stop words only: no sparse terms
    ]

    store.write(written)
    store.flush()

    assert store.count() == 2
    got = {one.chunk.id: one for one in store.points([written[1].chunk.id, written[0].chunk.id, f"{9:032x}"])}
    assert set(got) == {one.chunk.id for one in written}
    for one in written:
        copy = got[one.chunk.id]
        assert copy.chunk == one.chunk
        assert copy.dense.shape == one.dense.shape
        assert np.allclose(copy.dense, one.dense, atol=1e-3)  # Edge keeps halves of floats
        assert dict(zip(copy.sparse.indices, copy.sparse.values, strict=True)) == pytest.approx(
            dict(zip(one.sparse.indices, one.sparse.values, strict=True))
        )


def test_a_copied_point_can_be_written_and_copied_again(store: VectorStore, chunk: MakeChunk, tmp_path: Path) -> None:
    store.write([point(chunk(1, "warm light"), (1.0, 2.0, 3.0), (3.0, 2.0, 1.0))])
    copies = list(store.points([chunk(1).id]))

    other = EdgeStore.create(tmp_path / "copy", 3)
    other.write(copies)

    (again,) = other.points([chunk(1).id])
    assert np.allclose(again.dense, copies[0].dense, atol=1e-3)
    other.close()


def test_no_ids_are_no_points(store: VectorStore, chunk: MakeChunk) -> None:
    store.write([point(chunk(1, "warm light"))])

    assert list(store.points([])) == []


def test_a_chunk_counts_by_its_nearest_window(store: VectorStore, chunk: MakeChunk) -> None:
    store.write(
        [
            point(chunk(1, "near in one window"), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
            point(chunk(2, "fairly near as a whole"), (1.0, 0.5, 0.0)),
            point(chunk(3, "far"), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
        ]
    )

    hits = store.search_dense(unit((1.0, 0.0, 0.0))[0], 5)

    assert [hit.chunk.id for hit in hits] == [chunk(1).id, chunk(2).id, chunk(3).id]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.894427, 0.0], abs=1e-3)
    assert [hit.chunk.id for hit in store.search_dense(unit((1.0, 0.0, 0.0))[0], 2)] == [chunk(1).id, chunk(2).id]


def test_a_rare_term_outweighs_a_frequent_one(store: VectorStore, chunk: MakeChunk) -> None:
    """Without IDF both terms of the question would count the same, and so would the chunks that hold one each."""
    texts = ["lamp zirconium", *("lamp firmware" for _ in range(8)), "firmware zirconium"]
    store.write([point(chunk(number, text)) for number, text in enumerate(texts, start=1)])

    hits = store.search_sparse(Bm25Encoder().encode_query("zirconium lamp"), 20)

    found = {hit.chunk.id: hit.score for hit in hits}
    assert len(found) == 10  # all that have one of the two
    assert hits[0].chunk.text == "lamp zirconium"
    assert hits[1].chunk.text == "firmware zirconium"
    assert found[chunk(10).id] > 2 * found[chunk(2).id]


def test_stems_are_matched_and_a_question_of_stop_words_finds_nothing(store: VectorStore, chunk: MakeChunk) -> None:
    store.write([point(chunk(1, "Updating the lamps"))])

    assert [hit.chunk.id for hit in store.search_sparse(Bm25Encoder().encode_query("update a lamp"), 5)]
    assert store.search_sparse(Bm25Encoder().encode_query("what is the"), 5) == []
    assert store.search_sparse(Bm25Encoder().encode_query("kettle"), 5) == []


def test_a_point_written_again_is_replaced(store: VectorStore, chunk: MakeChunk) -> None:
    store.write([point(chunk(1, "old text"))])
    store.write([point(chunk(1, "new text"))])

    assert store.count() == 1
    assert [one.chunk.text for one in store.points([chunk(1).id])] == ["new text"]


def test_a_payload_is_json_and_comes_back(chunk: MakeChunk) -> None:
    one = chunk(1, "warm light", heading_path=("A", "B"))

    assert chunk_from("00000000-0000-0000-0000-000000000001", payload_of(one)) == one


@pytest.fixture
async def on_server(settings: Settings) -> AsyncIterator[tuple[QdrantClient, Revisions, Core]]:
    """An index whose vectors are on a server, two revisions of it."""
    settings = settings.model_copy(update={"index": settings.index.model_copy(update={"keep_revisions": 2})})
    client = QdrantClient(":memory:")
    database = open_database(settings)
    await database.migrate()
    revisions = Revisions(settings.index, settings.data_dir, client)
    embedder = Embedder(settings.embedding, settings.data_dir)
    catalog = Catalog(database)
    searcher = Searcher(settings.retrieval, embedder, None)
    library = Library(settings, catalog, revisions, searcher)
    indexer = Indexer(settings, database, revisions, searcher)
    yield client, revisions, Core(settings, database, catalog, library, indexer, revisions)
    revisions.close()
    await database.close()


async def test_the_indexer_works_on_a_qdrant_server(
    on_server: tuple[QdrantClient, Revisions, Core], docs: Path
) -> None:
    client, revisions, core = on_server
    indexer, library = core.indexer, core.library

    def collections() -> set[str]:
        return {one.name.removeprefix("docent-") for one in client.get_collections().collections}

    first = await indexer.index(IndexRequest((docs,)), lambda _: None)
    assert first.embedded == first.chunks == (await library.current()).store.count()
    assert (await library.search("Why does the lamp flicker?")).candidates[0].chunk.path == "faq.md"
    assert (await indexer.index(IndexRequest((docs,)), lambda _: None)).revision == first.revision

    made = [first.revision]
    for edition in range(2):
        (docs / "faq.md").write_text(f"# Questions\n\nThe zirconium shade of edition {edition}.\n")
        report = await indexer.index(IndexRequest((docs,)), lambda _: None)
        made.append(report.revision)
        assert report.embedded == 1
        assert collections() == set(made[-2:])
    found = await library.search("zirconium shade")
    assert found.revision.id == made[-1]
    assert "edition 1" in found.candidates[0].chunk.text
    assert not any("flicker" in one.chunk.text for one in found.candidates)

    # What a killed run left: a half-built folder and its collection.
    revisions.create("20260101-000000-abcdef", 384)
    assert len(collections()) == 3
    await indexer.remove("docs", lambda _: None)
    assert len(collections()) == 2
    assert "20260101-000000-abcdef" not in collections()
    with pytest.raises(IndexMissing):
        await library.search("zirconium shade")


def _fields(chunk: Chunk) -> dict[str, Any]:
    return {name: getattr(chunk, name) for name in Chunk.__slots__}
