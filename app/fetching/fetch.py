"""One way to fetch, whatever the kind of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.config import FetchSettings
from app.fetching.errors import FetchFailed
from app.fetching.git_source import fetch_git
from app.fetching.origin import Fetched, FetchProgress, Origin
from app.fetching.website import fetch_website


def fetch(
    origin: Origin,
    folder: Path,
    state: Mapping[str, Any],
    settings: FetchSettings,
    report: Callable[[FetchProgress], None],
) -> Fetched:
    """Bring the documents of `origin` into `folder`, which is this source's own, or say where they are.

    state: that of the last fetch whose documents serve, {} where there is none. `report` may raise to stop the run.
    Blocks for as long as it takes. Raises FetchFailed; then, and when it is killed, the next fetch goes well.
    """
    if origin.kind == "folder":
        return Fetched(local_folder(origin), {})
    fetch_kind = fetch_git if origin.kind == "git" else fetch_website
    own = dict(state) if state.get("kind") == origin.kind else {}
    fetched = fetch_kind(origin, folder, own, settings, report)
    fetched.state["kind"] = origin.kind
    return fetched


def local_folder(origin: Origin) -> Path:
    root = Path(origin.location).expanduser()
    if not root.exists():
        raise FetchFailed(f"there is no folder {root} (any more): bring it back, or give another")
    return root
