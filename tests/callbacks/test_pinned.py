from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from socket import getaddrinfo
from typing import Any

import httpx
import pytest

from app.callbacks.pinned import PinnedTransport, SystemResolver
from app.callbacks.targets import CallbackRefused, HostUnresolved, parse_allowed
from tests.callbacks.conftest import Opened
from tests.callbacks.names import Names
from tests.callbacks.receiver import answer, receiving

ServerTLS = Callable[[str], ssl.SSLContext]


async def post(transport: PinnedTransport, url: str) -> httpx.Response:
    response = await transport.handle_async_request(httpx.Request("POST", url, content=b"{}"))
    await response.aread()
    return response


async def test_a_name_server_that_changes_its_mind_reaches_nothing_inside(opened: Opened) -> None:
    """The attack: an allowed address while it is checked, an inner one when the connection is made."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    transport = opened("127.0.0.2/32", names)
    async with receiving(host="127.0.0.2") as outside, receiving(host="127.0.0.1", port=outside.port) as inside:
        url = f"http://rebinding.example:{outside.port}/hook"
        assert (await post(transport, url)).status_code == 204
        assert names.asked == ["rebinding.example"], "one look-up for check and connection"
        assert len(outside.requests) == 1

        with pytest.raises(CallbackRefused):
            await post(transport, url)
        assert inside.connections == 0
        assert len(outside.requests) == 1


async def test_the_system_is_not_asked_a_second_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def watched(host: str, *arguments: Any, **keywords: Any) -> object:
        asked.append(host)
        return getaddrinfo(host, *arguments, **keywords)

    monkeypatch.setattr("socket.getaddrinfo", watched)
    async with receiving() as receiver:
        await post(opened(), f"http://hooks.example:{receiver.port}/")
    assert len(receiver.requests) == 1
    assert set(asked) <= {"127.0.0.1"}


async def test_host_header_and_tls_name_stay_the_urls(opened: Opened, server_tls: ServerTLS) -> None:
    async with receiving(tls=server_tls("hooks.example")) as receiver:
        await post(opened(), f"https://Hooks.Example:{receiver.port}/a%20b?q=1&r=%C3%BC")
    (request,) = receiver.requests
    assert request.server_name == "hooks.example"
    assert request.headers["host"] == f"hooks.example:{receiver.port}"
    assert request.head == "POST /a%20b?q=1&r=%C3%BC HTTP/1.1"


@pytest.mark.parametrize("certified", ["other.example", "127.0.0.1"])
async def test_the_certificate_is_checked_for_the_name(opened: Opened, server_tls: ServerTLS, certified: str) -> None:
    async with receiving(tls=server_tls(certified)) as receiver:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await post(opened(), f"https://hooks.example:{receiver.port}/")
    assert receiver.requests == []


@pytest.mark.parametrize(("address", "written"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_literal_addresses(opened: Opened, server_tls: ServerTLS, address: str, written: str) -> None:
    async with receiving(host=address, tls=server_tls(address)) as receiver:
        assert (await post(opened(), f"https://{written}:{receiver.port}/")).status_code == 204
        named = opened(names=Names([address]))
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await post(named, f"https://hooks.example:{receiver.port}/")
    assert [request.headers["host"] for request in receiver.requests] == [f"{written}:{receiver.port}"]


async def test_no_connection_is_shared_by_two_names(opened: Opened, server_tls: ServerTLS) -> None:
    """Both lie on one address, but the certificate is for one of them."""
    transport = opened()
    async with receiving(answer("200 OK", b"ok"), tls=server_tls("hooks.example")) as receiver:
        await post(transport, f"https://hooks.example:{receiver.port}/")
        with pytest.raises(httpx.ConnectError):
            await post(transport, f"https://other.example:{receiver.port}/")
        await post(transport, f"https://hooks.example:{receiver.port}/")
    assert [request.headers["host"].split(":")[0] for request in receiver.requests] == ["hooks.example"] * 2


async def test_the_next_address_is_tried_where_one_does_not_answer(opened: Opened) -> None:
    async with receiving(host="127.0.0.1") as receiver:
        names = Names(["127.0.0.3", "::1", "127.0.0.1"])
        assert (await post(opened(names=names), f"http://hooks.example:{receiver.port}/")).status_code == 204


async def test_redirects_are_not_followed(opened: Opened) -> None:
    async with receiving() as inner:
        location = f"location: http://127.0.0.1:{inner.port}/"
        async with receiving(answer("307 Temporary Redirect", b"", location)) as outer:
            response = await post(opened(), f"http://hooks.example:{outer.port}/")
            async with httpx.AsyncClient(transport=opened("127.0.0.1/32"), follow_redirects=False) as client:
                assert (await client.post(f"http://hooks.example:{outer.port}/")).status_code == 307
    assert response.status_code == 307
    assert inner.connections == 0


async def test_a_followed_redirect_is_checked_again(opened: Opened) -> None:
    """Should a caller's client follow them after all."""
    transport = opened("127.0.0.2/32", Names(["127.0.0.2"]))
    async with receiving() as inner:
        location = f"location: http://127.0.0.1:{inner.port}/"
        async with (
            receiving(answer("307 Temporary Redirect", b"", location), host="127.0.0.2") as outer,
            httpx.AsyncClient(transport=transport, follow_redirects=True) as client,
        ):
            with pytest.raises(CallbackRefused):
                await client.post(f"http://hooks.example:{outer.port}/")
    assert outer.connections == 1
    assert inner.connections == 0


async def test_proxies_of_the_environment_are_passed_by(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await post(opened(), f"http://hooks.example:{receiver.port}/")
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_the_machines_own_names() -> None:
    """localhost stands in every hosts file; .invalid stands nowhere (RFC 6761)."""
    transport = PinnedTransport(parse_allowed("localhost"))
    strict = PinnedTransport(parse_allowed(""))
    async with receiving() as receiver:
        assert (await post(transport, f"http://localhost:{receiver.port}/")).status_code == 204
        with pytest.raises(CallbackRefused):
            await post(strict, f"https://localhost:{receiver.port}/")
        with pytest.raises(HostUnresolved):
            await post(strict, "https://hooks.invalid/")
    await transport.aclose()
    await strict.aclose()
    assert receiver.connections == 1


async def test_names_that_hang_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups have threads of their own: a file read in the loop's threads goes on meanwhile."""
    loop, release = asyncio.get_running_loop(), asyncio.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(30)
        return []

    monkeypatch.setattr("app.callbacks.pinned.socket.getaddrinfo", hangs)
    resolver = SystemResolver()
    asking = [asyncio.create_task(resolver("hooks.example")) for _ in range(64)]
    await asyncio.sleep(0.05)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 42), 5) == 42
    finally:
        release.set()
        await asyncio.gather(*asking)
        resolver.close()
