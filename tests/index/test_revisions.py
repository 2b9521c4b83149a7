"""A finished revision never changes, and any number of processes may read it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import ConfigurationError, IndexMissing
from app.index.embedding import Embedder
from app.index.revisions import Revisions
from app.index.section import Chunk
from app.index.sparse import Bm25Encoder
from app.index.store import Point
from app.index.terms import Vocabulary

MakeChunk = Callable[..., Chunk]
READ = """
import sys
from pathlib import Path
from app.index.edge import EdgeStore
from app.index.sparse import Bm25Encoder
store = EdgeStore.open(Path(sys.argv[1]))
print(store.count(), flush=True)
sys.stdin.readline()
print([hit.chunk.text for hit in store.search_sparse(Bm25Encoder().encode_query("lamp"), 5)], flush=True)
"""


@pytest.fixture
def revisions(settings: Settings) -> Revisions:
    return Revisions(settings.index, settings.data_dir)


@pytest.fixture
def made(revisions: Revisions, settings: Settings, chunk: MakeChunk) -> Path:
    """The folder of a finished revision named 'one', with two chunks in it."""
    embedder = Embedder(settings.embedding, settings.data_dir)
    store = revisions.create("one", embedder.dimension)
    vocabulary = Vocabulary()
    texts = ["A lamp glows.", "A kettle boils."]
    for number, text in enumerate(texts, start=1):
        (dense,) = embedder.embed_passages([text])
        store.write([Point(chunk(number, text), dense.reshape(1, -1), Bm25Encoder().encode_passage(text))])
        vocabulary.add(text)
    store.flush()
    store.close()
    revisions.finish("one", vocabulary)
    return settings.data_dir / "index" / "one"


def state_of(folder: Path) -> dict[str, str]:
    """Digest of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_opening_and_searching_a_finished_revision_changes_no_byte(made: Path, revisions: Revisions) -> None:
    before = state_of(made)

    for _ in range(2):
        opened = revisions.open("one")
        assert opened.store.count() == 2
        assert opened.vocabulary.chunks == 2
        assert opened.store.search_sparse(Bm25Encoder().encode_query("lamp"), 5)
        assert len(list(opened.store.points([f"{1:032x}"]))) == 1
        opened.store.close()

    assert state_of(made) == before


def test_two_processes_and_this_one_hold_a_revision_open_at_once(made: Path, revisions: Revisions) -> None:
    command = [sys.executable, "-c", READ, str(made / "shard")]
    mine = revisions.open("one")
    before = state_of(made)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:
        for reader in (one, two):
            assert reader.stdout is not None
            assert reader.stdout.readline() == "2\n"
        assert mine.store.count() == 2
        for reader in (one, two):
            assert reader.communicate("go\n")[0] == "['A lamp glows.']\n"

    assert [hit.chunk.text for hit in mine.store.search_sparse(Bm25Encoder().encode_query("lamp"), 5)]
    assert state_of(made) == before


def test_an_open_revision_works_on_after_it_was_dropped(made: Path, revisions: Revisions, settings: Settings) -> None:
    opened = revisions.open("one")

    revisions.drop_all_but([])

    assert not made.exists()
    query = Embedder(settings.embedding, settings.data_dir).embed_query("lamp")
    assert [hit.chunk.text for hit in opened.store.search_dense(query, 1)] == ["A lamp glows."]
    assert [hit.chunk.text for hit in opened.store.search_sparse(Bm25Encoder().encode_query("kettle"), 1)]
    assert len(list(opened.store.points([f"{1:032x}", f"{2:032x}"]))) == 2
    with pytest.raises(IndexMissing):
        revisions.open("one")


def test_a_revision_is_not_to_be_opened_before_it_is_finished(revisions: Revisions) -> None:
    store = revisions.create("two", 3)

    with pytest.raises(IndexMissing, match="two are gone"):
        revisions.open("two")
    store.close()


def test_only_what_is_to_be_kept_stays(made: Path, revisions: Revisions) -> None:
    shutil.copytree(made, made.parent / "two")
    revisions.create("three", 3).close()
    (made.parent / "note.txt").write_text("no revision")

    revisions.drop_all_but(["two"])

    assert {path.name for path in made.parent.iterdir()} == {"two", "note.txt"}


def test_a_qdrant_server_that_is_not_there_is_named(settings: Settings) -> None:
    wanted = settings.index.model_copy(update={"qdrant_url": "http://127.0.0.1:1"})

    with pytest.raises(ConfigurationError, match="DOCENT_INDEX__QDRANT_URL: no Qdrant server answers at http://127"):
        Revisions(wanted, settings.data_dir)
