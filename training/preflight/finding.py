"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """level: an error makes the stage fail; a warning makes a result that is likely not what is wanted."""

    level: Level
    check: str
    text: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)
