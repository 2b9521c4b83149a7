"""Signing in with an API key of scope admin, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from app.admin_pages.access import SIGN_IN, START, Form, find_operator, read_form, safe_next, sessions_of
from app.admin_pages.rendering import page, router, see_other
from app.admin_pages.sessions import COOKIE, LIFETIME
from app.auth.gate import Gate
from app.auth.limits import RateLimited
from app.errors import DocentError, Forbidden, Unauthorized
from app.models.api_key import ApiKey

public = router()
_FOR_ANOTHER_SCOPE = "this key is for {}, and this needs one for admin: `docent key create --scope admin` makes it"


@public.get(SIGN_IN)
async def ask(request: Request, next: str = START) -> Response:  # noqa: A002  (the name in the address)
    if await find_operator(request) is not None:
        return see_other(safe_next(next))
    return page(request, "sign_in.html", following=safe_next(next))


@public.post(SIGN_IN)
async def sign_in(request: Request, fields: Annotated[dict[str, str], Depends(read_form)]) -> Response:
    """Every try counts as a request of the address, so that keys cannot be guessed at leisure."""
    gate: Gate = request.app.state.gate
    following = safe_next(fields.get("next", ""))
    try:
        await gate.count(request)
        key = await _admin_key(gate, fields.get("key", "").strip())
    except (Unauthorized, Forbidden, RateLimited) as error:
        return _refused(request, error, following)
    response = see_other(following)
    response.set_cookie(
        COOKIE,
        (await sessions_of(request)).issue(key.id),
        max_age=int(LIFETIME.total_seconds()),
        path=START,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@public.post("/admin/sign-out")
async def sign_out(request: Request, _: Form) -> Response:
    response = see_other(SIGN_IN, "signed-out")
    response.delete_cookie(COOKIE, path=START, secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return response


async def _admin_key(gate: Gate, token: str) -> ApiKey:
    """Raises KeyInvalid, or Forbidden for a key of another scope."""
    key = await gate.keys.verify(token)
    if key.scope != "admin":
        raise Forbidden(_FOR_ANOTHER_SCOPE.format(key.scope))
    return key


def _refused(request: Request, error: DocentError, following: str) -> Response:
    response = page(request, "sign_in.html", error.status, following=following, error=error.detail)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
