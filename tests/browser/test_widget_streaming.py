"""Asking, and the answer as it comes."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest

from tests.browser.asking import announced, ask
from tests.browser.playing import (
    SITE_KEY,
    STARTERS,
    Script,
    citation,
    cited,
    completed,
    delta,
    failed,
    started,
    whole,
)

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser


def test_an_answer_is_shown_sentence_by_sentence_and_announced_once(page: Any, script: Script) -> None:
    more, last = threading.Event(), threading.Event()
    text = "Run the script [1]. Then start Nitro [1]."
    script.play(
        started(), more, delta("Run the script [1]."), cited(1), last,
        delta(" Then start Nitro [1].", 4), completed(text, [citation(1)]),
    )  # fmt: skip
    turn = ask(page)
    answer = turn.locator(".answer")
    expect(turn.get_by_role("heading", name="How do I install it?")).to_be_visible()
    expect(turn).to_contain_text("Looking in the documentation")
    expect(announced(page)).to_have_text("Looking in the documentation")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    more.set()
    expect(answer).to_have_text("Run the script1.")
    expect(answer).to_have_attribute("aria-busy", "true")
    expect(announced(page)).to_have_text("Looking in the documentation")
    last.set()
    expect(answer).to_have_text("Run the script1. Then start Nitro1.")
    expect(answer).to_have_attribute("aria-busy", "false")
    expect(turn.locator(".outcome")).to_have_text("From the documentation")
    expect(announced(page)).to_have_text("Run the script. Then start Nitro. From the documentation")
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    [asked] = script.asked("POST messages")
    assert asked.headers["accept"] == "text/event-stream"
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", asked.body.pop("message_id"))
    assert asked.body == {"question": "How do I install it?", "conversation_id": None}


def test_a_session_is_made_at_the_first_question(page: Any, script: Script) -> None:
    assert [asked.name for asked in script.requests] == [f"GET sites/{SITE_KEY}"]
    for number in (1, 2):
        script.play(*whole(f"Answer {number}."))
        expect(ask(page)).to_contain_text(f"Answer {number}.")
    [session] = script.asked("POST sessions")
    assert session.body == {"site_key": SITE_KEY, "session": None}
    assert session.token == ""
    assert [asked.token for asked in script.asked("POST messages")] == ["token-1", "token-1"]


def test_the_next_question_continues_the_conversation_and_a_new_one_does_not(page: Any, script: Script) -> None:
    for number in (1, 2, 3):
        script.play(*whole(f"Answer {number}."))
    for number in (1, 2):
        expect(ask(page, f"Question {number}")).to_contain_text("From the documentation")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()
    page.get_by_role("button", name=STARTERS[1]).click()
    expect(page.locator(".turn")).to_contain_text("Answer 3.")
    expect(page.get_by_label("Your question")).to_be_focused()
    assert [one["conversation_id"] for one in script.messages] == [None, "conv_1", None]
    assert script.messages[2]["question"] == STARTERS[1]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_events_are_read_whatever_the_line_ends_and_the_borders_of_the_pieces(
    page: Any, script: Script, newline: bytes, size: int
) -> None:
    two_lines = b'event: answer.delta\ndata: {"text":\ndata:" Zwei \xe2\x80\x93 \xf0\x9f\x8e\x89."}\n\n'
    text = "Größe: 日本. Zwei – 🎉."
    stream = b": hello\n\n" + started() + delta("Größe: 日本.") + b":\n" + two_lines + completed(text)
    stream = stream.replace(b"\n", newline)
    script.play(*(stream[at : at + size] for at in range(0, len(stream), size)))
    turn = ask(page)
    expect(turn.locator(".answer")).to_have_text(text)
    expect(turn.locator(".outcome")).to_be_visible()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "extractive"}, "Quoted from the documentation"),
        ({"decision": "draft"}, "Not sure about this one: please check the sources"),
        ({"decision": "escalate", "kind": "none"}, "Not answered from the documentation"),
    ],
)
def test_the_decision_is_said_in_plain_words(page: Any, script: Script, changes: dict[str, str], words: str) -> None:
    script.play(*whole("Some text.", **changes))
    expect(ask(page).locator(".outcome")).to_have_text(words)


def test_stop_ends_the_answer_on_both_sides_and_keeps_what_was_shown(page: Any, script: Script) -> None:
    script.play(started(), delta("The first sentence."), threading.Event())
    turn = ask(page)
    expect(turn.locator(".answer")).to_have_text("The first sentence.")
    page.get_by_role("button", name="Stop").click()
    expect(turn).to_contain_text("Stopped: the answer is not complete")
    expect(turn.locator(".answer")).to_have_text("The first sentence.")
    expect(turn.locator(".answer")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_label("Your question")).to_be_focused()
    assert script.left.wait(5)
    assert [asked.token for asked in script.asked("POST answers/ans_1/stop")] == ["token-1"]
    script.play(*whole("The whole answer."))
    turn.get_by_role("button", name="Retry").click()
    expect(turn.locator(".answer")).to_have_text("The whole answer.")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    first, second = (asked.body["message_id"] for asked in script.asked("POST messages"))
    assert first != second


def test_an_answer_that_was_stopped_elsewhere_is_no_error(page: Any, script: Script) -> None:
    script.play(started(), delta("The first sentence."), failed("stopped", "Stopped", "…"))
    turn = ask(page)
    expect(turn.locator(".outcome")).to_have_text("Stopped: the answer is not complete")
    expect(turn.get_by_role("alert")).to_have_count(0)


def test_the_panel_stays_quick_while_a_long_answer_grows(page: Any, script: Script) -> None:
    pieces = [f"{'' if number == 0 else ' '}Sentence number {number} of a long answer [1]." for number in range(300)]
    script.play(started(), cited(1), *map(delta, pieces), completed("".join(pieces), [citation(1)]))
    begun = time.monotonic()
    expect(ask(page).locator(".outcome")).to_be_visible()
    assert time.monotonic() - begun < 5
    expect(page.locator(".answer .cite")).to_have_count(300)
