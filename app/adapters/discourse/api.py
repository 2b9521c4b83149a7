"""Requests to Discourse's REST API, and what its refusals mean.

The requests and answers are those of docs.discourse.org. Posting too fast is refused with 429, the header Retry-After
and, from the limits of single users, `extras.wait_seconds`; a post that breaks a rule with 422 and `errors`.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from app.adapters.adapter import PublishFailed
from app.config import DiscourseSettings

_SECONDS = 20.0
_LONGEST_WAIT = 86_400
_SAID_CHARS = 300

_ADVICE = {
    401: "check DOCENT_DISCOURSE__API_KEY",
    403: "check DOCENT_DISCOURSE__API_KEY, its scopes, and what DOCENT_DISCOURSE__API_USERNAME may see and do",
    404: "the topic is gone, or DOCENT_DISCOURSE__API_USERNAME may not see it",
    422: "the post breaks a rule of the forum",
}

Query = list[tuple[str, str | int | float | bool | None]]
_Model = TypeVar("_Model", bound=BaseModel)


class Post(BaseModel):
    """raw: the markdown as it was posted, HTML comments included; '' where it was not asked for."""

    id: int
    raw: str = ""


class PostStream(BaseModel):
    """posts: one page of them. stream: the ids of all."""

    posts: list[Post]
    stream: list[int] = []


class User(BaseModel):
    id: int
    username: str


class Details(BaseModel):
    created_by: User | None = None
    last_poster: User | None = None


class Topic(BaseModel):
    post_stream: PostStream
    details: Details = Details()
    closed: bool = False
    archived: bool = False


class Created(BaseModel):
    """id and topic_id: None where the post waits for a moderator's approval."""

    id: int | None = None
    topic_id: int | None = None


class DiscourseApi:
    """Every method raises PublishFailed."""

    def __init__(self, settings: DiscourseSettings) -> None:
        self.site = settings.url.rstrip("/")
        self._client = httpx.AsyncClient(
            headers={
                "Api-Key": settings.api_key.get_secret_value(),
                "Api-Username": settings.api_username,
                "Accept": "application/json",
                "User-Agent": "Docent",
            },
            timeout=_SECONDS,
        )

    async def topic(self, topic_id: int, username: str) -> Topic:
        """The topic with the first 20 of `username`'s posts in it (and its first post)."""
        query: Query = [("include_raw", "true"), ("username_filters", username)]
        return _read(Topic, await self._ask("GET", f"/t/{topic_id}.json", query))

    async def posts(self, topic_id: int, post_ids: list[int]) -> list[Post]:
        query: Query = [("include_raw", "true"), *(("post_ids[]", one) for one in post_ids)]
        response = await self._ask("GET", f"/t/{topic_id}/posts.json", query)
        return _read(Topic, response).post_stream.posts

    async def find_topic(self, external_id: str) -> str:
        """The URL of the topic that was made with this external id, '' where there is none."""
        path = f"/t/external_id/{external_id}.json"
        response = await self._ask("GET", path, accept=(301, 302, 404))
        if response.status_code == httpx.codes.NOT_FOUND:
            return ""
        return response.headers.get("location", "").removesuffix(".json") or self.site + path.removesuffix(".json")

    async def create_post(self, post: dict[str, str | int]) -> Created:
        return _read(Created, await self._ask("POST", "/posts.json", json=post))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        json: dict[str, str | int] | None = None,
        accept: tuple[int, ...] = (),
    ) -> httpx.Response:
        if not self.site:
            raise PublishFailed("the forum's address is not known: set DOCENT_DISCOURSE__URL", retryable=False)
        try:
            response = await self._client.request(method, self.site + path, params=query, json=json)
        except httpx.HTTPError as error:
            raise PublishFailed(f"Discourse does not answer ({type(error).__name__})", retryable=True) from error
        if response.status_code == httpx.codes.OK or response.status_code in accept:
            return response
        raise _refusal(response)


def _read(model: type[_Model], response: httpx.Response) -> _Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise PublishFailed(
            "what answers at DOCENT_DISCOURSE__URL does not speak Discourse's API: check the address", retryable=True
        ) from error


def _refusal(response: httpx.Response) -> PublishFailed:
    status, body = response.status_code, _members(response)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return PublishFailed("Discourse asks to slow down", retryable=True, retry_after=_wait(response.headers, body))
    if status >= 500:
        return PublishFailed(f"Discourse is not well ({status})", retryable=True)
    errors = body.get("errors")
    said = " ".join("; ".join(map(str, errors)).split())[:_SAID_CHARS] if isinstance(errors, list) else ""
    detail = f"Discourse refuses with {status}{f' ({said})' if said else ''}"
    advice = _ADVICE.get(status, "check DOCENT_DISCOURSE__URL")
    return PublishFailed(f"{detail}: {advice}", retryable=False)


def _wait(headers: httpx.Headers, body: dict[str, Any]) -> int | None:
    """Seconds to wait, None where the answer does not say."""
    extras = body.get("extras")
    said = headers.get("retry-after") or (extras.get("wait_seconds") if isinstance(extras, dict) else None)
    try:
        seconds = math.ceil(float(said)) if said is not None else 0
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def _members(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
