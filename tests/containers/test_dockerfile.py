"""The Dockerfile: without complaints of hadolint, by the steps of the Makefile, and with only what runs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.config import setting_names
from deploy.dockerfile import (
    UnknownInstruction,
    context_files,
    environment,
    health_command,
    is_ignored,
    read_ignore_rules,
    read_stages,
)
from tests.containers.compose import PROGRAMS, ROOT

BUILD, IMAGE = read_stages(ROOT / "Dockerfile")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RULES = read_ignore_rules(ROOT / ".dockerignore")


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [PROGRAMS / "hadolint", "--failure-threshold", "style", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_hadolint_has_nothing_to_say() -> None:
    done = hadolint(ROOT / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_see_a_mistake(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(text.replace(BUILD.base, "python:latest"))
    assert "DL3007" in hadolint(tmp_path / "Dockerfile").stdout


def test_one_rule_is_not_followed_and_the_line_before_says_why() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if "hadolint" in line and "ignore" in line]
    assert lines[at] == "# hadolint ignore=DL3008"
    assert lines[at - 1].startswith("# ")


def test_both_stages_begin_with_the_same_pinned_python() -> None:
    assert BUILD.base == IMAGE.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", IMAGE.base)


def test_the_image_has_git_and_no_compiler() -> None:
    installed = re.findall(r"apt-get install ((?:--?\S+ )*)([^&]+)", " ".join(one.text for one in IMAGE.of("RUN")))
    assert [names.split() for _, names in installed] == [["git"]]
    assert not re.search(r"apt-get|build-essential|gcc", " ".join(one.text for one in BUILD.of("RUN")))


def test_the_environment_is_made_as_the_makefile_makes_it() -> None:
    """The same arguments of pip in the same order, and the same last step."""
    by_make = re.findall(r"\$\(PIP\) install (--no-deps (?:-r requirements/(?:serve|models)|--editable).*)", MAKEFILE)
    by_docker = re.findall(
        r"pip install (?:--quiet )*--no-cache-dir ([^&]+?)(?: &&|$)", " && ".join(one.text for one in BUILD.of("RUN"))
    )
    assert by_docker == by_make
    assert "docent prepare" in MAKEFILE
    assert "docent prepare" in BUILD.of("RUN")[-1].text


def test_the_service_runs_as_a_numbered_user_that_owns_its_data_folder_alone() -> None:
    (user,) = IMAGE.of("USER")
    uid, _, gid = user.text.partition(":")
    assert int(uid) >= 10_000
    steps = " ".join(one.text for one in IMAGE.of("RUN"))
    assert f"--owner={uid} --group={gid} --mode=0700 /data" in steps
    assert [one.words for one in IMAGE.of("VOLUME")] == [["/data"]]
    assert [one.text for one in IMAGE.of("COPY")] == ["--from=build /opt/docent /opt/docent"]  # of root, then


def test_what_libraries_write_goes_to_tmp_and_what_docent_writes_to_the_volume() -> None:
    variables = environment(IMAGE, {"PATH": "/usr/bin"})
    assert (variables["HOME"], variables["DOCENT_DATA_DIR"]) == ("/tmp", "/data")  # noqa: S108
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"
    assert variables["PATH"] == "/opt/docent/.venv/bin:/usr/bin"
    assert {name for name in variables if name.startswith("DOCENT_")} <= set(setting_names())


def test_the_health_check_asks_livez_at_the_exposed_port() -> None:
    (port,) = IMAGE.of("EXPOSE")
    *_, program = health_command(IMAGE)
    assert f"'127.0.0.1', {port.text}" in program
    assert "/livez" in program


def test_labels_name_version_and_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    labels = dict(word.partition("=")[::2] for word in IMAGE.of("LABEL")[0].words)
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]
    assert labels["org.opencontainers.image.base.name"].endswith(IMAGE.base)


def test_no_secret_is_given_to_the_build() -> None:
    for stage in (BUILD, IMAGE):
        for one in [*stage.of("ARG"), *stage.of("ENV"), *stage.of("RUN")]:
            assert not re.search(r"(?i)secret|password|token|api_?key", one.text)


def test_the_context_is_what_runs() -> None:
    files = context_files(ROOT)
    for needed in (
        "app/cli/serve.py",
        "migrations/env.py",
        "static/widget.js",
        "docs/index.md",
        "app/templates/handbook.html",
    ):
        assert needed in files
    assert {name.split("/")[0] for name in files} == {
        "LICENSE", "NOTICE", "README.md", "app", "deploy", "docent_client", "docs", "migrations", "pyproject.toml",
        "requirements", "static",
    }  # fmt: skip
    assert [name for name in files if name.startswith("deploy/")] == ["deploy/copy_database.py"]


OUTSIDE = [
    ".env",
    "app/.env",
    "secrets/llm_api_key.txt",
    "docent.env",
    ".git/config",
    ".docent/docent.db",
    "tests/conftest.py",
    "models/nitro-7b/model.safetensors",
    "app/__pycache__/config.cpython-311.pyc",
    "deploy/make-secrets.sh",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_secrets_data_and_tests_stay_out_of_the_context(name: str) -> None:
    assert is_ignored(name, RULES)


def test_an_instruction_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nADD . .\n")
    with pytest.raises(UnknownInstruction, match="ADD"):
        read_stages(tmp_path / "Dockerfile")
