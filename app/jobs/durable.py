"""DBOS, as this service uses it: one workflow for every job, one queue for every kind."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy.engine import make_url

# A workflow that a crash left behind is taken up again only by a process with the same version: all have this one,
# so that an update strands none. To be raised when the workflow's arguments or steps change.
_WORKFLOW_VERSION = "1"
_POLL_SECONDS = 0.5  # of each queue: at 0.25 an idle service kept a tenth of a core busy
_FORGOTTEN_AT_ONCE = 500
_RECOVERIES = 1000  # the job's own count of starts is what ends it

RunJob = Callable[[str, int], Awaitable[None]]


class DurableQueues:
    """Hands runs of jobs to DBOS, which calls `run_job` with the job's id and the run's number at least once each."""

    def __init__(self, database_url: str, data_dir: Path, service: int, run_job: RunJob) -> None:
        config = DBOSConfig(
            name="docent",
            system_database_url=_system_database(database_url),
            application_version=_WORKFLOW_VERSION,
            executor_id=_executor_id(data_dir, service),
            enable_otlp=False,
            log_level="ERROR",  # SQLite is what it warns of
            sys_db_pool_size=5,
        )
        DBOS(config=config)

        @DBOS.step(name="run", retries_allowed=False)
        async def run(job_id: str, number: int) -> None:
            await run_job(job_id, number)

        @DBOS.workflow(name="job", max_recovery_attempts=_RECOVERIES)
        async def job(job_id: str, number: int) -> None:
            await run(job_id, number)

        self._job = job

    async def launch(self, concurrency: dict[str, int]) -> None:
        """Begin to work, with what a crash left behind first. concurrency: runs at once in this process, by queue."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of DBOS about SQLite
            DBOS.launch()
        for name, at_once in concurrency.items():
            await DBOS.register_queue_async(
                name, worker_concurrency=at_once, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
            )

    async def enqueue(self, queue: str, job_id: str, number: int) -> None:
        """Harmless when done twice: the workflow's id is that of the job's run."""
        with SetWorkflowID(f"{job_id}.{number}"):
            await DBOS.enqueue_workflow_async(queue, self._job, job_id, number)

    @staticmethod
    async def is_waiting(job_id: str, number: int) -> bool:
        """Whether a run is still in its queue."""
        workflow = await DBOS.get_workflow_status_async(f"{job_id}.{number}")
        return workflow is not None and workflow.status == "ENQUEUED"

    @staticmethod
    async def forget(before: datetime) -> None:
        """Take runs that ended before out of DBOS's tables, which would grow for ever."""
        while True:
            ended = await DBOS.list_workflows_async(
                status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before.isoformat(),
                limit=_FORGOTTEN_AT_ONCE,
                load_input=False,
                load_output=False,
            )
            if not ended:
                return
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])

    @staticmethod
    def close(seconds: int) -> None:
        """Stop working; runs that are at work have to be told to end before."""
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)


def _system_database(database_url: str) -> str:
    """DBOS works synchronously, on the same database: the same file, or its own schema `dbos`."""
    url = make_url(database_url)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _executor_id(data_dir: Path, service: int) -> str:
    """Who this process is over restarts: what it has left behind is taken up by it, and not by another at work.

    service: its number among those of the data folder.
    """
    path = data_dir / ("executor" if service == 1 else f"executor-{service}")
    if not path.exists():
        path.write_text(secrets.token_hex(8), encoding="ascii")
    return path.read_text(encoding="ascii").strip()
