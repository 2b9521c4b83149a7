"""Fusion as computed by hand, and a search whose every stage can be seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.answering.trace import explain
from app.config import RetrievalSettings
from app.index.indexer import IndexReport
from app.index.search import Candidate, fuse
from app.index.section import Chunk
from app.index.store import Hit
from app.runtime import Core

Index = Callable[..., Awaitable[IndexReport]]
MakeChunk = Callable[..., Chunk]
FLAT = RetrievalSettings(rrf_k=2, sparse_weight=1.0, page_decay=1.0)


@pytest.fixture
def hits(chunk: MakeChunk) -> Callable[..., list[Hit]]:
    """A ranking of chunks given by number, each on a page of its own unless `pages` says otherwise."""

    def rank(*numbers: int, pages: dict[int, str] | None = None) -> list[Hit]:
        named = pages or {}
        return [
            Hit(chunk(number, f"text {number}", path=named.get(number, f"{number}.md")), 10.0 - rank)
            for rank, number in enumerate(numbers)
        ]

    return rank


def numbers(candidates: list[Candidate]) -> list[int]:
    return [int(one.chunk.id, 16) for one in candidates]


def test_a_chunk_is_worth_the_sum_of_its_reciprocal_ranks(hits: Callable[..., list[Hit]]) -> None:
    fused = fuse(hits(1, 2, 3), hits(3, 4), FLAT)

    # 3: 1/(2+3) + 1/(2+1); 1: 1/(2+1); 2 and 4: 1/(2+2), by id
    assert numbers(fused) == [3, 1, 2, 4]
    assert [one.fused_score for one in fused] == pytest.approx([1 / 5 + 1 / 3, 1 / 3, 1 / 4, 1 / 4])


def test_ranks_and_scores_of_both_stages_are_kept(hits: Callable[..., list[Hit]]) -> None:
    fused = {int(one.chunk.id, 16): one for one in fuse(hits(1, 2), hits(2, 3), FLAT)}

    assert (fused[1].dense_rank, fused[1].dense_score, fused[1].sparse_rank, fused[1].sparse_score) == (
        1,
        10.0,
        None,
        None,
    )
    assert (fused[2].dense_rank, fused[2].dense_score, fused[2].sparse_rank, fused[2].sparse_score) == (2, 9.0, 1, 10.0)
    assert (fused[3].dense_rank, fused[3].sparse_rank) == (None, 2)
    assert fused[2].score == fused[2].fused_score
    assert fused[2].rerank_score is None


def test_weights_scale_each_ranking(hits: Callable[..., list[Hit]]) -> None:
    settings = RetrievalSettings(rrf_k=60, dense_weight=0.5, sparse_weight=2.0, page_decay=1.0)

    fused = fuse(hits(1, 2), hits(2), settings)

    assert numbers(fused) == [2, 1]
    assert [one.fused_score for one in fused] == pytest.approx([0.5 / 62 + 2 / 61, 0.5 / 61])


def test_a_ranking_of_weight_zero_counts_for_nothing(hits: Callable[..., list[Hit]]) -> None:
    fused = fuse(hits(1, 2), hits(2, 1), RetrievalSettings(dense_weight=0, page_decay=1.0))

    assert numbers(fused) == [2, 1]


def test_further_chunks_of_a_page_count_less(hits: Callable[..., list[Hit]]) -> None:
    pages = {1: "a.md", 2: "a.md", 3: "a.md", 4: "b.md"}

    fused = fuse(hits(1, 2, 3, 4, pages=pages), [], RetrievalSettings(rrf_k=2, page_decay=0.5))

    # 1/3, 1/4 * 0.5, 1/5 * 0.25, and 1/6 of another page
    assert numbers(fused) == [1, 4, 2, 3]
    assert [one.fused_score for one in fused] == pytest.approx([1 / 3, 1 / 6, 1 / 8, 1 / 20])


def test_hits_that_score_alike_are_ranked_by_their_place_however_a_store_gives_them(
    hits: Callable[..., list[Hit]],
) -> None:
    alike = [Hit(hit.chunk, 0.5) for hit in hits(3, 1, 2)]

    assert [numbers(fuse(given, given, FLAT)) for given in (alike, alike[::-1])] == [[1, 2, 3], [1, 2, 3]]


def test_nothing_found_is_nothing_fused() -> None:
    assert fuse([], [], FLAT) == []


async def test_a_search_shows_every_stage(core: Core, index: Index, docs: Path) -> None:
    await index(docs)

    result = await core.library.search("Why does the lamp flicker?", 3)

    assert len(result.candidates) == 3
    assert set(result.timings_ms) == {"embed", "dense", "sparse", "fuse"}
    assert all(lap >= 0 for lap in result.timings_ms.values())
    assert result.question_vector.shape == (core.library.searcher.embedder.dimension,)
    best = explain(result.candidates[0])
    assert best["path"] == "faq.md"
    assert best["dense"]["rank"] == best["sparse"]["rank"] == 1
    assert 0.3 < best["dense"]["score"] < 1
    assert best["sparse"]["score"] > 0
    assert best["fused"] == pytest.approx(1.8 / 3, abs=1e-6)
    assert best["rerank"] is None
    scores = [one.score for one in result.candidates]
    assert scores == sorted(scores, reverse=True)


async def test_both_rankings_carry_their_weight(core: Core, index: Index, docs: Path) -> None:
    """A word that the embedding model does not know is found by BM25; a paraphrase by the vectors."""
    (docs / "codes.md").write_text("# Codes\n\nThe error qx7731 means that the base is wet.\n")
    await index(docs)

    exact = (await core.library.search("qx7731")).candidates
    meant = (await core.library.search("make it less bright when it gets dark outside")).candidates

    assert exact[0].chunk.path == "codes.md"
    assert exact[0].sparse_rank == 1
    assert meant[0].chunk.path == "guide/brightness.md"
    assert meant[0].dense_rank == 1


async def test_a_question_of_stop_words_is_answered_by_vectors_alone(core: Core, index: Index, docs: Path) -> None:
    await index(docs)

    found = (await core.library.search("what is it?")).candidates

    assert found
    assert all(one.sparse_rank is None for one in found)


async def test_no_more_than_the_candidates_of_the_settings_are_kept(core: Core, index: Index, docs: Path) -> None:
    for number in range(30):
        (docs / f"page{number}.md").write_text(f"# Page {number}\n\nThe lamp of page {number}.\n")
    await index(docs)

    assert len((await core.library.search("lamp")).candidates) == core.settings.retrieval.candidates == 20
    assert len((await core.library.search("lamp", 33)).candidates) == 33
    assert len((await core.library.search("lamp", 1)).candidates) == 1
