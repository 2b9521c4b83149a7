"""What clients cannot send and sockets can: targets, hosts, headers and bodies that may be read in two ways."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import GOOD, MESSAGES, PORT, VisitedService
from tests.service.serving import until

ADMIN = "/api/v1/admin/sources"
Send = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def service(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:
    with ScriptedModel() as model:
        model.respond = lambda _: GOOD
        with VisitedService(tmp_path_factory.mktemp("sockets"), indexed, LLM__BASE_URL=model.base_url) as service:
            yield service


@pytest.fixture
def send(service: VisitedService) -> Send:
    """Sends bytes, and reads the first response: status, headers and all that came behind them until the end."""
    port = httpx.URL(service.url).port

    def exchange(
        *lines: str | bytes, body: bytes = b"", host: str | None = "127.0.0.1"
    ) -> tuple[int, dict[str, str], bytes]:
        head = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
        if host is not None:
            head.append(b"Host: " + host.encode("latin-1"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"\r\n".join([*head, b"Connection: close", b"", b""]) + body)
            received = b""
            while piece := connection.recv(65_536):
                received += piece
        start, _, rest = received.partition(b"\r\n\r\n")
        status, *fields = start.decode("latin-1").split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        return int(status.split()[1]), {name.lower(): value for name, value in headers.items()}, rest

    return exchange


@pytest.fixture(autouse=True)
def _no_trouble(service: VisitedService) -> Iterator[None]:
    """Whatever is sent, the service lives on, and its log holds no crash and none of its secrets."""
    before = len(service.log())
    yield
    with service.program(service.token) as client:
        assert client.get("/livez").status_code == 200
    lines = service.log()[before:]
    assert [line for line in lines if line["level"] in {"error", "critical"} or "exception" in line] == []
    written = json.dumps(lines)
    for secret in (service.token, *(key.token for key in service.keys.values())):
        assert secret not in written


def _admin(service: VisitedService) -> str:
    return f"Authorization: Bearer {service.keys['admin'].token}"


def test_the_way_it_is_meant(service: VisitedService, send: Send) -> None:
    assert send(f"GET {ADMIN} HTTP/1.1", _admin(service))[0] == 200
    assert send(f"GET {ADMIN} HTTP/1.1")[0] == 401


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/admin%2fsources",
        "/api/v1/admin/%73ources",
        "/api%2Fv1%2Fadmin%2Fsources",
        "//api/v1/admin/sources",
        "/api/v1//admin/sources",
        "/./api/v1/admin/sources",
        "/static/../api/v1/admin/sources",
        "/static/%2e%2e/api/v1/admin/sources",
        "/widget/strings/..%2f..%2fapi/v1/admin/sources",
        "/api/v1/chat/../admin/sources",
        "/api/v1/chat/%2e%2e/admin/sources",
        "/api/v1/chat/..;/admin/sources",
        "/api/v1/admin/sources/",
        "/api/v1/admin/sources;x=y",
        "/api/v1/admin/sources%00",
        "/api/v1/admin/sources%20",
        "/api/v1/admin/sources%3f",
        "/API/v1/admin/sources",
        "/livez/../api/v1/admin/sources",
        "http://127.0.0.1/api/v1/admin/sources",
        "http://evil.example/api/v1/admin/sources",
        "*",
    ],
)
def test_no_other_spelling_opens_a_closed_path(send: Send, target: str) -> None:
    status, headers, body = send(f"GET {target} HTTP/1.1")
    assert status in {307, 400, 401, 403, 404}
    assert b"lumen" not in body.lower()
    if status == 307:
        assert headers["location"] == "http://127.0.0.1/api/v1/admin/sources"


@pytest.mark.parametrize(
    "target",
    [
        "/static/../pyproject.toml",
        "/static/%2e%2e/pyproject.toml",
        "/static/%2e%2e%2fpyproject.toml",
        "/static/%252e%252e%252fpyproject.toml",
        "/static/..%5cpyproject.toml",
        "/static/....//pyproject.toml",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/strings/../../pyproject.toml",
        "/static/%00/etc/passwd",
        "/static/",
        "/widget/strings/..%2f..%2fpyproject.json",
        "/widget/strings/de%00.json",
        "/widget/strings/.json",
        "/widget/strings/%2e%2e.json",
        "/handbook/../pyproject.toml",
        "/handbook/%2e%2e/pyproject.toml",
        "/handbook/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/handbook/images/../index.md",
        "/handbook/images/%2e%2e%2findex.md",
        "/handbook/images/%2fetc%2fpasswd",
        "/handbook/%00",
        "/handbook//etc/passwd",
    ],
)
def test_no_file_but_those_that_are_served(send: Send, target: str) -> None:
    status, _, body = send(f"GET {target} HTTP/1.1")
    assert status in {400, 404, 405, 422}
    assert b"root:" not in body
    assert b"build-system" not in body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 400),
        ("", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("127.0.0.1:80@evil.example", 421),
        ("evil.example#127.0.0.1", 421),
        ("127.0.0.1/evil.example", 421),
        ("127.0.0.1, evil.example", 421),
        ("localhost.", 421),
        ("[::1", 421),
        ("127.0.0.1:", 421),
        ("127.0.0.1:999999", 421),
        ("127.0.0.1:8O", 421),
        ("0x7f000001", 421),
        ("2130706433", 421),
        ("\u00b9\u00b2\u00b7.0.0.1", 421),
        ("a" * 8_000, 421),
        ("a." * 4_000, 421),
        ("[" + ":" * 4_000 + "]", 421),
        ("LOCALHOST", 401),
        ("127.0.0.1:1", 401),
        ("[::1]:80", 401),
    ],
)
def test_hosts(send: Send, host: str | None, status: int) -> None:
    assert send(f"GET {ADMIN} HTTP/1.1", host=host)[0] == status


def test_a_header_over_all_bounds(send: Send) -> None:
    """Refused before it is read to its end, which some systems report as a reset."""
    with suppress(ConnectionResetError):
        assert send("GET /livez HTTP/1.1", "X-Long: " + "x" * 200_000)[0] == 400


@pytest.mark.parametrize("order", [("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1")])
def test_two_hosts(send: Send, order: tuple[str, str]) -> None:
    status, _, _ = send("GET /livez HTTP/1.1", f"Host: {order[0]}", f"Host: {order[1]}", host=None)
    assert status in {400, 421}


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-Host: 127.0.0.1", "X-Original-Host: 127.0.0.1", "Forwarded: host=127.0.0.1", "X-Host: 127.0.0.1"],
)
def test_no_other_header_names_the_host(send: Send, header: str) -> None:
    assert send("GET /livez HTTP/1.1", header, host="evil.example")[0] == 421


def test_a_foreign_host_is_not_repeated(send: Send) -> None:
    """Neither where the path is redirected, nor in a page."""
    evil = "X-Forwarded-Host: evil.example"
    for target in ("/api/v1/admin/sources/", "/handbook", "/handbook/index.md", "/", "/readyz", "/nothing"):
        _, headers, body = send(f"GET {target} HTTP/1.1", evil, "X-Forwarded-Proto: javascript", "Accept: text/html")
        assert "evil" not in json.dumps(headers)
        assert b"evil.example" not in body


@pytest.mark.parametrize("header", ["X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override"])
def test_no_header_changes_path_or_method(send: Send, header: str) -> None:
    status, _, body = send("GET /livez HTTP/1.1", f"{header}: {ADMIN if 'URL' in header else 'DELETE'}")
    assert (status, body) == (200, b'{"status":"ok"}')


def test_two_tokens_are_one_or_none(service: VisitedService, send: Send) -> None:
    """Which of them counts does not matter, as long as it is always the same one."""
    good, bad = _admin(service), "Authorization: Bearer nonsense"
    both = {send(f"GET {ADMIN} HTTP/1.1", good, bad)[0], send(f"GET {ADMIN} HTTP/1.1", bad, good)[0]}
    assert both in ({200, 401}, {400}, {401})
    joined = f"{good}, Bearer nonsense"
    assert send(f"GET {ADMIN} HTTP/1.1", joined)[0] == 401


@pytest.mark.parametrize(
    "given",
    [
        b"a\r\nX-Injected: 1",
        b"a\nX-Injected: 1",
        b"a\rX-Injected: 1",
        b"a%0d%0aX-Injected: 1",
        b"a\x00b",
        b"a\r\n\tX-Injected: 1",
        "a\u560a\u560dX-Injected: 1".encode(),
        b"a\x85X-Injected: 1",
        b"\xe9" * 16,
        b"x" * 65,
    ],
)
def test_a_request_id_injects_nothing(send: Send, given: bytes) -> None:
    status, headers, body = send("GET /nothing HTTP/1.1", b"X-Request-ID: " + given)
    assert status in {400, 404}
    assert "x-injected" not in headers
    assert b"X-Injected" not in body
    if status == 404:
        assert headers["x-request-id"].encode("latin-1") in {b"a", headers["x-request-id"].encode("ascii")}


def test_a_path_writes_no_line_of_its_own_into_the_log(service: VisitedService, send: Send) -> None:
    send("GET /%0a%7b%22event%22:%22forged%22%7d%0d%0aforged%1b[2J HTTP/1.1")
    until(lambda: any("forged" in str(line.get("path")) for line in service.log()))
    assert not any(line["event"] == "forged" for line in service.log())


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Transfer-Encoding: \x00chunked"],
        ["X: y\nTransfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Content-Length: +5"],
        ["Content-Length: -1"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5\u00b2"],
        ["Content-Length: " + "9" * 5_000],
        ["Content-Length: " + "0" * 5_000],
        ["Content-Length: 1e1"],
    ],
)
def test_no_second_request_hides_in_a_body(service: VisitedService, send: Send, headers: list[str]) -> None:
    """One answer comes, a refusal, and what follows is never read as a request with its own answer."""
    smuggled = b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    kind = "Content-Type: application/json"
    status, _, body = send(f"POST {MESSAGES} HTTP/1.1", _admin(service), kind, *headers, body=smuggled)
    assert 400 <= status < 500 or (status, headers) == (501, headers)
    assert b"HTTP/1.1" not in body
    assert b'"ok"' not in body


def test_a_chunked_body_is_read_and_bounded(service: VisitedService, send: Send) -> None:
    key = f"Authorization: Bearer {service.keys['chat'].token}"
    said = json.dumps({"question": PORT}).encode()
    head = (f"POST {MESSAGES} HTTP/1.1", key, "Content-Type: application/json", "Transfer-Encoding: chunked")
    status, _, _ = send(*head, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(said), said))
    assert status == 200
    piece = b"%x;x=%b\r\n%b\r\n" % (1000, b"y" * 100, b" " * 1000)
    assert send(*head, body=piece * 100 + b"0\r\n\r\n")[0] == 413
    assert send(*head, body=b"zz\r\n")[0] == 400


@pytest.mark.parametrize(
    "line",
    [
        "GET",
        "GET /livez",
        "GET  /livez HTTP/1.1",
        "GET /li vez HTTP/1.1",
        "G\x00T /livez HTTP/1.1",
        "\x16\x03\x01",
        "GET /livez HTTP/1.1 x",
        "/ / /",
    ],
)
def test_what_is_no_request(send: Send, line: str) -> None:
    assert send(line)[0] == 400


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "x" * 200, "OPTIONS", "PATCH", "HEAD"])
def test_other_methods_do_nothing(service: VisitedService, send: Send, method: str) -> None:
    assert send(f"{method} {ADMIN} HTTP/1.1", _admin(service))[0] in {400, 405}


def test_a_reader_that_goes_in_the_middle_of_its_body(service: VisitedService) -> None:
    port = httpx.URL(service.url).port
    for cut in (b"", b"{", b'{"question": "half'):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            head = [f"POST {MESSAGES} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", _admin(service)]
            connection.sendall("\r\n".join([*head, "Content-Length: 1000", "", ""]).encode() + cut)
