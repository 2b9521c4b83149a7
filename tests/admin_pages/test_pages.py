"""What the pages show, without JavaScript and whatever strangers wrote."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from app.admin_pages.rendering import SAID
from tests.admin_pages.conftest import Browser, main_text, parsed
from tests.admin_pages.seeding import (
    ANSWER,
    CALLBACK,
    DONE,
    DRY,
    FAILED,
    HOSTILE,
    OLDER,
    QUEUED,
    QUOTE,
    RUNNING,
    TICKET,
)
from tests.admin_pages.test_access import holds_headers
from tests.chat.visiting import VisitedService
from tests.service.serving import until

# Path -> how often it shows the hostile text, at least.
PAGES = {
    "/admin": 2,
    "/admin/sources": 0,
    "/admin/sources/new": 0,
    "/admin/jobs": 2,
    f"/admin/jobs/{RUNNING}": 2,
    f"/admin/jobs/{QUEUED}": 0,
    f"/admin/jobs/{FAILED}": 1,
    f"/admin/jobs/{DONE}": 2,
    f"/admin/jobs/{DRY}": 10,
    "/admin/revisions": 0,
    "/admin/questions": 1,
    f"/admin/questions/{ANSWER}": 13,
    "/admin/tickets": 1,
    f"/admin/tickets/{TICKET}": 15,
    "/admin/callbacks": 1,
    f"/admin/callbacks/{CALLBACK}": 2,
    "/admin/nothing": 0,
}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_sound(operator: Browser, path: str) -> None:
    response = operator.get(path)
    page = parsed(response, 404 if path.endswith("nothing") else 200)
    assert holds_headers(response)
    assert len(page.select("h1")) == 1
    assert page.title is not None
    assert page.title.text.endswith("· Docent admin")
    assert len(page.select("nav[aria-label='Admin pages'] a")) == 7
    assert len(page.select("nav [aria-current]")) == (0 if path.endswith("nothing") else 1)
    assert page.text.count(HOSTILE) >= PAGES[path]
    assert "49" not in page.select("h1")[0].text
    _holds_no_markup_of_others(page)


def _holds_no_markup_of_others(page: BeautifulSoup) -> None:
    assert page.select("style, [style], iframe, object") == []
    assert {str(script.get("src", "")) for script in page.select("script")} <= {"/static/admin.js"}
    assert all(not script.text for script in page.select("script"))
    assert {str(image["src"]) for image in page.select("img")} <= {"/static/favicon.svg"}
    assert [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")] == []
    links = [str(link["href"]) for link in page.select("[href]")]
    assert [link for link in links if not link.startswith(("/", "#", "https://"))] == []
    for table in page.select("table"):
        assert table.select_one("caption") is not None
        assert all(head["scope"] in {"col", "row"} for head in table.select("th"))
    for field in page.select("input:not([type=hidden]), select, textarea"):
        assert field.find_parent("label") or page.select(f"label[for='{field.get('id')}']")


def test_said_is_what_the_service_has_to_say(operator: Browser) -> None:
    for code, text in SAID.items():
        assert operator.page(f"/admin?said={code}").select_one("[role=status]").text == text  # type: ignore[union-attr]
    assert operator.page("/admin?said=You+owe+us+money").select("[role=status]") == []


def test_overview_says_what_there_is(operator: Browser) -> None:
    text = main_text(operator.page("/admin"))
    assert "Ready: questions are answered." in text
    assert f"Answers in 24 hours {OLDER + 1} {OLDER // 2} reply, 1 draft, {OLDER // 2 + 1} escalate" in text
    assert "Failed callbacks 1" in text


def test_questions_are_narrowed_and_paged(operator: Browser) -> None:
    seen: list[str] = []
    path = "/admin/questions"
    while path:
        page = operator.page(path)
        seen += [str(link["href"]) for link in page.select("tbody th a")]
        following = page.select_one("a[rel=next]")
        path = str(following["href"]) if following else ""
    assert len(seen) == len(set(seen)) == OLDER + 1
    assert seen[0].endswith(ANSWER)
    drafts = operator.page("/admin/questions?decision=draft")
    assert len(drafts.select("tbody tr")) == 1
    chosen = drafts.select_one("option[selected]")
    assert chosen is not None
    assert chosen.text == "draft"
    assert operator.get("/admin/questions?before=ans_none").status_code == 404
    assert operator.get("/admin/questions?decision=nonsense").status_code == 422


def test_trace_stage_by_stage(operator: Browser) -> None:
    page = operator.page(f"/admin/questions/{ANSWER}")
    stages = [head.text for head in page.select("h2")]
    assert stages == [
        "Answer", "Ticket", "Plan", "Retrieval", "Evidence", "The model failed", "Prompt", "Raw output", "Sentences",
        "Timings",
    ]  # fmt: skip
    first, second = (
        [" ".join(cell.text.split()) for cell in row.select("td")] for row in page.select("table")[0].select("tbody tr")
    )
    assert first == ["1", "1 (0.712)", "–", "0.0164", "0.9000", "[1]"]
    assert second == ["2", "–", "1 (7.250)", "0.0161", "–", "–"]
    dropped = page.select("table")[1].select("tbody tr")[1]
    assert [cell.text for cell in dropped.select("td")] == ["dropped", "0.10", "no passage says so", "–"]
    assert all(not fold.has_attr("open") for fold in page.select("details"))
    assert HOSTILE in page.select("details pre")[1].text
    assert "There is no trace of this answer." in main_text(operator.page(f"/admin/questions/ans_{0:024}"))


def test_ticket_with_its_decision(operator: Browser) -> None:
    page = operator.page(f"/admin/tickets/{TICKET}")
    text = main_text(page)
    assert "draft confidence 0.83 draft_mode" in text
    assert QUOTE in text
    assert "40 % of the text was changed" in text
    assert page.select_one(f"a[href='/admin/questions/{ANSWER}']") is not None
    assert page.select_one(f"a[href='/admin/callbacks/{CALLBACK}']") is not None
    assert page.select("a[href^=javascript]") == []
    assert len(operator.page("/admin/tickets?decision=draft&state=").select("tbody tr")) == 1
    assert "Show all tickets" in main_text(operator.page("/admin/tickets?decision=reply&state="))


def test_progress_of_a_running_job(operator: Browser) -> None:
    page = operator.page(f"/admin/jobs/{RUNNING}")
    bar = page.select_one("progress")
    assert bar is not None
    assert (bar["value"], bar["max"]) == ("412", "1201")
    assert "Embedding 412 of 1,201 about 1 min 24 s left" in main_text(page)
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    over = operator.page(f"/admin/jobs/{DONE}")
    assert over.select("script, [http-equiv=refresh], progress") == []


def test_report_of_a_dry_run(operator: Browser) -> None:
    text = main_text(operator.page(f"/admin/jobs/{DRY}"))
    for part in (
        "What would change", "This change would break something", "The run would be refused: too much is gone",
        "Added: 1", "Changed: 2", "Removed: none", "found start.md not found other.md", "it is not text",
    ):  # fmt: skip
        assert part in text
    assert "What the run did Files 120" in main_text(operator.page(f"/admin/jobs/{DONE}"))


def test_job_is_cancelled_and_run_again(operator: Browser) -> None:
    path = f"/admin/jobs/{QUEUED}"
    response = operator.submit(f"{path}/cancel")
    assert response.headers["location"] == f"{path}?said=cancelled"
    until(lambda: "cancelled" in main_text(operator.page(path)))
    assert operator.submit(f"{path}/retry").headers["location"] == f"{path}?said=retried"
    until(lambda: operator.page(path).select_one("[data-live=over]") is not None)  # there is no such ticket
    assert "nothing left to cancel" in main_text(parsed(operator.submit(f"{path}/cancel"), 409))


def test_jobs_are_narrowed(operator: Browser) -> None:
    page = operator.page("/admin/jobs?kind=reindex&state=succeeded")
    assert sorted(str(link["href"]) for link in page.select("tbody th a")) == [
        f"/admin/jobs/{DONE}",
        f"/admin/jobs/{DRY}",
    ]
    assert "Show all jobs" in main_text(operator.page("/admin/jobs?kind=sync&state=cancelled"))
    assert "Input should be" in main_text(operator.page("/admin/jobs?state=nonsense", 422))


def test_callback_is_delivered_again(operator: Browser) -> None:
    path = f"/admin/callbacks/{CALLBACK}"
    assert "500" in main_text(operator.page(path))
    response = operator.submit(f"{path}/redeliver")
    assert response.headers["location"] == f"{path}?said=redelivered"
    until(lambda: len(operator.page(path).select("tbody tr")) > 1)


def test_what_there_is_not(operator: Browser, service: VisitedService) -> None:
    for path in (
        "/admin/jobs/job_0", f"/admin/tickets/tkt_{'0' * 24}", f"/admin/callbacks/msg_{'0' * 24}",
        f"/admin/questions/ans_{'0' * 23}x", "/admin/sources/none/edit", "/admin/revisions/none/rollback",
    ):  # fmt: skip
        assert "there is no" in main_text(operator.page(path, 404))
    assert operator.get("/admin/").headers["location"] == "/admin"
    assert operator.get("/admin/jobs/%3Cscript%3E").status_code == 422
    assert service.client.get("/openapi.json").text.count("/admin/sign-in") == 0
