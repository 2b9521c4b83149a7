"""What the admin's endpoints of jobs and callbacks give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.work import State

JobId = Annotated[str, Field(pattern=r"^job_[0-9a-z_]{1,60}$")]
CallbackId = Annotated[str, Field(pattern=r"^msg_[0-9a-f]{24}$")]
CallbackState = Literal["pending", "delivered", "failed"]


class JobResponse(BaseModel):
    """A job. subject: the ticket, callback or folder that it is about. run: number of its present or last run."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "job_5f0c9e1b7a2d4c6e8f013579",
                    "kind": "ticket",
                    "subject": "tkt_0a1b2c3d4e5f60718293a4b5",
                    "state": "succeeded",
                    "progress": {},
                    "result": None,
                    "error": None,
                    "reason": "",
                    "run": 1,
                    "due_at": "2026-11-22T17:25:58Z",
                    "created_at": "2026-11-22T17:25:58Z",
                    "started_at": "2026-11-22T17:25:58Z",
                    "finished_at": "2026-11-22T17:26:02Z",
                }
            ]
        },
    )

    id: str
    kind: str
    subject: str
    state: State
    progress: dict[str, Any]
    result: dict[str, Any] | None = Field(description="What it found or did: the report of an index run.")
    error: dict[str, Any] | None = Field(description="`kind` and `detail` of what it failed with.")
    reason: str = Field(description="Why it was run once more.")
    run: int
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class AttemptResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: int
    started_at: datetime
    duration_ms: int
    status: int | None = Field(description="Of the receiver's answer; null where none came.")
    failure: str | None = Field(description="Null: delivered.")
    excerpt: str = Field(description="The first characters of the answer.")


class CallbackResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="`webhook-id` of every attempt.")
    ticket_id: str
    event: str
    url: str
    state: CallbackState
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next.")


class CallbackDetail(CallbackResponse):
    attempts: list[AttemptResponse]


class SecretResponse(BaseModel):
    """The secret that callbacks are signed with, as Standard Webhooks writes it."""

    secret: str
    previous_until: datetime | None = Field(description="Until when the secret before it signs as well.")
