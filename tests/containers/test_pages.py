"""The commands of the pages about containers: of `docent` in a container, of services, files and volumes that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from app.cli import app as command_line
from app.config import setting_names
from tests.containers.compose import ROOT, read_profile

PAGES = {"cpu": ROOT / "docs/how-to/run-in-containers.md", "gpu": ROOT / "docs/how-to/move-to-a-gpu.md"}
PROFILES = pytest.mark.parametrize("profile", PAGES)


def lines(page: Path, language: str) -> list[str]:
    """Of all blocks in a language, indented ones too; a line that goes on is one."""
    blocks = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line.strip() for _, block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@PROFILES
def test_docent_commands_in_containers_parse(profile: str) -> None:
    called = [line for line in lines(PAGES[profile], "bash") if re.search(r"exec \S+ docent ", line)]
    assert len(called) >= 2
    for line in called:
        service, _, rest = line.partition(" exec ")[2].partition(" docent ")
        assert service in read_profile(profile)["services"]
        command: Any = get_command(command_line)
        words = shlex.split(rest)
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("docent", words)


@PROFILES
def test_volumes_and_images_exist(profile: str) -> None:
    model = read_profile(profile)
    text = "\n".join(lines(PAGES[profile], "bash"))
    volumes = {volume["name"] for volume in model["volumes"].values()}
    assert set(re.findall(r"\bdocent_[a-z-]+", text)) <= volumes
    assert set(re.findall(r"\bdocent:[\d.]+", text)) <= {one["image"] for one in model["services"].values()}


@PROFILES
def test_files_of_the_checkout_exist(profile: str) -> None:
    named = set(re.findall(r"\bdeploy/[\w.-]+", PAGES[profile].read_text(encoding="utf-8")))
    for name in named - {"deploy/"}:
        assert (ROOT / name).is_file(), name


@PROFILES
def test_settings_files_hold_settings(profile: str) -> None:
    found = [line.partition("=")[0] for line in lines(PAGES[profile], "text") if "=" in line]
    assert found
    assert set(found) <= set(setting_names())


def test_the_versions_that_were_not_run_are_those_of_the_file() -> None:
    text = PAGES["gpu"].read_text(encoding="utf-8").partition("## What was not run")[2]
    services = read_profile("gpu")["services"]
    for name, said in re.findall(r"^- (vLLM|Qdrant|PostgreSQL) ([\d.]+)\b", text, re.MULTILINE):
        image = services[{"PostgreSQL": "postgres"}.get(name, name.lower())]["image"]
        assert said in image


def test_the_secret_of_the_example_is_a_setting() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGES["cpu"].read_text(encoding="utf-8"), re.DOTALL)
    override = yaml.safe_load(example)
    assert {f"{name.upper()}" for name in override["secrets"]} <= set(setting_names())
    assert override["services"]["docent"]["secrets"] == list(override["secrets"])
