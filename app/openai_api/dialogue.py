"""From the messages of a request to a question with the turns before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.answering.prompt import Turn
from app.conversations.plain_text import plain_text
from app.openai_api.errors import RequestRefused
from app.openai_api.schemas import ChatMessage

_LINKED_MARKER = re.compile(r"\[(\[\d{1,3}\])\]\([^()\s]*\)")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """question: the last user message. history: the user's and the assistant's turns before it, oldest first."""

    question: str
    history: list[Turn]


def read_dialogue(messages: Sequence[ChatMessage]) -> Dialogue:
    """Raises RequestRefused for content that is no text, and when nobody asks anything.

    System and developer messages set rules for a model, and Docent's are fixed: they are left out, as are results of
    tools and what follows the last user message.
    """
    texts = [_text(message, at) for at, message in enumerate(messages)]
    asked = [at for at, message in enumerate(messages) if message.role == "user"]
    if not asked:
        raise RequestRefused(
            "Invalid 'messages': no message has the role 'user'; the last one of them is the question.",
            param="messages",
            code="invalid_value",
        )
    history = [
        Turn("user" if message.role == "user" else "assistant", text)
        for message, text in zip(messages[: asked[-1]], texts, strict=False)
        if message.role in {"user", "assistant"} and text
    ]
    return Dialogue(texts[asked[-1]], history)


def _text(message: ChatMessage, at: int) -> str:
    """The text of a message; of an assistant's, without the links that this service put around its markers."""
    if message.content is None:
        return ""
    if isinstance(message.content, str):
        text = message.content
    else:
        text = "\n".join(
            _text_of(part.type, part.text, f"messages[{at}].content[{number}]")
            for number, part in enumerate(message.content)
        )
    return plain_text(_LINKED_MARKER.sub(r"\1", text) if message.role == "assistant" else text)


def _text_of(kind: str, text: str | None, place: str) -> str:
    if kind == "refusal":  # what an assistant of OpenAI's said instead of an answer
        return ""
    if kind != "text":
        raise RequestRefused(
            f"Invalid content type. This model reads text: {kind!r} is not supported.",
            param=f"{place}.type",
            code="invalid_value",
        )
    if text is None:
        raise RequestRefused(
            f"Missing required parameter: '{place}.text'.", param=f"{place}.text", code="missing_required_parameter"
        )
    return text
