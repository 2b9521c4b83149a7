"""A running service with something of everything in it, so that routes are called with ids that exist, too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase

from app.auth.keys import ApiKeys
from tests.answering.lumen import write_pages
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import DOCS, GOOD, PORT, UNLIMITED, make_site, on_database
from tests.fetching.repositories import Repository
from tests.service.serving import Service, until

GIT_SOURCE = "lamp"
SECRET = "of the tests"  # noqa: S105
SETTINGS = {
    **UNLIMITED,
    "TICKETS__TICKETS_PER_KEY": "1000000/minute",
    "TICKETS__WAIT_SECONDS": "1",
    "TICKETS__CALLBACK_HOSTS": "127.0.0.1",
    "GITHUB__WEBHOOK_SECRET": SECRET,
    "ZENDESK__WEBHOOK_SECRET": SECRET,
    "DISCOURSE__WEBHOOK_SECRET": SECRET,
    "LOG__LEVEL": "warning",
}
FINISHED = {"answered", "escalated", "failed"}


@dataclass(frozen=True)
class Known:
    """keys: API keys by scope. ids: of what is there, by the names of path parameters; what DELETE may take is apart.

    folder: to index from; nothing is there. pages: a folder that is there. push_secret: of the git source.
    statuses: what was got, by route.
    """

    url: str
    keys: dict[str, str]
    ids: dict[str, list[str]]
    folder: Path
    pages: Path
    push_secret: str
    statuses: dict[str, set[int]] = field(default_factory=dict)


class SignedBody(AuthBase):
    """Signs what is sent to a webhook, as the other systems do."""

    def __init__(self, secret: str = SECRET) -> None:
        self._secret = secret.encode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        time = datetime.now(UTC).isoformat()
        by_body = "sha256=" + hmac.digest(self._secret, body, hashlib.sha256).hex()
        by_time = base64.b64encode(hmac.digest(self._secret, time.encode() + body, hashlib.sha256)).decode()
        request.headers["X-Hub-Signature-256"] = request.headers["X-Discourse-Event-Signature"] = by_body
        request.headers["X-Zendesk-Webhook-Signature"] = by_time
        request.headers["X-Zendesk-Webhook-Signature-Timestamp"] = time
        return request


@contextmanager
def known_service(folder: Path, indexed: Path) -> Iterator[Known]:
    """A service with the scripted model on a copy of `indexed`, and a receiver of its callbacks."""
    with ScriptedModel() as model, _receiver() as receiver:
        model.respond = lambda _: GOOD
        with Service(folder, indexed, LLM__BASE_URL=model.base_url, **SETTINGS) as service:
            yield _known(service, model, folder, receiver)


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/callback"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _known(service: Service, model: ScriptedModel, folder: Path, receiver: str) -> Known:
    made = {
        scope: on_database(service.data_dir, lambda database, scope=scope: ApiKeys(database).create("tests", scope))
        for scope in ("chat", "tickets", "admin")
    }
    keys = {scope: key.token for scope, key in made.items()}
    second = folder / "second"
    second.mkdir()
    for page in write_pages(folder / "pages").iterdir():
        (second / page.name).write_bytes(page.read_bytes())
    call = service.client
    indexed = call.post("/api/v1/admin/index", json={"paths": [str(second)]})
    assert "index.completed" in indexed.text, indexed.text
    _index_repository(service, folder / "repository")
    chat = {"Authorization": f"Bearer {keys['chat']}"}
    answer = call.post("/api/v1/chat/messages", json={"question": PORT}, headers=chat).json()
    finished = _ticket(service, "finished", callback_url=receiver)
    until(lambda: call.get(f"/api/v1/tickets/{finished}").json()["state"] in FINISHED)
    cancelled = _cancelled(service, model)
    until(lambda: [one["state"] for one in call.get("/api/v1/admin/callbacks").json()] == ["delivered"])
    ids = {
        "site_key": [make_site(service.data_dir, DOCS)],
        "answer_id": [answer["id"]],
        "conversation_id": [answer["conversation_id"]],
        "ticket_id": [finished, cancelled],
        "job_id": [job["id"] for job in call.get("/api/v1/admin/jobs").json()],
        "POST job_id": [job["id"] for job in call.get("/api/v1/admin/jobs?state=cancelled").json()],
        "callback_id": [one["id"] for one in call.get("/api/v1/admin/callbacks").json()],
        "name": [GIT_SOURCE],
        "DELETE name": ["second"],
        "model_id": ["docent"],
    }
    assert all(ids.values()), ids
    secret = call.get(f"/api/v1/admin/sources/{GIT_SOURCE}/push-secret").json()["secret"]
    return Known(service.url, keys, ids, folder / "nothing", folder / "pages", secret)


def _cancelled(service: Service, model: ScriptedModel) -> str:
    """A ticket and its job, taken back while the model answers, so that the job cannot be done before."""
    asked, go_on = threading.Event(), threading.Event()

    def hold(_: str) -> str:
        asked.set()
        go_on.wait(60)
        return GOOD

    respond, model.respond = model.respond, hold
    ticket = _ticket(service, "cancelled")
    assert asked.wait(60)
    service.client.post(f"/api/v1/tickets/{ticket}/cancel")
    until(lambda: bool(service.client.get("/api/v1/admin/jobs?state=cancelled").json()))
    model.respond = respond
    go_on.set()
    return ticket


def _index_repository(service: Service, folder: Path) -> None:
    repository = Repository(folder)
    repository.write("lamp.md", "# Lamp\n\nThe lamp glows.\n")
    repository.commit()
    source = {"name": GIT_SOURCE, "kind": "git", "location": str(folder)}
    assert service.client.post("/api/v1/admin/sources", json=source).status_code == 201
    job = service.client.post(f"/api/v1/admin/sources/{GIT_SOURCE}/sync").json()
    followed = service.client.get(f"/api/v1/admin/jobs/{job['id']}/events").text
    assert '"state":"succeeded"' in followed, followed


def _ticket(service: Service, name: str, **fields: Any) -> str:
    made = service.client.post("/api/v1/tickets", json={"external_id": name, "body": PORT, **fields})
    assert made.status_code == 202, made.text
    found: str = made.json()["id"]
    return found
