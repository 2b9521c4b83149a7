"""Likelihood of given text: what multiple choice and perplexity are measured by."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from app.llm.client import ChatClient, Message, ScoringUnsupported
from app.llm.embedded.process import EmbeddedEngine

QUESTION = {"role": "user", "content": "What is the capital of France? Answer in one word."}
LONG = {"role": "user", "content": "A lamp stands on the table. " * 40 + "What stands on the table?"}


def scored(client: openai.OpenAI, question: dict[str, str], text: str, **more: Any) -> list[dict[str, Any] | None]:
    answer = client.chat.completions.create(
        model="",
        messages=[question, {"role": "assistant", "content": text}],  # type: ignore[list-item]
        max_tokens=1,
        extra_body={"continue_final_message": True, "add_generation_prompt": False, "prompt_logprobs": 0, **more},
    )
    found = answer.model_dump()["prompt_logprobs"]
    assert len(found) == answer.usage.prompt_tokens  # type: ignore[union-attr]
    return found


def of_the_end(found: list[dict[str, Any] | None], text: str) -> list[float]:
    """Logprobs of the last tokens, those that spell the text."""
    values: list[float] = []
    spelled = ""
    for one in reversed(found):
        assert one is not None
        ((entry),) = one.values()
        spelled = entry["decoded_token"] + spelled
        values.insert(0, entry["logprob"])
        if len(spelled) >= len(text):
            break
    assert spelled == text
    return values


def test_the_likelier_text_has_the_higher_logprob(openai_client: openai.OpenAI) -> None:
    right = of_the_end(scored(openai_client, QUESTION, "Paris"), "Paris")
    wrong = of_the_end(scored(openai_client, QUESTION, "Helsinki"), "Helsinki")
    assert sum(right) > sum(wrong) + 2
    assert all(value <= 0 for value in [*right, *wrong])


def test_what_the_cache_holds_changes_nothing(openai_client: openai.OpenAI) -> None:
    """The same twice, and another text behind the same question: every token of the message has its logprob."""
    first = of_the_end(scored(openai_client, LONG, " A lamp and a cup"), " A lamp and a cup")
    again = of_the_end(scored(openai_client, LONG, " A lamp and a cup"), " A lamp and a cup")
    other = of_the_end(scored(openai_client, LONG, " A lamp"), " A lamp")
    assert again == pytest.approx(first, abs=0.3)  # weights of four bits: other blocks, other rounding
    assert other == pytest.approx(first[: len(other)], abs=0.3)


@pytest.mark.parametrize("words", range(24, 57, 4))
def test_wherever_the_cache_ends_the_first_token_is_there(openai_client: openai.OpenAI, words: int) -> None:
    question = {"role": "user", "content": "lamp " * words}
    for text in ("Yes", "No"):
        assert len(of_the_end(scored(openai_client, question, text), text)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt_logprobs": 3}, "must be 0"),
        ({"stream": True}, "a stream has no place"),
        ({"messages": [QUESTION]}, "a last message of the assistant"),
        ({"messages": [QUESTION, {"role": "assistant", "content": ""}]}, "with content"),
    ],
)
def test_what_cannot_be_scored_is_refused(openai_client: openai.OpenAI, change: dict[str, Any], message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        scored(openai_client, QUESTION, "Paris", **change)


async def test_the_client_scores_a_continuation(engine: EmbeddedEngine) -> None:
    client = ChatClient(base_url=engine.base_url, api_key=engine.api_key, model="", timeout_seconds=60)
    messages = [Message("user", QUESTION["content"])]
    right, wrong = [await client.score(messages, text) for text in ("Paris", "Helsinki")]
    assert right.mean > wrong.mean
    assert right.total == pytest.approx(right.mean * right.tokens)
    assert right.prompt_tokens > right.tokens
    with pytest.raises(ScoringUnsupported, match="top_logprobs"):
        await client.first_token(messages, 20)
    assert await client.choose(messages, ["A", "B"]) in {"A", "B"}
    accented = await client.score(messages, "Étretat, パリ")
    plain = await client.score(messages, "tretat,")
    assert accented.tokens > plain.tokens
    await client.aclose()
