"""Who may see the pages, and which forms are taken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request

from app.admin_pages.sessions import COOKIE, AdminSession, AdminSessions
from app.auth.origins import is_own_origin
from app.auth.secret import signing_secret
from app.errors import DocentError, Forbidden, InvalidInput
from app.models.api_key import ApiKey

START, SIGN_IN = "/admin", "/admin/sign-in"
TOKEN = "form_token"  # noqa: S105  (the name of a form's field)
_FORM = "application/x-www-form-urlencoded"
_FIELDS = 100  # in a form, at most
_BELOW = re.compile(r"/admin(?:/\w[\w.-]*)*(?:\?[\w=&.-]*)?", re.ASCII)


class NotSignedIn(DocentError):
    status = 401
    kind = "not-signed-in"
    title = "Sign in first"

    def __init__(self, following: str) -> None:
        super().__init__("sign in with an API key of scope admin")
        self.following = following


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is signed in. key_name: of the API key. form_token: what the forms of the page carry."""

    session: AdminSession
    key_name: str
    form_token: str


async def sessions_of(request: Request) -> AdminSessions:
    settings = request.app.state.settings
    return AdminSessions(await asyncio.to_thread(signing_secret, settings.auth, settings.data_dir))


async def find_operator(request: Request) -> Operator | None:
    """Who is signed in; nobody once the session is too old, or its key was revoked."""
    sessions = await sessions_of(request)
    session = sessions.read(request.cookies.get(COOKIE, ""))
    if session is None:
        return None
    async with request.app.state.core.database.transaction() as opened:
        key = await opened.get(ApiKey, session.key)
    if key is None or key.revoked_at is not None or key.scope != "admin":
        return None
    return Operator(session, key.name, sessions.form_token(session))


async def operator(request: Request) -> Operator:
    """Raises NotSignedIn."""
    found = await find_operator(request)
    if found is None:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise NotSignedIn(asked if request.method == "GET" else START)
    request.state.operator = found
    return found


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of this service has sent; of a field that is there twice, the last.

    Raises Forbidden where another site has sent it, InvalidInput where it is no form.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    own = site == "same-origin" if site else is_own_origin(origin, request.headers.get("host", ""))
    if not own:
        raise Forbidden("the form was not sent by a page of this service: open the page here, and send it again")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise InvalidInput(f"a form is sent as {_FORM}")
    try:
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise InvalidInput("the form cannot be read: open the page again, and send it from there") from error
    return {name: value.replace("\0", " ").replace("\r\n", "\n") for name, value in fields}


async def signed_form(request: Request) -> dict[str, str]:
    """The fields of a form of this session. Raises NotSignedIn, Forbidden, InvalidInput."""
    found = await operator(request)
    fields = await read_form(request)
    if not (await sessions_of(request)).is_form_token(found.session, fields.pop(TOKEN, "")):
        raise Forbidden("the form is of another session: go back, load the page again, and send it from there")
    return fields


def sign_in_url(following: str) -> str:
    return SIGN_IN if following == START else f"{SIGN_IN}?next={quote(following)}"


def safe_next(following: str) -> str:
    """A path below /admin; the start for everything else."""
    return following if _BELOW.fullmatch(following) and not following.startswith(SIGN_IN) else START


Form = Annotated[Mapping[str, str], Depends(signed_form)]
