"""The engine's process: reads its spec from standard input, and lives as long as that stays open."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI

from app.errors import ConfigurationError
from app.llm.embedded.convert import converted
from app.llm.embedded.engine import Engine
from app.llm.embedded.pipeline import Loaded, Sampling, load
from app.llm.embedded.prompt import PromptEncoder
from app.llm.embedded.server import ChatService, build_app
from app.llm.embedded.spec import EXIT_CONFIGURATION, EXIT_CRASHED, HOST, EngineSpec

_STDIN = 0
_WARM_UP = "The first request compiles the kernels. " * 40  # 0.3 s that no user should wait for


def main() -> int:
    spec = _read_spec()
    threading.Thread(target=_die_with_parent, name="parent", daemon=True).start()
    try:
        folder = converted(spec.gguf, spec.models_dir)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent shows the last line of this log
        return EXIT_CONFIGURATION
    loaded = load(folder, spec)

    def engine_of(pipeline: Loaded) -> Engine:
        return Engine(pipeline, max_running=spec.max_running, max_queue=spec.max_queue)

    encoder = PromptEncoder(loaded.tokenizer)
    service = ChatService(
        engine_of(loaded),
        encoder,
        model=spec.gguf.stem,
        context_tokens=loaded.context_tokens,
        without_cache=lambda: engine_of(load(folder, spec, prefix_cache=False)),
    )
    warm_up = encoder.encode([{"role": "user", "content": _WARM_UP}])[: loaded.context_tokens - 2]
    return asyncio.run(_serve(service, build_app(service, spec.api_key), spec.port, warm_up))


def _read_spec() -> EngineSpec:
    # Unbuffered reads: a thread that hangs in a buffered one makes Python abort at its end.
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(_STDIN, 65_536)
        if not part:
            raise SystemExit("no spec on standard input: this process is started by docent")
        line += part
    return EngineSpec.model_validate_json(line)


def _die_with_parent() -> None:
    # The parent never writes again: the end of its pipe is the end of the parent, however it died.
    while os.read(_STDIN, 1):
        pass
    os._exit(0)


async def _serve(service: ChatService, app: FastAPI, port: int, warm_up: list[int]) -> int:
    crashed = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=75,  # longer than any client keeps a connection, so that none is closed under a request
            timeout_graceful_shutdown=5,
        )
    )

    def crash() -> None:
        crashed.set()
        server.should_exit = True

    service.start(loop, lambda: _ignore(loop.call_soon_threadsafe(crash)))
    async for _ in service.engine.submit(warm_up, Sampling(max_tokens=2, temperature=0)).pieces():
        pass
    if not crashed.is_set():
        # Bound only now: until the model answers, connections are refused at once instead of waiting.
        await server.serve(sockets=[_bound(port)])
    if crashed.is_set():
        return EXIT_CRASHED
    service.close()
    return 0


def _ignore(_handle: asyncio.Handle) -> None:
    return None


def _bound(port: int) -> socket.socket:
    """The parent holds the same port without listening; SO_REUSEPORT lets processes of one user share it."""
    # The protocol is named so that asyncio turns Nagle's algorithm off, which holds small writes back for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((HOST, port))
    return listener


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the pipeline's destructors complain at length about requests that a crash left in it
