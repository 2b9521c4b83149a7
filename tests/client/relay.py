"""A relay before a service, which loses connections and refuses requests as the test tells it to."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import deque
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Self
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
Step = bytes | int


class Relay:
    """plan: what becomes of the next requests, one step each, and of the rest nothing special.

    A number: the service gets it, and so many bytes of its response arrive before the connection is lost. Bytes: what
    is answered in the service's place. requests: head and body of what came.
    """

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self.target = (address.hostname, address.port)
        self.plan: deque[Step] = deque()
        self.requests: list[str] = []
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"relay": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def response(status: str, body: dict[str, Any] | str, **headers: str) -> bytes:
    """A whole response, for the plan."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/problem+json"
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(text)}", "Connection: close", *lines]
    return ("\r\n".join(head) + "\r\n\r\n" + text).encode()


def refusal(status: str, kind: str, **headers: str) -> bytes:
    number = int(status.split(maxsplit=1)[0])
    body = {"type": f"urn:docent:problem:{kind}", "title": kind, "status": number, "detail": "as the test says"}
    return response(status, body, **headers)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(BaseRequestHandler):
    relay: Relay

    def handle(self) -> None:
        request = self._request()
        if not request:
            return
        self.relay.requests.append(request.decode("utf-8", "replace"))
        step = self.relay.plan.popleft() if self.relay.plan else None
        try:
            if isinstance(step, bytes):
                self.request.sendall(step)
            else:
                self._pass_on(request, step)
        except ConnectionError:
            return  # the client has gone, as some tests have it

    def _request(self) -> bytes:
        read = b""
        while b"\r\n\r\n" not in read:
            piece = self.request.recv(65536)
            if not piece:
                return b""
            read += piece
        head, _, body = read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        while length is not None and len(body) < int(length[1]):
            body += self.request.recv(65536)
        head = re.sub(rb"\r\nconnection: [^\r]*", b"", head, flags=re.IGNORECASE)
        return head + b"\r\nConnection: close\r\n\r\n" + body

    def _pass_on(self, request: bytes, limit: int | None) -> None:
        with socket.create_connection(self.relay.target) as upstream:
            upstream.sendall(request)
            passed = 0
            while limit is None or passed < limit:
                piece = upstream.recv(4096 if limit is None else min(4096, limit - passed))
                if not piece:
                    return
                self.request.sendall(piece)
                passed += len(piece)
            if limit == 0:
                upstream.recv(1)  # the service has answered: the question has arrived
