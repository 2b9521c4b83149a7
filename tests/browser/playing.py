"""A documentation site and a scripted Docent service, on two origins of one local server."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

STATIC = Path(__file__).parents[2] / "static"
SITE_KEY = "site_0123456789abcdef"
API = "/api/v1/chat/"

# What the service serves of its files, by path.
FILES = {
    "/widget.js": (STATIC / "widget.js", "text/javascript"),
    "/widget/highlight.js": (STATIC / "widget-highlight.js", "text/javascript"),
} | {f"/widget/strings/{file.stem}.json": (file, "application/json") for file in (STATIC / "strings").glob("*.json")}

STARTERS = ["How do I install it?", "Which models can it load?", "Where are the logs?"]

CUT = object()
"""A step: the connection breaks."""

Step = bytes | threading.Event | object


@dataclass
class Reply:
    """One scripted response: pieces to send as they stand, events to wait for between them, and CUT."""

    steps: list[Step]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request that the service got."""

    name: str
    headers: dict[str, str]
    body: Any

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Script:
    """What the service answers, what it was asked, and the page that the widget stands on."""

    site: dict[str, Any]
    port: int = 0
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)  # the reader has gone before the end
    head: str = ""
    body: str = "<h1>Nitro documentation</h1><p>Nitro runs models.</p>"
    html: str = 'lang="en"'
    tag: str = ""
    page_headers: dict[str, str] = field(default_factory=dict)
    sessions: int = 0

    @property
    def page_url(self) -> str:
        return f"http://docs.localhost:{self.port}/"

    @property
    def service_url(self) -> str:
        return f"http://docent.localhost:{self.port}/"

    def play(self, *steps: Step, name: str = "POST messages", **response: Any) -> None:
        """The next reply to requests of this name, which is a method and a path below the chat's."""
        self.replies.setdefault(name, []).append(Reply(list(steps), **response))

    def tell(self, name: str, content: Any, status: int = 200) -> None:
        self.play(json.dumps(content).encode(), name=name, status=status, content_type="application/json")

    def refuse(self, name: str, status: int, kind: str, detail: str = "", title: str = "", **more: Any) -> None:
        """A problem document; `retry_after` becomes a header, other words members of it."""
        headers = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
        content = {"type": f"urn:docent:problem:{kind}", "title": title or kind, "status": status, "detail": detail}
        body = json.dumps(content | more).encode()
        self.play(body, name=name, status=status, content_type="application/problem+json", headers=headers)

    def asked(self, name: str) -> list[Asked]:
        return [request for request in self.requests if request.name == name]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was asked, without the ids of the messages."""
        bodies = [request.body for request in self.asked("POST messages")]
        return [{key: value for key, value in body.items() if key != "message_id"} for body in bodies]

    def page(self) -> bytes:
        tag = f'<script src="{self.service_url}widget.js" data-site="{SITE_KEY}" {self.tag} async></script>'
        viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
        head = f'<meta charset="utf-8">{viewport}<title>Nitro</title>{self.head}{tag}'
        return (
            f"<!doctype html><html {self.html}><head>{head}</head><body><main>{self.body}</main></body></html>".encode()
        )

    def reply(self, asked: Asked) -> Reply:
        if queued := self.replies.get(asked.name):
            return queued.pop(0)
        return self._usual(asked)

    def _usual(self, asked: Asked) -> Reply:
        if asked.name == f"GET sites/{SITE_KEY}":
            return _json(self.site)
        if asked.name == "POST sessions":
            self.sessions += 1
            return _json({"session": f"token-{self.sessions}", "expires_at": "2030-01-01T00:00:00Z"}, 201)
        if asked.name.endswith("/stop"):
            return Reply([], 204)
        if asked.name.endswith("/feedback"):
            return _json(asked.body) if asked.name.startswith("PUT") else Reply([], 204)
        if asked.name.endswith("/escalation"):
            return _json({"id": "esc_1", "created_at": "2026-11-22T16:00:00Z"}, 201)
        problem = {"type": "urn:docent:problem:not-found", "title": "Not found", "status": 404, "detail": asked.name}
        return Reply([json.dumps(problem).encode()], 404, "application/problem+json")


def _json(content: Any, status: int = 200) -> Reply:
    return Reply([json.dumps(content).encode()], status, "application/json")


class Handler(BaseHTTPRequestHandler):
    script: Script
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def do_OPTIONS(self) -> None:
        methods = {"Access-Control-Allow-Methods": "GET, POST, PUT, DELETE"}
        allowed = {"Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, Last-Event-ID"}
        self._send(Reply([], 204, "text/plain", methods | allowed))

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if not self.headers["Host"].startswith("docent."):
            self._send(self._page(path))
        elif path in FILES:
            file, content_type = FILES[path]
            self._send(Reply([file.read_bytes()], 200, content_type))
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(f"{self.command} {path.removeprefix(API)}", headers, json.loads(body) if body else None)
            self.script.requests.append(asked)
            self._send(self.script.reply(asked))

    def _page(self, path: str) -> Reply:
        if path == "/":
            return Reply([self.script.page()], 200, "text/html; charset=utf-8", self.script.page_headers)
        return Reply([], 204 if path == "/favicon.ico" else 404, "text/plain")

    def _send(self, reply: Reply) -> None:
        try:
            if reply.steps and reply.steps[0] is CUT:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"] or "*")
            self.send_header("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for step in reply.steps:
                self._take(step)
        except OSError:
            self.script.left.set()

    def _take(self, step: Step) -> None:
        if isinstance(step, bytes):
            self.wfile.write(step)
        elif isinstance(step, threading.Event):
            while not step.wait(0.02):  # keep-alives, which also show when the reader has gone
                self.wfile.write(b": waiting\n\n")
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server:
    """The two origins, with a script of their own."""

    def __init__(self) -> None:
        site = {
            "title": "Nitro assistant",
            "greeting": "",
            "starters": STARTERS,
            "position": "right",
            "colours": None,
            "strings": {},
            "person": True,
        }
        self.script = Script(site)
        handler = type("ScriptedHandler", (Handler,), {"script": self.script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.script.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Script:
        self._thread.start()
        return self.script

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# What the service says


def event(number: int, name: str, answer_id: str = "ans_1", **data: Any) -> bytes:
    return f"id: {answer_id}:{number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def started(answer_id: str = "ans_1", conversation_id: str = "conv_1") -> bytes:
    return event(1, "answer.started", answer_id, id=answer_id, conversation_id=conversation_id, question="?")


def delta(text: str, number: int = 2) -> bytes:
    return event(number, "answer.delta", text=text)


def citation(marker: int, **changes: Any) -> dict[str, Any]:
    return {
        "marker": marker,
        "chunk_id": f"chunk-{marker}",
        "title": "Installation",
        "heading_path": ["Installation", "Linux"],
        "url": "https://docs.example.com/install#linux",
        "quote": "Run the script to install Nitro on Linux.",
        "score": 0.8,
    } | changes


def cited(marker: int, number: int = 3, **changes: Any) -> bytes:
    return event(number, "answer.citation", citation=citation(marker, **changes))


def answer(text: str, citations: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "ans_1",
        "conversation_id": "conv_1",
        "question": "?",
        "decision": "reply",
        "confidence": 0.8,
        "reasons": [],
        "kind": "generated",
        "text": text,
        "citations": citations or [],
        "timings_ms": {"retrieve": 40, "first_token": 500, "first_sentence": 900, "total": 2345},
    } | changes


def completed(text: str, citations: list[dict[str, Any]] | None = None, number: int = 9, **changes: Any) -> bytes:
    return event(number, "answer.completed", answer=answer(text, citations, **changes))


def failed(kind: str, title: str, detail: str, number: int = 9) -> bytes:
    problem = {"type": f"urn:docent:problem:{kind}", "title": title, "status": 500, "detail": detail}
    return event(number, "answer.failed", problem=problem)


def whole(text: str, citations: list[dict[str, Any]] | None = None, **changes: Any) -> list[bytes]:
    """All events of an answer whose text comes in one delta."""
    cites = [event(3, "answer.citation", citation=one) for one in citations or []]
    return [started(), delta(text), *cites, completed(text, citations, **changes)]


def question_of_history(text: str, answer_id: str | None = "ans_1") -> dict[str, Any]:
    return {"id": "msg_1", "role": "user", "content": text, "created_at": "2026-11-22T16:00:00Z", "answer": None,
            "answer_id": answer_id, "rating": None}  # fmt: skip


def answer_of_history(text: str, rating: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"id": "msg_2", "role": "assistant", "content": text, "created_at": "2026-11-22T16:00:02Z",
            "answer": answer(text, **changes), "answer_id": "ans_1", "rating": rating}  # fmt: skip
