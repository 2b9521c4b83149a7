"""Sources over REST: made, shown, changed, tried, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat.visiting import problem
from tests.fetching.repositories import Repository
from tests.fetching.site import Site, html, linked
from tests.postgresql.databases import rows
from tests.sources.operating import LAMP, Operator

TOKEN = "ghp-very-secret-token"  # noqa: S105
PRIVATE = f"http://robot:{TOKEN}@127.0.0.1:9/lamp/docs.git"  # nobody answers there


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        made.page("/docs/", linked("/docs/lamp", "/docs/broken"))
        made.page("/docs/lamp", html("<h1>Lamp</h1><p>The lamp of the website shines violet.</p>"))
        made.fails("/docs/broken", 500)
        yield made


def test_a_folder_from_its_making_to_its_end(operator: Operator, pages: Path) -> None:
    made = operator.add(
        "house",
        pages,
        include=["*.md"],
        exclude=["clock.md"],
        base_url="https://docs.example.org/",
        product_version="3.1",
        schedule="0 3 * * *",
        probes=[{"question": "How does the lamp go on?", "path": "lamp.md"}],
    )
    assert made == {
        "name": "house",
        "kind": "folder",
        "location": str(pages),
        "branch": "",
        "subfolder": "",
        "include": ["*.md"],
        "exclude": ["clock.md"],
        "base_url": "https://docs.example.org/",
        "product_version": "3.1",
        "schedule": "0 3 * * *",
        "probes": [{"question": "How does the lamp go on?", "path": "lamp.md"}],
        "documents": 0,
        "handbook": False,
        "synced_at": None,
        "error": "",
        "push_url": "",
    }
    assert operator.source("house") == made
    assert made in operator.call("GET", "/sources").json()

    queued = operator.call("POST", "/sources/house/sync")
    assert (queued.status_code, queued.json()["kind"]) == (202, "reindex")
    assert operator.finished(queued.json()["id"])["result"]["files"] == 2
    assert operator.source("house")["synced_at"] is not None
    assert operator.source("house")["documents"] == 2

    changed = operator.call("PATCH", "/sources/house", {"exclude": [], "schedule": ""}).json()
    assert (changed["exclude"], changed["schedule"], changed["documents"]) == ([], "", 2)
    assert changed["base_url"] == "https://docs.example.org/"
    assert operator.run("house")["files"] == 3
    assert "clock.md" in operator.found("Wind the clock")

    operator.delete("house")
    problem(operator.call("GET", "/sources/house"), 404, "not-found")
    assert "clock.md" not in operator.found("Wind the clock")
    problem(operator.call("DELETE", "/sources/house"), 404, "not-found")


def test_a_git_repository_of_a_branch_and_a_sub_folder(operator: Operator, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("README.md", "# Read me\n\nNot of the docs.\n")
    repository.commit()
    repository.git("switch", "--quiet", "-c", "next")
    repository.write("docs/lamp.md", LAMP)
    repository.commit()
    operator.add("git", repository.folder, kind="git", branch="next", subfolder="docs")

    assert operator.run("git")["files"] == 1
    operator.call("PATCH", "/sources/git", {"branch": "nowhere"})
    failed = operator.finished(operator.begin("git"))

    assert failed["state"] == "failed"
    assert failed["error"]["kind"] == "nothing-fetched"
    assert "has no branch nowhere: name one that it has (main, next)" in failed["error"]["detail"]
    assert "has no branch nowhere" in operator.source("git")["error"]
    assert (operator.source("git")["documents"], operator.found("brass lever") >= {"lamp.md"}) == (1, True)
    operator.call("PATCH", "/sources/git", {"branch": "next"})
    operator.run("git")
    assert operator.source("git")["error"] == ""


def test_a_website_names_the_page_that_failed(operator: Operator, site: Site) -> None:
    operator.add("web", f"{site.url}/docs/", kind="website")

    report = operator.run("web")

    assert report["files"] == 2
    ((failed),) = [one for one in report["skipped"] if one["source"] == "web"]
    assert failed["path"] == "docs/broken.html"
    assert "500" in failed["reason"]
    hits = operator.call("GET", "/search?q=which lamp shines violet").json()["results"]
    assert hits[0]["url"].startswith(f"{site.url}/docs/lamp")


def test_a_source_is_tried_before_it_is_saved(operator: Operator, pages: Path, tmp_path: Path, site: Site) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("docs/lamp.md", LAMP)
    repository.commit()
    before = operator.call("GET", "/sources").json()

    def tried(kind: str, location: str, **values: Any) -> dict[str, Any]:
        body = {"name": "tried", "kind": kind, "location": location, **values}
        done = operator.call("POST", "/sources/test", body)
        assert done.status_code == 200, done.text
        found: dict[str, Any] = done.json()
        return found

    assert tried("folder", str(pages), exclude=["lamp.md"]) == {
        "documents": 2,
        "first": ["clock.md", "kettle.md"],
        "failed": [],
    }
    assert tried("git", str(repository.folder), subfolder="docs")["first"] == ["lamp.md"]
    web = tried("website", f"{site.url}/docs/")
    assert web["documents"] >= 2
    assert web["failed"][0]["path"] == "docs/broken.html"
    gone = problem(
        operator.call("POST", "/sources/test", {"name": "t", "kind": "folder", "location": "/nowhere"}),
        422,
        "fetch-failed",
    )
    assert "there is no folder /nowhere" in gone["detail"]
    assert operator.call("GET", "/sources").json() == before
    assert list((operator.service.data_dir / "sources" / ".tests").iterdir()) == []


def test_names_and_places_are_taken_once(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)
    again = {"name": "house", "kind": "folder", "location": str(pages.parent)}
    taken = problem(operator.call("POST", "/sources", again), 409, "source-conflict")
    assert "there is a source named house" in taken["detail"]
    same_place = {"name": "hut", "kind": "folder", "location": f"{pages}/../{pages.name}"}
    problem(operator.call("POST", "/sources", same_place), 409, "source-conflict")
    operator.add("hut", pages / "lamp.md")
    moved = operator.call("PATCH", "/sources/hut", {"location": str(pages)})
    problem(moved, 409, "source-conflict")
    assert operator.source("hut")["location"] == str(pages / "lamp.md")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sources/nobody"),
        ("PATCH", "/sources/nobody"),
        ("GET", "/sources/nobody/push-secret"),
        ("POST", "/sources/nobody/sync"),
        ("GET", "/jobs/job_nobody/events"),
    ],
)
def test_what_is_not_there(operator: Operator, method: str, path: str) -> None:
    problem(operator.call(method, path, {} if method == "PATCH" else None), 404, "not-found")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "-x"}, "name"),
        ({"kind": "ftp"}, "kind"),
        ({"location": "relative/folder"}, "the location of a folder is an absolute path"),
        ({"kind": "website", "location": "ftp://x"}, "begins with https:// or http://"),
        ({"branch": "main"}, "`branch` and `subfolder` are for git repositories"),
        ({"schedule": "at three"}, "it is no schedule"),
        ({"schedule": "0 3 * *"}, "it is no schedule"),
        ({"schedule": "0 25 * * *"}, "it is no schedule"),
        ({"schedule": "* * * * * *"}, "it is no schedule"),
        ({"exclude": [""]}, "exclude"),
        ({"exclude": ["!"]}, "exclude"),
        ({"base_url": "docs.example.org"}, "it is no base URL"),
        ({"location": "/docs\n"}, "holds a character"),
        ({"probes": [{"question": "", "path": "a.md"}]}, "probes"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_no_source(operator: Operator, pages: Path, wrong: dict[str, Any], said: str) -> None:
    body = {"name": "house", "kind": "folder", "location": str(pages), **wrong}
    for path in ("/sources", "/sources/test"):
        refused = operator.call("POST", path, body)
        assert refused.status_code == 422, refused.text
        assert said in refused.text
    assert operator.call("GET", "/sources/house").status_code == 404


def test_a_change_fits_the_kind_of_source(operator: Operator, pages: Path) -> None:
    operator.add("house", pages)
    for change in ({"branch": "main"}, {"location": "relative"}, {"schedule": "never"}, {"kind": "git"}, {"name": "b"}):
        assert operator.call("PATCH", "/sources/house", change).status_code == 422
    assert operator.source("house")["branch"] == ""


def test_credentials_are_shown_nowhere(operator: Operator) -> None:
    operator.add("private", PRIVATE, kind="git")
    job = operator.finished(operator.begin("private"))
    assert job["state"] == "failed"
    texts = [
        operator.call("GET", "/sources").text,
        operator.call("GET", "/sources/private").text,
        operator.call("PATCH", "/sources/private", {"product_version": "2"}).text,
        operator.call("POST", "/sources/test", {"name": "t", "kind": "git", "location": PRIVATE}).text,
        operator.call("POST", "/sources", {"name": "second", "kind": "git", "location": PRIVATE}).text,
        operator.call("POST", "/sources", {"name": "second", "kind": "git", "location": PRIVATE, "branch": 7}).text,
        operator.call("GET", f"/jobs/{job['id']}").text,
        operator.call("GET", "/jobs").text,
        str(job),
        str(operator.service.log()),
    ]
    assert [text for text in texts if TOKEN in text] == []
    assert operator.source("private")["location"] == "http://***@127.0.0.1:9/lamp/docs.git"
    assert "127.0.0.1:9/lamp/docs.git" in job["error"]["detail"]
    # A password that holds what ends one elsewhere.
    operator.add("odd", "https://robot:a@b@127.0.0.1:9/odd.git", kind="git")
    assert operator.source("odd")["location"] == "https://***@127.0.0.1:9/odd.git"


def test_a_source_that_is_read_and_written_back_keeps_its_credentials(operator: Operator) -> None:
    operator.add("private", PRIVATE, kind="git")
    shown = operator.source("private")["location"]

    written = operator.call("PATCH", "/sources/private", {"location": shown, "branch": "main"})

    assert (written.status_code, written.json()["branch"]) == (200, "main")
    held = rows(operator.service.data_dir, "SELECT location FROM sources WHERE name = ?", "private")
    assert held == [(PRIVATE,)]
