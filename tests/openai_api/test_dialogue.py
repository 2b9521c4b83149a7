"""Which message is the question, and which are the conversation before it."""

from __future__ import annotations

from typing import Any

import pytest

from app.answering.prompt import Turn
from app.openai_api.dialogue import Dialogue, read_dialogue
from app.openai_api.errors import RequestRefused
from app.openai_api.schemas import ChatMessage


def read(*messages: dict[str, Any]) -> Dialogue:
    return read_dialogue([ChatMessage.model_validate(message) for message in messages])


def message(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_the_last_user_message_is_the_question() -> None:
    dialogue = read(
        message("system", "You are a pirate."),
        message("user", "Where are the logs?"),
        message("assistant", "In /var/log/lumen. [[1]](https://docs.example.org/logs#a_%28b%29) [2]"),
        message("developer", "Rhyme."),
        message("user", "How long are they kept?"),
        message("assistant", "Let me"),
    )
    assert dialogue.question == "How long are they kept?"
    assert dialogue.history == [
        Turn("user", "Where are the logs?"),
        Turn("assistant", "In /var/log/lumen. [1] [2]"),
    ]


def test_a_users_own_links_are_kept() -> None:
    assert read(message("user", "What is [[1]](https://a.example)?")).question == "What is [[1]](https://a.example)?"


def test_what_no_text_holds_is_left_out() -> None:
    dialogue = read(
        message("user", " a\0b "), message("assistant", "c\ud800"), message("user", "\n"), message("user", "d")
    )
    assert dialogue == Dialogue("d", [Turn("user", "a b"), Turn("assistant", "c")])


def test_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "Where"}, {"type": "text", "text": "is it?", "cache_control": {}}]
    assert read(message("user", parts)).question == "Where\nis it?"


def test_calls_of_tools_and_their_results_are_no_turns() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    dialogue = read(
        message("user", "A?"),
        {**message("assistant", None), "tool_calls": [call]},
        {**message("tool", "42"), "tool_call_id": "c"},
        message("assistant", [{"type": "refusal", "refusal": "No."}]),
        {**message("user", "B?"), "name": "somebody"},
    )
    assert dialogue == Dialogue("B?", [Turn("user", "A?")])


@pytest.mark.parametrize("role", ["system", "assistant", "tool"])
def test_nobody_asks(role: str) -> None:
    with pytest.raises(RequestRefused, match="role 'user'") as refused:
        read(message(role, "Hello"))
    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
    ],
)
def test_what_is_no_text_is_refused_with_its_place(part: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused, match=part["type"]) as refused:
        read(message("system", "s"), message("user", [{"type": "text", "text": "What is this?"}, part]))
    assert refused.value.param == "messages[1].content[1].type"
    assert refused.value.code == "invalid_value"


def test_a_part_without_its_text() -> None:
    with pytest.raises(RequestRefused) as refused:
        read(message("user", [{"type": "text"}]))
    assert (refused.value.param, refused.value.code) == ("messages[0].content[0].text", "missing_required_parameter")
