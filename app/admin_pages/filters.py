"""What lists are narrowed to. A form sends an empty choice as '', which stands for all."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from app.admin.schemas import CallbackState
from app.answering.answer import Decision
from app.jobs.work import State as JobState
from app.tickets.schemas import State as TicketState

_EMPTY_IS_ALL = BeforeValidator(lambda given: given or None)
OfDecision = Annotated[Decision | None, Query(), _EMPTY_IS_ALL]
OfJobState = Annotated[JobState | None, Query(), _EMPTY_IS_ALL]
OfTicketState = Annotated[TicketState | None, Query(), _EMPTY_IS_ALL]
OfCallbackState = Annotated[CallbackState | None, Query(), _EMPTY_IS_ALL]
OfKind = Annotated[str | None, Query(pattern=r"^[a-z]{1,40}$"), _EMPTY_IS_ALL]
Limit = Annotated[int, Query(ge=1, le=500)]
