"""A forum on a real socket that takes the requests of Discourse's API as it documents them, and refuses others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "k" * 64
BOT = "docent_bot"
PAGE = 20
# docs.discourse.org, createTopicPostPM
CREATE = {
    "title": str,
    "raw": str,
    "topic_id": int,
    "category": int,
    "target_recipients": str,
    "archetype": str,
    "created_at": str,
    "reply_to_post_number": int,
    "embed_url": str,
    "external_id": str,
}


@dataclass
class Answer:
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Answer(404, {"errors": ["The requested URL or resource could not be found."], "error_type": "not_found"})


@dataclass
class Forum:
    """posts: of topic 123, as (username, raw). refusals: answered before anything else, first to last."""

    url: str = ""
    posts: list[tuple[str, str]] = field(default_factory=lambda: [("lamp_owner", "The lamp flickers. What can I do?")])
    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)
    closed: bool = False
    archived: bool = False
    moderated: bool = False
    groups: tuple[str, ...] = ("support_team",)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        self.asked.append(f"{method} {parts.path}")
        if headers.get("api-key") != API_KEY or headers.get("api-username") != BOT:
            return Answer(403, {"errors": ["The requested resource requires a key."], "error_type": "invalid_access"})
        if self.refusals:
            return self.refusals.pop(0)
        if method == "POST":
            return self._create(headers, json.loads(body)) if parts.path == "/posts.json" else NOT_FOUND
        return self._found(parts.path, query)

    def _found(self, path: str, query: dict[str, list[str]]) -> Answer:
        if path == "/t/123.json":
            return Answer(200, self._topic(query))
        if path == "/t/123/posts.json":
            wanted = [int(one) for one in query["post_ids[]"]]
            return Answer(200, {"post_stream": {"posts": [self._post(one, query) for one in wanted]}, "id": 123})
        if found := re.fullmatch(r"/t/external_id/([\w-]{1,50})\.json", path):
            return self._by_external_id(found[1])
        return NOT_FOUND

    def _by_external_id(self, external_id: str) -> Answer:
        for at, message in enumerate(self.messages):
            if message.get("external_id") == external_id:
                return Answer(301, headers={"Location": f"{self.url}/t/draft-the-lamp-flickers/{900 + at}.json"})
        return NOT_FOUND

    def _topic(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = query.get("username_filters", [])
        stream = [at + 1 for at, (username, _) in enumerate(self.posts) if not at or not wanted or username in wanted]
        users = {"lamp_owner": 48, BOT: 9, "forum_team": 3, "neighbour": 51}
        last = self.posts[-1][0]
        return {
            "id": 123,
            "title": "The lamp flickers",
            "closed": self.closed,
            "archived": self.archived,
            "post_stream": {"posts": [self._post(one, query) for one in stream[:PAGE]], "stream": stream},
            "details": {
                "created_by": {"id": 48, "username": "lamp_owner", "name": "", "avatar_template": ""},
                "last_poster": {"id": users[last], "username": last, "name": "", "avatar_template": ""},
            },
        }

    def _post(self, post_id: int, query: dict[str, list[str]]) -> dict[str, Any]:
        username, raw = self.posts[post_id - 1]
        cooked = f"<p>{re.sub(r'<!--.*?-->', '', raw)}</p>"
        post = {"id": post_id, "username": username, "cooked": cooked, "post_number": post_id, "topic_id": 123}
        return {**post, "raw": raw} if query.get("include_raw") else post

    def _create(self, headers: dict[str, str], post: dict[str, Any]) -> Answer:
        wrong = [name for name, value in post.items() if not isinstance(value, CREATE.get(name, ()))]
        if wrong or "raw" not in post or headers.get("content-type") != "application/json":
            return Answer(400, {"errors": [f"wrong parameters: {wrong}"], "error_type": "invalid_parameters"})
        if not 10 <= len(post["raw"]) <= 32_000:
            return Answer(422, {"action": "create_post", "errors": ["Body is too short or too long"]})
        if self.moderated:
            return Answer(200, {"success": True, "action": "enqueued", "pending_post": {"id": 5, "raw": post["raw"]}})
        if post.get("archetype") == "private_message":
            return self._message(post)
        if post.get("topic_id") != 123:
            return Answer(422, {"action": "create_post", "errors": ["Title can't be blank"]})
        self.posts.append((BOT, post["raw"]))
        return Answer(200, {"id": len(self.posts), "username": BOT, "topic_id": 123, "post_number": len(self.posts)})

    def _message(self, post: dict[str, Any]) -> Answer:
        if not 2 <= len(post.get("title", "")) <= 255:
            return Answer(422, {"action": "create_post", "errors": ["Title is too short or too long"]})
        if post.get("target_recipients") not in self.groups:
            return Answer(422, {"action": "create_post", "errors": ["You must select a valid user"]})
        if any(known["external_id"] == post["external_id"] for known in self.messages):
            return Answer(422, {"action": "create_post", "errors": ["External has already been taken"]})
        self.messages.append(post)
        return Answer(200, {"id": 7000, "username": BOT, "topic_id": 899 + len(self.messages), "post_number": 1})


@contextmanager
def serving() -> Iterator[Forum]:
    forum = Forum()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = forum.answer(self.command, self.path, headers, body)
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 -- the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Nothing: the tests read what the forum keeps."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forum.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield forum
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
