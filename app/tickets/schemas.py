"""What the ticket endpoints take and give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.answering.answer import Answer, Citation, Decision, Kind, Reason, Timings, Usage

Mode = Literal["draft", "auto"]
Format = Literal["text", "html"]
Role = Literal["requester", "agent"]
State = Literal["queued", "answering", "answered", "escalated", "failed", "cancelled"]
OutcomeKind = Literal["accepted", "edited", "rejected"]
# Those of an answer, and: a person was faster, the ticket is not to be replied to, nothing is asked in it.
TicketReason = Reason | Literal["assigned", "changed", "draft_mode", "nothing_asked"]

TicketId = Annotated[str, Field(pattern=r"^tkt_[0-9a-f]{24}$")]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Short = Annotated[str, StringConstraints(max_length=200)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80)]
SUBJECT_CHARS, BODY_CHARS, MESSAGES, LABELS, ATTACHMENTS = 500, 200_000, 50, 30, 50


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment is out of range in UTC") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Body(BaseModel):
    """NUL is a space wherever text comes in: PostgreSQL stores none, and no ticket means one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nul(cls, given: object) -> object:
        return {name: _spaced(value) for name, value in given.items()} if isinstance(given, dict) else given


def _spaced(value: object) -> object:
    if isinstance(value, list):
        return [_spaced(one) for one in value]
    return value.replace("\0", " ") if isinstance(value, str) else value


class Said(_Body):
    """One message of a ticket. requester: who asks for help. agent: a person of the team."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"role": "requester", "body": "It happens since the update."}]}
    )

    role: Role = "requester"
    body: str = Field(min_length=1, max_length=BODY_CHARS)
    format: Format = Field("text", description="`html` is turned into text; nothing in it is run or fetched.")


class TicketRequest(_Body):
    """A ticket as the ticket system knows it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "external_id": "4711",
                    "subject": "Where are the log files?",
                    "body": "Hello,\n\nwhere does the service write its log files, and can I change the folder?",
                    "requester": "customer-83",
                    "channel": "helpdesk",
                    "labels": ["logging"],
                    "mode": "draft",
                }
            ]
        },
    )

    external_id: ExternalId | None = Field(None, description="The ticket's id there, unique within its channel.")
    channel: str = Field("api", pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="Where it came from.")
    subject: str = Field("", max_length=SUBJECT_CHARS)
    body: str = Field(min_length=1, max_length=BODY_CHARS)
    format: Format = Field("text", description="`html` is turned into text; nothing in it is run or fetched.")
    requester: Short = Field("", description="Who asks, as an id that means nothing to Docent.")
    labels: list[Label] = Field([], max_length=LABELS)
    product_version: Short = ""
    locale: Short = ""
    conversation: list[Said] = Field([], max_length=MESSAGES, description="What was said before, oldest first.")
    attachments: list[Short] = Field([], max_length=ATTACHMENTS, description="Names of the files, not the files.")
    assignee: Short = Field("", description="The person who works on it, if there is one: then nothing is replied.")
    mode: Mode = Field("draft", description="`draft`: a person sends it. `auto`: `reply` may be sent as it is.")
    callback_url: str | None = Field(None, max_length=2000, description="Gets the finished ticket, signed.")


class TicketChange(_Body):
    """What changed about a ticket there. Every change makes an answer in the making stale: it becomes a draft."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"assignee": "agent-7", "labels": ["logging"]}]}
    )

    assignee: Short | None = Field(None, description="Empty: nobody any more.")
    labels: list[Label] | None = Field(None, max_length=LABELS)
    subject: str | None = Field(None, max_length=SUBJECT_CHARS)
    mode: Mode | None = None
    version: int | None = Field(None, ge=1, description="Changes only if this is the ticket's version; else 409.")


class OutcomeRequest(_Body):
    """What became of the answer: material for training."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"outcome": "edited", "text": "They are in /var/log/lumen.", "by": "agent-7"}]},
    )

    outcome: OutcomeKind
    text: str | None = Field(None, max_length=BODY_CHARS, description="What was sent instead: needed for `edited`.")
    by: Short = Field("", description="Who decided, as an id that means nothing to Docent.")
    answer_id: Short | None = Field(
        None, description="`id` of the result that was judged: refused where the ticket has another one by now."
    )


class OutcomeResponse(BaseModel):
    outcome: OutcomeKind
    text: str | None
    by: str
    edit_distance: float | None = Field(description="0: sent as it was. 1: nothing of it is left.")
    created_at: datetime


class QuestionAnswer(BaseModel):
    """One of the questions of a ticket, answered by itself. Its markers count from 1."""

    asked: str = Field(description="The sentence that asks, as it stands in the ticket.")
    answer: Answer


class TicketResult(BaseModel):
    """The decision on a ticket: an Answer over all its questions, and what a ticket system needs besides."""

    id: str
    conversation_id: str
    question: str
    decision: Decision
    confidence: float = Field(ge=0, le=1)
    reasons: list[TicketReason]
    kind: Kind
    text: str = Field(description="Markdown with [1] markers.")
    citations: list[Citation]
    model: str
    index_revision: str
    release: str | None = Field(None, description="Release in service when it was made; null before the first.")
    usage: Usage
    timings_ms: Timings
    suggested_labels: list[str]
    handoff_summary: str | None = Field(description="For the person who takes over, where the decision is `escalate`.")
    questions: list[QuestionAnswer]
    version: int = Field(description="The ticket's version that was answered.")


class TicketError(BaseModel):
    kind: str
    detail: str


class TicketMessage(BaseModel):
    role: Role
    body: str
    format: Format
    created_at: datetime


class TicketResponse(BaseModel):
    """A ticket with what has become of it."""

    id: str
    external_id: str | None
    channel: str
    state: State
    version: int = Field(description="Goes up with every change, message and cancellation.")
    mode: Mode
    subject: str
    requester: str
    assignee: str
    labels: list[str]
    product_version: str
    locale: str
    attachments: list[str]
    callback_url: str | None
    messages: list[TicketMessage]
    result: TicketResult | None
    outcome: OutcomeResponse | None
    error: TicketError | None
    job_id: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class TicketSummary(BaseModel):
    """A ticket in a list, without its messages and its answer's text."""

    id: str
    external_id: str | None
    channel: str
    state: State
    subject: str
    decision: Decision | None
    confidence: float | None
    created_at: datetime
    updated_at: datetime


class TicketQuery(_Body):
    """What a list is narrowed to; nothing: all tickets."""

    state: State | None = None
    channel: Short | None = None
    decision: Decision | None = None
    external_id: Short | None = None
    requester: Short | None = None
    assignee: Short | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    cursor: Short | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(20, ge=1, le=100)


class TicketPage(BaseModel):
    tickets: list[TicketSummary]
    next_cursor: str | None = Field(description="For the next page as `cursor`; null at the end.")


Origin = dict[str, Any]  # where an adapter's ticket stands in the foreign system; of JSON values
