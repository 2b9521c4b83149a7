"""A website whose answers a test writes down, over HTTP on this machine."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = Callable[[BaseHTTPRequestHandler], None]


def html(body: str, title: str = "Page", head: str = "") -> str:
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body><main>{body}</main></body></html>"


def linked(*paths: str) -> str:
    return html("<h1>Start</h1>" + "".join(f'<p>See <a href="{path}">{path}</a>.</p>' for path in paths))


def _missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


class Site:
    """pages: what stands under a path; asked: the paths that were asked for, with their time and headers."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.default: Answer = _missing
        self.asked: list[tuple[str, float, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, time.monotonic(), dict(self.headers)))
                try:
                    site.pages.get(self.path, site.default)(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked if path != "/robots.txt"]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def empty(self) -> None:
        self.pages.clear()
        self.default = _missing
        self.asked.clear()

    def page(self, path: str, body: str | bytes, kind: str = "text/html; charset=utf-8", **headers: str) -> None:
        """A page with an ETag, which it is not sent again for."""
        data = body.encode() if isinstance(body, str) else body
        etag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'

        def answer(handler: BaseHTTPRequestHandler) -> None:
            same = handler.headers.get("If-None-Match") == etag
            handler.send_response(304 if same else 200)
            handler.send_header("ETag", etag)
            if not same:
                handler.send_header("Content-Type", kind)
                handler.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            if not same:
                handler.wfile.write(data)

        self.pages[path] = answer

    def fails(self, path: str, status: int) -> None:
        self.pages[path] = lambda handler: handler.send_error(status)

    def redirect(self, path: str, target: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.pages[path] = answer

    def raw(self, path: str, *pieces: bytes, pause: float = 0.0) -> None:
        """An answer as it goes over the line, status line and all, and the end of the connection."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            for piece in pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
                time.sleep(pause)
            handler.close_connection = True

        self.pages[path] = answer

    def sitemap(self, path: str, *links: str, within: str = "urlset", **more: Any) -> None:
        inner = "url" if within == "urlset" else "sitemap"
        listed = "".join(f"<{inner}><loc>{self.url}{link}</loc></{inner}>" for link in links)
        text = f'<?xml version="1.0"?><{within} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</{within}>'
        self.page(path, text, "application/xml", **more)
