"""`docent index` as one call: lock, plan, run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from app.config import Settings
from app.db import Database
from app.errors import IndexLocked, InvalidInput, NotFound
from app.index.build import Progress, Report
from app.index.catalog import Catalog, Serving
from app.index.plan import IndexRequest, Plan, plan_paths
from app.index.report import IndexReport
from app.index.revisions import Revisions
from app.index.run import IndexRun, Workshop, check_compatible, is_servable
from app.index.search import Searcher
from app.index.section import Skipped
from app.index.stopping import stoppable


class Indexer:
    def __init__(self, settings: Settings, database: Database, revisions: Revisions, searcher: Searcher) -> None:
        self._settings = settings
        self._workshop = Workshop(settings, Catalog(database), revisions, searcher)
        self._lock = FileLock(settings.data_dir / "index.lock", timeout=0, thread_local=False)

    async def index(self, request: IndexRequest, report: Report) -> IndexReport:
        """Sync the sources at `request.paths` and switch to the new revision.

        `report` is called from another thread. Raises IndexLocked while another indexer runs, IndexMismatch when the
        serving index was built with another model or chunking, InvalidInput when a path holds no document,
        IndexRejected when too many documents are gone, a probe question does not find its page, or the disk is full.
        """
        for path in request.paths:
            if not path.exists():
                raise InvalidInput(f"there is no file or folder {path}")
        return await self.sync(lambda serving: plan_paths(request, serving, self._settings.index.base_url), report)

    async def remove(self, name: str, report: Report) -> IndexReport:
        """Take a source and all its documents out of the index, whatever model it was built with."""

        def plan(serving: Serving) -> Plan:
            kept = frozenset(source.name for source in serving.sources if source.name != name)
            if len(kept) == len(serving.sources):
                names = ", ".join(source.name for source in serving.sources) or "none"
                raise NotFound(f"there is no source named {name} (there are: {names})")
            return Plan(kept, (), drop=frozenset({name}))

        return await self.sync(plan, report)

    async def sync(self, plan: Callable[[Serving], Plan], report: Report) -> IndexReport:
        """Do what `plan` says, which is asked when no other run can change what serves. Raises as `index` does."""
        async with _IndexLock(self._lock):
            serving = await self._workshop.catalog.serving()
            planned = plan(serving)
            if serving.revision is not None and planned.named and not planned.rebuild:
                check_compatible(serving.revision, self._settings)
            with stoppable(report) as stopping:
                return await IndexRun(self._workshop, planned, serving, stopping).run()


class _IndexLock:
    """The lock of the one indexer. The kernel frees it when its holder dies."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        if self._lock.is_locked:
            raise IndexLocked("another indexer is at work in this process: wait until it is done")
        try:
            self._lock.acquire()
        except Timeout as error:
            raise IndexLocked(
                f"another indexer is at work (it holds {self._lock.lock_file}): wait until it is done"
            ) from error

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


__all__ = ["IndexReport", "IndexRequest", "Indexer", "Progress", "Skipped", "check_compatible", "is_servable"]
