from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import InvalidInput
from app.fetching import FetchFailed, FetchSettings, Origin, fetch, probe
from tests.fetching.conftest import silent


def test_a_folder_is_read_where_it_stands(tmp_path: Path, quick: FetchSettings) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    origin = Origin("folder", str(docs))
    done = fetch(origin, tmp_path / "source", {"kind": "git", "commit": "x"}, quick, silent)
    assert (done.root, done.state, done.changed) == (docs, {}, None)
    assert not (tmp_path / "source").exists()
    docs.rmdir()
    with pytest.raises(FetchFailed, match="there is no folder"):
        fetch(origin, tmp_path / "source", {}, quick, silent)


def test_a_probe_counts_what_the_patterns_want(tmp_path: Path, quick: FetchSettings) -> None:
    for name in ("a.md", "b.html", "internal/c.md", "picture.png"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("# Text\n")
    (tmp_path / "docs/empty.md").touch()
    origin = Origin("folder", str(tmp_path / "docs"), exclude=("internal/",))
    found = probe(origin, tmp_path / "source", quick)
    assert (found.documents, found.first) == (2, ("a.md", "b.html"))
    assert [one.path for one in found.failed] == ["empty.md"]
    with pytest.raises(InvalidInput):
        probe(Origin("folder", str(tmp_path / "docs"), include=("!",)), tmp_path / "source", quick)
