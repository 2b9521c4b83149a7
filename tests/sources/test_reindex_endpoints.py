"""Runs over REST: what a dry run tells, progress, files that fail, cancelling, and revisions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.chat.visiting import GOOD, MESSAGES, PORT, problem
from tests.fetching.site import Site, html, linked
from tests.sources.operating import LAMP, Operator


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


def test_a_dry_run_tells_what_would_change_and_changes_nothing(operator: Operator, pages: Path) -> None:
    start = pages / "start.md"
    start.write_text("# Start\n\n## Start the server\n\nThe server listens on port 7070 by default. It is quick.\n")
    operator.add("house", pages, probes=[{"question": "Press the brass lever", "path": "lamp.md"}])
    operator.run("house")
    before = operator.serving()
    chat = {"Authorization": f"Bearer {operator.service.keys['chat'].token}"}
    answer = operator.http.post(MESSAGES, json={"question": f"{PORT} It is quick."}, headers=chat).json()
    assert answer["text"].startswith(GOOD[:20]), answer
    quotes = [one["quote"] for one in answer["citations"]]
    assert quotes

    nothing = operator.run("house", dry_run=True)
    assert nothing["dry_run"] == {
        "added": [], "changed": [], "removed": [], "broken_citations": [], "probes": [], "refused": [], "breaks": False,
    }  # fmt: skip
    start.write_text("# Start\n\n## Stop the server\n\nPress the red button.\n")
    (pages / "torch.md").write_text(LAMP.replace("Lamp", "Torch") + "\nPress the brass lever, press it.\n")
    (pages / "lamp.md").write_text("# Lamp\n\n## Switch it on\n\nIt does so by itself.\n")

    told = operator.run("house", dry_run=True)

    dry = told["dry_run"]
    assert {(one["path"], *one["heading_path"]) for one in dry["added"]} >= {
        ("start.md", "Stop the server"),
        ("torch.md", "Switch it on"),
    }
    assert [(one["path"], *one["heading_path"]) for one in dry["changed"]] == [("lamp.md", "Switch it on")]
    assert [(one["path"], *one["heading_path"]) for one in dry["removed"]] == [("start.md", "Start the server")]
    broken = [one for one in dry["broken_citations"] if one["answer_id"] == answer["id"]]
    assert [one["quote"] for one in broken] == quotes
    (probe,) = dry["probes"]
    assert (probe["path"], probe["found_before"], probe["top_before"][0]) == ("lamp.md", True, "house/lamp.md")
    assert probe["top_after"][0] == "house/torch.md"
    assert dry["breaks"]
    assert (told["revision"], operator.serving()) == (before, before)
    assert "torch.md" not in operator.found("Press the brass lever")
    assert operator.source("house")["error"] == ""


def test_a_dry_run_tells_that_the_guard_would_refuse(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)
    operator.run("house")
    (pages / "kettle.md").unlink()
    (pages / "lamp.md").unlink()

    dry = operator.run("house", dry_run=True)["dry_run"]

    assert len(dry["removed"]) >= 2
    (refused,) = dry["refused"]
    assert "2 of the 3 documents of house would be deleted" in refused
    assert dry["breaks"]
    job = operator.finished(operator.begin("house"))
    assert (job["state"], job["error"]["kind"]) == ("failed", "index-rejected")
    assert refused in job["error"]["detail"]
    assert operator.run("house", force=True)["files"] == 1


def test_progress_and_files_that_fail_by_name(operator: Operator, pages: Path) -> None:
    (pages / "broken.md").write_bytes(b"\xff\xfe\x00\xd8 \x00")
    (pages / "empty.md").write_text("")
    operator.add("house", pages)

    events = list(operator.events(operator.begin("house")))

    assert [name for name, _ in events[:-1]] == ["job.progress"] * (len(events) - 1)
    name, job = events[-1]
    assert (name, job["state"], job["kind"]) == ("job.finished", "succeeded", "reindex")
    shown = job["progress"]
    assert (shown["phase"], shown["done"], shown["total"]) == ("embed", 3, 3)
    assert (shown["changed"], shown["embedded"], shown["deleted"], shown["failed"]) == (3, 3, 0, 2)
    assert shown["seconds_left"] in {0, None}
    failed = {one["path"]: one["reason"] for one in job["result"]["skipped"] if one["source"] == "house"}
    assert set(failed) == {"broken.md", "empty.md"}
    assert all(failed.values())
    listed = operator.call("GET", f"/jobs/{job['id']}").json()
    assert (listed["state"], listed["result"]) == ("succeeded", job["result"])


def test_a_run_that_is_cancelled_ends_soon_and_changes_nothing(operator: Operator, site: Site) -> None:
    """It hangs in a page that does not come to its end."""
    asked, released = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        released.wait(30)
        handler.send_error(503)

    site.page("/docs/", linked(*(f"/docs/page{number}" for number in range(50))))
    site.default = slow
    operator.add("web", f"{site.url}/docs/", kind="website")
    before = operator.serving()
    job_id = operator.begin("web")
    assert asked.wait(30)

    assert operator.call("POST", f"/jobs/{job_id}/cancel").status_code == 200
    assert operator.finished(job_id)["state"] == "cancelled"
    released.set()

    assert operator.serving() == before
    site.default = lambda handler: handler.send_error(404)
    site.page("/docs/page0", html("<h1>Page</h1><p>The zeppelin page came after all.</p>"))
    assert operator.run("web")["files"] == 2
    assert len(site.asked) < 60  # nobody went on reading what nobody waits for


def test_a_full_run_embeds_everything_anew(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)
    first = operator.run("house")
    assert operator.run("house")["revision"] == first["revision"]

    full = operator.run("house", full=True)

    assert (full["embedded"], full["unchanged"], full["deleted"]) == (3, 3, 0)
    assert full["revision"] != first["revision"]
    assert operator.serving() == full["revision"]


def test_revisions_and_the_way_back(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)
    first = operator.run("house")["revision"]
    (pages / "torch.md").write_text("# Torch\n\nThe torch takes two batteries.\n")
    second = operator.run("house")["revision"]

    revisions = operator.call("GET", "/revisions").json()
    assert [(one["id"], one["serves"], one["available"]) for one in revisions[:2]] == [
        (second, True, True),
        (first, False, True),
    ]
    assert revisions[0]["documents"] == revisions[1]["documents"] + 1
    back = operator.call("POST", "/index/rollback", {})
    assert (back.status_code, back.json()["id"], back.json()["serves"]) == (200, first, True)
    assert "torch.md" not in operator.found("batteries of the torch")
    assert operator.call("POST", "/index/rollback", {"revision": second}).json()["id"] == second
    assert "torch.md" in operator.found("batteries of the torch")
    problem(operator.call("POST", "/index/rollback", {"revision": "20200101-0"}), 404, "not-found")
    assert operator.call("POST", "/index/rollback", {"revision": "../../etc"}).status_code == 422


def test_names_that_are_none(operator: Operator) -> None:
    for body in ({"sources": []}, {"sources": ["Not A Name"]}, {"dry": True}, {"full": "maybe"}):
        assert operator.call("POST", "/reindex", body).status_code == 422
    unknown = operator.call("POST", "/reindex", {"sources": ["nobody"]})
    problem(unknown, 404, "not-found")
