"""A typed client of Docent, the docs-support assistant: tickets, chat, admin and health, with and without async."""

from docent_client.async_client import AsyncDocent
from docent_client.callbacks import verify_callback
from docent_client.client import Docent
from docent_client.errors import CallbackInvalid, DocentError
from docent_client.models import Answer, AnswerEvent, Callback, NewTicket, Said, Ticket, TicketFilter, TicketSummary

__all__ = [
    "Answer",
    "AnswerEvent",
    "AsyncDocent",
    "Callback",
    "CallbackInvalid",
    "Docent",
    "DocentError",
    "NewTicket",
    "Said",
    "Ticket",
    "TicketFilter",
    "TicketSummary",
    "verify_callback",
]
