"""The instructions of a Dockerfile and the files of its build context, read for `deploy.image_steps` and the tests.

Only what the Dockerfile of this project uses is understood; anything else is refused.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "VOLUME",
    "WORKDIR",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class UnknownInstruction(ValueError):
    """The Dockerfile says something that is not read here."""


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of the exec form (a JSON list), or as a shell would split them."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(self.text)


@dataclass(slots=True)
class Stage:
    """base: the image it begins with. name: '' where it has none."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def of(self, name: str) -> list[Instruction]:
        return [one for one in self.instructions if one.name == name]


def read_stages(dockerfile: Path) -> list[Stage]:
    """The stages in their order. Raises UnknownInstruction."""
    text = "\n".join(line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    stages: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        rest = " ".join(rest.split()) if name in {"RUN", "FROM"} else rest.strip()
        if name not in _KNOWN or (name != "FROM" and not stages):
            raise UnknownInstruction(line)
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base, alias))
        else:
            stages[-1].instructions.append(Instruction(name, rest))
    return stages


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced; an unknown one by nothing."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), text)


def environment(stage: Stage, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that the stage's ENV instructions set, upon those of its base image."""
    variables = dict(given)
    for one in stage.of("ENV"):
        for word in one.words:
            name, _, value = word.partition("=")
            variables[name] = with_variables(value, variables)
    return variables


def health_command(stage: Stage) -> list[str]:
    (check,) = stage.of("HEALTHCHECK")
    return [str(word) for word in json.loads(check.text[check.text.index("[") :])]


def context_files(checkout: Path) -> list[str]:
    """What `COPY . .` takes: the files of the checkout that git does not ignore and .dockerignore lets through."""
    listed = subprocess.run(  # noqa: S603
        ["git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    rules = read_ignore_rules(checkout / ".dockerignore")
    return sorted({name for name in listed if name and (checkout / name).is_file() and not is_ignored(name, rules)})


def read_ignore_rules(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def is_ignored(name: str, rules: list[str]) -> bool:
    """The last rule that a path or a folder above it matches decides; `!` lets it through."""
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!").strip("/")
        if _matches(name, pattern):
            ignored = not rule.startswith("!")
    return ignored


def _matches(name: str, pattern: str) -> bool:
    parts = name.split("/")
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
    depth = pattern.count("/") + 1
    return fnmatch.fnmatchcase("/".join(parts[:depth]), pattern)
