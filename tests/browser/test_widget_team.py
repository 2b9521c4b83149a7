"""What visitors tell the team: opinions of answers, and requests for a person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.asking import announced, ask
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, whole

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

FEEDBACK = "PUT answers/ans_1/feedback"
ESCALATION = "POST conversations/conv_1/escalation"


def thumb(turn: Any, name: str) -> Any:
    return turn.get_by_role("group", name="Was this answer helpful?").get_by_role("button", name=name, exact=True)


# Feedback


def test_a_thumb_is_kept_with_a_comment(page: Any, script: Script) -> None:
    script.play(*whole("Run it."))
    turn = ask(page)
    down = thumb(turn, "Not helpful")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(thumb(turn, "Helpful")).to_have_attribute("aria-pressed", "false")
    expect(announced(page)).to_have_text("Thank you for telling us")
    turn.get_by_label("Would you like to say more? (optional)").fill("The port is missing.")
    turn.get_by_role("button", name="Send").click()
    expect(turn.locator(".said")).to_have_text("Thank you for telling us")
    expect(down).to_be_focused()  # the form is gone, the focus is not lost
    bodies = [asked.body for asked in script.asked(FEEDBACK)]
    assert bodies == [{"rating": "down", "comment": ""}, {"rating": "down", "comment": "The port is missing."}]


def test_a_thumb_is_changed_and_taken_back(page: Any, script: Script) -> None:
    script.play(*whole("Run it."))
    turn = ask(page)
    thumb(turn, "Helpful").click()
    thumb(turn, "Not helpful").click()
    expect(thumb(turn, "Helpful")).to_have_attribute("aria-pressed", "false")
    thumb(turn, "Not helpful").click()
    expect(thumb(turn, "Not helpful")).to_have_attribute("aria-pressed", "false")
    expect(turn.locator(".comment")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert [asked.body["rating"] for asked in script.asked(FEEDBACK)] == ["up", "down"]
    assert len(script.asked("DELETE answers/ans_1/feedback")) == 1


def test_a_thumb_that_could_not_be_kept_is_taken_back_and_said(page: Any, script: Script) -> None:
    script.play(*whole("Run it."))
    turn = ask(page)
    script.refuse(FEEDBACK, 500, "internal")
    thumb(turn, "Helpful").click()
    expect(turn.locator(".said")).to_contain_text("Something went wrong")
    expect(thumb(turn, "Helpful")).to_have_attribute("aria-pressed", "false")


# A person


def test_an_answer_that_is_none_offers_a_person(page: Any, script: Script) -> None:
    script.play(*whole("The documentation does not say.", decision="escalate", kind="none"))
    turn = ask(page)
    offer = turn.locator(".offer")
    expect(offer).to_contain_text("A person can look into it.")
    offer.get_by_role("button", name="Talk to a person").click()
    form = page.get_by_role("form", name="Talk to a person")
    expect(form.get_by_label("How can we reach you?")).to_be_focused()
    page.keyboard.type("me@example.com")
    form.get_by_label("What should we know?").fill("It is urgent.")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    expect(turn).to_contain_text("Your request has been passed on to the team")
    expect(announced(page)).to_have_text("Your request has been passed on to the team")
    expect(page.get_by_label("Your question")).to_be_focused()
    [asked] = script.asked(ESCALATION)
    assert asked.body == {"contact": "me@example.com", "message": "It is urgent."}
    assert asked.token == "token-1"  # noqa: S105


def test_a_person_is_in_reach_below_every_conversation(page: Any, script: Script) -> None:
    person = page.get_by_role("button", name="Talk to a person")
    expect(person).to_have_count(0)  # there is nothing to hand over yet
    script.play(*whole("Run it."))
    expect(ask(page).locator(".offer")).to_have_count(0)
    person.click()
    form = page.get_by_role("form", name="Talk to a person")
    script.refuse(ESCALATION, 429, "rate-limited", retry_after=30)
    form.get_by_label("What should we know?").fill("Help")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("alert")).to_have_text("You can ask again after 30 s.")
    expect(form.get_by_label("What should we know?")).to_have_value("Help")
    form.get_by_role("button", name="Cancel").click()
    expect(page.locator(".answer")).to_have_text("Run it.")
    expect(page.get_by_label("Your question")).to_be_focused()
    person.click()
    page.keyboard.press("Escape")  # leaves the form, not the panel
    expect(form).to_have_count(0)
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_site_without_a_person_offers_none(open_page: OpenPage, script: Script) -> None:
    script.site["person"] = False
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole("The documentation does not say.", decision="escalate", kind="none"))
    expect(ask(page).locator(".outcome")).to_be_visible()
    expect(page.get_by_role("button", name="Talk to a person")).to_have_count(0)
