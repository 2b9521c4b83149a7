"""What the chat client makes of servers that fail: each is a socket with a canned answer."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

from app.errors import ConfigurationError, DocentError, EngineUnavailable, Overloaded, PromptTooLong
from app.llm.client import ChatClient, Delta, Message

QUESTION = [Message("user", "hi")]


@asynccontextmanager
async def serving(answer: bytes, *, model: str = "m", patience: float = 5) -> AsyncIterator[ChatClient]:
    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            handlers.append(task)
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
        writer.write(answer)
        if not answer:
            await reader.read()  # says nothing until the client goes
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = ChatClient(base_url=f"http://127.0.0.1:{port}/v1", api_key="", model=model, timeout_seconds=patience)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*handlers)


def reply(status: int, body: Any, headers: str = "") -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    return head.encode() + data


def refusal(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "t", "param": None, "code": code}}


def events(*data: Any, end: bool = True) -> bytes:
    lines = [f"data: {json.dumps(entry)}\n\n" for entry in data] + (["data: [DONE]\n\n"] if end else [])
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return (head + "".join(lines)).encode()


def chunk(text: str = "", reason: str | None = None, **extra: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **extra}


USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (reply(500, refusal("boom")), EngineUnavailable, "boom"),
        (reply(503, refusal("down")), EngineUnavailable, "down"),
        (reply(401, refusal("key")), ConfigurationError, "DOCENT_LLM__API_KEY"),
        (reply(403, refusal("key")), ConfigurationError, "DOCENT_LLM__API_KEY"),
        (reply(404, refusal("model")), ConfigurationError, "DOCENT_LLM__MODEL"),
        (reply(400, refusal("no", "context_length_exceeded")), PromptTooLong, "no"),
        (reply(400, refusal("This model's maximum context length is 4096 tokens.")), PromptTooLong, "4096"),
        (reply(400, refusal("longer than the maximum model length of 10")), PromptTooLong, "10"),
        (reply(400, refusal("n must be 1")), EngineUnavailable, "n must be 1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", EngineUnavailable, "broke off"),
        (events(chunk("a"), refusal("the engine failed"), end=False), EngineUnavailable, "the engine failed"),
    ],
)
async def test_errors_say_what_to_do(answer: bytes, error: type[DocentError], said: str) -> None:
    async with serving(answer) as client:
        with pytest.raises(error, match=said):
            async for _ in client.stream(QUESTION, temperature=0, max_tokens=1):
                pass


async def test_the_wait_that_a_busy_server_names_is_kept() -> None:
    async with serving(reply(429, refusal("busy"), "Retry-After: 17\r\n")) as client:
        with pytest.raises(Overloaded) as caught:
            await client.complete(QUESTION, temperature=0, max_tokens=1)
    assert caught.value.retry_after == 17


async def test_a_silent_server_is_given_up() -> None:
    async with serving(b"", patience=0.2) as client:
        with pytest.raises(EngineUnavailable, match="DOCENT_LLM__TIMEOUT_SECONDS"):
            await client.complete(QUESTION, temperature=0, max_tokens=1)


async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        client = ChatClient(base_url=url, api_key="", model="", timeout_seconds=5)
        with pytest.raises(EngineUnavailable, match="is it running"):
            await client.ready()
        await client.aclose()


@pytest.mark.parametrize(
    ("sent", "last"),
    [
        ([chunk("a"), chunk("", "stop"), chunk(choices=[], usage=USAGE)], Delta("", 5, 2)),
        ([chunk("a"), chunk("", "stop", usage=USAGE)], Delta("", 5, 2)),
        ([chunk("a", "stop")], Delta("")),
    ],
)
async def test_the_last_delta_has_the_usage(sent: list[Any], last: Delta) -> None:
    async with serving(events(*sent)) as client:
        deltas = [delta async for delta in client.stream(QUESTION, temperature=0, max_tokens=1)]
    assert deltas == [Delta("a"), last]


async def test_a_stream_without_its_end_is_an_error_and_not_an_answer() -> None:
    async with serving(events(chunk("a"), end=False)) as client:
        with pytest.raises(EngineUnavailable, match="broke off"):
            async for _ in client.stream(QUESTION, temperature=0, max_tokens=1):
                pass


async def test_the_first_model_is_taken_and_an_empty_list_is_not() -> None:
    entry = {"id": "first", "object": "model", "created": 1, "owned_by": "x"}
    async with serving(reply(200, {"object": "list", "data": [entry]}), model="") as client:
        await client.ready()
        assert client.model == "first"
    async with serving(reply(200, {"object": "list", "data": []}), model="") as client:
        with pytest.raises(EngineUnavailable, match="serves no model"):
            await client.ready()


async def test_an_endpoint_without_a_list_needs_a_name() -> None:
    async with serving(reply(404, refusal("no"))) as client:
        await client.ready()
    async with serving(reply(404, refusal("no")), model="") as client:
        with pytest.raises(ConfigurationError, match="DOCENT_LLM__MODEL"):
            await client.ready()


async def test_reading_that_ends_early_leaves_nothing_half_read() -> None:
    """The garbage collector would close it in whatever thread it runs in."""
    answer = events(*(chunk(f"word {number} ") for number in range(50)))
    async with serving(answer) as client:
        gc.disable()
        try:
            async with aclosing(client.stream(QUESTION, temperature=0, max_tokens=5)) as deltas:
                assert (await anext(deltas)).text
            await asyncio.sleep(0.1)
            half_read = [one for one in gc.get_objects() if inspect.isasyncgen(one) and one.ag_frame is not None]
            assert [
                one.__qualname__
                for one in half_read
                if one.ag_frame.f_lasti and one.__qualname__.startswith(("AsyncStream", "Response"))
            ] == []
        finally:
            gc.enable()


async def test_a_stream_that_is_cut_short_has_told_the_tokens_of_its_prompt() -> None:
    first = chunk("", usage={"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5})
    answer = events(first, chunk("a"), chunk("", "stop"), chunk(choices=[], usage=USAGE))
    async with serving(answer) as client:
        deltas = [delta async for delta in client.stream(QUESTION, temperature=0, max_tokens=5)]
    assert deltas == [Delta("", 5), Delta("a"), Delta("", 0, 2)]
