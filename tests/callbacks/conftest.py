from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import trustme

from app.callbacks.pinned import PinnedTransport
from app.callbacks.targets import parse_allowed
from tests.callbacks.names import Names

Opened = Callable[..., PinnedTransport]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> Callable[[str], ssl.SSLContext]:
    """A server's TLS with a certificate for one name or address."""

    def context(name: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(made)
        return made

    return context


@pytest.fixture
async def opened(authority: trustme.CA) -> AsyncIterator[Opened]:
    """Opens transports that trust the test's authority, and find every name on 127.0.0.1 where not told otherwise."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with AsyncExitStack() as stack:

        def make(allowed: str = "127.0.0.0/8 ::1", names: Names | None = None) -> PinnedTransport:
            transport = PinnedTransport(parse_allowed(allowed), resolve=names or Names(["127.0.0.1"]), tls=trusting)
            stack.push_async_callback(transport.aclose)
            return transport

        yield make
