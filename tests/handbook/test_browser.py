"""The pages in Chromium, with a stand-in for the widget."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from tests.handbook.conftest import DOCS, handbook_app

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser
PAGE = "/handbook/how-to/debug-a-wrong-answer"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(handbook_app(DOCS), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()


@pytest.fixture
def open_page(browser: Any, url: str) -> Iterator[Open]:
    """Opens a path; at the end the browser must have refused nothing and reported no error."""
    contexts: list[Any] = []
    messages: list[str] = []

    def opened(path: str, width: int = 1400, height: int = 900, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert messages == []


def test_question_on_the_start_page_is_asked_of_the_widget(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Does anything leave my machine?").click()
    expect(page.locator("body")).to_have_attribute("data-asked", "Does anything leave my machine?")


def test_question_clicked_before_the_widget_is_there_is_asked_when_it_comes(open_page: Open, url: str) -> None:
    page = open_page(PAGE)
    held: list[Any] = []
    page.route("**/widget.js", lambda route: held.append(route))  # noqa: PLW0108  (Playwright marks what it is given)
    page.goto(url + "/", wait_until="commit")
    page.get_by_role("button", name="How do I index my own docs?").click()
    assert page.locator("body").get_attribute("data-asked") is None
    held[0].continue_()
    expect(page.locator("body")).to_have_attribute("data-asked", "How do I index my own docs?")


def test_without_javascript_the_pages_are_whole_and_ask_nothing(open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    expect(page.locator("[data-ask]").first).to_be_hidden()
    page.get_by_role("navigation", name="Handbook").get_by_role("link", name="Debug a wrong answer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Debug a wrong answer")


@pytest.mark.parametrize("width", [1400, 1000])
def test_contents_stand_beside_the_text_on_wide_windows(open_page: Open, width: int) -> None:
    page = open_page(PAGE, width)
    contents = page.get_by_role("navigation", name="Handbook")
    expect(contents.get_by_role("link", name="Settings")).to_be_visible()
    expect(contents.get_by_text("All pages")).to_be_hidden()
    sides = [page.locator(one).bounding_box() for one in ("nav.contents", "main")]
    assert sides[0]["x"] + sides[0]["width"] <= sides[1]["x"]


def test_contents_fold_on_a_phone(open_page: Open) -> None:
    page = open_page(PAGE, 390, 844)
    link = page.get_by_role("navigation", name="Handbook").get_by_role("link", name="Settings")
    expect(link).to_be_hidden()
    page.get_by_text("All pages").click()
    expect(link).to_be_visible()
    box = link.bounding_box()
    assert box["height"] >= 24  # WCAG 2.2, target size


def test_sections_of_the_page_are_reached_by_keyboard(open_page: Open) -> None:
    page = open_page(PAGE)
    section = page.get_by_role("navigation", name="On this page").get_by_role("link", name="A sentence was dropped")
    section.focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="A sentence was dropped")
    expect(heading).to_be_in_viewport()
    bar = page.locator(".bar").bounding_box()
    page.wait_for_function("scrollY > 100")
    assert heading.bounding_box()["y"] >= bar["y"] + bar["height"]


def test_skip_link_comes_first_and_leads_to_the_text(open_page: Open) -> None:
    page = open_page(PAGE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390, 700, 900, 1280, 1600])
@pytest.mark.parametrize("path", ["/", PAGE, "/handbook/reference/settings", "/handbook/architecture"])
def test_nothing_sticks_out_of_the_window(open_page: Open, path: str, width: int) -> None:
    page = open_page(path, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_print_shows_the_text_alone(open_page: Open) -> None:
    page = open_page(PAGE)
    page.emulate_media(media="print")
    for part in (".bar", "nav.contents", "nav.sections", "nav.turning"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
