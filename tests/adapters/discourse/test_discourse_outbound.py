from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from app.adapters.adapter import PublishFailed
from app.adapters.discourse.outbound import DiscoursePublisher
from app.answering.answer import Decision
from app.config import DiscourseSettings
from app.tickets.schemas import Mode
from tests.adapters.discourse.decided import ANSWER_ID, decided
from tests.adapters.discourse.local_forum import API_KEY, BOT, Answer, Forum, serving

ORIGIN = {"topic_id": 123}
MARKER = f"<!-- docent:{ANSWER_ID} -->"


@pytest.fixture
def forum() -> Iterator[Forum]:
    with serving() as served:
        yield served


def settings_for(forum: Forum, team_group: str = "", api_key: str = API_KEY) -> DiscourseSettings:
    return DiscourseSettings(
        url=forum.url + "/", api_key=SecretStr(api_key), api_username=BOT, mode="auto", team_group=team_group
    )


@pytest.fixture
async def publisher(forum: Forum) -> AsyncIterator[DiscoursePublisher]:
    made = DiscoursePublisher(settings_for(forum))
    yield made
    await made.aclose()


@pytest.fixture
async def with_team(forum: Forum) -> AsyncIterator[DiscoursePublisher]:
    made = DiscoursePublisher(settings_for(forum, "support_team"))
    yield made
    await made.aclose()


async def test_reply_is_posted_in_the_topic(forum: Forum, publisher: DiscoursePublisher) -> None:
    assert await publisher.publish(ORIGIN, decided()) == f"{forum.url}/p/2"
    (_, (username, raw)) = forum.posts
    assert username == BOT
    assert raw.startswith("Plug the cable into the wall plug.")
    assert "https://docs.example.org/faq#flicker" in raw
    assert raw.endswith(MARKER)


async def test_reply_that_stands_there_is_not_written_again(forum: Forum, publisher: DiscoursePublisher) -> None:
    first = await publisher.publish(ORIGIN, decided())
    assert await publisher.publish(ORIGIN, decided()) == first
    assert len(forum.posts) == 2


async def test_reply_is_found_beyond_the_first_page_of_posts(forum: Forum, publisher: DiscoursePublisher) -> None:
    forum.posts += [(BOT, f"An earlier answer of ours, number {at}") for at in range(30)]
    forum.posts.append((BOT, f"Plug the cable.\n\n{MARKER}"))
    assert await publisher.publish(ORIGIN, decided()) == f"{forum.url}/p/32"
    assert forum.asked == ["GET /t/123.json", "GET /t/123/posts.json"]


@pytest.mark.parametrize(("decision", "mode"), [("draft", "auto"), ("escalate", "auto"), ("reply", "draft")])
async def test_nothing_else_is_said_in_public(
    forum: Forum, publisher: DiscoursePublisher, decision: Decision, mode: Mode
) -> None:
    assert await publisher.publish(ORIGIN, decided(decision, mode)) == ""
    assert forum.asked == []


@pytest.mark.parametrize(
    ("decision", "mode", "word"),
    [("draft", "auto", "Draft"), ("escalate", "auto", "Escalated"), ("reply", "draft", "Draft")],
)
async def test_team_gets_a_message_once(
    forum: Forum, with_team: DiscoursePublisher, decision: Decision, mode: Mode, word: str
) -> None:
    assert await with_team.publish(ORIGIN, decided(decision, mode)) == f"{forum.url}/t/900"
    again = await with_team.publish(ORIGIN, decided(decision, mode))
    assert again == f"{forum.url}/t/draft-the-lamp-flickers/900"
    (message,) = forum.messages
    assert message["title"] == f"{word}: The lamp flickers"
    assert message["external_id"] == ANSWER_ID
    assert message["raw"].startswith(f"{forum.url}/t/123\n")
    assert "low confidence" in message["raw"] or decision == "reply"
    assert len(forum.posts) == 1


@pytest.mark.parametrize("state", ["closed", "archived", "taken"])
async def test_where_a_person_is_at_it_the_team_is_told(
    forum: Forum, with_team: DiscoursePublisher, state: str
) -> None:
    forum.closed, forum.archived = state == "closed", state == "archived"
    if state == "taken":
        forum.posts.append(("neighbour", "Mine did that too: use the wall plug."))
    assert await with_team.publish(ORIGIN, decided()) == f"{forum.url}/t/900"
    assert all(username != BOT for username, _ in forum.posts)


async def test_requester_who_wrote_again_is_replied_to(forum: Forum, publisher: DiscoursePublisher) -> None:
    forum.posts += [("forum_team", "Which hub?"), ("lamp_owner", "The one in my monitor.")]
    assert await publisher.publish(ORIGIN, decided()) == f"{forum.url}/p/4"


async def test_post_that_waits_for_approval_is_no_failure(forum: Forum, publisher: DiscoursePublisher) -> None:
    forum.moderated = True
    assert await publisher.publish(ORIGIN, decided()) == f"{forum.url}/review"


async def test_long_subjects_and_texts_fit(forum: Forum, with_team: DiscoursePublisher) -> None:
    ticket = decided("draft", subject="flicker " * 60)
    assert ticket.result is not None
    ticket.result.text = "Plug it in. " * 5000
    assert await with_team.publish(ORIGIN, ticket)
    assert len(forum.messages[0]["title"]) == 200


@pytest.mark.parametrize(
    ("refusal", "retry_after"),
    [
        (Answer(429, {"error_type": "rate_limit", "extras": {"wait_seconds": 17}}, {"Retry-After": "18"}), 18),
        (Answer(429, {"error_type": "rate_limit", "extras": {"wait_seconds": 17, "time_left": "17 seconds"}}), 17),
        (Answer(429, {}, {"Retry-After": "soon"}), None),
        (Answer(429, {"extras": "none"}), None),
        (Answer(500), None),
        (Answer(502), None),
    ],
)
async def test_passing_refusals_can_be_tried_again(
    forum: Forum, publisher: DiscoursePublisher, refusal: Answer, retry_after: int | None
) -> None:
    forum.refusals.append(refusal)
    with pytest.raises(PublishFailed) as failed:
        await publisher.publish(ORIGIN, decided())
    assert failed.value.retryable
    assert failed.value.retry_after == retry_after
    assert await publisher.publish(ORIGIN, decided())


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 301])
async def test_final_refusals_say_what_to_do(forum: Forum, publisher: DiscoursePublisher, status: int) -> None:
    forum.refusals.append(Answer(status, {"errors": ["Body is\ntoo short"]}))
    with pytest.raises(PublishFailed, match=r"\(Body is too short\): \w+") as failed:
        await publisher.publish(ORIGIN, decided())
    assert not failed.value.retryable


async def test_wrong_key_names_its_setting(forum: Forum) -> None:
    publisher = DiscoursePublisher(settings_for(forum, api_key="wrong"))
    with pytest.raises(PublishFailed, match="DOCENT_DISCOURSE__API_KEY"):
        await publisher.publish(ORIGIN, decided())
    await publisher.aclose()


async def test_unknown_group_is_final(forum: Forum, with_team: DiscoursePublisher) -> None:
    forum.groups = ()
    with pytest.raises(PublishFailed, match="select a valid user") as failed:
        await with_team.publish(ORIGIN, decided("draft"))
    assert not failed.value.retryable


async def test_what_is_no_discourse_is_not_believed(forum: Forum, publisher: DiscoursePublisher) -> None:
    forum.refusals.append(Answer(200, {"hello": "world"}))
    with pytest.raises(PublishFailed, match="DOCENT_DISCOURSE__URL"):
        await publisher.publish(ORIGIN, decided())


async def test_forum_that_is_away_can_be_tried_again() -> None:
    with serving() as forum:
        settings = settings_for(forum)
    publisher = DiscoursePublisher(settings)
    with pytest.raises(PublishFailed) as failed:
        await publisher.publish(ORIGIN, decided())
    assert failed.value.retryable
    await publisher.aclose()


async def test_nothing_is_asked_without_a_result_a_topic_or_an_address(
    forum: Forum, publisher: DiscoursePublisher
) -> None:
    assert await publisher.publish(ORIGIN, decided().model_copy(update={"result": None})) == ""
    with pytest.raises(PublishFailed, match="which topic"):
        await publisher.publish({"topic_id": "../admin"}, decided())
    nowhere = DiscoursePublisher(DiscourseSettings())
    with pytest.raises(PublishFailed, match="DOCENT_DISCOURSE__URL"):
        await nowhere.publish(ORIGIN, decided())
    await nowhere.aclose()
    assert forum.asked == []
