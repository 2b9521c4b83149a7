"""Who makes a request, once its token has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["chat", "tickets", "admin"]
Kind = Literal["session", "key", "local", "adapter"]


@dataclass(frozen=True, slots=True)
class Principal:
    """id: of the session or the key; empty for the command line on this machine. site: its public key, of a session."""

    kind: Kind
    id: str = ""
    site: str | None = None

    @property
    def owner(self) -> str:
        """Whose the conversations are that this one begins."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


LOCAL = Principal("local")
