"""A page with the widget in Chromium, and what it must never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.playing import Script, Server

OpenPage = Callable[..., Any]


@pytest.fixture
def script() -> Iterator[Script]:
    with Server() as script:
        yield script


@pytest.fixture
def open_page(browser: Any, script: Script) -> Iterator[OpenPage]:
    """Opens the documentation page in a context of its own, with the launcher on it.

    At the end no script error, no violation of a policy, no dialog and no request to a third origin has been seen.
    """
    contexts, errors, requests = [], [], []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(script.page_url)
        page.locator(".launcher").wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith((script.page_url, script.service_url))] == []


@pytest.fixture
def page(open_page: OpenPage) -> Any:
    """The page with the panel open."""
    page = open_page()
    page.locator(".launcher").click()
    return page
