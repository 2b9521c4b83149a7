"""Decisions to Discourse: a reply in the topic, or a private message to the team's group."""

from __future__ import annotations

from app.adapters.adapter import PublishFailed
from app.adapters.discourse.api import DiscourseApi, Topic
from app.adapters.rendering import markdown_note, markdown_reply
from app.config import DiscourseSettings
from app.tickets.schemas import Origin, TicketResponse, TicketResult

_POST_CHARS = 31_500  # of the 32,000 that Discourse's max_post_length allows by default
_TITLE_CHARS = 200  # of 255
_PAGE = 20  # posts that Discourse gives at once


class DiscoursePublisher:
    """Writes as the user DOCENT_DISCOURSE__API_USERNAME."""

    def __init__(self, settings: DiscourseSettings) -> None:
        self._username = settings.api_username
        self._team_group = settings.team_group
        self._api = DiscourseApi(settings)

    async def publish(self, origin: Origin, ticket: TicketResponse) -> str:
        """Post a `reply` of an `auto` ticket in its topic, and tell the team's group of anything else.

        A topic that is closed, or where the last word is neither ours nor that of who asked, gets no reply: a person
        is at it, and the team's group is told instead. The URL of what was written, '' for nothing.
        """
        result = ticket.result
        if result is None:
            return ""
        topic_id = origin.get("topic_id")
        if not isinstance(topic_id, int):
            raise PublishFailed("the ticket does not say which topic of Discourse it is of", retryable=False)
        if result.decision == "reply" and ticket.mode == "auto":
            topic = await self._api.topic(topic_id, self._username)
            written = await self._find_reply(topic_id, topic, result)
            if written:
                return written
            if self._awaits_reply(topic):
                return await self._reply(topic_id, result)
        return await self._tell_team(topic_id, ticket, result)

    async def aclose(self) -> None:
        await self._api.aclose()

    async def _find_reply(self, topic_id: int, topic: Topic, result: TicketResult) -> str:
        """The URL of our post with this answer, '' where there is none."""
        posts = topic.post_stream.posts
        known = {post.id for post in posts}
        missing = [one for one in topic.post_stream.stream if one not in known][-_PAGE:]
        if missing:
            posts = [*posts, *await self._api.posts(topic_id, missing)]
        marker = _marker(result)
        return next((self._post_url(post.id) for post in posts if marker in post.raw), "")

    def _awaits_reply(self, topic: Topic) -> bool:
        if topic.closed or topic.archived:
            return False
        asked, last = topic.details.created_by, topic.details.last_poster
        if asked is None or last is None:
            return True
        return last.id == asked.id or last.username.lower() == self._username.lower()

    async def _reply(self, topic_id: int, result: TicketResult) -> str:
        raw = f"{_shortened(markdown_reply(result))}\n\n{_marker(result)}"
        created = await self._api.create_post({"topic_id": topic_id, "raw": raw})
        return self._post_url(created.id) if created.id is not None else f"{self._api.site}/review"

    async def _tell_team(self, topic_id: int, ticket: TicketResponse, result: TicketResult) -> str:
        if not self._team_group:
            return ""
        # Discourse keeps external ids single, so that the answer's id finds the message again.
        written = await self._api.find_topic(result.id)
        if written:
            return written
        subject = " ".join(ticket.subject.split()) or f"topic {topic_id}"
        message: dict[str, str | int] = {
            "archetype": "private_message",
            "target_recipients": self._team_group,
            "title": f"{'Escalated' if result.decision == 'escalate' else 'Draft'}: {subject}"[:_TITLE_CHARS],
            "raw": _shortened(f"{self._api.site}/t/{topic_id}\n\n{markdown_note(ticket)}"),
            "external_id": result.id,
        }
        created = await self._api.create_post(message)
        return f"{self._api.site}/t/{created.topic_id}" if created.topic_id is not None else f"{self._api.site}/review"

    def _post_url(self, post_id: int) -> str:
        return f"{self._api.site}/p/{post_id}"


def _marker(result: TicketResult) -> str:
    """An HTML comment: Discourse keeps it in a post's `raw` and shows it to nobody."""
    return f"<!-- docent:{result.id} -->"


def _shortened(markdown: str) -> str:
    return markdown if len(markdown) <= _POST_CHARS else markdown[:_POST_CHARS].rstrip() + "\n\n…"
