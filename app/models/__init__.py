"""SQLAlchemy tables, one idea a file. Importing this package registers them all."""

from app.models.api_key import ApiKey
from app.models.callback import Callback, CallbackAttempt, CallbackSecret
from app.models.conversation import Conversation, Message, StoredAnswer, Trace
from app.models.feedback import Escalation, Feedback
from app.models.index import Document, IndexPointer, Revision, Source
from app.models.job import Job
from app.models.rate_window import RateWindow
from app.models.release import Promotion, Release
from app.models.site import Site
from app.models.ticket import IdempotencyKey, Ticket, TicketMessage, TicketOutcome

__all__ = [
    "ApiKey",
    "Callback",
    "CallbackAttempt",
    "CallbackSecret",
    "Conversation",
    "Document",
    "Escalation",
    "Feedback",
    "IdempotencyKey",
    "IndexPointer",
    "Job",
    "Message",
    "Promotion",
    "RateWindow",
    "Release",
    "Revision",
    "Site",
    "Source",
    "StoredAnswer",
    "Ticket",
    "TicketMessage",
    "TicketOutcome",
    "Trace",
]
