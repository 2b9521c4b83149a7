"""What the chat's endpoints take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.answering.answer import Answer
from app.auth.colours import text_on
from app.models.site import Site

AnswerId = Annotated[str, Field(pattern=r"^ans_[0-9a-f]{24}$")]
ConversationId = Annotated[str, Field(pattern=r"^conv_[0-9a-f]{24}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SessionRequest(_Body):
    """A visitor of a site begins, or goes on with an earlier session."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"site_key": "site_0123456789abcdef"}]})

    site_key: str = Field(min_length=1, max_length=64, pattern=r"^[\w-]+$", description="Public key of the site.")
    session: str | None = Field(None, max_length=1000, description="Token of an earlier session, to stay the same one.")


class SessionResponse(BaseModel):
    session: str = Field(description="Token, sent as `Authorization: Bearer`.")
    expires_at: datetime


class AskRequest(BaseModel):
    """A question, in a new conversation or in one that an earlier answer named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": "How do I index my docs?", "conversation_id": None}]},
    )

    question: str = Field(min_length=1, description="What the user wants to know.")
    conversation_id: ConversationId | None = Field(None, description="Of an earlier answer, for a follow-up.")
    message_id: str | None = Field(
        None, max_length=64, description="The client's own id of the message; a second one with it is refused."
    )


class Colours(BaseModel):
    """The site's accent in light and dark, each with the text colour that can be read on it."""

    accent: str
    on_accent: str
    accent_dark: str
    on_accent_dark: str


class SiteResponse(BaseModel):
    """What a widget shows. Empty texts and null colours: the widget's own."""

    title: str
    greeting: str
    starters: list[str]
    position: str
    colours: Colours | None
    strings: dict[str, dict[str, str]]
    person: bool = Field(description="Whether 'talk to a person' is offered.")


class HistoryMessage(BaseModel):
    id: str
    role: Literal["user", "assistant"]
    content: str
    created_at: datetime
    answer_id: str | None
    answer: Answer | None
    rating: Literal["up", "down"] | None


class HistoryResponse(BaseModel):
    """A conversation, oldest message first."""

    id: str
    created_at: datetime
    escalated: bool
    messages: list[HistoryMessage]


class FeedbackBody(_Body):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rating": "up", "comment": "That was it."}]}
    )

    rating: Literal["up", "down"]
    comment: str = Field("", max_length=2000)


class EscalationRequest(_Body):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"contact": "me@example.org", "message": "Please call back."}]},
    )

    contact: str = Field("", max_length=200, description="How the visitor can be reached.")
    message: str = Field("", max_length=4000)


class EscalationResponse(BaseModel):
    id: str
    created_at: datetime


def site_response(site: Site, starters: list[str]) -> SiteResponse:
    """starters: shown where the site has none of its own."""
    colours = None
    if site.accent or site.accent_dark:
        accent, dark = site.accent or site.accent_dark, site.accent_dark or site.accent
        colours = Colours(accent=accent, on_accent=text_on(accent), accent_dark=dark, on_accent_dark=text_on(dark))
    return SiteResponse(
        title=site.title,
        greeting=site.greeting,
        starters=site.starters or starters,
        position=site.position,
        colours=colours,
        strings=site.strings,
        person=site.person,
    )
