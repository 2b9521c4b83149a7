"""The JSON that Zendesk's triggers send, as the operator pastes it there.

The names in braces are Zendesk's placeholders. It puts them in as plain text, so every value is a string here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

Kind = Literal["created", "commented", "changed", "solved"]

# One body for four triggers, which differ in the value of "event" alone. The ids stand before the texts.
TRIGGER_BODY = """{
  "event": "EVENT",
  "ticket_id": "{{ticket.id}}",
  "requester_id": "{{ticket.requester.id}}",
  "assignee_id": "{{ticket.assignee.id}}",
  "tags": "{{ticket.tags}}",
  "locale": "{{ticket.requester.language}}",
  "updated_by": "{{current_user.email}}",
  "comment_id": "{{ticket.latest_comment.id}}",
  "comment_public": "{{ticket.latest_comment.is_public}}",
  "author_id": "{{ticket.latest_comment.author.id}}",
  "author_role": "{{ticket.latest_comment.author.role}}",
  "subject": "{{ticket.title}}",
  "comment": "{{ticket.latest_comment.value}}"
}"""


class Payload(BaseModel):
    """A placeholder that Zendesk has no value for is empty."""

    event: Kind
    ticket_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
    requester_id: str = ""
    assignee_id: str = ""
    tags: str = ""
    locale: str = ""
    updated_by: str = ""
    comment_id: str = ""
    comment_public: str = ""
    author_id: str = ""
    author_role: str = ""
    subject: str = ""
    comment: str = ""
