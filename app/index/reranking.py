"""A cross-encoder that reads question and chunk together, where one is configured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastembed.rerank.cross_encoder import TextCrossEncoder

from app.config import RetrievalSettings
from app.errors import ConfigurationError
from app.index.fastembed_models import loading


class Reranker:
    def __init__(self, settings: RetrievalSettings, data_dir: Path, threads: int) -> None:
        """Load the model from `reranker_path` or the hub. Raises ConfigurationError when it is not to be had."""
        self.name = settings.reranker_model
        folder = settings.reranker_path
        if folder is not None and not folder.is_dir():
            raise ConfigurationError(f"DOCENT_RETRIEVAL__RERANKER_PATH: there is no folder {folder}")
        remedy = (
            "set DOCENT_RETRIEVAL__RERANKER_PATH to a folder with its files, or unset DOCENT_RETRIEVAL__RERANKER_MODEL"
        )
        with loading(f"reranker {self.name}", remedy):
            self._model = TextCrossEncoder(
                self.name,
                cache_dir=str(data_dir / "models"),
                threads=threads,
                cuda=False,
                specific_model_path=str(folder) if folder else None,
            )

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """One relevance logit a text; higher is better, and only the order within one question means anything."""
        return [float(score) for score in self._model.rerank(question, texts, batch_size=1)]
