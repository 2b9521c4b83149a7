"""The admin pages as they are served, in Chromium: for everybody, live, and without JavaScript."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.db import Database
from app.models.job import Job
from tests.admin_pages.seeding import ANSWER, CALLBACK, DRY, FAILED, RUNNING, TICKET, seed
from tests.answering.scripted_model import ScriptedModel
from tests.browser.asking import overflow
from tests.browser.test_widget_access import AXE, violations
from tests.chat.visiting import VisitedService, on_database
from tests.service.fixtures import indexed

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser
__all__ = ["indexed"]

PAGES = (
    "/admin", "/admin/sources", "/admin/sources/new", "/admin/jobs", f"/admin/jobs/{RUNNING}", f"/admin/jobs/{DRY}",
    f"/admin/jobs/{FAILED}", "/admin/revisions", "/admin/questions?decision=draft", f"/admin/questions/{ANSWER}",
    "/admin/tickets", f"/admin/tickets/{TICKET}", "/admin/callbacks", f"/admin/callbacks/{CALLBACK}", "/admin/nothing",
)  # fmt: skip
# One of each make: lists are made alike.
LOOKED_AT = (*PAGES[:6], "/admin/revisions", PAGES[9], PAGES[11], PAGES[13])
DARK = ("/admin", f"/admin/jobs/{DRY}", f"/admin/questions/{ANSWER}")
PHONE = {"width": 375, "height": 740}
Open = Callable[..., Any]


def beside(work: Callable[[], Any]) -> Any:
    """Run what needs a loop of its own: Playwright has one in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def prepared(folder: Path, indexed: Path, model: ScriptedModel) -> VisitedService:
    made = VisitedService(folder, indexed, LLM__BASE_URL=model.base_url)
    on_database(made.data_dir, seed)
    return made


@pytest.fixture(scope="module")
def service(browser: Any, indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:  # noqa: ARG001
    with ScriptedModel() as model:
        made = beside(lambda: prepared(tmp_path_factory.mktemp("admin"), indexed, model))
        with made as started:
            yield started


@pytest.fixture
def open_page(browser: Any, service: VisitedService) -> Iterator[Open]:
    """Signs in by the form; at the end no script error, no dialog and no refusal by the policy has been seen."""
    contexts: list[Any] = []
    seen: list[str] = []

    def opened(**options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("console", lambda message: seen.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
        page.goto(f"{service.url}/admin")
        expect(page.get_by_label("API key of scope admin")).to_be_focused()
        page.keyboard.type(service.keys["admin"].token)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert seen == []


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (npm install)")
def test_pages_are_for_everybody(open_page: Open, service: VisitedService) -> None:
    page = open_page(bypass_csp=True)  # axe comes as a script in the page
    for path in LOOKED_AT:
        page.goto(service.url + path)
        assert violations(page) == [], path
    page.emulate_media(color_scheme="dark")
    for path in DARK:
        page.goto(service.url + path)
        assert violations(page) == [], path


def test_nothing_sticks_out_on_a_phone(open_page: Open, service: VisitedService) -> None:
    page = open_page(viewport=PHONE)
    for path in PAGES:
        page.goto(service.url + path)
        assert overflow(page) == 0, path
    page.goto(f"{service.url}/admin/sources")
    box = page.get_by_role("region", name="Sources", exact=True)
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")  # it scrolls in its own box


def test_progress_goes_on_in_place(open_page: Open, service: VisitedService) -> None:
    page = open_page()
    page.goto(f"{service.url}/admin/jobs/{RUNNING}")
    page.evaluate("window.here = true")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "412")
    cancel = page.get_by_role("button", name="Cancel the job")
    cancel.focus()
    change(service, progress={"phase": "check", "done": 3, "total": 4, "item": "a probe"})
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "3")
    expect(page.get_by_role("status")).to_have_text("running, check")
    expect(cancel).to_be_focused()
    change(service, state="succeeded")
    expect(page.locator(".state")).to_have_text("succeeded")
    expect(page.locator("main")).to_be_focused()  # for the button is gone
    assert page.evaluate("window.here")  # the page was never loaded anew


def change(service: VisitedService, **values: Any) -> None:
    async def write(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(update(Job).where(Job.id == RUNNING).values(**values))

    work: Callable[[Database], Awaitable[None]] = write
    beside(lambda: on_database(service.data_dir, work))


def test_without_javascript_an_index_run_and_a_rollback(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    places = page.get_by_role("navigation", name="Admin pages")
    places.get_by_role("link", name="Revisions").click()
    before = page.locator("tr:has(.serves) th").inner_text()
    places.get_by_role("link", name="Sources").click()
    page.get_by_role("button", name="All, in full").click()
    expect(page.get_by_role("status").first).to_have_text("The job was queued.")
    expect(page.get_by_role("heading", name="What the run did")).to_be_visible(timeout=60_000)  # it loads itself anew
    places.get_by_role("link", name="Revisions").click()
    expect(page.locator("tr:has(.serves) th")).not_to_have_text(before)
    page.get_by_role("link", name=f"Roll back to {before}").click()
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("tr:has(.serves) th")).to_have_text(before)
    expect(page.get_by_role("status")).to_be_focused()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
