"""SQLAlchemy tables, one idea a file. Importing this package registers them all."""

from app.models.conversation import Conversation, Message, StoredAnswer, Trace
from app.models.index import Document, IndexPointer, Revision, Source

__all__ = ["Conversation", "Document", "IndexPointer", "Message", "Revision", "Source", "StoredAnswer", "Trace"]
