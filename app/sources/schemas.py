"""What the index endpoints take and give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.answering.trace import explain
from app.index.search import SearchResult


class IndexBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"paths": ["/srv/docs"], "base_url": "https://docs.example.org/"}]},
    )

    paths: list[Path] = Field(description="Absolute folders or files.")
    base_url: str | None = Field(None, description="URL of the docs' root; unchanged when left out.")
    rebuild: bool = Field(False, description="Embed everything anew.")
    force: bool = Field(
        False, description="Delete whatever share of the documents is gone, and whatever the probe questions find."
    )

    @field_validator("paths", "base_url")
    @classmethod
    def _is_text(cls, value: list[Path] | str | None) -> list[Path] | str | None:
        """JSON can spell NUL and half a surrogate pair, which no path and no URL holds."""
        for one in value if isinstance(value, list) else [value or ""]:
            if "\0" in str(one) or any("\ud800" <= char <= "\udfff" for char in str(one)):
                raise ValueError("it holds a character that no path and no URL can hold")
        return value


class SearchHit(BaseModel):
    chunk_id: str
    path: str
    heading_path: list[str]
    url: str
    score: float
    text: str
    explain: dict[str, Any] | None = Field(None, description="Rank and score of every stage, when asked for.")


class SearchResponse(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "port of the server",
                    "results": [
                        {
                            "chunk_id": "6d1f0b7c2a94e853",
                            "path": "start.md",
                            "heading_path": ["Start and stop", "Start the server"],
                            "url": "https://docs.example.org/start/#start-the-server",
                            "score": 0.667,
                            "text": "The server listens on port 7070 by default.",
                            "explain": None,
                        }
                    ],
                }
            ]
        }
    )

    question: str
    results: list[SearchHit]


def search_response(result: SearchResult, explained: bool) -> SearchResponse:
    hits = [
        SearchHit(
            chunk_id=one.chunk.id,
            path=one.chunk.path,
            heading_path=list(one.chunk.heading_path),
            url=one.chunk.url,
            score=round(one.score, 6),
            text=one.chunk.text,
            explain=explain(one) if explained else None,
        )
        for one in result.candidates
    ]
    return SearchResponse(question=result.question, results=hits)
