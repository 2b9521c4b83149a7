"""Sources with their state; adding, changing, testing and deleting them, and reindexing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from fastapi.responses import Response

from app.admin_pages.access import Form
from app.admin_pages.rendering import page, router, see_other
from app.admin_pages.source_form import KINDS, body_of, change_of, checked, fields_of
from app.errors import DocentError
from app.jobs.work import FINISHED
from app.models.job import Job
from app.sources.admin_endpoints import Registry
from app.sources.endpoints import Queue
from app.sources.specification import ReindexBody, SourceResponse, SourceTest

pages = router()
SOURCES = "/admin/sources"
Name = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")]  # older ones have other characters than new ones may
# A button's value, and what it asks for besides the sources.
_RUNS: dict[str, dict[str, bool]] = {"changes": {}, "full": {"full": True}, "dry": {"dry_run": True}}
_EMPTY = {"kind": "folder"}


@pages.get(SOURCES)
async def show_sources(request: Request, registry: Registry) -> Response:
    return page(request, "sources.html", sources=await registry.list(), kinds=KINDS)


@pages.post(f"{SOURCES}/reindex")
async def reindex(fields: Form, queue: Queue) -> Response:
    """Queue a run over one source or all, and lead to its job."""
    name = fields.get("source", "")
    chosen = _RUNS.get(fields.get("run", ""), {})
    body = checked(ReindexBody, {"sources": [name] if name else None, "force": "force" in fields, **chosen})
    return _to_job(await queue.reindex(body))


@pages.get(f"{SOURCES}/new")
async def begin_source(request: Request) -> Response:
    return _form(request, _EMPTY)


@pages.post(f"{SOURCES}/new")
async def create_source(request: Request, fields: Form, registry: Registry) -> Response:
    try:
        body = body_of(fields)
        if fields.get("do") == "test":
            return _form(request, fields, tested=await registry.test(body))
        await registry.create(body)
    except DocentError as error:
        return _form(request, fields, error=error)
    return see_other(SOURCES, "saved")


@pages.get(f"{SOURCES}/{{name}}/edit")
async def edit_source(request: Request, name: Name, registry: Registry) -> Response:
    source = await registry.get(name)
    return _form(request, fields_of(source), source=source)


@pages.post(f"{SOURCES}/{{name}}/edit")
async def change_source(request: Request, name: Name, fields: Form, registry: Registry) -> Response:
    source = await registry.get(name)
    given = {**fields, "name": source.name, "kind": source.kind}
    try:
        if fields.get("do") == "test":
            return _form(request, given, source=source, tested=await registry.test(body_of(given)))
        await registry.update(name, change_of(given, source))
    except DocentError as error:
        return _form(request, given, source=source, error=error)
    return see_other(SOURCES, "saved")


@pages.get(f"{SOURCES}/{{name}}/delete")
async def confirm_delete(request: Request, name: Name, registry: Registry) -> Response:
    return page(request, "source_delete.html", source=await registry.get(name))


@pages.post(f"{SOURCES}/{{name}}/delete")
async def delete_source(name: Name, queue: Queue, _: Form) -> Response:
    return _to_job(await queue.delete(name))


def _form(
    request: Request,
    fields: Mapping[str, str],
    *,
    source: SourceResponse | None = None,
    tested: SourceTest | None = None,
    error: DocentError | None = None,
) -> Response:
    """The form with what was typed into it. source: which one it changes; None: it adds one."""
    context: dict[str, object] = {
        "fields": fields,
        "kinds": KINDS,
        "source": source,
        "tested": tested,
        "error": error,
        "action": f"{SOURCES}/{quote(source.name, safe='')}/edit" if source else f"{SOURCES}/new",
    }
    return page(request, "source_form.html", 200 if error is None else error.status, **context)


def _to_job(job: Job) -> Response:
    said = "" if job.state in FINISHED else "queued"
    return see_other(f"/admin/jobs/{job.id}", said)
