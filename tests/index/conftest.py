from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.index.indexer import IndexReport, IndexRequest
from app.index.section import Chunk, Span
from app.runtime import Core

Index = Callable[..., Awaitable[IndexReport]]
Found = Callable[[str], Awaitable[list[str]]]
MakeChunk = Callable[..., Chunk]


@pytest.fixture
def index(core: Core) -> Index:
    """Indexes folders with the open core."""

    async def run(*paths: Path, **options: Any) -> IndexReport:
        return await core.indexer.index(IndexRequest(paths, **options), lambda _: None)

    return run


@pytest.fixture
def found(core: Core) -> Found:
    """Texts of the chunks that a search finds, best first."""

    async def search(question: str) -> list[str]:
        return [one.chunk.text for one in (await core.library.search(question)).candidates]

    return search


@pytest.fixture
def chunk() -> MakeChunk:
    """A chunk of one section; its id is made of a number."""

    def make(number: int, text: str = "", path: str = "page.md", heading_path: tuple[str, ...] = ("Top",)) -> Chunk:
        url = f"https://docs.example.org/{path}#top"
        return Chunk(
            id=f"{number:032x}",
            source="docs",
            path=path,
            title="Page",
            heading_path=heading_path,
            url=url,
            text=text,
            spans=(Span(0, len(text), heading_path, url),),
            tokens=len(text.split()),
            summary="A page.",
        )

    return make
