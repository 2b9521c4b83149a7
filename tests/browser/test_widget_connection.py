"""Broken connections, expired sessions, refusals, and what is found again after a reload."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.browser.asking import ask
from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    CUT,
    Reply,
    Script,
    answer_of_history,
    citation,
    cited,
    completed,
    delta,
    failed,
    question_of_history,
    started,
    whole,
)

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

EVENTS = "GET answers/ans_1/events"
CONVERSATION = "GET conversations/conv_1"


# A stream that breaks


@pytest.mark.parametrize("end", [[], [CUT]])
def test_a_cut_stream_goes_on_after_the_last_event_that_came(page: Any, script: Script, end: list[Any]) -> None:
    script.play(started(), delta("Run the script [1]."), cited(1), *end)
    script.play(*end, name=EVENTS)
    text = "Run the script [1]. Then start it [1]."
    script.play(delta(" Then start it [1].", 4), completed(text, [citation(1)], 5), name=EVENTS)
    turn = ask(page)
    expect(turn).to_contain_text("Trying again")
    expect(turn.locator(".outcome")).to_have_text("From the documentation")
    expect(turn.locator(".answer")).to_have_text("Run the script1. Then start it1.")
    expect(turn.locator(".source")).to_have_count(1)
    assert [asked.headers["last-event-id"] for asked in script.asked(EVENTS)] == ["ans_1:3", "ans_1:3"]
    assert len(script.asked("POST messages")) == 1


def test_a_gateway_before_a_service_that_restarts_is_waited_for(page: Any, script: Script) -> None:
    script.play(started(), delta("Run it."))
    script.play(b"<h1>Bad gateway</h1>", name=EVENTS, status=502, content_type="text/html")
    script.play(completed("Run it."), name=EVENTS)
    expect(ask(page).locator(".outcome")).to_have_text("From the documentation")


def test_a_question_whose_connection_broke_is_sent_again_under_its_own_id(page: Any, script: Script) -> None:
    script.play(CUT)
    script.refuse("POST messages", 409, "repeated-message", answer_id="ans_1")
    script.play(*whole("Run it."), name=EVENTS)
    expect(ask(page).locator(".answer")).to_have_text("Run it.")
    first, second = (asked.body for asked in script.asked("POST messages"))
    assert first == second
    assert "last-event-id" not in script.asked(EVENTS)[0].headers


def test_when_no_try_helps_the_question_can_be_asked_again(page: Any, script: Script) -> None:
    for _ in range(5):
        script.play(CUT)
    script.play(*whole("Here it is."))
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_contain_text("The service cannot be reached", timeout=15_000)
    expect(turn.locator(".pending")).to_be_hidden()
    turn.get_by_role("button", name="Retry").click()
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    assert len({asked.body["message_id"] for asked in script.asked("POST messages")}) == 1


def test_offline_is_said_and_the_answer_goes_on_when_online(page: Any, script: Script) -> None:
    script.play(*whole("Here it is."))
    page.context.set_offline(True)
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    expect(turn.get_by_role("alert")).to_have_count(0)


# Sessions


def test_an_expired_session_is_renewed_unseen(page: Any, script: Script) -> None:
    script.refuse("POST messages", 401, "session-expired")
    script.play(*whole("Here it is."))
    expect(ask(page).locator(".answer")).to_have_text("Here it is.")
    assert [asked.body["session"] for asked in script.asked("POST sessions")] == [None, "token-1"]
    assert [asked.token for asked in script.asked("POST messages")] == ["token-1", "token-2"]


def test_a_session_that_is_too_old_is_replaced_and_its_conversation_forgotten(
    open_page: OpenPage, script: Script
) -> None:
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole("First."))
    expect(ask(page)).to_contain_text("First.")
    script.refuse("POST messages", 401, "session-expired")
    script.refuse("POST sessions", 401, "session-invalid")
    script.refuse("POST messages", 404, "not-found")
    script.play(started("ans_2", "conv_2"), delta("Second."), completed("Second."))
    expect(ask(page)).to_contain_text("Second.")
    assert [asked.body["session"] for asked in script.asked("POST sessions")] == [None, "token-1", None]
    assert [asked["conversation_id"] for asked in script.messages] == [None, "conv_1", "conv_1", None]
    script.play(*whole("Third."))
    expect(ask(page)).to_contain_text("Third.")
    assert script.messages[-1]["conversation_id"] == "conv_2"


# Refusals


def test_too_many_questions_counts_down_to_the_retry(page: Any, script: Script) -> None:
    script.refuse("POST messages", 429, "rate-limited", retry_after=2)
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_have_text("Too many questions at onceYou can ask again after 2 s.")
    retry = turn.get_by_role("button")
    expect(retry).to_have_text("Retry in 2 s")
    expect(retry).to_have_attribute("aria-disabled", "true")
    retry.click(force=True)
    assert len(script.asked("POST messages")) == 1
    script.play(*whole("Here it is."))
    turn.get_by_role("button", name="Retry", exact=True).click()
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    expect(turn.get_by_role("alert")).to_have_count(0)
    assert script.messages[0] == script.messages[1]


@pytest.mark.parametrize(
    ("steps", "options", "words"),
    [
        ([b'{"title": "Question too long", "detail": "At most 2000 characters."}'],
         {"status": 422, "content_type": "application/problem+json"}, "Question too longAt most 2000 characters."),
        ([b"<h1>Internal error</h1>"], {"status": 500, "content_type": "text/html"}, "There is no answer"),
        ([started(), failed("engine-lost", "Engine lost", "It stopped.")], {}, "Engine lostIt stopped."),
        ([b"event: answer.delta\ndata: not json\n\n"], {}, "There is no answer"),
    ],
)  # fmt: skip
def test_a_failure_is_told_and_can_be_retried(
    page: Any, script: Script, steps: list[bytes], options: dict[str, Any], words: str
) -> None:
    script.replies["POST messages"] = [Reply(list(steps), **options), Reply(list(whole("Here it is.")))]
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_contain_text(words)
    turn.get_by_role("button", name="Retry").click()
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    expect(page.get_by_label("Your question")).to_be_focused()
    first, second = (asked.body["message_id"] for asked in script.asked("POST messages"))
    assert first != second


def test_who_reads_german_is_told_in_german(open_page: OpenPage, script: Script) -> None:
    script.html = 'lang="de"'
    page = open_page()
    page.locator(".launcher").click()
    script.refuse("POST messages", 422, "invalid-input", "the question has 5000 characters", title="Invalid input")
    page.get_by_role("textbox").fill("Wie geht das?")
    page.keyboard.press("Enter")
    told = page.locator(".turn").last.get_by_role("alert")
    expect(told).to_have_text("Es gibt keine AntwortEtwas ist schiefgegangen. Versuchen Sie es gleich noch einmal.")


# After a reload


def reload(page: Any) -> None:
    page.reload()
    page.locator(".launcher").wait_for(state="attached")


def test_the_conversation_is_found_again_after_a_reload(page: Any, script: Script) -> None:
    script.play(*whole("Run the script [1].", [citation(1)]))
    expect(ask(page).locator(".outcome")).to_be_visible()
    history = [
        question_of_history("How do I install it?"),
        answer_of_history("Run the script [1].", "up", citations=[citation(1)]),
    ]
    script.tell(CONVERSATION, {"id": "conv_1", "escalated": True, "messages": history})
    reload(page)
    turn = page.locator(".turn")
    expect(turn.locator(".answer")).to_have_text("Run the script1.")
    expect(turn.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(turn).to_contain_text("Your request has been passed on to the team")
    assert page.evaluate("document.activeElement === document.body")  # it opens without taking the focus
    script.play(*whole("Second."))
    expect(ask(page)).to_contain_text("Second.")
    assert script.messages[-1]["conversation_id"] == "conv_1"
    assert len(script.asked("POST sessions")) == 1


def test_an_answer_that_is_still_being_written_is_resumed_after_a_reload(page: Any, script: Script) -> None:
    script.play(started(), delta("The first sentence."), threading.Event())
    expect(ask(page).locator(".answer")).to_have_text("The first sentence.")
    script.tell(
        CONVERSATION, {"id": "conv_1", "escalated": False, "messages": [question_of_history("How do I install it?")]}
    )
    last = threading.Event()
    script.play(started(), delta("The first sentence."), last, completed("The first sentence. The last."), name=EVENTS)
    reload(page)
    turn = page.locator(".turn")
    expect(turn.locator(".answer")).to_have_text("The first sentence.")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    last.set()
    expect(turn.locator(".answer")).to_have_text("The first sentence. The last.")
    assert "last-event-id" not in script.asked(EVENTS)[0].headers


def test_a_stopped_answer_of_the_history_can_be_asked_again(page: Any, script: Script) -> None:
    script.play(*whole("First."))
    expect(ask(page).locator(".outcome")).to_be_visible()
    stopped = answer_of_history("Half of") | {"answer": None}
    messages = [question_of_history("One"), stopped, question_of_history("Two", None)]
    script.tell(CONVERSATION, {"id": "conv_1", "escalated": False, "messages": messages})
    reload(page)
    first, second = page.locator(".turn").nth(0), page.locator(".turn").nth(1)
    expect(first).to_contain_text("Stopped: the answer is not complete")
    expect(first.get_by_role("button", name="Retry")).to_have_count(0)  # only the last question can be asked again
    expect(second.get_by_role("alert")).to_contain_text("There is no answer")
    script.play(*whole("Here it is."))
    second.get_by_role("button", name="Retry").click()
    expect(second.locator(".answer")).to_have_text("Here it is.")


def test_a_conversation_that_is_gone_makes_place_for_a_new_one(page: Any, script: Script) -> None:
    script.play(*whole("First."))
    expect(ask(page).locator(".outcome")).to_be_visible()
    reload(page)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    script.play(*whole("Second."))
    expect(ask(page)).to_contain_text("Second.")
    assert script.messages[-1]["conversation_id"] is None


def test_a_history_that_cannot_be_loaded_can_be_tried_again(page: Any, script: Script) -> None:
    script.play(*whole("First."))
    expect(ask(page).locator(".outcome")).to_be_visible()
    script.refuse(CONVERSATION, 500, "internal")
    history = [question_of_history("How do I install it?"), answer_of_history("First.")]
    script.tell(CONVERSATION, {"id": "conv_1", "escalated": False, "messages": history})
    reload(page)
    alert = page.get_by_role("alert")
    expect(alert).to_have_text("The earlier messages could not be loaded")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".answer")).to_have_text("First.")
    expect(alert).to_have_count(0)


def test_a_closed_panel_stays_closed_and_asks_for_nothing(page: Any, script: Script) -> None:
    script.play(*whole("First."))
    expect(ask(page).locator(".outcome")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    asked = len(script.requests)
    reload(page)
    expect(page.locator(".launcher")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [request.name.split("/")[0] for request in script.requests[asked:]] == ["GET sites"]


def test_storage_that_is_denied_costs_only_the_memory(open_page: OpenPage, script: Script) -> None:
    script.head = (
        "<script>Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }})</script>"
    )
    page = open_page()
    page.locator(".launcher").click()
    for number in (1, 2):
        script.play(*whole(f"Answer {number}."))
        expect(ask(page)).to_contain_text(f"Answer {number}.")
    assert [one["conversation_id"] for one in script.messages] == [None, "conv_1"]
    assert script.sessions == 1
