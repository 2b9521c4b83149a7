"""What the chat's endpoints take."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AskRequest(BaseModel):
    """A question, in a new conversation or in one that an earlier answer named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": "How do I index my docs?", "conversation_id": None}]},
    )

    question: str = Field(min_length=1, description="What the user wants to know.")
    conversation_id: str | None = Field(None, max_length=64, description="Of an earlier answer, for a follow-up.")
