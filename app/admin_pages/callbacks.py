"""Callbacks with every attempt to deliver them."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Path, Request
from fastapi.responses import Response

from app.admin.endpoints import Callbacks
from app.admin.schemas import CallbackId, CallbackState
from app.admin_pages.access import Form
from app.admin_pages.filters import Limit, OfCallbackState
from app.admin_pages.rendering import page, router, see_other

pages = router()
_SHOWN = 50
CallbackPath = Annotated[CallbackId, Path()]


@pages.get("/admin/callbacks")
async def show_callbacks(
    request: Request,
    callbacks: Callbacks,
    state: OfCallbackState = None,
    limit: Limit = _SHOWN,
) -> Response:
    found = await callbacks.list(None, state, limit)
    states = get_args(CallbackState)
    return page(request, "callbacks.html", callbacks=found, states=states, chosen=state or "", limit=limit)


@pages.get("/admin/callbacks/{callback_id}")
async def show_callback(request: Request, callback_id: CallbackPath, callbacks: Callbacks) -> Response:
    callback, attempts = await callbacks.find(callback_id)
    return page(request, "callback.html", callback=callback, attempts=attempts)


@pages.post("/admin/callbacks/{callback_id}/redeliver")
async def redeliver(request: Request, callback_id: CallbackPath, callbacks: Callbacks, _: Form) -> Response:
    await callbacks.redeliver(callback_id)
    request.app.state.jobs.wake()
    return see_other(f"/admin/callbacks/{callback_id}", "redelivered")
