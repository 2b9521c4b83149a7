"""Jobs: how they end, how they are tried again, and what happens to those that nobody looks after."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from dbos import DBOS

from app.admin.service import JobConflict, JobsService
from app.config import Settings
from app.db import utc_now
from app.errors import DocentError, EngineUnavailable
from app.jobs.work import JobFailed, JobRun, Kind, Retry
from tests.jobs.running import running


class Given:
    """Who waits for a job, and was told that it failed."""

    def __init__(self) -> None:
        self.up: list[tuple[str, str, str]] = []

    async def __call__(self, subject: str, job_id: str, error: DocentError) -> None:
        self.up.append((subject, job_id, error.kind))


async def poisoned(run: JobRun) -> dict[str, str]:
    if run.subject == "poison":
        raise ZeroDivisionError("nobody expected this")
    if run.subject == "refused":
        raise JobFailed("this cannot be done")
    return {"done": run.subject}


async def test_a_poison_job_fails_with_its_error_and_stops_nobody(settings: Settings) -> None:
    given = Given()
    async with running(settings, Kind("work", poisoned, 1, given)) as work:
        bad, refused, good = [await work.add("work", subject) for subject in ("poison", "refused", "good")]
        done = await work.until(good)
        assert (done.state, done.result, done.run, done.starts) == ("succeeded", {"done": "good"}, 1, 1)
        failed = await work.until(bad)
        assert failed.state == "failed"
        assert failed.error == {"kind": "job-failed", "detail": "ZeroDivisionError: the log has it under this job's id"}
        assert failed.finished_at is not None
        assert (await work.until(refused)).error == {"kind": "job-failed", "detail": "this cannot be done"}
        assert given.up == [("poison", bad, "job-failed"), ("refused", refused, "job-failed")]


async def test_another_try_and_its_reason(settings: Settings) -> None:
    runs: list[int] = []

    async def work(run: JobRun) -> None:
        runs.append(run.run)
        run.progress = {"runs": run.run}
        if run.run < 3:
            raise Retry(f"not yet {run.run}", utc_now())

    async with running(settings, Kind("work", work, 1)) as at:
        job = await at.until(await at.add("work", "a"))
        assert (job.state, job.reason, job.run, job.progress) == ("succeeded", "not yet 2", 3, {"runs": 3})
    assert runs == [1, 2, 3]


async def test_what_passes_is_tried_again_later_and_not_for_ever(settings: Settings) -> None:
    given = Given()

    async def away(_: JobRun) -> None:
        raise EngineUnavailable("the model is away")

    async with running(settings, Kind("work", away, 1, given), max_runs=2) as at:
        job_id = await at.add("work", "a")
        while (job := await at.job(job_id)).run == 1:  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.02)
        assert (job.state, job.reason) == ("queued", "the model is away")
        assert timedelta() < job.due_at - utc_now() <= timedelta(seconds=2)
        await at.write(job_id, due_at=utc_now())
        job = await at.until(job_id)
        assert (job.state, job.error) == (
            "failed",
            {"kind": "job-failed", "detail": "given up after 2 tries: the model is away"},
        )
        assert given.up == [("a", job_id, "job-failed")]


async def test_a_job_that_ends_the_process_again_and_again(settings: Settings) -> None:
    begun: list[str] = []

    async def work(run: JobRun) -> None:
        begun.append(run.id)

    async with running(settings, Kind("work", work, 1), max_starts=3) as at:
        job_id = await at.add("other", "begun three times, and never ended")
        await at.write(job_id, starts=3, kind="work")
        job = await at.until(job_id)
    assert begun == []
    assert job.error is not None
    assert "begun 3 times" in job.error["detail"]


async def test_cancelling(settings: Settings) -> None:
    given, begun = Given(), asyncio.Event()

    async def endless(run: JobRun) -> None:
        begun.set()
        run.progress = {"step": 1}
        await asyncio.Event().wait()

    async with running(settings, Kind("work", endless, 1, given)) as at:
        jobs = JobsService(at.database, at.runner.wake)
        first = await at.add("work", "runs")
        await begun.wait()
        second = await at.add("work", "waits")
        await jobs.cancel(second)
        waited = await at.until(second)
        assert (waited.state, waited.starts) == ("cancelled", 0)
        assert at.runner.progress(first) == {"step": 1}
        assert (await jobs.cancel(first)).state == "running"
        assert (await at.until(first)).state == "cancelled"
        assert given.up == [("waits", second, "job-cancelled"), ("runs", first, "job-cancelled")]
        assert (await jobs.cancel(first)).state == "cancelled"
        assert at.runner.progress(first) is None


async def test_running_a_failed_job_again(settings: Settings) -> None:
    broken = asyncio.Event()
    broken.set()

    async def work(run: JobRun) -> None:
        assert run.progress == {}
        run.progress = {"step": 1}
        if broken.is_set():
            raise JobFailed("it is broken")

    async with running(settings, Kind("work", work, 1)) as at:
        jobs = JobsService(at.database, at.runner.wake)
        job_id = await at.add("work", "a")
        assert (await at.until(job_id)).state == "failed"
        broken.clear()
        again = await jobs.retry(job_id, "it is mended")
        assert (again.state, again.run, again.reason, again.error) == ("queued", 2, "it is mended", None)
        done = await at.until(job_id)
        assert (done.state, done.reason) == ("succeeded", "it is mended")
        for refused in (jobs.retry(job_id), jobs.cancel(job_id)):
            with pytest.raises(JobConflict, match="is succeeded"):
                await refused


async def test_limits_for_each_kind(settings: Settings) -> None:
    at_work: dict[str, int] = {"one": 0, "three": 0}
    most: dict[str, int] = {"one": 0, "three": 0}

    async def work(run: JobRun) -> None:
        at_work[run.subject] += 1
        most[run.subject] = max(most[run.subject], at_work[run.subject])
        await asyncio.sleep(0.3)
        at_work[run.subject] -= 1

    async with running(settings, Kind("one", work, 1), Kind("three", work, 3)) as at:
        jobs = [await at.add(name, name) for name in ("one", "three") * 5]
        for job_id in jobs:
            assert (await at.until(job_id)).state == "succeeded"
    assert most == {"one": 1, "three": 3}


async def test_a_run_without_a_sign_of_life_is_begun_anew(settings: Settings) -> None:
    """Its process is gone for good: nobody will take it up."""
    runs: list[int] = []

    async def work(run: JobRun) -> None:
        runs.append(run.run)

    async with running(settings, Kind("work", work, 1), stall_seconds=10) as at:
        long_ago = utc_now() - timedelta(seconds=11)
        ran = await at.add("other", "of a process that died at work")
        await at.write(ran, kind="work", state="running", enqueued=True, beat_at=long_ago, starts=1)
        handed_on = await at.add("other", "of a process that died before it began")
        await at.write(handed_on, kind="work", enqueued=True, due_at=long_ago)
        alive = await at.add("other", "of another process")
        await at.write(alive, kind="work", state="running", enqueued=True, beat_at=utc_now(), starts=1)
        job = await at.until(ran)
        assert (job.state, job.run, job.reason) == ("succeeded", 2, "no sign of life for 10 seconds")
        job = await at.until(handed_on)
        assert (job.state, job.run, job.reason) == ("succeeded", 2, "handed on and not begun")
        assert (await at.job(alive)).run == 1
    assert runs == [2, 2]


async def test_a_hung_run_cannot_write_any_more(settings: Settings) -> None:
    """It was given up and another one has its place; what it still does counts for nothing."""
    go_on = asyncio.Event()
    ended: list[int] = []

    async def work(run: JobRun) -> dict[str, int]:
        try:
            if run.run == 1:
                await go_on.wait()
        finally:
            ended.append(run.run)
        return {"run": run.run}

    given = Given()
    async with running(settings, Kind("work", work, 2, given), stall_seconds=10) as at:
        job_id = await at.add("work", "a")
        await at.until(job_id, "running")
        await at.write(job_id, beat_at=utc_now() - timedelta(seconds=11))
        job = await at.until(job_id)
        assert (job.state, job.result) == ("succeeded", {"run": 2})
        while 1 not in ended:  # it is told that it is over  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # what it would still do
        assert (await at.job(job_id)).result == {"run": 2}
    assert given.up == []  # who waits for the job hears nothing of the run that was given up


async def test_work_that_hangs_is_begun_anew(settings: Settings) -> None:
    async def work(run: JobRun) -> dict[str, int]:
        if run.run == 1:
            await asyncio.Event().wait()
        return {"run": run.run}

    async with running(settings, Kind("work", work, 1, seconds=0.2)) as at:
        job = await at.until(await at.add("work", "a"))
        assert (job.state, job.result, job.reason) == ("succeeded", {"run": 2}, "it took more than 0.2 seconds")


async def test_a_chore_that_fails_keeps_no_job_waiting(settings: Settings) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def work(_: JobRun) -> None:
        return

    async with running(settings, Kind("work", work, 1)) as at:
        at.runner.every_sweep(broken)
        assert (await at.until(await at.add("work", "a"))).state == "succeeded"


async def test_a_graceful_stop_and_the_next_process(settings: Settings) -> None:
    runs: list[tuple[int, str]] = []
    begun = asyncio.Event()

    async def work(run: JobRun) -> None:
        runs.append((run.run, run.subject))
        begun.set()
        if run.run == 1 and run.subject == "cut off":
            await asyncio.Event().wait()

    kind = Kind("work", work, 1)
    async with running(settings, kind) as at:
        cut = await at.add("work", "cut off")
        await begun.wait()
        waiting = await at.add("work", "waits")
    async with running(settings, kind) as at:
        job = await at.until(cut)
        assert (job.state, job.run, job.reason) == ("succeeded", 2, "the service was stopped")
        assert (await at.until(waiting)).state == "succeeded"
    assert runs[0] == (1, "cut off")
    assert (2, "cut off") in runs
    assert [subject for _, subject in runs].count("waits") == 1


async def test_finished_jobs_are_forgotten_in_time(settings: Settings) -> None:
    async with running(settings, Kind("work", poisoned, 1)) as at:
        old, new = await at.add("work", "old"), await at.add("work", "new")
        await at.until(old)
        await at.until(new)
        await at.write(old, finished_at=utc_now() - timedelta(days=31))
    async with running(settings, Kind("work", poisoned, 1)) as at:
        jobs = JobsService(at.database)
        while len(await jobs.list(None, None, 10)) == 2:  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.02)
        assert [job.id for job in await jobs.list("work", "succeeded", 10)] == [new]


async def test_runs_that_ended_long_ago_are_forgotten(settings: Settings) -> None:
    async def work(_: JobRun) -> None:
        return

    async with running(settings, Kind("work", work, 1)) as at:
        job_id = await at.add("work", "a")
        await at.until(job_id)
        queues = at.runner._queues
        await queues.forget(utc_now() - timedelta(minutes=5))
        assert await DBOS.get_workflow_status_async(f"{job_id}.1") is not None
        while (await DBOS.get_workflow_status_async(f"{job_id}.1")).status != "SUCCESS":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await queues.forget(utc_now() + timedelta(minutes=5))
        assert await DBOS.get_workflow_status_async(f"{job_id}.1") is None
