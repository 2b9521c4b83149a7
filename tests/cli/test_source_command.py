"""docent source, docent reindex, docent revision: without a service, and through one that runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat.visiting import UNLIMITED
from tests.cli.conftest import Outcome, Run
from tests.fetching.repositories import Repository
from tests.service.serving import Service, docent
from tests.sources.operating import LAMP, write_folder

CLOSED = "http://127.0.0.1:9/v1"  # nothing listens there: no engine is started
Command = Callable[..., Outcome]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("commanded")
    docs = write_folder(folder / "start", {"start.md": "# Start\n\nThe start of it all.\n"})
    assert docent(folder / "data", "index", str(docs)).returncode == 0
    running = Service(folder, None, LLM__BASE_URL=CLOSED, EMBEDDING__THREADS="1", **UNLIMITED)
    running.wait_for = lambda: running.client.get("/livez").status_code == 200
    with running:
        yield running


@pytest.fixture(params=["alone", "beside a service"])
def command(request: pytest.FixtureRequest, run: Run) -> Iterator[Command]:
    """Runs a command: in a data folder that no service runs on, and in one that has one."""
    if request.param == "alone":
        yield run
        return
    service = request.getfixturevalue("service")
    yield lambda *arguments: beside(service, run, *arguments)
    for one in service.client.get("/api/v1/admin/sources").json():
        if one["name"] != "start":
            service.client.delete(f"/api/v1/admin/sources/{one['name']}")


def beside(service: Service, run: Run, *arguments: str | Path) -> Outcome:
    """The model that is named is not there: what the command did itself would fail."""
    nowhere = str(service.data_dir / "nowhere")
    return run(*arguments, DOCENT_DATA_DIR=str(service.data_dir), DOCENT_EMBEDDING__PATH=nowhere)


def told(done: Outcome) -> Any:
    """What a command that went well prints as JSON."""
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_a_source_from_its_making_to_its_end(command: Command, tmp_path: Path) -> None:
    pages = write_folder(tmp_path / "pages")
    tried = told(command("source", "add", "house", pages, "--kind", "folder", "--test", "--json"))
    assert tried == {"documents": 3, "first": ["clock.md", "kettle.md", "lamp.md"], "failed": []}
    assert "house" not in {one["name"] for one in told(command("source", "list", "--json"))}

    made = told(
        command(
            *("source", "add", "house", pages, "--kind", "folder", "--exclude", "clock.md", "--schedule", "0 3 * * *"),
            *("--probe", "lamp.md=How does the lamp go on?", "--base-url", "https://docs.example.org", "--json"),
        )
    )
    assert (made["exclude"], made["schedule"], made["documents"]) == (["clock.md"], "0 3 * * *", 0)
    assert made["probes"] == [{"question": "How does the lamp go on?", "path": "lamp.md"}]
    report = told(command("source", "sync", "house", "--json"))
    assert (report["files"], report["sources"], report["dry_run"]) == (2, ["house"], None)

    changed = told(command("source", "update", "house", "--exclude", "", "--product-version", "2", "--json"))
    assert (changed["exclude"], changed["product_version"], changed["documents"]) == ([], "2", 2)
    shown = command("source", "show", "house").out
    assert "product_version  2\n" in shown
    assert "probes           lamp.md=How does the lamp go on?\n" in shown
    assert told(command("source", "show", "house", "--json"))["documents"] == 2

    summary = command("reindex", "house")
    assert summary.code == 0
    assert summary.out.startswith("Indexed house: 3 files (2 unchanged), ")
    assert told(command("source", "delete", "house", "--json"))["deleted"] == 3
    assert command("source", "show", "house").code == 1


def test_a_dry_run_ends_with_3_where_something_breaks(command: Command, tmp_path: Path) -> None:
    pages = write_folder(tmp_path / "pages")
    command("source", "add", "house", pages, "--kind", "folder", "--probe", "lamp.md=How does the lamp go on?")
    assert command("reindex").code == 0
    unchanged = command("reindex", "--dry-run")
    assert (unchanged.code, unchanged.out.splitlines()[-1]) == (0, "Nothing would break.")
    (pages / "new.md").write_text("# New\n\nThe abacus counts to ten.\n")
    added = told(command("reindex", "house", "--dry-run", "--json"))
    assert [one["path"] for one in added["dry_run"]["added"]] == ["new.md"]

    (pages / "lamp.md").unlink()
    breaking = command("reindex", "house", "--dry-run")

    assert breaking.code == 3
    lines = breaking.out.splitlines()
    assert lines[0].startswith("Would index house: 3 files (2 unchanged), ")
    assert "1 probe questions would find other pages" in lines
    assert any(line.startswith("It would be refused: the probe question") for line in lines)
    assert lines[-1] == "It would break what is there."
    as_json = command("reindex", "house", "--dry-run", "--json")
    assert (as_json.code, json.loads(as_json.out)["dry_run"]["breaks"]) == (3, True)
    refused = command("reindex", "house")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert refused.err.startswith("docent: the probe question 'How does the lamp go on?' would not find lamp.md")
    assert command("reindex", "house", "--force").code == 0


def test_revisions_and_the_way_back(command: Command, tmp_path: Path) -> None:
    pages = write_folder(tmp_path / "pages", {"lamp.md": LAMP})
    command("source", "add", "house", pages, "--kind", "folder")
    first = told(command("reindex", "--json"))["revision"]
    (pages / "new.md").write_text("# New\n\nThe abacus counts to ten.\n")
    second = told(command("reindex", "--json"))["revision"]

    listed = command("revision", "list").out.splitlines()
    assert listed[0].startswith(f"* {second}\t")
    assert listed[1].startswith(f"  {first}\t")
    back = command("revision", "rollback")
    assert back.out == f"Revision {first} serves, until the next `docent reindex`.\n"
    assert [one["id"] for one in told(command("revision", "list", "--json")) if one["serves"]] == [first]
    assert told(command("revision", "rollback", second, "--json"))["id"] == second
    none = command("revision", "rollback", "20200101-000000-abcdef")
    assert (none.code, none.out, none.err.count("\n")) == (1, "", 1)
    assert "there is no revision 20200101-000000-abcdef" in none.err


def test_a_run_that_one_source_fails_is_told_by_its_exit_code(command: Command, tmp_path: Path) -> None:
    pages, other = write_folder(tmp_path / "pages"), write_folder(tmp_path / "other")
    for folder in (pages, other):
        command("source", "add", folder.name, folder, "--kind", "folder")
    assert command("reindex").code == 0
    (pages / "new.md").write_text("# New\n\nThe abacus counts to ten.\n")
    shutil.rmtree(other)

    dry = command("reindex", "--dry-run")
    assert dry.code == 3
    assert "It would be refused: other: there is no folder" in dry.out
    done = command("reindex")
    assert (done.code, "1 embedded, 0 deleted" in done.out) == (1, True)
    assert "failed other: there is no folder" in done.err
    assert "abacus" in command("search", "How far does the abacus count?").out


def test_the_secret_of_a_git_source(command: Command, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("lamp.md", LAMP)
    repository.commit()
    command("source", "add", "git", repository.folder, "--kind", "git")
    secret = told(command("source", "secret", "git", "--json"))
    assert secret["push_url"] == "/api/v1/sources/git/push"
    assert command("source", "secret", "git").out == (
        f"URL     /api/v1/sources/git/push (below the address of this service)\nSecret  {secret['secret']}\n"
    )
    assert told(command("reindex", "git", "--json"))["files"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("source", "add", "house", "pages", "--kind", "ftp"), "kind"),
        (("source", "add", "Not A Name", "pages", "--kind", "folder"), "name"),
        (("source", "add", "house", "pages", "--kind", "folder", "--schedule", "never"), "it is no schedule"),
        (("source", "add", "house", "pages", "--kind", "folder", "--probe", "lamp"), "write PATH=QUESTION"),
        (("source", "add", "house", "pages", "--kind", "folder", "--branch", "main"), "for git repositories"),
        (("source", "add", "house", "pages", "--kind", "website"), "the location of a website is a URL"),
        (("source", "add", "house", "/nowhere", "--kind", "folder", "--test"), "there is no folder /nowhere"),
        (("source", "update", "nobody"), "nothing to change"),
        (("source", "update", "nobody", "--schedule", ""), "there is no source named nobody"),
        (("source", "add", "x", "ext::sh -c id% https://x", "--kind", "git"), "it is no address of a git repository"),
        (("source", "add", "x", "ext::sh -c id", "--kind", "git"), "it is no address of a git repository"),
        (("source", "add", "x", "ftp://host/x", "--kind", "git"), "it is no address of a git repository"),
        (("source", "show", "nobody"), "there is no source named nobody"),
        (("source", "sync", "nobody"), "there is no source named nobody"),
        (("source", "delete", "nobody"), "there is no source named nobody"),
        (("source", "secret", "nobody"), "there is no source named nobody"),
        (("reindex", "nobody"), "there is no source named nobody"),
        (("revision", "rollback", "nowhere"), "there is no revision nowhere"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done
    assert done.err.startswith("docent: ")
    assert said in done.err


def test_errors_are_one_line_from_the_service_too(service: Service, run: Run, tmp_path: Path) -> None:
    pages = write_folder(tmp_path / "pages")
    for arguments, said in [
        (("source", "add", "start", str(pages), "--kind", "folder"), "there is a source named start"),
        (("source", "add", "x", str(pages), "--kind", "folder", "--schedule", "never"), "it is no schedule"),
        (("source", "update", "start", "--branch", "main"), "for git repositories"),
        (("source", "sync", "nobody"), "there is no source named nobody"),
        (("reindex", "nobody"), "there is no source named nobody"),
        (("revision", "rollback", "20200101-0"), "there is no revision 20200101-0"),
    ]:
        done = beside(service, run, *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done
        assert done.err.startswith("docent: ")
        assert said in done.err
