"""An OpenAI-compatible server that says what a test tells it to, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PIECE = 5  # characters of a streamed delta: markers, fences and words are all parted by it


@dataclass
class Reply:
    """One answer of the model.

    status: an error instead of an answer, with `text` as its message. breaks: the stream ends before its end is said.
    waits: after the text and before the end, for this event; a client that goes meanwhile is noticed.
    top_logprobs: of the first token, by its text.
    """

    text: str = ""
    status: int = 200
    code: str = ""
    retry_after: int = 0
    breaks: bool = False
    waits: threading.Event | None = None
    top_logprobs: dict[str, float] = field(default_factory=dict)


Respond = Callable[[str], "str | Reply"]


class ScriptedModel:
    """Give it `replies`, taken in order, or a function in `respond` from the prompt's last message to the answer."""

    def __init__(self) -> None:
        self.replies: deque[str | Reply] = deque()
        self.respond: Respond | None = None
        self.requests: list[dict[str, Any]] = []
        self.abandoned = threading.Event()  # a client has gone before the end
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def say(self, *replies: str | Reply) -> None:
        self.replies.extend(replies)

    def prompts(self) -> list[str]:
        """The last message of every request."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def reply_to(self, request: dict[str, Any]) -> Reply:
        self.requests.append(request)
        if self.replies:
            said: str | Reply = self.replies.popleft()
        elif self.respond is not None:
            said = self.respond(request["messages"][-1]["content"])
        else:
            said = Reply("the test has no more replies", status=500)
        return said if isinstance(said, Reply) else Reply(said)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    model: ScriptedModel
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        entry = {"id": "scripted", "object": "model", "created": 1, "owned_by": "tests"}
        self._json(200, {"object": "list", "data": [entry]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.model.reply_to(request)
        try:
            if reply.status != 200:
                error = {"message": reply.text, "type": "t", "param": None, "code": reply.code or None}
                self._json(reply.status, {"error": error}, reply.retry_after)
            elif request.get("stream"):
                self._stream(reply)
            else:
                self._json(200, _completion(reply.text, reply.top_logprobs))
        except ConnectionError:
            self.model.abandoned.set()

    def _stream(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for at in range(0, len(reply.text), PIECE):
            self._event(_chunk(reply.text[at : at + PIECE]))
        while reply.waits is not None and not reply.waits.wait(0.02):
            self.wfile.write(b": waiting\n\n")
        if reply.breaks:
            return
        self._event(_chunk("", "stop"))
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        self._event({**_chunk("", None), "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())

    def _json(self, status: int, body: dict[str, Any], retry_after: int = 0) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry_after:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": choices}


def _completion(text: str, top_logprobs: dict[str, float]) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if top_logprobs:
        tops = [{"token": token, "logprob": value, "bytes": None} for token, value in top_logprobs.items()]
        choice["logprobs"] = {"content": [tops[0] | {"top_logprobs": tops}], "refusal": None}
    choices = [choice]
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
