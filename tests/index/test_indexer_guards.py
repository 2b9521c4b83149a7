"""One indexer at a time, settings that fit the index, and what is left on disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from app.config import Settings
from app.errors import IndexLocked, IndexMismatch, IndexMissing
from app.index.build import Progress
from app.index.indexer import IndexReport, IndexRequest
from app.runtime import Core, open_core

Index = Callable[..., Awaitable[IndexReport]]
Found = Callable[[str], Awaitable[list[str]]]
Docent = Callable[..., "CompletedProcess[str]"]


class Gate:
    """A progress report that stops the run at its first step until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, _: Progress) -> None:
        self.reached.set()
        assert self.open.wait(60)


def with_index(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"index": settings.index.model_copy(update=changes)})


def folders(settings: Settings) -> set[str]:
    return {path.name for path in (settings.data_dir / "index").iterdir()}


async def test_a_second_indexer_is_refused_until_the_first_is_done(core: Core, docs: Path, docent: Docent) -> None:
    gate = Gate()
    running = asyncio.ensure_future(core.indexer.index(IndexRequest((docs,)), gate))
    await asyncio.to_thread(gate.reached.wait, 60)

    with pytest.raises(IndexLocked, match="in this process"):
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
    with pytest.raises(IndexLocked):
        await core.indexer.remove("docs", lambda _: None)
    other = await asyncio.to_thread(docent, "index", docs)
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr.startswith("docent: another indexer is at work")
    assert other.stderr.count("\n") == 1

    gate.open.set()
    assert (await running).files == 5
    assert (await core.indexer.index(IndexRequest((docs,)), lambda _: None)).unchanged == 5


async def test_a_failed_run_frees_the_lock(core: Core, index: Index, docs: Path) -> None:
    def fail(_: Progress) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await core.indexer.index(IndexRequest((docs,)), fail)
    with pytest.raises(IndexMissing, match="run `docent index PATH`"):
        await core.library.current()

    assert (await index(docs)).files == 5


async def test_a_cancelled_run_stops_soon_and_frees_the_lock(
    core: Core, index: Index, found: Found, docs: Path
) -> None:
    await index(docs)
    (docs / "big.md").write_text("\n\n".join(f"## Part {number}\n\n" + "Glow. " * 200 for number in range(40)))
    steps: list[Progress] = []
    embedding = threading.Event()

    def note(progress: Progress) -> None:
        steps.append(progress)
        if progress.phase == "embed":
            embedding.set()

    running = asyncio.ensure_future(core.indexer.index(IndexRequest((docs,)), note))
    await asyncio.to_thread(embedding.wait, 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(1)  # long enough for many chunks, if the thread still were at work

    assert steps[-1].done <= 3 < steps[-1].total
    assert any("flicker" in text for text in await found("Why does the lamp flicker?"))
    (docs / "big.md").unlink()
    assert (await index(docs)).unchanged == 5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"chunk_tokens": 200}, "200/30"),
        ({"chunk_overlap": 10}, "300/10"),
    ],
)
async def test_another_chunking_is_refused_and_mended_by_a_rebuild(
    settings: Settings, docs: Path, change: dict[str, int], named: str
) -> None:
    async with open_core(settings) as core:
        first = await core.indexer.index(IndexRequest((docs,)), lambda _: None)

    async with open_core(with_index(settings, **change)) as core:
        with pytest.raises(IndexMismatch, match=rf"chunks v1 300/30, .* {named}: run `docent index --rebuild`, or set"):
            await core.library.search("flicker")
        with pytest.raises(IndexMismatch):
            await core.indexer.index(IndexRequest((docs,)), lambda _: None)

        rebuilt = await core.indexer.index(IndexRequest((), rebuild=True), lambda _: None)
        assert rebuilt.embedded == rebuilt.chunks
        assert rebuilt.revision != first.revision
        assert (await core.library.search("flicker")).candidates


async def test_another_model_is_refused_by_name(settings: Settings, docs: Path) -> None:
    """The same files under another name: what counts is what the index says it was built with."""
    async with open_core(settings) as core:
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
    folder = settings.data_dir / "models" / "all-minilm-l6-v2-int8"
    other = "Qdrant/clip-ViT-B-32-text"  # a model whose file is model.onnx, too
    changed = settings.model_copy(
        update={"embedding": settings.embedding.model_copy(update={"model": other, "path": folder})}
    )

    async with open_core(changed) as core:
        with pytest.raises(IndexMismatch, match=f"all-MiniLM-L6-v2 .*{other}.*DOCENT_EMBEDDING__MODEL"):
            await core.library.current()


async def test_as_many_revisions_are_kept_as_the_settings_say(settings: Settings, docs: Path) -> None:
    made = []
    async with open_core(with_index(settings, keep_revisions=2)) as core:
        for number in range(4):
            (docs / "faq.md").write_text(f"# Questions\n\nEdition {number}.\n")
            made.append((await core.indexer.index(IndexRequest((docs,)), lambda _: None)).revision)
            assert folders(settings) == set(made[-2:])
        assert await core.catalog.revision_ids() == [made[3], made[2]]

    async with open_core(with_index(settings, keep_revisions=1)) as core:
        report = await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        assert report.revision == made[3]
        assert folders(settings) == {made[3]}


async def test_what_a_killed_run_left_is_removed(index: Index, settings: Settings, docs: Path) -> None:
    first = await index(docs)
    folder = settings.data_dir / "index"
    for name in ("building-20260101-000000-abcdef", "20260101-000001-abcdef"):  # half built; built but not serving
        (folder / name / "shard").mkdir(parents=True)
        (folder / name / "vocabulary.json").write_text("{}")

    await index(docs)

    assert folders(settings) == {first.revision}


async def test_files_gone_from_under_the_pointer_are_named_with_the_way_out(
    index: Index, settings: Settings, docs: Path
) -> None:
    report = await index(docs)
    (settings.data_dir / "index" / report.revision / "vocabulary.json").unlink()

    async with open_core(settings) as core:
        with pytest.raises(IndexMissing, match=rf"{report.revision} are gone from .*run `docent index --rebuild`"):
            await core.library.search("flicker")
        await core.indexer.index(IndexRequest((), rebuild=True), lambda _: None)
        assert (await core.library.search("flicker")).candidates
