"""Commands beside a running service: it does the work, and answers while it does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import EmbeddingSettings, Settings
from app.index.indexer import IndexRequest
from app.local_service import ServiceFile
from app.runtime import open_core
from tests.postgresql.databases import database_settings

CLOSED = "http://127.0.0.1:9/v1"  # nothing listens there: no engine is started, and none is ready
PAGES = 40


@dataclass(frozen=True, slots=True)
class Service:
    url: str
    data_dir: Path
    docs: Path
    process: subprocess.Popen[str]
    admin: httpx.Client
    anybody: httpx.Client

    def docent(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command line on the service's data folder. Without the service it would lack a model."""
        return subprocess.run(
            [sys.executable, "-c", "from app.cli import main; main()", *map(str, arguments)],
            env={
                **os.environ,
                "DOCENT_DATA_DIR": str(self.data_dir),
                **database_settings(self.data_dir),
                "DOCENT_EMBEDDING__PATH": str(self.data_dir / "nowhere"),
                **environment,
            },
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def editions(self) -> set[str]:
        """The editions that a search answers from."""
        found = self.admin.get("/api/v1/admin/search", params={"q": "Which edition is this page of?", "k": 100})
        assert found.status_code == 200
        return {hit["text"].split("edition ")[1].split(".")[0] for hit in found.json()["results"]}


def write_edition(docs: Path, edition: str) -> None:
    docs.mkdir(exist_ok=True)
    for page in range(PAGES):
        (docs / f"page{page}.md").write_text(f"# Page {page}\n\nThis page {page} is of edition {edition}.\n")


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """A service on a data folder in which edition 'one' is indexed."""
    docs, data_dir = folder / "pages", folder / "data"
    write_edition(docs, "one")

    async def index() -> None:
        async with open_core(Settings(data_dir=data_dir, embedding=EmbeddingSettings(threads=1))) as core:
            await core.indexer.index(IndexRequest((docs,)), lambda _: None)

    asyncio.run(index())
    with subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"],
        env={
            **os.environ,
            "DOCENT_DATA_DIR": str(data_dir),
            **database_settings(data_dir),
            "DOCENT_EMBEDDING__THREADS": "1",
            "DOCENT_LLM__BASE_URL": CLOSED,
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Docent listens at ").strip()
        token = json.loads((data_dir / "service.json").read_text())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        with (
            httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as admin,
            httpx.Client(base_url=url, trust_env=False, timeout=60) as anybody,
        ):
            wait_until_it_answers(anybody)
            try:
                yield Service(url, data_dir, docs, process, admin, anybody)
            finally:
                process.kill()


def wait_until_it_answers(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            client.get("/livez")
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


def events_of(response: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    lines = [line for line in response.text.splitlines() if line.startswith(("event:", "data:"))]
    names = [line.partition(": ")[2] for line in lines[::2]]
    return list(zip(names, (json.loads(line.partition(": ")[2]) for line in lines[1::2]), strict=True))


def test_search_goes_through_the_service(service: Service) -> None:
    done = service.docent("search", "Which edition?", "--json", "-k", "2", "--explain")

    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert len(found["results"]) == 2
    assert found["results"][0]["explain"]["dense"] is not None


def test_an_empty_question_is_one_line_from_the_service_too(service: Service) -> None:
    done = service.docent("search", " ")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "docent: the question is empty: write what to search for\n"


def test_index_goes_through_the_service_which_answers_meanwhile(service: Service) -> None:
    write_edition(service.docs, "two")
    outcome: list[subprocess.CompletedProcess[str]] = []
    runner = threading.Thread(target=lambda: outcome.append(service.docent("index", service.docs, "--json")))
    runner.start()
    seen: list[set[str]] = []
    while runner.is_alive():
        seen.append(service.editions())
    runner.join()

    assert outcome[0].stderr == ""
    report = json.loads(outcome[0].stdout)
    assert (report["files"], report["embedded"]) == (PAGES, PAGES)
    assert {"one"} in seen
    assert all(editions in ({"one"}, {"two"}) for editions in seen)  # never a mix
    assert seen.index({"one"}) == 0
    assert service.editions() == {"two"}


def test_a_refused_run_is_one_line_and_the_index_serves_on(service: Service, tmp_path: Path) -> None:
    before = service.editions()
    done = service.docent("index", tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"docent: no document could be read in {tmp_path}")
    assert done.stderr.count("\n") == 1
    assert service.editions() == before


def test_sources_are_listed_and_deleted_through_the_service(service: Service, tmp_path: Path) -> None:
    (tmp_path / "kettle.md").write_text("# Kettle\n\nIt boils. This is of edition kettle.\n")
    assert service.docent("index", tmp_path / "kettle.md").returncode == 0

    listed = service.docent("source", "list", "--json")
    assert [source["name"] for source in json.loads(listed.stdout)] == ["pages", "kettle"]
    assert "kettle" in service.editions()

    deleted = service.docent("source", "delete", "kettle")
    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert "kettle" not in service.editions()
    assert "there is no source named kettle" in service.docent("source", "delete", "kettle").stderr


def test_an_index_run_streams_its_progress(service: Service) -> None:
    (service.docs / "new.md").write_text("# New\n\nThis page is of edition two.\n")

    response = service.admin.post("/api/v1/admin/index", json={"paths": [str(service.docs)]})

    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response)
    assert {name for name, _ in events[:-1]} == {"index.progress"}
    assert set(events[0][1]) >= {"phase", "done", "total", "item", "changed", "deleted", "failed", "embedded"}
    last = events[-2][1]  # of the steps: the last one is shown however little time it took
    assert (last["phase"], last["changed"], last["embedded"], last["deleted"]) == ("embed", 1, 1, 0)
    name, report = events[-1]
    assert (name, report["embedded"], report["unchanged"]) == ("index.completed", 1, PAGES)


def test_a_run_that_fails_says_so_in_the_stream(service: Service, tmp_path: Path) -> None:
    for paths, kind in (([str(tmp_path / "nowhere")], "invalid-input"), (["relative"], "invalid-input")):
        response = service.admin.post("/api/v1/admin/index", json={"paths": paths})
        if response.headers["content-type"].startswith("text/event-stream"):
            ((name, data),) = events_of(response)
            assert (name, data["problem"]["type"]) == ("index.failed", f"urn:docent:problem:{kind}")
        else:
            assert response.status_code == 422
            assert response.json()["type"] == f"urn:docent:problem:{kind}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/admin/index"),
        ("GET", "/api/v1/admin/search?q=lamp"),
        ("GET", "/api/v1/admin/sources"),
        ("DELETE", "/api/v1/admin/sources/pages"),
    ],
)
@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer", "Bearer é"])
def test_admin_routes_want_the_token(service: Service, method: str, path: str, authorization: str | None) -> None:
    headers = [] if authorization is None else [("Authorization", authorization.encode())]

    refused = service.anybody.request(
        method, path, headers=headers, json={"paths": [str(service.docs)]} if method == "POST" else None
    )

    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:docent:problem:unauthorized"
    assert "service.json" in refused.json()["detail"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_foreign_hosts_are_refused(service: Service, host: str) -> None:
    for client in (service.anybody, service.admin):
        refused = client.get("/api/v1/admin/sources", headers={"Host": host})

        assert refused.status_code == 421
        assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_loopback_hosts_are_answered(service: Service, host: str) -> None:
    assert service.anybody.get("/livez", headers={"Host": host}).status_code == 200


def test_readyz_names_the_engine_and_nothing_else(service: Service) -> None:
    response = service.anybody.get("/readyz")

    assert response.status_code == 503
    assert set(response.json()["waiting"]) == {"engine"}
    assert response.json()["status"] == "not ready"


def test_the_token_is_for_the_user_alone(service: Service) -> None:
    assert stat.S_IMODE((service.data_dir / "service.json").stat().st_mode) == 0o600


@pytest.mark.sqlite
def test_a_second_service_is_refused_in_one_line(service: Service) -> None:
    done = service.docent("serve", "--port", "0")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("docent: a service runs on ")
    assert f"at {service.url} (process {service.process.pid})" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_foreign_address_is_refused_in_one_line(service: Service, tmp_path: Path) -> None:
    done = service.docent("serve", "--host", "0.0.0.0", DOCENT_DATA_DIR=str(tmp_path))  # noqa: S104

    assert done.returncode == 1
    assert "0.0.0.0 is reached from other machines: set DOCENT_SERVER__HOSTS" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_that_is_killed_leaves_commands_on_their_own(tmp_path: Path) -> None:
    """First in the middle of a run, which ends with one line; then nobody believes what it left."""
    with serving(tmp_path) as service:
        write_edition(service.docs, "two")
        outcome: list[subprocess.CompletedProcess[str]] = []
        runner = threading.Thread(target=lambda: outcome.append(service.docent("index", service.docs)))
        runner.start()
        while runner.is_alive() and not list(service.data_dir.glob("index/building-*")):
            time.sleep(0.01)
        service.process.send_signal(signal.SIGKILL)
        runner.join()

        assert (outcome[0].returncode, outcome[0].stdout) == (1, "")
        assert outcome[0].stderr.startswith("docent: the service ")
        assert outcome[0].stderr.count("\n") == 1

        alone = service.docent("search", "Which edition?", "--json", DOCENT_EMBEDDING__PATH="")
    assert alone.stderr == ""
    assert all("edition one" in hit["text"] for hit in json.loads(alone.stdout)["results"])


def test_a_service_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) in {0, -signal.SIGTERM}
        assert ServiceFile(service.data_dir).running() is None
