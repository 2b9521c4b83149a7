"""A receiver of callbacks on a real socket, as well behaved as the test wants it."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    head: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None


@dataclass
class Receiver:
    port: int = 0
    connections: int = 0
    requests: list[Received] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)  # a request was answered, or its sender went away


def answer(status: str, body: bytes = b"", *headers: str) -> Reply:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return reply


def raw(sent: bytes) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    return reply


def drips(first: bytes, drop: bytes, pause: float) -> Reply:
    """`first`, and then `drop` again and again for as long as somebody reads."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(pause)

    return reply


async def silence(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()  # until the test ends


async def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def receiving(
    reply: Reply | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    greeting: bytes = b"",
) -> AsyncIterator[Receiver]:
    """greeting: what the server says before it is asked."""
    state = Receiver()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []
    names: list[str | None] = []
    if tls is not None:
        tls.sni_callback = lambda _, name, __: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(greeting)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            state.requests.append(Received(first, headers, body, names[-1] if names else None))
            state.asked.set()
            await (reply or answer("204 No Content"))(writer)
        state.left.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
