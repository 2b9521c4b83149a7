"""What every request passes, around an application that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Scope

from app.errors import Overloaded
from app.metrics import Metrics
from app.middleware import AllowedHosts, BodyLimit, RequestContext, host_name, is_loopback
from app.problems import install_problem_handlers

LIMIT = 100


async def _echo(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def _crash() -> None:
    raise ZeroDivisionError("the inside of it")


async def _refuse() -> None:
    raise Overloaded("full", retry_after=7)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def application(metrics: Metrics) -> FastAPI:
    app = FastAPI()
    app.add_api_route("/echo/{name}", _echo, methods=["GET", "POST"])
    app.add_api_route("/crash", _crash)
    app.add_api_route("/refuse", _refuse)
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, limit=LIMIT, larger={"/echo/large": 2 * LIMIT})
    app.add_middleware(AllowedHosts, hosts="docent.example.com *.example.org")
    app.add_middleware(RequestContext, metrics=metrics)
    return app


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def _count(metrics: Metrics, **labels: str) -> float:
    return metrics.registry.get_sample_value("docent_http_requests_total", labels) or 0.0


async def test_a_crash_says_nothing_of_the_inside(client: httpx.AsyncClient, metrics: Metrics) -> None:
    """And is found in the log by its id, as it says."""
    response = await client.get("/crash", headers={"X-Request-ID": "find-me"})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == "find-me"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.json()["type"] == "urn:docent:problem:internal"
    assert "inside" not in response.text
    assert "ZeroDivision" not in response.text
    assert _count(metrics, method="GET", route="/crash", status="500") == 1


async def test_a_crash_goes_on_to_the_server(application: FastAPI) -> None:
    transport = httpx.ASGITransport(application, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/crash")


async def test_retry_after(client: httpx.AsyncClient) -> None:
    response = await client.get("/refuse")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


async def test_names_in_paths_make_no_series(client: httpx.AsyncClient, metrics: Metrics) -> None:
    for name in ("one", "two", "%2e%2e", "x" * 500):
        assert (await client.get(f"/echo/{name}")).status_code == 200
    assert _count(metrics, method="GET", route="/echo/{name}", status="200") == 4
    assert b"two" not in metrics.text()


@pytest.mark.parametrize(("size", "status"), [(LIMIT + 1, 200), (2 * LIMIT, 200), (2 * LIMIT + 1, 413)])
async def test_a_larger_limit_for_a_path(client: httpx.AsyncClient, size: int, status: int) -> None:
    assert (await client.post("/echo/large", content=b"x" * size)).status_code == status


@pytest.mark.parametrize(("size", "status"), [(0, 200), (LIMIT, 200), (LIMIT + 1, 413), (100_000, 413)])
async def test_bodies(client: httpx.AsyncClient, size: int, status: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, size, 30):
            yield b"x" * min(30, size - at)

    for content in (b"x" * size, pieces()):
        response = await client.post("/echo/body", content=content)
        assert response.status_code == status
        if status == 200:
            assert response.json() == {"bytes": size}
        else:
            assert response.json()["type"] == "urn:docent:problem:body-too-large"


async def test_a_body_that_lies_about_its_length(client: httpx.AsyncClient) -> None:
    small = await client.post("/echo/body", content=b"x", headers={"Content-Length": str(LIMIT + 1)})
    assert small.status_code == 413
    for told in ("0", "1", "-1", "x", "\u00b2".encode(), "9" * 5000, ""):
        large = await client.post("/echo/body", content=b"x" * (LIMIT + 1), headers={"Content-Length": told})
        assert large.status_code == 413, told


async def test_a_body_is_not_read_past_the_limit(application: FastAPI) -> None:
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/echo/body",
        "raw_path": b"/echo/body",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await application(scope, receive, send)
    assert sent[0]["status"] == 413
    assert asked == 2


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("docent.example.com", 200),
        ("DOCENT.example.com:8443", 200),
        ("localhost:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("sub.docent.example.com", 421),
        ("docent.example.com.evil.example", 421),
        ("a.example.org", 421),  # `*` stands alone, or for nothing
        ("docent.example.com:", 421),
        ("docent.example.com:80:80", 421),
        ("docent.example.com\t", 421),
        ("::1", 421),
    ],
)
async def test_hosts(client: httpx.AsyncClient, host: str, status: int) -> None:
    assert (await client.get("/echo/x", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a.example", "a.example"),
        ("a.example:80", "a.example"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("", ""),
        (":80", ""),
        ("a b", ""),
        ("a@b", ""),
        ("a/b", ""),
        ("a,b", ""),
        ("a\n", ""),
        ("é.example", ""),
        ("a:123456", ""),
    ],
)
def test_the_name_of_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.255.255.254", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "::", "10.0.0.1", "localhost.example", "127.1", "127.0.0.1.example", "0177.0.0.1"]
)
def test_what_is_no_loopback(host: str) -> None:
    assert not is_loopback(host)
