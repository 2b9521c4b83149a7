"""What an answer is made with besides the index: settings and a model, those of a release or of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.config import AnsweringSettings
from app.llm.client import ChatClient


@dataclass(frozen=True, slots=True)
class Bundle:
    """release_id: None for what the settings name."""

    settings: AnsweringSettings
    chat: ChatClient
    release_id: str | None = None


class Bundles(Protocol):
    """Where bundles are had."""

    async def of(self, release_id: str | None) -> Bundle:
        """Raises EngineUnavailable or ConfigurationError where the release's model cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class OneBundle:
    """Always the same, whatever release is in service: for who brings a model of his own."""

    settings: AnsweringSettings
    chat: ChatClient

    async def of(self, release_id: str | None) -> Bundle:
        return Bundle(self.settings, self.chat, release_id)
