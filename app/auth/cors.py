"""Which pages' scripts may read answers of the API: those of the sites' origins."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.gate import Gate

_PATHS = "/api/v1/chat/"
_PREFLIGHT_SECONDS = 600


class SiteCors(CORSMiddleware):
    """CORS for the chat alone, without cookies. Which site a key belongs to is for its endpoint to check."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Accept", "Last-Event-ID"),
            expose_headers=("Retry-After", "X-Request-ID"),
            max_age=_PREFLIGHT_SECONDS,
        )
        self._gate: Gate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self.app(scope, receive, send)
            return
        if "origin" in Headers(scope=scope):
            self._gate = scope["app"].state.gate
            await scope["app"].state.gate.sites.refresh()
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return self._gate is not None and self._gate.sites.is_site_origin(origin)
