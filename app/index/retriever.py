"""Docent's search in LlamaIndex's shape, for its query engines, agents and evaluators."""

from __future__ import annotations

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from app.index.library import Library
from app.index.revisions import OpenRevision
from app.index.search import Candidate, Searcher
from app.index.section import Chunk


class DocentRetriever(BaseRetriever):
    """Retrieves `top_k` chunks of one revision as TextNodes; `node_id` is the chunk id."""

    def __init__(self, searcher: Searcher, revision: OpenRevision, top_k: int = 5) -> None:
        super().__init__()
        self._searcher = searcher
        self._revision = revision
        self._top_k = top_k

    @classmethod
    async def of(cls, library: Library, top_k: int = 5) -> DocentRetriever:
        """A retriever on the revision that serves now."""
        return cls(library.searcher, await library.current(), top_k)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        result = self._searcher.search(self._revision, query_bundle.query_str, self._top_k)
        return [node_with_score(candidate) for candidate in result.candidates]


def node_with_score(candidate: Candidate) -> NodeWithScore:
    return NodeWithScore(node=node_of(candidate.chunk), score=candidate.score)


def node_of(chunk: Chunk) -> TextNode:
    """The chunk as a LlamaIndex node; only title and headings of its metadata are meant for models."""
    node = TextNode(
        id_=chunk.id,
        text=chunk.text,
        metadata={
            "title": chunk.title,
            "heading_path": " > ".join(chunk.heading_path),
            "source": chunk.source,
            "path": chunk.path,
            "url": chunk.url,
        },
    )
    node.excluded_llm_metadata_keys = node.excluded_embed_metadata_keys = ["source", "path", "url"]
    return node
