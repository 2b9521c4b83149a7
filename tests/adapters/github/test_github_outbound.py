from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.adapters.adapter import PublishFailed
from app.adapters.github.outbound import GitHubPublisher, comment_body
from app.config import GitHubSettings
from app.tickets.schemas import Origin, TicketResponse
from tests.adapters.finished import ANSWER_ID, failed, finished, result
from tests.adapters.github.local_github import NODE_ID, TOKEN, LocalGitHub
from tests.adapters.local_api import Answer, serving

ISSUE: Origin = {"kind": "issue", "repository": "lumen/lamp", "number": 12, "node_id": "I_600012"}
DISCUSSION: Origin = {"kind": "discussion", "repository": "lumen/lamp", "number": 5, "node_id": NODE_ID}
LATER = "2026-11-03T12:30:40Z"
SOON = "2026-11-03T12:30:20Z"


@pytest.fixture
def github() -> LocalGitHub:
    return LocalGitHub()


@pytest.fixture
def address(github: LocalGitHub) -> Iterator[str]:
    with serving(github) as url:
        yield url


def settings(address: str, **changes: Any) -> GitHubSettings:
    values = {"token": SecretStr(TOKEN), "api_url": address, "mode": "auto"}
    return GitHubSettings(**(values | changes))


@pytest.fixture
async def publisher(address: str) -> AsyncIterator[GitHubPublisher]:
    made = GitHubPublisher(settings(address))
    yield made
    await made.aclose()


async def published(made: GitHubSettings, origin: Origin, ticket: TicketResponse) -> str:
    publisher = GitHubPublisher(made)
    try:
        return await publisher.publish(origin, ticket)
    finally:
        await publisher.aclose()


@pytest.mark.parametrize("origin", [ISSUE, DISCUSSION])
async def test_a_reply_is_a_comment_and_is_written_once(
    github: LocalGitHub, publisher: GitHubPublisher, origin: Origin
) -> None:
    for number in range(3):  # two pages of a discussion
        github.says(f"before {number}")
    url = await publisher.publish(origin, finished(result()))
    assert url.startswith("https://github.com/lumen/lamp/")
    assert len(github.comments) == 4
    body = github.comments[-1]["body"]
    assert body.startswith("Set `night.level` in lumen.toml. [1]\n\n**Sources**")
    assert "[Brightness › Dim at night](<https://docs.lumen.example/guide/brightness#dim-at-night>)" in body
    assert body.endswith(f"\n\n<!-- docent:{ANSWER_ID} -->")
    assert await publisher.publish(origin, finished(result())) == url
    assert len(github.comments) == 4


async def test_the_answer_is_found_on_a_later_page(github: LocalGitHub, publisher: GitHubPublisher) -> None:
    for number in range(120):
        github.says(f"comment {number}")
    github.says(comment_body(result()))
    assert await publisher.publish(ISSUE, finished(result())) == (
        "https://github.com/lumen/lamp/issues/12#issuecomment-500120"
    )
    assert github.posts == []
    assert [request.query["page"] for request in github.requests] == ["1", "2"]


@pytest.mark.parametrize("decision", ["draft", "escalate"])
@pytest.mark.parametrize("origin", [ISSUE, DISCUSSION])
async def test_drafts_and_escalations_are_not_public(
    github: LocalGitHub, publisher: GitHubPublisher, decision: str, origin: Origin
) -> None:
    ticket = finished(result(decision=decision, handoff_summary="Wants a person."))
    assert await publisher.publish(origin, ticket) == ""
    assert github.requests == []


async def test_labels_for_the_team(github: LocalGitHub, address: str) -> None:
    labelling = settings(address, draft_label="docent:draft", escalated_label="docent:escalated", mode="draft")
    assert await published(labelling, ISSUE, finished(result(decision="draft"))) == ""
    assert await published(labelling, ISSUE, finished(result(decision="escalate"))) == ""
    assert await published(labelling, ISSUE, finished(result(decision="escalate"))) == ""
    assert await published(labelling, DISCUSSION, finished(result(decision="draft"))) == ""
    assert github.labels == ["docent:draft", "docent:escalated"]
    assert github.comments == []


async def test_nothing_is_sent_outside_auto_mode(github: LocalGitHub, address: str) -> None:
    assert await published(settings(address, mode="draft"), ISSUE, finished(result())) == ""
    assert await published(settings(address), ISSUE, finished(result(), mode="draft")) == ""
    assert await published(settings(address, token=SecretStr("")), ISSUE, finished(result())) == ""
    assert await published(settings(address), ISSUE, failed()) == ""
    assert github.requests == []


@pytest.mark.parametrize(
    "change", [{"state": "closed"}, {"locked": True}, {"assignees": [{"login": "lumen-maintainer"}]}]
)
async def test_an_issue_that_a_person_has_is_left_alone(
    github: LocalGitHub, publisher: GitHubPublisher, change: dict[str, Any]
) -> None:
    github.issue |= change
    assert await publisher.publish(ISSUE, finished(result())) == ""
    assert github.posts == []


@pytest.mark.parametrize("change", [{"closed": True}, {"locked": True}, {"isAnswered": True}])
async def test_a_discussion_that_is_done_is_left_alone(
    github: LocalGitHub, publisher: GitHubPublisher, change: dict[str, Any]
) -> None:
    github.discussion |= change
    assert await publisher.publish(DISCUSSION, finished(result())) == ""
    assert github.comments == []


@pytest.mark.parametrize("origin", [ISSUE, DISCUSSION])
async def test_a_newer_comment_wins(github: LocalGitHub, publisher: GitHubPublisher, origin: Origin) -> None:
    github.says("Never mind, I found it.", LATER)
    assert await publisher.publish(origin, finished(result())) == ""
    assert len(github.comments) == 1


async def test_a_newer_reply_in_a_thread_wins(github: LocalGitHub, publisher: GitHubPublisher) -> None:
    github.says("Which lamp?")
    github.comments[0]["replies"] = [("The second.", LATER)]
    assert await publisher.publish(DISCUSSION, finished(result())) == ""


async def test_clocks_may_differ_and_docents_own_words_do_not_count(
    github: LocalGitHub, publisher: GitHubPublisher
) -> None:
    github.says("The question itself, by a clock that is fast.", SOON)
    github.says(comment_body(result(id="ans_ffffffffffffffffffffffff")), LATER)
    assert await publisher.publish(ISSUE, finished(result())) != ""


FINAL = [(401, "DOCENT_GITHUB__TOKEN"), (403, "may not write"), (404, "see the repository"), (410, "switched off")]


@pytest.mark.parametrize(("status", "hint"), [*FINAL, (422, "does not take"), (301, "moved"), (307, "moved")])
async def test_refusals_that_are_final(github: LocalGitHub, publisher: GitHubPublisher, status: int, hint: str) -> None:
    github.failing = [Answer(status, {"message": "No"}, {"location": "http://127.0.0.1:9/"})]
    with pytest.raises(PublishFailed, match=hint) as refused:
        await publisher.publish(ISSUE, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (False, None)
    assert str(status) in refused.value.detail
    assert TOKEN not in refused.value.detail
    assert len(github.requests) == 1


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, {"message": "Too many requests"}, {"retry-after": "17"}), 17),
        (Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"retry-after": "90"}), 90),
        (Answer(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (Answer(429, {"message": "Too many requests"}), 60),
        (Answer(503, {"message": "Unavailable"}, {"retry-after": "30"}), 30),
        (Answer(502, b"<html>Unicorn</html>"), None),
        (Answer(500, {"message": "Server Error"}), None),
        (Answer(200, b"<html>a proxy's page</html>"), None),
        (Answer(200, {"message": "no list"}), None),
        (Answer(200, [{"id": 1}]), None),
        (Answer(200, b"7"), None),
        (Answer(0), None),
    ],
)
async def test_what_another_try_may_help(
    github: LocalGitHub, publisher: GitHubPublisher, answer: Answer, seconds: int | None
) -> None:
    github.failing = [answer]
    with pytest.raises(PublishFailed) as refused:
        await publisher.publish(ISSUE, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (True, seconds)
    assert await publisher.publish(ISSUE, finished(result())) != ""


@pytest.mark.parametrize("status", [403, 429])
async def test_a_spent_limit_is_waited_for(github: LocalGitHub, publisher: GitHubPublisher, status: int) -> None:
    reset = str(int(time.time()) + 600)
    github.failing = [Answer(status, {}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})]
    with pytest.raises(PublishFailed) as refused:
        await publisher.publish(ISSUE, finished(result()))
    assert refused.value.retryable
    assert 590 <= (refused.value.retry_after or 0) <= 600


async def test_a_comment_whose_answer_is_lost_is_not_written_twice(
    github: LocalGitHub, publisher: GitHubPublisher
) -> None:
    class Losing(LocalGitHub):
        def __call__(self, request: Any) -> Answer:
            answer = super().__call__(request)
            return Answer(0) if request.method == "POST" else answer

    losing = Losing()
    with serving(losing) as url, pytest.raises(PublishFailed) as lost:
        await published(settings(url), ISSUE, finished(result()))
    assert lost.value.retryable
    github.comments = losing.comments
    assert await publisher.publish(ISSUE, finished(result())) != ""
    assert len(github.comments) == 1


async def test_nobody_is_there() -> None:
    with serving(LocalGitHub()) as url:
        pass
    with pytest.raises(PublishFailed, match="not reached") as refused:
        await published(settings(url), ISSUE, finished(result()))
    assert refused.value.retryable


async def test_graphql_refuses_with_status_200(github: LocalGitHub, publisher: GitHubPublisher) -> None:
    with pytest.raises(PublishFailed, match="NOT_FOUND") as refused:
        await publisher.publish({**DISCUSSION, "node_id": "D_gone"}, finished(result()))
    assert not refused.value.retryable
    github.failing = [Answer(200, {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]})]
    with pytest.raises(PublishFailed) as refused:
        await publisher.publish(DISCUSSION, finished(result()))
    assert (refused.value.retryable, refused.value.retry_after) == (True, 60)
    github.failing = [Answer(200, {"data": {"node": {}}})]
    with pytest.raises(PublishFailed, match="no such discussion") as refused:
        await publisher.publish(DISCUSSION, finished(result()))
    assert not refused.value.retryable


async def test_an_enterprise_server_has_graphql_beside_its_rest() -> None:
    paths = []

    def answering(request: Any) -> Answer:
        paths.append(request.path)
        return Answer(404, {})

    with serving(answering) as url:
        for origin in (ISSUE, DISCUSSION):
            with pytest.raises(PublishFailed):
                await published(settings(f"{url}/api/v3"), origin, finished(result()))
    assert paths == ["/api/v3/repos/lumen/lamp/issues/12/comments", "/api/graphql"]


def test_nobody_is_notified_and_code_stays_code() -> None:
    text = "Ask @lumen/team or a@b.example, see `@click` and\n\n```python\n@cached\ndef f(): ...\n```\n\nThen @you."
    body = comment_body(result(text=text))
    assert "@lumen" not in body
    assert "@you" not in body
    assert body.startswith("Ask @\u200blumen/team or a@b.example, see `@click` and\n\n```python\n@cached\n")


def test_a_long_answer_keeps_its_marker() -> None:
    body = comment_body(result(text="word " * 20_000))
    assert len(body) == 65_536
    assert body.endswith(f"<!-- docent:{ANSWER_ID} -->")
