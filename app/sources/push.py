"""Webhooks of pushes: whoever hosts a repository says that it has changed."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from app.auth.gate import Gate
from app.errors import NotFound, Unauthorized
from app.problems import problem_responses
from app.sources.admin_endpoints import Registry
from app.sources.endpoints import Queue
from app.sources.specification import NAME, ReindexBody

router = APIRouter(prefix="/api/v1/sources", tags=["sources"], responses=problem_responses(401, 413, 422, 429))

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "description": "As the host of the repository documents it; not read."},
                "example": {"ref": "refs/heads/main"},
            }
        },
    }
}


@router.post("/{name}/push", status_code=202, response_class=Response, openapi_extra=_BODY)
async def pushed(
    name: Annotated[str, Path(pattern=NAME)],
    request: Request,
    registry: Registry,
    queue: Queue,
    x_hub_signature_256: Annotated[str, Header(description="GitHub, Gitea, Forgejo: `sha256=` and the HMAC.")] = "",
    x_gitlab_token: Annotated[str, Header(description="GitLab: the secret itself.")] = "",
) -> Response:
    """Sync a git source whose repository was pushed to. The body is not read but for its signature."""
    body = await request.body()
    try:
        source = await registry.pushed(name)
        secret = source.push_secret
    except NotFound:
        secret = ""  # whether there is such a source is nobody's business who cannot sign
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    signed = hmac.compare_digest(expected.encode(), x_hub_signature_256.encode("utf-8", "surrogatepass"))
    named = hmac.compare_digest(secret.encode(), x_gitlab_token.encode("utf-8", "surrogatepass"))
    if not secret or not (signed or named):
        gate: Gate = request.app.state.gate
        await gate.count(request)
        raise Unauthorized("the push is not signed with the secret of this source: `docent source secret` shows it")
    await queue.reindex(ReindexBody(sources=[name]), unless_held=True)
    return Response(status_code=202)
