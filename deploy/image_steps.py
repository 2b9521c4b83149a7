"""Carries out the steps of the Dockerfile where there is no container engine, and runs what comes of them.

    python -m deploy.image_steps

The instructions are read from the Dockerfile itself. In the place of the base image stands an overlay upon this
machine's file system, in a mount namespace of its own: nothing of it is left on the machine. So it is not tried
whether the base image has what this machine has, other than compilers, which are taken out of the overlay, and system
libraries, which are compared with those that the base image is known to have.
Needs Linux, root, git, iproute2 and Python 3.11 as `python3`'s base.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.dockerfile import Instruction, Stage, context_files, environment, read_stages, with_variables

ROOT = Path(__file__).resolve().parents[1]
# Where the base image has Python, here is that of this machine.
_PYTHON = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable))).parent
PATH = f"{_PYTHON}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++", "make", "cmake", "rustc", "cargo")
# How this machine reaches its package registries: a builder passes its proxies and certificates on, too.
_REGISTRY = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_MODULE = (sys.executable, "-m", "deploy.image_steps")
_INSIDE = "--inside"


@dataclass
class Tree:
    """The file system of a stage while it is built, mounted at `folder`."""

    folder: Path
    workdir: str = "/"
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, instruction: Instruction) -> None:
        command = f"cd {self.workdir} && {instruction.text}"
        machine = {name: value for name, value in os.environ.items() if name.startswith(_REGISTRY)}
        subprocess.run(  # noqa: S603
            ["chroot", self.folder, "/bin/sh", "-c", command],  # noqa: S607
            env=machine | {"HOME": "/root"} | self.variables,
            stdin=subprocess.DEVNULL,
            check=True,
        )

    def path(self, name: str) -> Path:
        """Where a path of the instructions is here; a relative one is below WORKDIR."""
        return self.folder / (Path(self.workdir) / name).relative_to("/")


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)  # noqa: S603, S607


def mount_kernel(folder: Path) -> None:
    """What an engine gives to every container besides its file system."""
    mount("-t", "proc", "proc", folder / "proc")
    mount("--rbind", "/dev", folder / "dev")
    mount("--bind", "-o", "ro", "/sys", folder / "sys")


def open_tree(work: Path, name: str) -> Tree:
    tree = Tree(work / name / "mounted", variables={"PATH": PATH})
    changes, scratch = work / name / "changes", work / name / "scratch"
    for folder in (tree.folder, changes, scratch):
        folder.mkdir(parents=True)
    layers = f"lowerdir=/,upperdir={changes},workdir={scratch}"
    mount("-t", "overlay", "overlay", "-o", layers, tree.folder)
    mount_kernel(tree.folder)
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", tree.folder / "tmp")
    (tree.folder / "root").chmod(0o711)  # this machine's Python may live there; the image's user has to reach it
    for place in ("usr/bin", "usr/local/bin"):
        for compiler in _COMPILERS:
            (tree.folder / place / compiler).unlink(missing_ok=True)
    return tree


def carry_out(stage: Stage, tree: Tree, built: Mapping[str, Tree]) -> None:
    """Every instruction of a stage that changes its file system, in order."""
    for instruction in stage.instructions:
        if instruction.name not in {"ARG", "COPY", "ENV", "RUN", "WORKDIR"}:
            continue
        started = time.monotonic()
        if instruction.name == "COPY":
            copy(instruction.words, tree, built)
        elif instruction.name == "ENV":
            tree.variables = environment(Stage(stage.base, stage.name, [instruction]), tree.variables)
        elif instruction.name == "ARG":
            name, _, value = instruction.text.partition("=")
            tree.variables.setdefault(name, value)
        elif instruction.name == "WORKDIR":
            tree.workdir = with_variables(instruction.text, tree.variables)
            tree.path(".").mkdir(parents=True, exist_ok=True)
        else:
            tree.run(instruction)
        say(f"{time.monotonic() - started:6.1f} s  {instruction.name} {instruction.text[:100]}")


def copy(words: Sequence[str], tree: Tree, built: Mapping[str, Tree]) -> None:
    *sources, target = [word for word in words if not word.startswith("--")]
    stage = next((word.removeprefix("--from=") for word in words if word.startswith("--from=")), None)
    if stage is not None:
        (source,) = sources
        shutil.copytree(built[stage].path(source), tree.path(target), symlinks=True, dirs_exist_ok=True)
        return
    for name in context_files(ROOT):
        if "." in sources or name in sources:
            # A file is copied without its folders, the context with them.
            into = tree.path(target) / (name if "." in sources else Path(name).name)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into)


def build(work: Path) -> Tree:
    """The tree of the last stage, all instructions carried out. Raises CalledProcessError."""
    built: dict[str, Tree] = {}
    stages = read_stages(ROOT / "Dockerfile")
    for number, stage in enumerate(stages):
        say(f"FROM {stage.base}: an overlay upon this machine stands in for it")
        tree = open_tree(work, stage.name or f"stage-{number}")
        carry_out(stage, tree, built)
        built[stage.name] = tree
    return built[stages[-1].name]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    if os.geteuid() != 0 or sys.platform != "linux":
        say("image steps: mounts need Linux and root; run it there, or build the image with an engine")
        return 1
    if _INSIDE not in arguments:
        return start("unshare", "--mount", "--propagation", "private", "--", *_MODULE, _INSIDE)
    work = Path(tempfile.mkdtemp(prefix="docent-image-"))
    try:
        tree = build(work)
        return start("unshare", "--net", "--", sys.executable, "-m", "deploy.image_trial", str(work), str(tree.folder))
    except subprocess.CalledProcessError as error:
        say(f"image steps: a step ended with {error.returncode}: {error.cmd[-1]}")
        return 1
    finally:
        for mounted in sorted(work.glob("*/mounted")):
            subprocess.run(["umount", "--recursive", mounted], stderr=subprocess.DEVNULL, check=False)  # noqa: S603, S607
        shutil.rmtree(work, ignore_errors=True)


def start(*command: str) -> int:
    """The exit code of a command in the checkout."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
