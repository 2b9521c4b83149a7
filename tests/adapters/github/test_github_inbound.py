from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.adapters.adapter import Added, Changed, Closed, Event, Opened
from app.adapters.github.inbound import events
from app.config import GitHubSettings
from app.errors import InvalidInput, Unauthorized
from tests.adapters.finished import ANSWER_ID

RECORDED = Path(__file__).parents[2] / "data" / "adapters" / "github"
KEY = "a secret only the webhook knows"
SETTINGS = GitHubSettings(webhook_secret=SecretStr(KEY), bot_login="Lumen-Docent")
ISSUE, DISCUSSION = "lumen/lamp#12", "lumen/lamp/discussions/5"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_bytes())


def headers(event: str, body: bytes, secret: str = KEY, **more: str) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-GitHub-Event": event,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        **more,
    }


def delivered(name: str, settings: GitHubSettings = SETTINGS) -> list[Event]:
    body = (RECORDED / f"{name}.json").read_bytes()
    return events(headers(name.partition(".")[0], body), body, settings)


def sent(event: str, payload: dict[str, Any], settings: GitHubSettings = SETTINGS) -> list[Event]:
    body = json.dumps(payload).encode()
    return events(headers(event, body), body, settings)


def test_an_issue_is_opened() -> None:
    (opened,) = delivered("issues.opened", SETTINGS.model_copy(update={"mode": "auto"}))
    assert isinstance(opened, Opened)
    assert opened.request.model_dump(exclude_defaults=True) == {
        "external_id": ISSUE,
        "channel": "github",
        "subject": "How dim can it get at night?",
        "body": "The lamp is too bright at night.\n\nWhich key sets the brightness after sunset?",
        "requester": "900001",
        "mode": "auto",
    }
    assert opened.origin == {"kind": "issue", "repository": "lumen/lamp", "number": 12, "node_id": "I_600012"}


def test_a_discussion_is_opened() -> None:
    (opened,) = delivered("discussion.created")
    assert isinstance(opened, Opened)
    assert (opened.request.external_id, opened.request.mode) == (DISCUSSION, "draft")
    assert opened.request.labels == ["question"]
    assert (opened.origin["kind"], opened.origin["node_id"]) == ("discussion", "D_kwDO300005")


@pytest.mark.parametrize(
    ("name", "assignee", "labels", "subject"),
    [
        ("issues.assigned", "lumen-maintainer", ["question"], "How dim can it get at night?"),
        ("issues.unassigned", "", [], "How dim can it get at night?"),
        ("issues.labeled", "", ["question"], "How dim can it get at night?"),
        ("issues.unlabeled", "", [], "How dim can it get at night?"),
        ("issues.edited", "", [], "How dim can it get after sunset?"),
        ("issues.reopened", "", [], "How dim can it get at night?"),
    ],
)
def test_an_issue_is_changed(name: str, assignee: str, labels: list[str], subject: str) -> None:
    (changed,) = delivered(name)
    assert isinstance(changed, Changed)
    assert changed.external_id == ISSUE
    assert (changed.change.assignee, changed.change.labels, changed.change.subject) == (assignee, labels, subject)


@pytest.mark.parametrize(
    ("name", "external_id"),
    [("issues.closed", ISSUE), ("discussion.closed", DISCUSSION), ("discussion.answered", DISCUSSION)],
)
def test_nothing_more_is_to_be_said(name: str, external_id: str) -> None:
    assert delivered(name) == [Closed(external_id)]


@pytest.mark.parametrize(
    ("name", "external_id", "role", "message_id"),
    [
        ("issue_comment.created", ISSUE, "requester", "issue_comment/500001"),
        ("issue_comment.created.member", ISSUE, "agent", "issue_comment/500002"),
        ("discussion_comment.created", DISCUSSION, "agent", "discussion_comment/200001"),
    ],
)
def test_a_comment_is_a_message(name: str, external_id: str, role: str, message_id: str) -> None:
    (added,) = delivered(name)
    assert isinstance(added, Added)
    assert (added.external_id, added.message.role, added.message_id) == (external_id, role, message_id)
    assert delivered(name) == [added], "a delivery that comes again says the same"


def test_a_members_own_question_is_a_question() -> None:
    payload = recorded("issue_comment.created")
    payload["comment"]["author_association"] = "OWNER"
    (added,) = sent("issue_comment", payload)
    assert isinstance(added, Added)
    assert added.message.role == "requester"


def test_what_docent_and_bots_write_is_left_alone() -> None:
    by_login, by_type, by_marker = (recorded("issue_comment.created") for _ in range(3))
    by_login["comment"]["user"]["login"] = "lumen-docent"
    by_type["comment"]["user"]["type"] = "Bot"
    by_marker["comment"]["body"] = f"Set it. [1]\n\n<!-- docent:{ANSWER_ID} -->"
    for payload in (by_login, by_type, by_marker):
        assert sent("issue_comment", payload) == []
    own_label = recorded("issues.labeled")
    own_label["sender"]["login"] = "lumen-docent"
    assert sent("issues", own_label) == []
    from_ci = recorded("issues.opened")
    from_ci["issue"]["user"]["type"] = "Bot"
    assert sent("issues", from_ci) == []


def test_a_quoted_marker_hides_nothing() -> None:
    payload = recorded("issue_comment.created")
    payload["comment"]["body"] = f"It does not help.\n\n> Set it.\n> <!-- docent:{ANSWER_ID} -->"
    assert len(sent("issue_comment", payload)) == 1


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_other_actions_on_comments(action: str) -> None:
    assert sent("issue_comment", recorded("issue_comment.created") | {"action": action}) == []


def test_what_is_no_tickets_business() -> None:
    assert delivered("ping") == []
    assert delivered("issue_comment.created.pull_request") == []
    assert sent("push", {"ref": "refs/heads/main"}) == []
    assert sent("issues", recorded("issues.opened") | {"action": "pinned"}) == []


def test_an_issue_without_a_body_or_an_author() -> None:
    payload = recorded("issues.opened")
    payload["issue"] |= {"body": None, "user": None}
    (opened,) = sent("issues", payload)
    assert isinstance(opened, Opened)
    assert (opened.request.body, opened.request.requester) == ("How dim can it get at night?", "")


def test_more_than_a_ticket_holds_is_cut() -> None:
    payload = recorded("issues.opened")
    payload["issue"] |= {"title": "t" * 600, "body": "b" * 300_000, "labels": [{"name": "l" * 90}] * 40}
    (opened,) = sent("issues", payload)
    assert isinstance(opened, Opened)
    assert (len(opened.request.subject), len(opened.request.body), len(opened.request.labels)) == (500, 200_000, 30)


def test_wrong_signatures() -> None:
    body = (RECORDED / "issues.opened.json").read_bytes()
    right = headers("issues", body)
    for wrong in (
        headers("issues", body, "another"),
        {name: value for name, value in right.items() if name != "X-Hub-Signature-256"},
        right | {"X-Hub-Signature-256": right["X-Hub-Signature-256"].removeprefix("sha256=")},
        right | {"X-Hub-Signature-256": "sha256=ü"},
    ):
        with pytest.raises(Unauthorized, match="X-Hub-Signature-256"):
            events(wrong, body, SETTINGS)
    with pytest.raises(Unauthorized):
        events(right, body + b" ", SETTINGS)


def test_without_a_secret_every_hook_is_refused() -> None:
    body = b"{}"
    with pytest.raises(Unauthorized, match="DOCENT_GITHUB__WEBHOOK_SECRET"):
        events(headers("issues", body, ""), body, GitHubSettings())


def test_the_names_of_headers_have_no_case() -> None:
    body = (RECORDED / "issues.opened.json").read_bytes()
    lowered = {name.lower(): value for name, value in headers("issues", body).items()}
    assert len(events(lowered, body, SETTINGS)) == 1


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("issues", b"not json"),
        ("issues", b"[]"),
        ("issues", b'{"action": "opened"}'),
        ("issues", b'{"action": "opened", "repository": {"full_name": "lumen/lamp"}}'),
        ("issues", b'{"action": "opened", "repository": {"full_name": "a b/../c"}, "issue": {}}'),
        ("issue_comment", b""),
    ],
)
def test_what_github_does_not_send(event: str, body: bytes) -> None:
    with pytest.raises(InvalidInput, match="no payload"):
        events(headers(event, body), body, SETTINGS)


def test_a_comment_event_without_a_comment() -> None:
    with pytest.raises(InvalidInput, match="comment"):
        sent("issue_comment", recorded("issues.opened"))


def test_a_webhook_that_sends_forms_is_told_so() -> None:
    body = b"payload=%7B%7D"
    form = headers("issues", body, **{"Content-Type": "application/x-www-form-urlencoded"})
    with pytest.raises(InvalidInput, match="application/json"):
        events(form, body, SETTINGS)
