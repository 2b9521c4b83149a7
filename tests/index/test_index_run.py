"""One run by its plan: what is taken over, what is embedded anew, and when it is put into service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import IndexRejected
from app.index.build import FolderSource, Progress
from app.index.catalog import Serving
from app.index.comparison import Cited, Probe
from app.index.plan import Plan
from app.index.readers import Patterns
from app.index.report import IndexReport
from app.models.index import Source
from app.runtime import Core

Run = Callable[..., Any]
FLICKER = Probe("docs", "Why does the lamp flicker?", "faq.md")


@pytest.fixture
def run(core: Core, docs: Path) -> Run:
    """Runs over the docs of Lumen as the source `docs`; keywords are the plan's, `source` are the folder's."""
    folder = FolderSource("docs", docs, "https://docs.example.org")
    row = Source(name="docs", kind="folder", location=str(docs), base_url=folder.base_url, handbook=False)

    async def sync(source: dict[str, Any] | None = None, **values: Any) -> IndexReport:
        named = replace(folder, **(source or {}))

        def plan(serving: Serving) -> Plan:
            kept = frozenset({"docs", *(one.name for one in serving.sources)})
            return replace(Plan(kept, (named,), put=(row,)), **values)

        return await core.indexer.sync(plan, lambda _: None)

    return sync


async def test_only_what_a_fetch_says_has_changed_is_looked_at(run: Run, docs: Path) -> None:
    await run()
    for name in ("faq.md", "install.md"):
        (docs / name).write_text(f"# Anew\n\nThe {name} was written anew.\n")
    (docs / "index.md").unlink()

    changed = await run({"changed": frozenset({"faq.md", "index.md"})})

    assert (changed.files, changed.embedded, changed.unchanged) == (4, 1, 3)
    assert (await run({"changed": frozenset()})).revision == changed.revision
    assert (await run()).embedded == 1  # install.md


async def test_pages_that_could_not_be_fetched_stay(run: Run, docs: Path) -> None:
    first = await run()
    (docs / "faq.md").unlink()
    (docs / "guide" / "colour.md").unlink()

    assert (await run({"unreachable": frozenset({"faq.md", "guide"})})).revision == first.revision
    left = await run({"unreachable": frozenset({"faq.md"})})

    assert (left.files, left.embedded, left.deleted) == (4, 0, 1)


async def test_pages_left_out_by_a_pattern_go(run: Run) -> None:
    first = await run()

    filtered = await run({"patterns": Patterns((), ("guide/",)), "changed": frozenset()})

    assert (filtered.files, filtered.embedded) == (3, 0)
    assert filtered.revision != first.revision
    assert (await run({"changed": None})).files == 5


async def test_full_embeds_what_the_serving_revision_has(run: Run) -> None:
    first = await run()
    full = await run(full=True)

    assert (full.embedded, full.unchanged, full.deleted) == (first.chunks, 5, 0)
    assert full.revision != first.revision


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_probe_question_is_asked_of_the_coming_revision(
    core: Core, run: Run, docs: Path, dry_run: bool
) -> None:
    first = await run(probes=(FLICKER,))
    (docs / "faq.md").rename(docs / "questions.md")

    if dry_run:
        told = (await run(probes=(FLICKER,), dry_run=True)).dry_run
        (probe,) = told.probes
        assert (probe.found_before, probe.found_after) == (True, False)
        assert (probe.top_before[0], probe.top_after[0]) == ("docs/faq.md", "docs/questions.md")
        assert told.refused == ["the probe question 'Why does the lamp flicker?' would not find faq.md of docs"]
        assert told.breaks
    else:
        with pytest.raises(IndexRejected, match=r"would not find faq.md of docs"):
            await run(probes=(FLICKER,))
    assert await core.catalog.pointed_id() == first.revision
    assert await core.catalog.revision_ids() == [first.revision]
    assert (await run(probes=(FLICKER,), force=True)).revision != first.revision


async def test_a_probe_of_a_source_that_nothing_is_indexed_of_does_not_count(run: Run) -> None:
    assert (await run(probes=(FLICKER, Probe("other", "Where is it?", "where.md")))).files == 5


async def test_a_citation_breaks_where_its_quote_is_gone_from_its_page(core: Core, run: Run, docs: Path) -> None:
    await run()
    found = (await core.library.search("Why does the lamp flicker?")).candidates
    chunk = next(one.chunk for one in found if one.chunk.path == "faq.md")
    hub = "A hub without its own power supply makes the lamp flicker."
    plug = "Plug the cable into the wall plug."
    assert hub in chunk.text
    assert plug in chunk.text
    cited = tuple(
        Cited(f"ans_{number}", chunk.id, chunk.url, chunk.heading_path, quote)
        for number, quote in enumerate((hub, plug))
    )
    (docs / "faq.md").write_text(f"# Questions\n\n## Why does the lamp flicker?\n\nNobody knows. {plug}\n")

    told = (await run(dry_run=True, cited=cited)).dry_run

    assert [(one.answer_id, one.quote) for one in told.broken_citations] == [("ans_0", hub)]
    assert told.breaks
    assert [one.path for one in told.changed] == ["faq.md"]


async def test_a_run_does_not_replace_a_revision_that_it_does_not_know(core: Core, run: Run, docs: Path) -> None:
    first = await run()
    (docs / "new.md").write_text("# New\n\nSomething new.\n")
    second = await run()
    (docs / "new.md").write_text("# New\n\nSomething else.\n")
    serving = await core.catalog.serving()
    await core.catalog.point_back(first.revision)
    row = serving.revision
    assert row is not None

    switched = await core.catalog.switch(row, (), (), (), (), instead_of=second.revision)

    assert not switched
    assert await core.catalog.pointed_id() == first.revision
    assert await core.catalog.is_held()


async def test_progress_counts_what_a_run_finds(core: Core, docs: Path) -> None:
    steps: list[Progress] = []
    folder = FolderSource("docs", docs, "")
    row = Source(name="docs", kind="folder", location=str(docs), base_url="", handbook=False)
    (docs / "empty.md").write_text("")

    await core.indexer.sync(lambda _: Plan(frozenset({"docs"}), (folder,), put=(row,), probes=(FLICKER,)), steps.append)

    phases = list(dict.fromkeys(step.phase for step in steps))
    assert phases == ["read", "embed", "check"]
    embedded = [step for step in steps if step.phase == "embed"]
    assert [step.done for step in embedded] == list(range(1, len(embedded) + 1))
    assert {(step.total, step.changed, step.failed) for step in embedded} == {(len(embedded), 5, 1)}
