"""Index, model and thresholds change together, for the next question, and back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from app.answering.prompt import PROMPT_VERSION
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.chat.visiting import DOCS, MESSAGES, problem
from tests.sources.operating import Operator
from tests.sources.test_chats_through_reindexing import QUESTION, Visitors, write_edition

PASSED = {"passed": True, "rules": []}


def promote(operator: Operator, **body: Any) -> dict[str, Any]:
    done = operator.call("POST", "/releases", {"gate": PASSED} | body)
    assert done.status_code == 200, done.text
    release: dict[str, Any] = done.json()
    return release


def asked(operator: Operator) -> dict[str, Any]:
    with operator.service.browser(operator.service.session(), DOCS) as browser:
        answered = browser.post(MESSAGES, json={"question": QUESTION})
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


def listed(operator: Operator) -> list[dict[str, Any]]:
    releases: list[dict[str, Any]] = operator.call("GET", "/releases").json()
    return releases


def test_before_the_first_release_answers_name_none(operator: Operator) -> None:
    assert asked(operator)["release"] is None
    assert listed(operator) == []


def test_a_release_is_served_and_shown_in_every_answer(operator: Operator, model: ScriptedModel) -> None:
    made = promote(operator, model="tuned", thresholds={"max_tokens": 77}, note="tuned on July's tickets")
    assert (made["in_service"], made["available"], made["moved_on"]) == (True, True, False)
    assert (made["prompt_version"], made["gate"], made["note"]) == (PROMPT_VERSION, PASSED, "tuned on July's tickets")
    assert made["thresholds"]["max_tokens"] == 77
    assert made["thresholds"]["answerable_threshold"] == 0.01  # as the settings had it then
    answer = asked(operator)
    assert (answer["release"], answer["model"]) == (made["id"], "tuned")
    assert answer["index_revision"] == made["revision"]
    assert (model.requests[-1]["model"], model.requests[-1]["max_tokens"]) == ("tuned", 77)


def test_index_model_and_thresholds_switch_at_once_and_back(
    operator: Operator, model: ScriptedModel, tmp_path: Path
) -> None:
    """While visitors ask, no answer mixes the two."""
    first = promote(operator, model="one", thresholds={"max_tokens": 101})
    write_edition(tmp_path / "pages", "two")
    operator.run("port", full=True)
    second = operator.serving()
    assert operator.call("POST", "/index/rollback", {"revision": first["revision"]}).status_code == 200
    with Visitors(operator.service) as visitors:
        until(visitors, 4)
        new = promote(operator, revision=second, model="two", thresholds={"max_tokens": 102})
        until(visitors, 4)
        back = operator.call("POST", "/releases/rollback", {}).json()
        until(visitors, 4)
    assert visitors.failures == []
    assert back["id"] == first["id"]
    seen = {(one["release"], one["model"], one["index_revision"]) for one in visitors.answers}
    assert seen == {(first["id"], "one", first["revision"]), (new["id"], "two", second)}
    for one in visitors.answers:
        assert f"edition {one['model']}" in one["text"]
    by_model = {(request["model"], request["max_tokens"]) for request in model.requests if request.get("stream")}
    assert by_model >= {("one", 101), ("two", 102)}
    assert not by_model & {("one", 102), ("two", 101)}


def until(visitors: Visitors, more: int) -> None:
    wanted = len(visitors.answers) + more
    while len(visitors.answers) < wanted and not visitors.failures:
        threading.Event().wait(0.05)


def test_an_index_that_moved_on_is_told(operator: Operator, tmp_path: Path) -> None:
    made = promote(operator)
    write_edition(tmp_path / "pages", "two")
    operator.run("port")
    (shown,) = listed(operator)
    assert (shown["in_service"], shown["moved_on"], shown["available"]) == (True, True, True)
    answer = asked(operator)
    assert (answer["release"], answer["index_revision"]) == (made["id"], operator.serving())
    assert answer["index_revision"] != made["revision"]


def test_revisions_of_the_release_and_of_the_one_before_are_kept(operator: Operator, tmp_path: Path) -> None:
    first = promote(operator)
    for edition in ("two", "three", "four", "five", "six"):
        write_edition(tmp_path / "pages", edition)
        operator.run("port", full=True)
    assert listed(operator)[0]["available"]
    again = operator.call("POST", "/releases", {"release": first["id"]}).json()
    assert (again["id"], again["moved_on"]) == (first["id"], False)
    assert "edition one" in asked(operator)["text"]


def test_what_no_gate_let_pass_is_refused(operator: Operator) -> None:
    for body in ({}, {"gate": {"passed": False}}):
        refused = problem(operator.call("POST", "/releases", body), 422, "invalid-input")
        assert "no gate has let it pass" in refused["detail"]
    assert promote(operator, gate=None, without_gate=True)["gate"] == {}


def test_a_model_that_is_not_there_changes_nothing(operator: Operator, model: ScriptedModel) -> None:
    first = promote(operator)
    good = model.respond

    model.respond = lambda _: Reply("no such model", status=404)
    refused = operator.call("POST", "/releases", {"gate": PASSED, "model": "missing"})
    assert "has no model 'missing'" in problem(refused, 409, "release-conflict")["detail"]
    model.respond = good
    assert [one["id"] for one in listed(operator)] == [first["id"]]
    assert asked(operator)["release"] == first["id"]


def test_there_is_nothing_before_the_first(operator: Operator) -> None:
    problem(operator.call("POST", "/releases/rollback", {}), 409, "release-conflict")
    promote(operator)
    problem(operator.call("POST", "/releases/rollback", {}), 409, "release-conflict")


def test_what_cannot_be_meant_is_refused(operator: Operator) -> None:
    wrong = [
        {"gate": PASSED, "thresholds": {"reply_threshold": 2}},
        {"gate": PASSED, "thresholds": {"reply": 0.5}},
        {"gate": PASSED, "speed": 1},
        {"release": "no"},
    ]
    for body in wrong:
        assert operator.call("POST", "/releases", body).status_code == 422, body
    problem(operator.call("POST", "/releases", {"release": f"rel_{'0' * 24}"}), 404, "not-found")
    problem(
        operator.call("POST", "/releases", {"gate": PASSED, "revision": "20200101-000000-aaaaaa"}), 404, "not-found"
    )
    assert listed(operator) == []
