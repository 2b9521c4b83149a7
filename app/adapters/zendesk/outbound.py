"""Answers to Zendesk: a public reply where one may be sent, and an internal note for the team otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.adapters.rendering import html, markdown_note, markdown_reply
from app.adapters.zendesk.api import Written, ZendeskApi, ZendeskTicket
from app.adapters.zendesk.reference import answer_id_of, reference
from app.config import ZendeskSettings
from app.tickets.schemas import Origin, TicketResponse, TicketResult

_CLOCKS_APART = timedelta(seconds=10)


class ZendeskPublisher:
    """A Publisher that writes as the agent of the settings."""

    def __init__(self, settings: ZendeskSettings) -> None:
        self._settings = settings
        self._api = ZendeskApi(settings)

    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        """`comment/ID` of what was written; '' where nothing is: without a result, in a closed ticket, not connected.

        A reply is an internal note when a person took the ticket, solved it, or wrote after what Docent answers.
        """
        result, ticket_id = ticket.result, origin["ticket_id"]
        if result is None or not (self._settings.subdomain_url and self._settings.api_token.get_secret_value()):
            return ""
        # Before the comments: what is written after this look makes the update a conflict.
        there = await self._api.ticket(ticket_id)
        written = [comment async for comment in self._api.comments(ticket_id)]
        standing = next((comment.id for comment in written if result.id in comment.text), None)
        if standing is not None:  # the oldest: later ones may quote it
            return f"comment/{standing}"
        if there.status == "closed":  # takes no comment any more
            return ""
        public = self._may_reply(ticket, result) and _is_free(there, written, ticket)
        made = await self._api.comment(
            ticket_id, _html_body(ticket, result, public=public), public=public, updated_at=there.updated_at
        )
        return f"comment/{made}"

    async def aclose(self) -> None:
        await self._api.aclose()

    def _may_reply(self, ticket: TicketResponse, result: TicketResult) -> bool:
        return result.decision == "reply" and ticket.mode == "auto" and self._settings.mode == "auto"


def _is_free(there: ZendeskTicket, written: Sequence[Written], ticket: TicketResponse) -> bool:
    """Whether nobody is at the ticket, and nobody wrote after the last message that was answered."""
    last = max((message.created_at for message in ticket.messages), default=ticket.created_at) + _CLOCKS_APART
    overtaken = any(comment.created_at > last and answer_id_of(comment.text) is None for comment in written)
    return not (there.assigned or there.status == "solved" or overtaken)


def _html_body(ticket: TicketResponse, result: TicketResult, *, public: bool) -> str:
    markdown = markdown_reply(result) if public else markdown_note(ticket)
    return html(f"{markdown}\n\n{reference(result.id)}")
