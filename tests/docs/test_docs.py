"""The docs say what the code does: settings, commands, routes, links and examples are held to it."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer.main import get_command

from app.answering.answer import Answer
from app.cli import app as command_line
from app.config import Settings, setting_names
from app.index.indexer import IndexRequest
from app.index.readers.front_matter import split_front_matter
from app.index.readers.urls import Slugger
from app.runtime import open_core

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md"]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SEPARATORS = {"|", "||", "&&", ";", ">", ">>", "<", "&"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def default_of(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "" if value is None else str(value)


# --- settings


def test_settings_page_has_every_setting_with_default_and_meaning() -> None:
    rows = [line for line in prose(DOCS / "reference/settings.md").splitlines() if line.startswith("| `DOCENT_")]
    expected = [
        f"| `{name}` | {f'`{default_of(field)}`' if default_of(field) else '(empty)'} | {field.description} |"
        for name, field in setting_names().items()
    ]
    assert sorted(rows) == sorted(expected)


def test_env_example_has_every_setting_commented_out() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    found = {
        line.removeprefix("# "): before.removeprefix("# ")
        for before, line in pairwise(lines)
        if line.startswith("# DOCENT_")
    }
    assert found == {f"{name}={default_of(field)}": field.description for name, field in setting_names().items()}
    assert all(not line or line.startswith("#") for line in lines)


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_settings_named_in_the_docs_exist(page: Path) -> None:
    mentioned = set(re.findall(r"\bDOCENT_[A-Z]\w*", page.read_text(encoding="utf-8")))
    assert mentioned <= set(setting_names())


# --- commands


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


COMMANDS = dict(commands(get_command(command_line)))


def label(parameter: Any) -> str:
    options = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(options) if parameter.param_type_name == "option" else str(parameter.name)


def documented_commands() -> dict[str, str]:
    page = (DOCS / "reference/command-line.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## docent ([a-z ]+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))


def test_command_line_page_has_every_command() -> None:
    assert set(documented_commands()) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_line_page_has_every_option_of(name: str) -> None:
    section, command = documented_commands()[name], COMMANDS[name]
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.*?) \|", section, re.MULTILINE))
    wanted = {label(one): one.help for one in command.params}
    assert set(rows) == set(wanted)
    assert {option: rows[option] for option, text in wanted.items() if text} == {
        option: text for option, text in wanted.items() if text
    }
    assert command.help in section


def docent_lines(page: Path, program: str = "docent") -> Iterator[list[str]]:
    """The words after the program of each call in the shell blocks of a page, a pipe or redirection cut off."""
    for block in blocks(page, "bash", "console", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            try:
                words = list(lexer)
            except ValueError:  # a line of output, or of a here-document, with an unpaired quote
                continue
            for start, word in enumerate(words):
                before = words[start - 1] if start else ";"
                is_call = before in SEPARATORS or re.match(r"DOCENT_\w+=", before)
                if word in {program, f".venv/bin/{program}"} and is_call:
                    rest = words[start + 1 :]
                    yield rest[: next((at for at, one in enumerate(rest) if one in SEPARATORS), len(rest))]


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_docent_commands_in_the_docs_parse(page: Path) -> None:
    for words in docent_lines(page):
        command = get_command(command_line)
        while hasattr(command, "commands"):
            assert words, f"{page}: docent without a command"
            assert words[0] in command.commands, f"{page}: docent {' '.join(words)}"
            command, words = command.commands[words[0]], words[1:]  # noqa: PLW2901
        command.make_context("docent", list(words))


def test_the_check_of_commands_finds_some_and_refuses_wrong_ones() -> None:
    assert sum(1 for page in TEXTS for _ in docent_lines(page)) > 20
    with pytest.raises(Exception, match=r"--wrong"):
        COMMANDS["ask"].make_context("docent", ["--wrong", "x"])


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_make_targets_in_the_docs_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    called = re.findall(r"^(?:\$ )?make ([a-z-]+)", "\n".join(blocks(page, "bash", "console")), re.MULTILINE)
    assert {*called, *re.findall(r"`make ([a-z-]+)[^`]*`", text)} <= targets


# --- links and pages


def anchors(page: Path) -> set[str]:
    slugger = Slugger()
    return {
        slugger.slug(heading.replace("`", "")) for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    }


@pytest.mark.parametrize("page", [*TEXTS, ROOT / "CHANGELOG.md"], ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.is_file(), f"{named(page)}: {link}"
        assert not anchor or anchor in anchors(file), f"{named(page)}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_have_front_matter(page: Path) -> None:
    front, body = split_front_matter(page.read_text(encoding="utf-8"))
    assert front.title
    assert front.description.endswith(".")
    assert body.lstrip().startswith(f"# {front.title}\n")


def test_index_page_links_every_page() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(prose(DOCS / "index.md"))}
    assert {page for page in PAGES if page.name != "index.md"} <= linked


def test_architecture_page_has_the_layers_of_the_import_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = "\n".join(contract["contracts"][0]["layers"]) + "\n"
    assert layers in blocks(DOCS / "architecture.md", "text")


# --- examples


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_json_and_yaml_examples_can_be_read(page: Path) -> None:
    for example in blocks(page, "json"):
        json.loads(example)
    for example in blocks(page, "yaml"):
        yaml.safe_load(example)


def test_example_of_an_answer_is_one() -> None:
    (example,) = blocks(DOCS / "reference/answer.md", "json")
    assert Answer.model_validate_json(example).model_dump(mode="json") == json.loads(example)


def test_answer_page_has_every_field() -> None:
    fields = prose(DOCS / "reference/answer.md").partition("## Fields")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE) == list(Answer.model_fields)


def test_llamaindex_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks(DOCS / "how-to/use-from-llamaindex.md", "python")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "backup.md").write_text("# Backups\n\nStop Lumen before you restore a backup.\n")
    asyncio.run(_index(tmp_path / "docs", tmp_path / "data"))
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip().endswith("backup.md"), done.stderr


async def _index(folder: Path, data_dir: Path) -> None:
    async with open_core(Settings(data_dir=data_dir)) as core:
        await core.indexer.index(IndexRequest((folder,)), lambda _: None)


# --- question sets


@pytest.mark.parametrize(("name", "counts"), [("handbook", (54, 10, 8)), ("nitro", (99, 20, 12))])
def test_question_sets_are_as_documented(name: str, counts: tuple[int, int, int]) -> None:
    lines = (ROOT / f"tests/data/{name}_questions.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    kinds = [entry["kind"] for entry in entries]
    assert tuple(kinds.count(kind) for kind in ("answerable", "unanswerable", "off_topic")) == counts
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert all(bool(entry["files"]) == (entry["kind"] == "answerable") for entry in entries)
    answerable, unanswerable, off_topic = counts
    row = f"| {answerable} answerable, {unanswerable} unanswerable, {off_topic} off topic |"
    assert row in (DOCS / "reference/question-sets.md").read_text(encoding="utf-8")


def test_handbook_questions_name_pages_of_the_handbook() -> None:
    lines = (ROOT / "tests/data/handbook_questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert {file for line in lines for file in json.loads(line)["files"]} <= {
        page.relative_to(DOCS).as_posix() for page in PAGES
    }
