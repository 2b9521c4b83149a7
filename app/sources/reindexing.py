"""Sources to index: fetch their documents, compare, build aside, switch."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from filelock import FileLock, Timeout

from app.config import Settings
from app.db import Database
from app.errors import DocentError, IndexLocked, IndexMismatch, InvalidInput, NotFound
from app.fetching.fetch import fetch
from app.fetching.origin import Fetched, FetchProgress
from app.index.build import SHOWN_FAILURES, Progress, Report
from app.index.catalog import Catalog, Serving
from app.index.comparison import Cited
from app.index.indexer import Indexer
from app.index.plan import Plan, SourceEmpty, SourcesRefused, folder_of, probes_of
from app.index.report import FailedSource, IndexReport, SkippedFile
from app.index.stopping import stoppable
from app.models.index import Source
from app.sources.citations import recent_citations
from app.sources.registry import origin_of
from app.sources.specification import ReindexBody

log = structlog.get_logger(__name__)

_STATE, _PATTERNS = "state", "patterns"


class IndexHeld(DocentError):
    """A schedule or a push asks for a run, and a rollback holds the serving revision."""

    status = 409
    kind = "index-held"
    title = "The index is held by a rollback"


class NothingFetched(DocentError):
    status = 422
    kind = "nothing-fetched"
    title = "No source could be read"


@dataclass(frozen=True, slots=True)
class _Got:
    """against: id of the revision whose documents the fetch was compared with."""

    source: Source
    fetched: Fetched
    against: str | None


class Reindexing:
    def __init__(self, settings: Settings, database: Database, catalog: Catalog, indexer: Indexer) -> None:
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._indexer = indexer

    async def run(self, wanted: ReindexBody, report: Report, *, unless_held: bool = False) -> IndexReport:
        """Bring sources up to date. One that cannot be fetched or is refused is named in the report: the others go on.

        report: called from other threads. unless_held: it gives way to a rollback, also to one that comes meanwhile.
        Raises what `Indexer.index` raises, NotFound for a source that there is not, NothingFetched when all of them
        failed, and IndexHeld.
        """
        started = time.monotonic()
        if unless_held:
            _give_way(await self._catalog.serving())
        sources = await self._wanted(wanted)
        got, failed = await self._fetch_all(sources, wanted.full, report)
        if not wanted.dry_run:
            for one in failed:
                await self._catalog.note_failure(one.source, one.reason)
        if not got:
            raise NothingFetched("; ".join(f"{one.source}: {one.reason}" for one in failed))
        cited = await recent_citations(self._database) if wanted.dry_run else ()
        refused: list[FailedSource] = []
        while True:
            try:
                done = await self._indexer.sync(
                    partial(_plan, tuple(got), wanted=wanted, cited=cited, unless_held=unless_held),
                    partial(_report_all, report, _unfetched(got)),
                )
                break
            except IndexHeld:
                raise
            except IndexMismatch as error:
                if not (wanted.full and failed):
                    raise
                names = ", ".join(f"{one.source} ({one.reason})" for one in failed)
                raise IndexMismatch(
                    "everything has to be indexed anew, since the index was built with other settings, and this "
                    f"cannot be fetched: {names}. Bring it back, or delete it with `docent source delete`"
                ) from error
            except DocentError as error:
                rest = await self._without_the_refused(got, error, wanted)
                refused += [FailedSource(source=one.source.name, reason=error.detail) for one in got if one not in rest]
                got = rest
        return _completed(done, [*failed, *refused], _unfetched(got), time.monotonic() - started)

    async def _without_the_refused(self, got: list[_Got], error: DocentError, wanted: ReindexBody) -> list[_Got]:
        """Those that a run can do without the ones it was refused for; raises `error` where there are none."""
        guilty: frozenset[str] = error.sources if isinstance(error, SourcesRefused | SourceEmpty) else frozenset()
        rest = [one for one in got if one.source.name not in guilty]
        if not wanted.dry_run:
            for one in got:
                if one not in rest or len(rest) == len(got):
                    await self._catalog.note_failure(one.source.name, error.detail)
        if len(rest) in {0, len(got)}:
            raise error
        return rest

    async def remove(self, name: str, report: Report) -> IndexReport:
        """Take a source out of the index, with what was fetched of it. Raises NotFound."""
        done = await self._indexer.remove(name, report)
        await asyncio.to_thread(self._forget, name)
        return done

    def _forget(self, name: str) -> None:
        """Remove what was fetched of a source, unless it is being fetched: then nobody reads what is left of it."""
        folder = self._folder(name)
        lock = folder.with_suffix(".lock")
        if not lock.exists():
            return
        with contextlib.suppress(Timeout), FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)

    async def _wanted(self, wanted: ReindexBody) -> list[Source]:
        sources = _own(await self._catalog.sources())
        if wanted.sources is not None:
            unknown = set(wanted.sources) - {source.name for source in sources}
            if unknown:
                names = ", ".join(source.name for source in sources) or "none"
                raise NotFound(f"there is no source named {', '.join(sorted(unknown))} (there are: {names})")
            sources = [source for source in sources if source.name in wanted.sources]
        if not sources:
            raise InvalidInput("there is no source yet: make one with `docent source add`, or `docent index FOLDER`")
        return sources

    async def _fetch_all(
        self, sources: Sequence[Source], full: bool, report: Report
    ) -> tuple[list[_Got], list[FailedSource]]:
        serving = await self._catalog.serving_revision()
        held = (serving.fetched or {}) if serving is not None else {}
        got: list[_Got] = []
        failed: list[FailedSource] = []
        for source in sources:
            before = held.get(source.name, {})
            try:
                with stoppable(report) as stopping:
                    fetched = await asyncio.to_thread(self._fetch, source, before, stopping)
            except IndexLocked:
                raise
            except DocentError as error:
                log.warning("source.not_fetched", source=source.name, detail=error.detail)
                failed.append(FailedSource(source=source.name, reason=error.detail))
                continue
            if full or before.get(_PATTERNS) != _patterns(source):
                fetched = replace(fetched, changed=None)
            got.append(_Got(source, fetched, serving.id if serving is not None else None))
        return got, failed

    def _fetch(self, source: Source, before: dict[str, Any], report: Report) -> Fetched:
        def pass_on(progress: FetchProgress) -> None:
            report(Progress("fetch", progress.done, progress.total, f"{source.name}: {progress.item}"))

        folder = self._folder(source.name)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(folder.with_suffix(".lock"), timeout=0):
                return fetch(origin_of(source), folder, before.get(_STATE, {}), self._settings.fetching, pass_on)
        except Timeout as error:
            raise IndexLocked(f"{source.name} is being fetched by another run: wait until it is done") from error

    def _folder(self, name: str) -> Path:
        return self._settings.data_dir / "sources" / name


def _unfetched(got: Sequence[_Got]) -> list[SkippedFile]:
    return [
        SkippedFile(path=page.path, reason=page.reason, source=one.source.name)
        for one in got
        for page in one.fetched.failed
    ]


def _completed(
    done: IndexReport, missing: list[FailedSource], unfetched: list[SkippedFile], seconds: float
) -> IndexReport:
    """With what the run itself does not know. A dry run of some sources breaks where others are not to be had."""
    compared = done.dry_run
    if compared is not None and missing:
        reasons = [f"{one.source}: {one.reason}" for one in missing]
        compared = compared.model_copy(update={"refused": [*compared.refused, *reasons], "breaks": True})
    return done.model_copy(
        update={
            "dry_run": compared,
            "failed_sources": missing,
            "skipped": [*done.skipped, *unfetched],
            "seconds": round(seconds, 3),
        }
    )


def _report_all(report: Report, unfetched: Sequence[SkippedFile], progress: Progress) -> None:
    """With the pages that were not fetched among those that failed."""
    failures = (*((one.path, one.reason) for one in unfetched), *progress.failures)[:SHOWN_FAILURES]
    report(replace(progress, failed=progress.failed + len(unfetched), failures=failures))


def _plan(
    got: Sequence[_Got], serving: Serving, *, wanted: ReindexBody, cited: tuple[Cited, ...], unless_held: bool
) -> Plan:
    """Asked under the lock: a source that was deleted or made anew since it was fetched is left out."""
    if unless_held:
        _give_way(serving)
    there = {source.name: _place(source) for source in serving.sources}
    read = [_as_compared(one, serving) for one in got if there.get(one.source.name) == _place(one.source)]
    if not read:
        raise InvalidInput("the sources were deleted or changed meanwhile: run it again for those that there are")
    kept = _own(serving.sources)
    folders = tuple(
        replace(
            folder_of(one.source, Path(one.fetched.root)),
            urls=one.fetched.urls,
            changed=one.fetched.changed,
            unreachable=one.fetched.unreachable,
        )
        for one in read
    )
    whole = wanted.full and wanted.sources is None
    return Plan(
        frozenset(source.name for source in kept),
        folders,
        drop=frozenset(source.name for source in serving.sources if source not in kept),
        fetched={one.source.name: {_STATE: one.fetched.state, _PATTERNS: _patterns(one.source)} for one in read},
        probes=probes_of(kept),
        rebuild=whole and len(read) == len(kept),
        full=wanted.full,
        force=wanted.force,
        dry_run=wanted.dry_run,
        cited=cited,
    )


def _give_way(serving: Serving) -> None:
    """Raises IndexHeld."""
    if serving.held and serving.revision is not None:
        raise IndexHeld(
            f"revision {serving.revision.id} is held since a rollback: run `docent reindex` when the index may move on"
        )


def _own(sources: Sequence[Source]) -> list[Source]:
    """Without the handbook, unless there is nothing else."""
    return [source for source in sources if not source.handbook] or list(sources)


def _place(source: Source) -> tuple[object, ...]:
    return (source.kind, source.location, source.branch, source.subfolder, source.created_at)


def _as_compared(one: _Got, serving: Serving) -> _Got:
    """What a fetch says of changed paths is true of the revision that it was compared with, and of no other."""
    serves = serving.revision.id if serving.revision is not None else None
    return one if one.against == serves else replace(one, fetched=replace(one.fetched, changed=None))


def _patterns(source: Source) -> list[list[str]]:
    return [list(source.include or ()), list(source.exclude or ())]
