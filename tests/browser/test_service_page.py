"""The page as it is served: the real service with the real engine, in Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering.lumen import write_pages
from tests.service.serving import Service, docent

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or ""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]
PATIENCE = 60_000  # milliseconds: an answer of the small model on a busy machine


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("page")
    docent(folder / "data", "index", str(write_pages(folder / "lumen")), "--base-url", "https://docs.example.com/")
    with Service(folder / "serving", folder / "data") as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, service: Service) -> Iterator[Any]:
    """The page, opened; at the end no script error and no foreign request must have been seen."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(service.url)
    yield page
    context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(service.url)] == []


def ask(page: Any, question: str) -> Any:
    """Send a question by keyboard and wait for its answer; the turn that it made."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    turn = page.locator(".turn").last
    expect(turn.locator(".outcome-text")).to_be_visible(timeout=PATIENCE)
    return turn


def test_a_cited_answer_and_its_source(page: Any) -> None:
    expect(page.locator(".notice")).to_have_count(0)
    turn = ask(page, "Which port does the Lumen server listen on?")
    expect(turn.locator(".question")).to_have_text("Which port does the Lumen server listen on?")
    expect(turn.locator(".answer")).to_contain_text("7070")
    expect(turn.locator(".outcome-text")).to_have_text(re.compile("^(From|Quoted from) the documentation"))
    sources = turn.locator(".sources li")
    assert sources.count() == turn.locator(".sources ol > li").count() >= 1
    expect(sources.first).to_contain_text("Start and stop")
    expect(sources.first).to_contain_text("The server listens on port 7070 by default.")
    link = sources.first.locator("a").first
    expect(link).to_have_attribute("href", "https://docs.example.com/start#start-the-server")
    turn.locator(".answer .cite a").first.hover()
    expect(page.locator("#card")).to_contain_text("The server listens on port 7070 by default.")


def test_a_follow_up(page: Any) -> None:
    ask(page, "Where does Lumen write its log files?")
    turn = ask(page, "And when are they deleted?")
    expect(page.locator(".turn")).to_have_count(2)
    expect(turn.locator(".answer")).to_contain_text("14 days")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_what_is_not_in_the_docs(page: Any) -> None:
    turn = ask(page, "What is the weather in Paris tomorrow?")
    expect(turn.locator(".answer")).to_contain_text("not something this documentation is about")
    expect(turn.locator(".outcome-text")).to_have_text("Not answered from the documentation")
    expect(turn.locator(".sources")).to_be_hidden()


def test_a_suggestion_is_a_question(page: Any) -> None:
    suggestion = page.locator("#suggestions button").first
    question = suggestion.inner_text()
    suggestion.click()
    turn = page.locator(".turn").last
    expect(turn.locator(".question")).to_have_text(question)
    expect(turn.locator(".outcome-text")).to_be_visible(timeout=PATIENCE)


def test_the_page_in_the_docs_is_this_page() -> None:
    """The picture of the handbook, made by opening the page on the handbook's own index."""
    picture = Path(__file__).parents[2] / "docs" / "images" / "page.png"
    assert picture.read_bytes()[16:24] == (1200).to_bytes(4, "big") + (800).to_bytes(4, "big")
