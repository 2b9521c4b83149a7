"""Webhooks of pushes: who signs is heard, and nobody else learns anything."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import httpx
import pytest

from tests.chat.visiting import problem
from tests.fetching.repositories import Repository
from tests.postgresql.databases import rows
from tests.service.serving import until
from tests.sources.operating import Operator

BODY = json.dumps({"ref": "refs/heads/main"}).encode()


@pytest.fixture
def repository(operator: Operator, tmp_path: Path) -> Repository:
    """A git source of one page, which is indexed."""
    made = Repository(tmp_path / "repository")
    made.write("torch.md", "# Torch\n\nThe torch takes two batteries.\n")
    made.commit()
    operator.add("torch", made.folder, kind="git")
    operator.run("torch")
    return made


def secret(operator: Operator) -> str:
    told = operator.call("GET", "/sources/torch/push-secret").json()
    assert told["push_url"] == operator.source("torch")["push_url"] == "/api/v1/sources/torch/push"
    found: str = told["secret"]
    assert len(found) >= 32
    return found


def push(operator: Operator, headers: dict[str, str], name: str = "torch", body: bytes = BODY) -> httpx.Response:
    return httpx.post(
        f"{operator.service.url}/api/v1/sources/{name}/push",
        content=body,
        headers={"Content-Type": "application/json", **headers},
        trust_env=False,
    )


def signed(key: str, body: bytes = BODY) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.digest(key.encode(), body, hashlib.sha256).hex()}


def count(operator: Operator) -> int:
    """Requests that were counted against an address."""
    query = "SELECT COALESCE(SUM(count), 0) FROM rate_windows"
    ((found,),) = rows(operator.service.data_dir, query)
    return int(found)


def jobs(operator: Operator) -> list[str]:
    return [one["id"] for one in operator.call("GET", "/jobs?kind=reindex&limit=200").json()]


@pytest.mark.parametrize("host", ["github", "gitlab"])
def test_a_push_syncs_its_source(operator: Operator, repository: Repository, host: str) -> None:
    key = secret(operator)
    repository.write("torch.md", "# Torch\n\nThe torch takes three batteries.\n")
    repository.write("new.md", "# New\n\nThe beam of the torch reaches ninety metres.\n")
    repository.commit()

    done = push(operator, signed(key) if host == "github" else {"X-Gitlab-Token": key})

    assert (done.status_code, done.content) == (202, b"")
    until(lambda: "new.md" in operator.found("how far reaches the beam"))
    assert operator.source("torch")["documents"] == 2


def test_a_push_gives_way_to_a_rollback(operator: Operator, repository: Repository) -> None:
    repository.write("new.md", "# New\n\nThe beam of the torch reaches ninety metres.\n")
    repository.commit()
    before = operator.serving()
    operator.run("torch")
    assert operator.call("POST", "/index/rollback", {}).json()["id"] == before
    assert push(operator, signed(secret(operator))).status_code == 202

    job = operator.finished(jobs(operator)[0])

    assert (job["state"], operator.serving()) == ("succeeded", before)
    assert operator.run("torch")["embedded"] == 1


def test_who_cannot_sign_gets_the_same_answer_whatever_there_is(operator: Operator, repository: Repository) -> None:
    assert repository.folder.is_dir()
    before, key, counted = jobs(operator), secret(operator), count(operator)
    wrong: list[dict[str, str]] = [
        {},
        signed("wrong"),
        signed(""),
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": signed(key)["X-Hub-Signature-256"].removeprefix("sha256=")},
        signed(key, BODY + b" "),
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": key[:-1]},
        {"Authorization": f"Bearer {operator.service.keys['admin'].token}"},
    ]

    said = {push(operator, headers, name).text for headers in wrong for name in ("torch", "nobody", "lumen")}

    assert len(said) == 1
    problem(push(operator, signed(key), "nobody"), 401, "unauthorized")
    assert jobs(operator) == before
    assert count(operator) - counted >= len(wrong) * 3


def test_a_folder_has_no_secret(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)

    refused = problem(operator.call("GET", "/sources/house/push-secret"), 422, "invalid-input")
    assert "house is no git repository: give it a schedule" in refused["detail"]
    assert operator.source("house")["push_url"] == ""
    problem(push(operator, signed("")), 401, "unauthorized")
