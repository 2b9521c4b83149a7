"""What the service takes and gives. Fields that a newer service adds are passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

Decision = Literal["reply", "draft", "escalate"]
Kind = Literal["generated", "extractive", "none"]
Mode = Literal["draft", "auto"]
Format = Literal["text", "html"]
Role = Literal["requester", "agent"]
TicketState = Literal["queued", "answering", "answered", "escalated", "failed", "cancelled"]
OutcomeKind = Literal["accepted", "edited", "rejected"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
CallbackState = Literal["pending", "delivered", "failed"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Citation(_Model):
    """marker: of the [n] in the text. quote: verbatim. score: how well the quote supports the sentence, 0 to 1."""

    marker: int
    chunk_id: str
    title: str
    heading_path: list[str]
    url: str
    quote: str
    score: float


class Usage(_Model):
    prompt_tokens: int
    completion_tokens: int


class Timings(_Model):
    """Milliseconds since the question was taken up."""

    retrieve: float
    first_token: float
    first_sentence: float
    total: float


class _Answered(_Model):
    """Common to answers of the chat and results of tickets. reasons: why it is not `reply`; words may be added."""

    id: str
    conversation_id: str
    question: str
    decision: Decision
    confidence: float
    reasons: list[str]
    kind: Kind
    text: str
    citations: list[Citation]
    model: str
    index_revision: str
    release: str | None = None
    usage: Usage
    timings_ms: Timings


class Answer(_Answered):
    """An answer of the chat, or to one of the questions of a ticket."""


class AnswerStarted(_Model):
    """First event of a stream."""

    event: Literal["answer.started"] = "answer.started"
    id: str
    conversation_id: str
    question: str


class AnswerDelta(_Model):
    """A sentence, list item or code block. Deltas joined are the text."""

    event: Literal["answer.delta"] = "answer.delta"
    text: str


class AnswerCitation(_Model):
    """Follows the delta whose marker it explains."""

    event: Literal["answer.citation"] = "answer.citation"
    citation: Citation


class AnswerCompleted(_Model):
    """Last event."""

    event: Literal["answer.completed"] = "answer.completed"
    answer: Answer


AnswerEvent = AnswerStarted | AnswerDelta | AnswerCitation | AnswerCompleted


class QuestionAnswer(_Model):
    asked: str
    answer: Answer


class TicketResult(_Answered):
    """The decision on a ticket. version: the ticket's that was answered."""

    suggested_labels: list[str]
    handoff_summary: str | None
    questions: list[QuestionAnswer]
    version: int


class Outcome(_Model):
    """edit_distance: 0, sent as it was, to 1, nothing of it is left."""

    outcome: OutcomeKind
    text: str | None
    by: str
    edit_distance: float | None
    created_at: datetime


class TicketError(_Model):
    kind: str
    detail: str


class TicketMessage(_Model):
    role: Role
    body: str
    format: Format
    created_at: datetime


class Ticket(_Model):
    id: str
    external_id: str | None
    channel: str
    state: TicketState
    version: int
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
    outcome: Outcome | None
    error: TicketError | None
    job_id: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class TicketSummary(_Model):
    """A ticket in a list."""

    id: str
    external_id: str | None
    channel: str
    state: TicketState
    subject: str
    decision: Decision | None
    confidence: float | None
    created_at: datetime
    updated_at: datetime


class TicketPage(_Model):
    tickets: list[TicketSummary]
    next_cursor: str | None


class Said(_Model):
    """One message of a ticket."""

    role: Role = "requester"
    body: str
    format: Format = "text"


class NewTicket(BaseModel):
    """A ticket as the ticket system knows it; `body` is all that it needs.

    external_id: its id there, unique within its channel. mode: `auto`: `reply` may be sent as it is. assignee: then
    nothing is replied. callback_url: gets the finished ticket, signed.
    """

    model_config = ConfigDict(extra="forbid")

    body: str
    format: Format = "text"
    subject: str = ""
    external_id: str | None = None
    channel: str = "api"
    requester: str = ""
    labels: list[str] = []
    product_version: str = ""
    locale: str = ""
    conversation: list[Said] = []
    attachments: list[str] = []
    assignee: str = ""
    mode: Mode = "draft"
    callback_url: str | None = None


class TicketFilter(BaseModel):
    """What a list is narrowed to. Times bear their zone."""

    model_config = ConfigDict(extra="forbid")

    state: TicketState | None = None
    channel: str | None = None
    decision: Decision | None = None
    external_id: str | None = None
    requester: str | None = None
    assignee: str | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None


class Hit(_Model):
    """A passage that was found. explain: rank and score of every stage, when asked for."""

    chunk_id: str
    path: str
    heading_path: list[str]
    url: str
    score: float
    text: str
    explain: dict[str, Any] | None


class Found(_Model):
    question: str
    results: list[Hit]


class Job(_Model):
    """subject: the ticket, callback or folder that it is about. run: number of its present or last run."""

    id: str
    kind: str
    subject: str
    state: JobState
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    reason: str
    run: int
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Attempt(_Model):
    """status: of the receiver's answer. failure: None where it was delivered."""

    number: int
    started_at: datetime
    duration_ms: int
    status: int | None
    failure: str | None
    excerpt: str


class Delivery(_Model):
    """A callback in the log of the service. id: `webhook-id` of every attempt."""

    id: str
    ticket_id: str
    event: str
    url: str
    state: CallbackState
    created_at: datetime
    next_at: datetime | None


class DeliveryWithAttempts(Delivery):
    attempts: list[Attempt]


class CallbackSecret(_Model):
    """previous_until: until when the secret before it signs as well."""

    secret: str
    previous_until: datetime | None


class Callback(_Model):
    """What a receiver gets. type: `ticket.` and the state. data: the ticket as it was then."""

    type: str
    timestamp: datetime
    data: Ticket


class Health(_Model):
    """waiting: what is not ready, by name."""

    status: str
    waiting: dict[str, str] = {}
