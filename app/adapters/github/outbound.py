"""Answers to GitHub: a comment for a reply in auto mode, a label at most for the rest, since all there is public."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from app.adapters.github.api import GitHubApi, Written
from app.adapters.github.marker import answer_id_of, marker
from app.adapters.rendering import markdown_reply
from app.config import GitHubSettings
from app.tickets.schemas import Origin, TicketResponse, TicketResult

_CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`)", re.DOTALL)
_MENTION = re.compile(r"(?<![\w`])@(?=[A-Za-z0-9])")
_APART = "@\u200b"  # a zero-width space: GitHub sees no account, the reader no difference
_BEFORE = timedelta(hours=1)  # comments are asked for from so long before the ticket
_CLOCKS_APART = timedelta(seconds=10)
_COMMENT_CHARS = 65_536  # what GitHub takes


class GitHubPublisher:
    """A Publisher that writes as the token's account."""

    def __init__(self, settings: GitHubSettings) -> None:
        self._settings = settings
        self._api = GitHubApi(settings)

    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        """The address of the comment that has the answer; '' where nothing is to be said in public.

        A reply is held back when a person took the issue, closed or locked it, or wrote after what Docent answers.
        """
        result = ticket.result
        if result is None or not self._settings.token.get_secret_value():
            return ""
        if result.decision != "reply":
            await self._label(origin, result)
            return ""
        if ticket.mode != "auto" or self._settings.mode != "auto":
            return ""
        if origin["kind"] == "discussion":
            return await self._comment_on_discussion(origin["node_id"], ticket, result)
        return await self._comment_on_issue(_issue(origin), ticket, result)

    async def aclose(self) -> None:
        await self._api.aclose()

    async def _comment_on_issue(self, issue: str, ticket: TicketResponse, result: TicketResult) -> str:
        since = ticket.created_at - _BEFORE
        written = [comment async for comment in self._api.issue_comments(issue, since)]
        if (found := _standing(written, result.id)) is not None:
            return found
        if _is_overtaken(written, ticket) or not await self._api.issue_is_free(issue):
            return ""
        return await self._api.comment_on_issue(issue, comment_body(result))

    async def _comment_on_discussion(self, node_id: str, ticket: TicketResponse, result: TicketResult) -> str:
        free, written = await self._api.discussion(node_id)
        if (found := _standing(written, result.id)) is not None:
            return found
        if _is_overtaken(written, ticket) or not free:
            return ""
        return await self._api.comment_on_discussion(node_id, comment_body(result))

    async def _label(self, origin: Origin, result: TicketResult) -> None:
        """Labels of discussions are left alone: they go by node ids that no payload has."""
        labels = {"draft": self._settings.draft_label, "escalate": self._settings.escalated_label}
        label = labels.get(result.decision, "")
        if label and origin["kind"] == "issue":
            await self._api.label_issue(_issue(origin), label)


def comment_body(result: TicketResult) -> str:
    """A reply in GitHub's markdown, with its marker at the end; nobody is notified by an @ in it."""
    pieces = _CODE.split(markdown_reply(result))
    quiet = "".join(piece if at % 2 else _MENTION.sub(_APART, piece) for at, piece in enumerate(pieces))
    end = f"\n\n{marker(result.id)}"
    return quiet[: _COMMENT_CHARS - len(end)] + end


def _issue(origin: Origin) -> str:
    return f"{origin['repository']}/issues/{origin['number']}"


def _standing(written: Sequence[Written], answer_id: str) -> str | None:
    return next((comment.url for comment in written if answer_id_of(comment.body) == answer_id), None)


def _is_overtaken(written: Sequence[Written], ticket: TicketResponse) -> bool:
    """Whether somebody wrote after the last message that was answered."""
    last = max((message.created_at for message in ticket.messages), default=ticket.created_at)
    return any(comment.created_at > last + _CLOCKS_APART and answer_id_of(comment.body) is None for comment in written)
