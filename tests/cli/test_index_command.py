"""docent index, docent source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from app.config import Settings

Run = Callable[..., Any]
Docent = Callable[..., "CompletedProcess[str]"]


def test_index_says_what_it_did(run: Run, docs: Path) -> None:
    (docs / "empty.md").write_text("")

    done = run("index", docs)

    assert (done.code, done.err) == (0, "")
    first, skipped, serves, end = done.out.split("\n")
    assert first.startswith("Indexed docs: 5 files (0 unchanged), 9 sections, ")
    assert "0 deleted, 1 skipped, in " in first
    assert skipped == "  skipped empty.md: The file is empty."
    assert serves.startswith("Revision 2")
    assert serves.endswith(" serves.")
    assert end == ""


def test_index_gives_its_report_as_json(run: Run, docs: Path) -> None:
    first = json.loads(run("index", docs, "--json", "--base-url", "https://docs.example.org").out)
    second = json.loads(run("index", docs, "--json").out)

    assert set(first) == {
        "revision",
        "sources",
        "files",
        "sections",
        "chunks",
        "embedded",
        "deleted",
        "unchanged",
        "skipped",
        "seconds",
        "failed_sources",
        "dry_run",
    }
    assert (first["failed_sources"], first["dry_run"]) == ([], None)
    assert (first["sources"], first["files"], first["embedded"]) == (["docs"], 5, first["chunks"])
    assert (second["revision"], second["embedded"], second["unchanged"]) == (first["revision"], 0, 5)


def test_a_relative_path_is_the_same_source_as_its_absolute_one(
    run: Run, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("index", docs)
    monkeypatch.chdir(docs.parent)

    assert json.loads(run("index", "docs", "--json").out)["unchanged"] == 5
    assert json.loads(run("index", "./docs/guide/..", "--json").out)["unchanged"] == 5
    assert [source["name"] for source in json.loads(run("source", "list", "--json").out)] == ["docs"]


def test_rebuild_without_a_path_embeds_all_sources(run: Run, docs: Path) -> None:
    run("index", docs)

    report = json.loads(run("index", "--rebuild", "--json").out)

    assert report["sources"] == ["docs"]
    assert report["embedded"] == report["chunks"]


def test_sources_are_listed_and_deleted(run: Run, docs: Path) -> None:
    nothing = run("source", "list")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "there is no source yet: run `docent index FOLDER`, or `docent source add`\n"
    run("index", docs, docs / "faq.md", "--base-url", "https://docs.example.org")

    assert run("source", "list").out == (
        f"docs\tfolder\t5 documents\t{docs}\thttps://docs.example.org\n"
        f"faq\tfolder\t1 documents\t{docs / 'faq.md'}\thttps://docs.example.org\n"
    )
    deleted = run("source", "delete", "docs", "--json")
    assert json.loads(deleted.out)["deleted"] >= 5
    (left,) = json.loads(run("source", "list", "--json").out)
    assert (left["name"], left["kind"], left["location"]) == ("faq", "folder", str(docs / "faq.md"))
    assert (left["documents"], left["base_url"], left["error"]) == (1, "https://docs.example.org", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("index", "nowhere"), "there is no file or folder "),
        (("index",), "nothing to index: name a folder"),
        (("index", "hollow"), "no document could be read in "),
        (("source", "delete", "nobody"), "there is no source named nobody (there are: none)"),
    ],
)
def test_a_refusal_is_one_line(run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "hollow").mkdir()

    done = run(*arguments)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"docent: {message}")
    assert done.err.count("\n") == 1


def test_another_chunking_is_refused_in_one_line_and_rebuilt(run: Run, docs: Path) -> None:
    run("index", docs)

    refused = run("index", docs, DOCENT_INDEX__CHUNK_TOKENS="200")

    assert refused.code == 1
    assert "run `docent index --rebuild`" in refused.err
    assert refused.err.count("\n") == 1
    assert run("search", "flicker", DOCENT_INDEX__CHUNK_TOKENS="200").code == 1
    assert run("index", "--rebuild", DOCENT_INDEX__CHUNK_TOKENS="200").code == 0
    assert run("search", "flicker", DOCENT_INDEX__CHUNK_TOKENS="200").code == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DOCENT_NONSENSE", "1", "DOCENT_NONSENSE is not a setting"),
        ("DOCENT_INDEX__NONSENSE", "1", "DOCENT_INDEX__NONSENSE: Extra inputs are not permitted"),
        ("DOCENT_INDEX__CHUNK_TOKENS", "many", "DOCENT_INDEX__CHUNK_TOKENS: Input should be a valid integer"),
        ("DOCENT_INDEX__CHUNK_TOKENS", "1", "DOCENT_INDEX__CHUNK_TOKENS: Input should be greater than or equal to 50"),
        ("DOCENT_INDEX", "many", 'error parsing value for field "index"'),
        ("DOCENT_INDEX__QDRANT_URL", "http://127.0.0.1:1", "DOCENT_INDEX__QDRANT_URL: no Qdrant server answers"),
    ],
)
def test_a_wrong_setting_is_one_line(run: Run, docs: Path, name: str, value: str, message: str) -> None:
    done = run("index", docs, **{name: value})

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"docent: {message}")
    assert done.err.count("\n") == 1


def test_a_refusal_is_one_line_in_a_process_of_its_own(docent: Docent, docs: Path) -> None:
    done = docent("index", docs, DOCENT_NONSENSE="1")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "docent: DOCENT_NONSENSE is not a setting (docs/reference/settings.md lists every setting)\n"


def test_wrong_usage_exits_with_2(run: Run) -> None:
    assert run("search", "lamp", "-k", "0").code == 2
    assert run("index", "--unknown").code == 2
    assert run("nonsense").code == 2


def test_indexing_loads_no_model_client(settings: Settings, docs: Path) -> None:
    """It takes most of a second to import, and an unchanged corpus is looked through in less."""
    code = "import sys; from app.cli import main\ntry: main()\nfinally: print('openai' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "index", str(docs), "--json"],
        env={**os.environ, "DOCENT_DATA_DIR": str(settings.data_dir)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.endswith("False\n")
