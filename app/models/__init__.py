"""SQLAlchemy tables, one idea a file. Importing this package registers them all."""

from app.models.api_key import ApiKey
from app.models.conversation import Conversation, Message, StoredAnswer, Trace
from app.models.feedback import Escalation, Feedback
from app.models.index import Document, IndexPointer, Revision, Source
from app.models.rate_window import RateWindow
from app.models.site import Site

__all__ = [
    "ApiKey",
    "Conversation",
    "Document",
    "Escalation",
    "Feedback",
    "IndexPointer",
    "Message",
    "RateWindow",
    "Revision",
    "Site",
    "Source",
    "StoredAnswer",
    "Trace",
]
