"""Lets requests in: reads the token, checks scope and origin, and counts against the rate limits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from app.auth import keys, sessions
from app.auth.keys import ApiKeys
from app.auth.limits import Budget, RateLimits, address_key
from app.auth.principal import LOCAL, Principal, Scope
from app.auth.sessions import IssuedSession, SessionInvalid, Sessions
from app.auth.sites import Sites
from app.config import LimitSettings, parse_rates
from app.errors import Forbidden, Unauthorized

_ADVICE = "send `Authorization: Bearer TOKEN`: a session's token, an API key, or the token of service.json"


@dataclass(frozen=True, slots=True)
class Gate:
    """ticket_rates: of requests with one key of scope tickets. local_token: of the command line on this machine, see
    app.local_service.
    """

    sessions: Sessions
    keys: ApiKeys
    sites: Sites
    limits: RateLimits
    rates: LimitSettings
    ticket_rates: str
    local_token: str

    async def admit(self, request: HTTPConnection, scope: Scope) -> Principal:
        """Who asks, allowed to do what `scope` stands for; sessions are for the chat alone.

        Raises Unauthorized (no token, or none of ours), Forbidden (another scope, a foreign origin) or RateLimited.
        """
        return await self._admit(request, scope, is_question=False)

    async def admit_question(self, request: HTTPConnection) -> Principal:
        """Who asks a question, which is counted. Raises as `admit` does."""
        return await self._admit(request, "chat", is_question=True)

    async def count(self, request: HTTPConnection) -> None:
        """Count a request that others have refused. Raises RateLimited."""
        await self.limits.spend(self._request(request))

    async def admit_ticket(self, request: HTTPConnection) -> Principal:
        """A ticket system. It speaks for many people: what is counted is its key, and not its address."""
        token = _bearer(request)
        if secrets.compare_digest(token.encode(), self.local_token.encode()):
            return LOCAL
        try:
            principal = await self._principal(request, token, "tickets")
        except (Unauthorized, Forbidden):
            await self.limits.spend(self._request(request))
            raise
        await self.limits.spend(Budget("requests of an API key", principal.id, parse_rates(self.ticket_rates)))
        return principal

    async def _admit(self, request: HTTPConnection, scope: Scope, is_question: bool) -> Principal:
        token = _bearer(request)
        if secrets.compare_digest(token.encode(), self.local_token.encode()):
            return LOCAL
        try:
            principal = await self._principal(request, token, scope)
        except (Unauthorized, Forbidden):
            await self.limits.spend(self._request(request))  # who guesses is counted as well
            raise
        questions = self._questions(request, principal) if is_question else ()
        await self.limits.spend(self._request(request), *questions)
        return principal

    async def _principal(self, request: HTTPConnection, token: str, scope: Scope) -> Principal:
        if not token:
            raise Unauthorized(f"this needs a token: {_ADVICE}")
        if token.startswith(sessions.PREFIX):
            return await self._session(request, token, scope)
        if token.startswith(keys.PREFIX):
            return await self._key(token, scope)
        raise Unauthorized(f"the token is not one of ours: {_ADVICE}")

    async def begin_session(self, request: HTTPConnection, site_key: str, earlier: str | None) -> IssuedSession:
        """A session for a visitor of the page that asks. Raises UnknownSite, SessionInvalid or RateLimited."""
        origin = request.headers.get("origin")
        if origin is None:
            raise Forbidden("the request bears no Origin: sessions are for pages in a browser, API keys for programs")
        sessions_of_address = Budget(
            "sessions of an address", _address(request), parse_rates(self.rates.sessions_per_address)
        )
        await self.limits.spend(self._request(request), sessions_of_address)
        site = await self.sites.admit(site_key, origin, request.headers.get("host", ""))
        return self.sessions.issue(site.id, origin, earlier)

    def _request(self, request: HTTPConnection) -> Budget:
        return Budget("requests of an address", _address(request), parse_rates(self.rates.requests_per_address))

    def _questions(self, request: HTTPConnection, principal: Principal) -> tuple[Budget, ...]:
        if principal.kind == "key":
            return (Budget("questions of an API key", principal.id, parse_rates(self.rates.questions_per_key)),)
        return (
            Budget("questions of a session", principal.id, parse_rates(self.rates.questions_per_session)),
            Budget("questions of an address", _address(request), parse_rates(self.rates.questions_per_address)),
        )

    async def _session(self, request: HTTPConnection, token: str, scope: Scope) -> Principal:
        if scope != "chat":
            raise Forbidden("a visitor's session is for the chat alone: this needs an API key")
        session = self.sessions.read(token)
        origin = request.headers.get("origin")
        if origin is not None and origin != session.origin:
            raise SessionInvalid("the session is of another site: begin a new one")
        await self.sites.admit(session.site, session.origin, request.headers.get("host", ""))
        return Principal("session", session.id, session.site)

    async def _key(self, token: str, scope: Scope) -> Principal:
        key = await self.keys.verify(token)
        if key.scope != scope:
            raise Forbidden(
                f"this key is for {key.scope}, and this needs one for {scope}: `docent key create` makes it"
            )
        return Principal("key", key.id)


def _bearer(request: HTTPConnection) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _address(request: HTTPConnection) -> str:
    return address_key(request.client.host if request.client else "")
