"""Jobs: what works, waits or has failed, and what an index run did."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response

from app.admin.endpoints import Jobs
from app.admin.schemas import JobId
from app.admin_pages.access import Form
from app.admin_pages.filters import Limit, OfJobState, OfKind
from app.admin_pages.rendering import page, router, see_other
from app.jobs.work import FINISHED, State

pages = router()
KINDS = ("ticket", "callback", "publish", "reindex", "index", "sync")
STATES: tuple[State, ...] = ("queued", "running", *FINISHED)
_SHOWN = 50
_REASON = "asked for on the admin pages"
JobPath = Annotated[JobId, Path()]


@pages.get("/admin/jobs")
async def show_jobs(
    request: Request,
    jobs: Jobs,
    kind: OfKind = None,
    state: OfJobState = None,
    limit: Limit = _SHOWN,
) -> Response:
    found = await jobs.list(kind, state, limit)
    kinds = sorted({*KINDS, *(job.kind for job in found)})
    chosen = {"kind": kind or "", "state": state or ""}
    return page(request, "jobs.html", jobs=found, kinds=kinds, states=STATES, chosen=chosen, limit=limit)


@pages.get("/admin/jobs/{job_id}")
async def show_job(request: Request, job_id: JobPath, jobs: Jobs) -> Response:
    """A job; while it is open its page is loaded anew every few seconds, by a script where scripts run."""
    job = await jobs.find(job_id)
    # What runs here knows more than was last written, which happens every two seconds.
    progress = request.app.state.jobs.progress(job.id) or job.progress
    report = job.result if job.result and "chunks" in job.result else None
    return page(request, "job.html", job=job, progress=progress, report=report, is_open=job.state not in FINISHED)


@pages.post("/admin/jobs/{job_id}/cancel")
async def cancel_job(job_id: JobPath, jobs: Jobs, _: Form) -> Response:
    await jobs.cancel(job_id)
    return see_other(f"/admin/jobs/{job_id}", "cancelled")


@pages.post("/admin/jobs/{job_id}/retry")
async def retry_job(job_id: JobPath, jobs: Jobs, _: Form) -> Response:
    await jobs.retry(job_id, _REASON)
    return see_other(f"/admin/jobs/{job_id}", "retried")
