"""Where documentation is."""

from __future__ import annotations

from pydantic import ConfigDict, Field, RootModel


class Docs(RootModel[str]):
    """A folder of documentation, or one file of it; $NAME is an environment variable."""

    model_config = ConfigDict(frozen=True)

    root: str = Field(min_length=1, description="The path; in a recipe it stands by itself: `docs: PATH`.")
