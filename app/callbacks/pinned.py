"""HTTP to checked addresses: the name is resolved once, and the connection made to what was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from app.callbacks.addresses import AllowedTargets
from app.callbacks.targets import Resolver, addresses_of, parse_target

_ADDRESSES_TRIED = 4
_RESOLVING = 4  # threads of its own, or names that hang would hold up whatever else waits for a thread


class SystemResolver:
    """The machine's own resolver (hosts file, DNS), as a Resolver."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING, thread_name_prefix="callback-names")

    async def __call__(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _addresses, host)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends each request to an address of its host that was checked, over a connection of its own.

    The Host header, the TLS server name and the name the certificate is checked for stay the URL's. Nothing is read
    from proxy settings. Connections are not kept: a kept one would be the address's, and serve another host name
    there without a look at its certificate.

    Raises what `targets` raises, and httpx.TransportError.
    """

    def __init__(
        self, allowed: AllowedTargets, *, resolve: Resolver | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """tls: None trusts the public authorities, or those of SSL_CERT_FILE."""
        self._allowed = allowed
        self._system = SystemResolver()
        self._resolve: Resolver = resolve or self._system
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=tls or True, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = parse_target(request.url, self._allowed)
        addresses = await addresses_of(target, self._allowed, self._resolve)
        failure: httpx.TransportError | None = None
        for address in addresses[:_ADDRESSES_TRIED]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": target.host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error  # nothing was sent yet: the next address may do
        raise failure or httpx.ConnectError(f"{target.host} has no address")

    async def aclose(self) -> None:
        await self._inner.aclose()
        self._system.close()
