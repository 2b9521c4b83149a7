"""GitHub's API as far as answers need it: issues by REST, discussions by GraphQL, which alone can comment on them.

Source: docs.github.com, REST API endpoints for issue comments and for labels (version 2022-11-28), GraphQL reference,
Best practices for using the REST API (rate limits).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from app.adapters.adapter import PublishFailed
from app.adapters.outgoing import Calls
from app.config import GitHubSettings

_PAGE = 100
_WITHOUT_A_TIME = 60  # seconds to wait where a limit names none: a minute at least, as GitHub says
_SECONDS = 20.0
_HINTS = {
    401: "the token is refused, see to DOCENT_GITHUB__TOKEN",
    403: "the token may not write there: give it Issues and Discussions, read and write",
    404: "the token does not see the repository, or the issue is gone",
    410: "issues are switched off there, or the issue was deleted",
    422: "GitHub does not take the comment",
}
_COMMENTS = """
query($id: ID!, $cursor: String) {
  node(id: $id) {
    ... on Discussion {
      closed
      locked
      isAnswered
      comments(first: 100, after: $cursor) {
        nodes { url body createdAt replies(last: 1) { nodes { url body createdAt } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
_COMMENT = """
mutation($id: ID!, $body: String!) {
  addDiscussionComment(input: {discussionId: $id, body: $body}) { comment { url } }
}
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A comment that stands there."""

    url: str
    body: str
    created_at: datetime


class GitHubApi:
    def __init__(self, settings: GitHubSettings) -> None:
        self._root = settings.api_url
        client = httpx.AsyncClient(
            headers={
                "accept": "application/vnd.github+json",
                "authorization": f"Bearer {settings.token.get_secret_value()}",
                "user-agent": "Docent",
                "x-github-api-version": "2022-11-28",
            },
            timeout=_SECONDS,
        )
        self._calls = Calls("GitHub", client, hints=_HINTS, wait=_limit)

    async def issue_is_free(self, issue: str) -> bool:
        """Whether an issue is open, unlocked and nobody's. issue: as in `lumen/lamp/issues/12`."""
        found = await self._rest("GET", issue)
        return found.get("state") == "open" and not found.get("locked") and not found.get("assignees")

    async def issue_comments(self, issue: str, since: datetime) -> AsyncIterator[Written]:
        """Those that were written or edited since then, oldest first."""
        page, more = 1, True
        while more:
            params: dict[str, str | int] = {
                "per_page": _PAGE,
                "page": page,
                "since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            found, answer = await self._calls.json("GET", f"{self._root}/repos/{issue}/comments", params=params)
            if not isinstance(found, list):
                raise self._calls.odd()
            for comment in found:
                yield self._written(comment, "html_url", "created_at")
            page, more = page + 1, "next" in answer.links

    async def comment_on_issue(self, issue: str, body: str) -> str:
        """The new comment's address."""
        return str((await self._rest("POST", f"{issue}/comments", {"body": body})).get("html_url", ""))

    async def label_issue(self, issue: str, label: str) -> None:
        """Add a label, which GitHub makes where the repository has none of that name."""
        await self._calls.json("POST", f"{self._root}/repos/{issue}/labels", body={"labels": [label]})

    async def discussion(self, node_id: str) -> tuple[bool, list[Written]]:
        """Whether a discussion is open, unlocked and unanswered; its comments, each with its latest reply."""
        written: list[Written] = []
        cursor: str | None = None
        while True:
            data = await self._graphql(_COMMENTS, {"id": node_id, "cursor": cursor})
            try:
                node = data["node"]
                comments = node["comments"]
                for comment in comments["nodes"]:
                    both = (comment, *comment["replies"]["nodes"])
                    written += [self._written(one, "url", "createdAt") for one in both]
                free = not (node["closed"] or node["locked"] or node["isAnswered"])
                more, cursor = comments["pageInfo"]["hasNextPage"], comments["pageInfo"]["endCursor"]
            except (KeyError, TypeError) as error:
                raise PublishFailed(
                    "GitHub knows no such discussion: it was deleted or moved", retryable=False
                ) from error
            if not more:
                return free, written

    async def comment_on_discussion(self, node_id: str, body: str) -> str:
        """The new comment's address."""
        data = await self._graphql(_COMMENT, {"id": node_id, "body": body})
        try:
            return str(data["addDiscussionComment"]["comment"]["url"])
        except (KeyError, TypeError) as error:
            raise self._calls.odd() from error

    async def aclose(self) -> None:
        await self._calls.aclose()

    async def _rest(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        found, _ = await self._calls.json(method, f"{self._root}/repos/{path}", body=body)
        if not isinstance(found, dict):
            raise self._calls.odd()
        return found

    async def _graphql(self, query: str, variables: dict[str, str | None]) -> dict[str, Any]:
        # An Enterprise Server has REST under /api/v3 and GraphQL under /api.
        url = f"{self._root.removesuffix('/v3')}/graphql"
        found, _ = await self._calls.json("POST", url, body={"query": query, "variables": variables})
        if not isinstance(found, dict):
            raise self._calls.odd()
        errors = found.get("errors")
        if errors:  # with status 200
            kind = errors[0].get("type", "error")
            limited = kind == "RATE_LIMITED"
            hint = "it is tried again" if limited else "see to the token's permission for Discussions"
            raise PublishFailed(
                f"GitHub refuses the discussion ({kind}): {hint}",
                retryable=limited,
                retry_after=_WITHOUT_A_TIME if limited else None,
            )
        return found.get("data") or {}

    def _written(self, comment: dict[str, Any], url: str, created_at: str) -> Written:
        try:
            return Written(comment[url], comment["body"] or "", datetime.fromisoformat(comment[created_at]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._calls.odd() from error


def _limit(answer: httpx.Response) -> int | None:
    """Seconds to wait where a limit is reached: to its reset, or a minute; None where it is no limit that refuses."""
    if answer.status_code not in {403, 429}:
        return None
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1, int(reset) - int(time.time()))
    if answer.status_code == 429 or "rate limit" in answer.text.lower():
        return _WITHOUT_A_TIME
    return None
