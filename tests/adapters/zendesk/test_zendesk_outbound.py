from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.adapters.adapter import PublishFailed
from app.adapters.zendesk.outbound import ZendeskPublisher
from app.config import ZendeskSettings
from app.tickets.schemas import Origin, TicketResponse
from tests.adapters.finished import ANSWER_ID, failed, finished, result
from tests.adapters.local_api import Answer, serving
from tests.adapters.zendesk.local_zendesk import API_TOKEN, EMAIL, LocalZendesk

ORIGIN: Origin = {"ticket_id": "35436"}
LATER, SOON = "2026-11-03T12:30:40Z", "2026-11-03T12:30:20Z"


@pytest.fixture
def zendesk() -> LocalZendesk:
    made = LocalZendesk()
    made.says("Too bright.")
    return made


@pytest.fixture
def address(zendesk: LocalZendesk) -> Iterator[str]:
    with serving(zendesk) as url:
        yield url


def settings(address: str, **changes: Any) -> ZendeskSettings:
    values = {"subdomain_url": address, "email": EMAIL, "api_token": SecretStr(API_TOKEN), "mode": "auto"}
    return ZendeskSettings(**(values | changes))


@pytest.fixture
async def publisher(address: str) -> AsyncIterator[ZendeskPublisher]:
    made = ZendeskPublisher(settings(address))
    yield made
    await made.aclose()


async def published(made: ZendeskSettings, ticket: TicketResponse) -> str:
    publisher = ZendeskPublisher(made)
    try:
        return await publisher.publish(ORIGIN, ticket)
    finally:
        await publisher.aclose()


async def test_a_reply_is_public_and_is_written_once(zendesk: LocalZendesk, publisher: ZendeskPublisher) -> None:
    reference = await publisher.publish(ORIGIN, finished(result()))
    assert reference == "comment/1564246"
    written = zendesk.comments[-1]
    assert written["public"] is True
    assert "<p>Set <code>night.level</code> in lumen.toml. [1]</p>" in written["html_body"]
    assert '<a href="https://docs.lumen.example/guide/brightness#dim-at-night">' in written["html_body"]
    assert written["html_body"].endswith(f"<p>Reference: {ANSWER_ID}</p>")
    assert "Decision" not in written["html_body"]
    assert await publisher.publish(ORIGIN, finished(result())) == reference
    assert len(zendesk.updates) == 1


async def test_an_update_is_safe(zendesk: LocalZendesk, publisher: ZendeskPublisher) -> None:
    await publisher.publish(ORIGIN, finished(result()))
    (update,) = zendesk.updates
    assert (update.body["ticket"]["safe_update"], update.body["ticket"]["updated_stamp"]) == (
        True,
        "2026-11-03T12:30:15Z",
    )


@pytest.mark.parametrize(("decision", "reason"), [("draft", "low_confidence"), ("escalate", "human_requested")])
async def test_the_rest_is_an_internal_note(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, decision: str, reason: str
) -> None:
    answer = result(decision=decision, reasons=[reason], handoff_summary="Wants a person.")
    reference = await publisher.publish(ORIGIN, finished(answer))
    written = zendesk.comments[-1]
    assert written["public"] is False
    for part in (f"Decision: {decision}", reason.replace("_", " "), "83%", "Wants a person.", "night.level", "Sources"):
        assert part in written["html_body"]
    assert await publisher.publish(ORIGIN, finished(answer)) == reference
    assert len(zendesk.updates) == 1


@pytest.mark.parametrize("changes", [{"mode": "draft"}, {}])
async def test_a_reply_outside_auto_mode_is_a_note(
    zendesk: LocalZendesk, address: str, changes: dict[str, str]
) -> None:
    ticket = finished(result()) if changes else finished(result(), mode="draft")
    await published(settings(address, **changes), ticket)
    assert zendesk.comments[-1]["public"] is False


@pytest.mark.parametrize("change", [{"assignee_id": 235_323}, {"status": "solved"}])
async def test_a_ticket_that_a_person_has_gets_a_note(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, change: dict[str, Any]
) -> None:
    zendesk.ticket |= change
    assert await publisher.publish(ORIGIN, finished(result())) != ""
    assert zendesk.comments[-1]["public"] is False


@pytest.mark.parametrize(("at", "public"), [(LATER, False), (SOON, True)])
async def test_a_newer_comment_makes_a_reply_a_note(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, at: str, *, public: bool
) -> None:
    zendesk.says("I look into it.", at, public=False)
    await publisher.publish(ORIGIN, finished(result()))
    assert zendesk.comments[-1]["public"] is public


async def test_docents_own_notes_do_not_count(zendesk: LocalZendesk, publisher: ZendeskPublisher) -> None:
    zendesk.says("A draft.\n\nReference: ans_ffffffffffffffffffffffff", LATER, public=False)
    await publisher.publish(ORIGIN, finished(result()))
    assert zendesk.comments[-1]["public"] is True


async def test_an_answer_is_found_on_a_later_page_and_not_in_its_quotes(
    zendesk: LocalZendesk, publisher: ZendeskPublisher
) -> None:
    for number in range(110):
        zendesk.says(f"comment {number}")
    zendesk.says(f"Set it.\n\nReference: {ANSWER_ID}")
    zendesk.says(f"Thanks.\n\n> Reference: {ANSWER_ID}")
    assert await publisher.publish(ORIGIN, finished(result())) == f"comment/{zendesk.comments[-2]['id']}"
    assert zendesk.updates == []


async def test_what_changes_meanwhile_is_a_conflict_to_try_again(
    zendesk: LocalZendesk, publisher: ZendeskPublisher
) -> None:
    zendesk.meanwhile = True
    with pytest.raises(PublishFailed, match="409") as refused:
        await publisher.publish(ORIGIN, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (True, 5)
    assert len(zendesk.comments) == 1
    assert await publisher.publish(ORIGIN, finished(result())) != ""


async def test_a_closed_ticket_takes_nothing(zendesk: LocalZendesk, publisher: ZendeskPublisher) -> None:
    zendesk.ticket["status"] = "closed"
    assert await publisher.publish(ORIGIN, finished(result())) == ""
    assert zendesk.updates == []


async def test_nothing_is_called_without_a_result_or_a_token(zendesk: LocalZendesk, address: str) -> None:
    assert await published(settings(address), failed()) == ""
    assert await published(settings(address, api_token=SecretStr("")), finished(result())) == ""
    assert await published(settings(address, subdomain_url=""), finished(result())) == ""
    assert zendesk.requests == []


FINAL = [(403, "its role"), (404, "no such ticket"), (410, "settings"), (422, "closed, or full"), (302, "moved")]


@pytest.mark.parametrize(("status", "hint"), FINAL)
async def test_refusals_that_are_final(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, status: int, hint: str
) -> None:
    zendesk.failing = [Answer(status, {"error": "No"}, {"location": "http://127.0.0.1:9/"})]
    with pytest.raises(PublishFailed, match=hint) as refused:
        await publisher.publish(ORIGIN, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (False, None)
    assert len(zendesk.requests) == 1


async def test_a_wrong_token_is_final(address: str) -> None:
    with pytest.raises(PublishFailed, match="DOCENT_ZENDESK__API_TOKEN") as refused:
        await published(settings(address, api_token=SecretStr("wrong")), finished(result()))
    assert not refused.value.retryable
    assert "wrong" not in refused.value.detail


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, {"error": "APIRateLimitExceeded"}, {"retry-after": "93"}), 93),
        (Answer(429, {"error": "APIRateLimitExceeded"}), 60),
        (Answer(429, {}, {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}), 0),
        (Answer(429, {}, {"retry-after": "Sun, 06 Nov 1994 08:49:37 -0000"}), 0),
        (Answer(429, {}, {"retry-after": "99999999999999999999"}), 86_400),
        (Answer(503, {"error": "down for maintenance"}, {"retry-after": "300"}), 300),
        (Answer(500, b"<html>oops</html>"), None),
        (Answer(200, {"ticket": None}), None),
        (Answer(200, b"<html>a proxy's page</html>"), None),
        (Answer(200, []), None),
        (Answer(0), None),
    ],
)
async def test_what_another_try_may_help(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, answer: Answer, seconds: int | None
) -> None:
    zendesk.failing = [answer]
    with pytest.raises(PublishFailed) as refused:
        await publisher.publish(ORIGIN, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (True, seconds)
    assert await publisher.publish(ORIGIN, finished(result())) != ""


@pytest.mark.parametrize("comments", [{"comments": [{"id": 1}]}, {"comments": []}, {}])
async def test_comments_that_are_not_as_documented(
    zendesk: LocalZendesk, publisher: ZendeskPublisher, comments: dict[str, Any]
) -> None:
    ticket = {"ticket": {"status": "new", "assignee_id": None, "updated_at": zendesk.updated_at}}
    zendesk.failing = [Answer(200, ticket), Answer(200, comments)]
    with pytest.raises(PublishFailed, match="does not document"):
        await publisher.publish(ORIGIN, finished(result()))
    assert zendesk.updates == []


async def test_an_update_whose_answer_is_lost_is_not_written_twice() -> None:
    class Losing(LocalZendesk):
        losing = True

        def __call__(self, request: Any) -> Answer:
            answer = super().__call__(request)
            return Answer(0) if self.losing and request.method == "PUT" else answer

    zendesk = Losing()
    with serving(zendesk) as url:
        with pytest.raises(PublishFailed, match="not reached") as lost:
            await published(settings(url), finished(result()))
        assert lost.value.retryable
        zendesk.losing = False
        assert await published(settings(url), finished(result())) == "comment/1564245"
    assert len(zendesk.comments) == 1
