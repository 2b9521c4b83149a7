"""Tries a source before it is saved."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from app.config import FetchSettings
from app.fetching.errors import writing
from app.fetching.fetch import local_folder
from app.fetching.git_source import fetch_git
from app.fetching.origin import Origin, Probed
from app.fetching.website import probe_website
from app.index.readers import scan
from app.index.readers.patterns import Patterns
from app.index.section import Skipped

_FIRST = 5


def probe(origin: Origin, folder: Path, settings: FetchSettings) -> Probed:
    """What `origin` would give. `folder` is made where it is missing and holds nothing more afterwards than before.

    A folder and a repository are looked through whole, of a website a few pages are read. Raises FetchFailed, and
    InvalidInput for a bad pattern.
    """
    patterns = Patterns(origin.include, origin.exclude)
    if origin.kind == "folder":
        return _counted(local_folder(origin), patterns, settings)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix="probe-", dir=folder))
    try:
        if origin.kind == "website":
            return probe_website(origin, aside, settings)
        return _counted(fetch_git(origin, aside, {}, settings, lambda _: None).root, patterns, settings)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _counted(root: Path, patterns: Patterns, settings: FetchSettings) -> Probed:
    wanted = [found for found in scan(root, settings.max_page_bytes) if patterns.wants(found.path)]
    failed = tuple(found for found in wanted if isinstance(found, Skipped))
    paths = [found.path for found in wanted if not isinstance(found, Skipped)]
    return Probed(len(paths), tuple(paths[:_FIRST]), failed)
