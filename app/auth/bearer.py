"""What the API's description says of the token that a route needs; app.auth.gate is what lets requests in."""

from __future__ import annotations

from typing import Annotated

from fastapi import params
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.auth.principal import Scope

_BEARER = HTTPBearer(
    scheme_name="bearer",
    description="An API key, which `docent key create` makes for one scope: chat, tickets or admin. "
    "Where the scope is chat, a visitor's session is taken as well, but not below /v1.",
    auto_error=False,
)


def described_token(scope: Scope) -> params.Security:
    """A dependency of routes that need a token of `scope`. It lets everybody in: the gate decides."""
    return params.Security(_BEARER, scopes=[scope])


ChatToken = Annotated[HTTPAuthorizationCredentials | None, described_token("chat")]
