from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.fetching import Fetched, FetchProgress, FetchSettings, Origin, fetch
from tests.fetching.site import Site

Fetch = Callable[..., Fetched]


def silent(_: FetchProgress) -> None:
    """A report that nobody reads."""


@pytest.fixture(scope="session")
def _server() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def site(_server: Site) -> Site:
    """A website on this machine, empty."""
    _server.empty()
    return _server


@pytest.fixture
def quick() -> FetchSettings:
    return FetchSettings(requests_per_second=1000, timeout_seconds=5)


@pytest.fixture
def fetched(tmp_path: Path, quick: FetchSettings) -> Fetch:
    """Fetches into one folder, from the state of the fetch before."""
    last: dict[str, Any] = {}

    def run(origin: Origin, settings: FetchSettings = quick) -> Fetched:
        done = fetch(origin, tmp_path / "source", last, settings, silent)
        last.clear()
        last.update(done.state)
        return done

    return run
