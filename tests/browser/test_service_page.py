"""The start page and a foreign site's page, as they are served: the real service with the real engine, in Chromium."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering.lumen import write_pages
from tests.browser.asking import ask
from tests.postgresql.databases import rows
from tests.service.serving import Service, docent

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser
PATIENCE = 60_000  # milliseconds: an answer of the small model on a busy machine


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("page")
    docent(folder / "data", "index", str(write_pages(folder / "lumen")), "--base-url", "https://docs.example.com/")
    with Service(folder / "serving", folder / "data") as service:
        yield service


@pytest.fixture(scope="module")
def site(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a documentation site of another origin, with the script tag that `docent site create` prints."""
    folder = tmp_path_factory.mktemp("site")
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(folder)))
    url = f"http://127.0.0.1:{server.server_port}"
    made = docent(service.data_dir, "site", "create", "--origin", url, "--title", "Ask Lumen", "--accent", "#7a1fa2")
    assert made.returncode == 0, made.stderr
    tag = made.stdout.strip().replace("https://YOUR-DOCENT-HOST", service.url)
    (folder / "index.html").write_text(
        f"<!doctype html><html lang=en><title>Lumen</title><link rel=icon href=data:,><h1>Lumen</h1>{tag}"
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens an address; at the end no script error and no request to others than `allowed` must have been seen."""
    contexts, errors, requests, allowed = [], [], [], []

    def opened(url: str, *also: str) -> Any:
        allowed.extend((url, *also))
        context = browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme="light")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url)
        page.locator(".launcher").click()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(tuple(allowed))] == []


def answered(page: Any, question: str) -> Any:
    """The turn of a question, once its answer is whole."""
    turn = ask(page, question)
    expect(turn.locator(".outcome")).to_be_visible(timeout=PATIENCE)
    return turn


def test_a_cited_answer_and_its_source(visit: Any, service: Service) -> None:
    turn = answered(visit(service.url), "Which port does the Lumen server listen on?")
    expect(turn.locator(".answer")).to_contain_text("7070")
    expect(turn.locator(".outcome")).to_have_text(re.compile("^(From|Quoted from) the documentation"))
    source = turn.locator(".sources li").first
    expect(source).to_contain_text("The server listens on port 7070 by default.")
    expect(source.locator("a").first).to_have_attribute("href", "https://docs.example.com/start#start-the-server")


def test_a_conversation_is_kept_over_reloads_and_begun_anew(visit: Any, service: Service) -> None:
    page = visit(service.url)
    answered(page, "Where does Lumen write its log files?")
    page.reload()
    expect(page.locator(".turn .answer")).to_contain_text("/var/log/lumen")
    turn = answered(page, "And when are they deleted?")
    expect(page.locator(".turn")).to_have_count(2)
    expect(turn.locator(".answer")).to_contain_text("14 days")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Your question")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


def test_what_is_not_in_the_docs_is_for_a_person(visit: Any, service: Service) -> None:
    page = visit(service.url)
    turn = answered(page, "What is the weather in Paris tomorrow?")
    expect(turn.locator(".answer")).to_contain_text("not something this documentation is about")
    expect(turn.locator(".outcome")).to_have_text("Not answered from the documentation")
    turn.get_by_role("button", name="Talk to a person").click()
    form = page.get_by_role("form", name=re.compile("person", re.IGNORECASE))
    form.get_by_role("textbox").first.fill("visitor@example.org")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    left = docent(service.data_dir, "escalations", "--json").stdout.splitlines()
    assert len(left) == 1
    escalation = json.loads(left[0])
    assert escalation["contact"] == "visitor@example.org"
    assert escalation["transcript"][0]["content"] == "What is the weather in Paris tomorrow?"


def test_the_widget_on_a_foreign_site(visit: Any, service: Service, site: str) -> None:
    time.sleep(5)  # as long as a running service may serve the sites as they were
    page = visit(site, service.url)
    expect(page.get_by_role("dialog", name="Ask Lumen")).to_be_visible()
    turn = answered(page, "Which port does the Lumen server listen on?")
    expect(turn.locator(".answer")).to_contain_text("7070")
    turn.get_by_role("button", name="Helpful", exact=True).click()
    page.wait_for_load_state("networkidle")
    given = [json.loads(line) for line in docent(service.data_dir, "feedback", "--json").stdout.splitlines()]
    assert [one["rating"] for one in given] == ["up"]
    sites = rows(service.data_dir, "select cast(origins as text) from conversations join sites on sites.id = site_id")
    assert (json.dumps([site]),) in sites


def test_the_picture_of_the_handbook_is_of_this_size() -> None:
    picture = Path(__file__).parents[2] / "docs" / "images" / "page.png"
    assert picture.read_bytes()[16:24] == (1200).to_bytes(4, "big") + (800).to_bytes(4, "big")
