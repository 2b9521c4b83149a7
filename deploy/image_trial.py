"""Runs what `deploy.image_steps` built as docker-compose.yml runs the image, and asks it a question.

That is: as the image's user without any capability, on a read-only file system with a volume and a small /tmp that
nothing can be run from, and without a network.
"""

from __future__ import annotations

import http.client
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.dockerfile import Stage, environment, health_command, read_stages
from deploy.image_steps import PATH, ROOT, mount, mount_kernel, say

_PATIENCE = 180.0  # seconds, for a first start with its indexing on a busy machine
_STOP_SECONDS = 40.0  # stop_grace_period of docker-compose.yml
_QUESTION = "How do I index my own docs?"
# System libraries that python:3.11-slim-bookworm has: those of libc, and what apt and Python themselves need.
_LIBRARIES = {
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6",
    "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libstdc++.so.6", "libutil.so.1", "libz.so.1", "linux-vdso.so.1",
}  # fmt: skip


class TrialFailed(Exception):
    """What the image should do and does not."""


@dataclass(frozen=True, slots=True)
class Container:
    """The image's file system, mounted read-only at `folder`."""

    folder: Path
    stage: Stage

    def command(self, words: Sequence[str]) -> list[str]:
        (user,) = self.stage.of("USER")
        uid, _, gid = user.text.partition(":")
        variables = [f"{name}={value}" for name, value in environment(self.stage, {"PATH": PATH}).items()]
        unprivileged = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        inside = f"cd {self.stage.of('WORKDIR')[-1].text} && exec {shlex.join(words)}"
        return [
            "chroot", str(self.folder), "setpriv", f"--reuid={uid}", f"--regid={gid}", *unprivileged,
            "env", "-i", *variables, "/bin/sh", "-c", inside,
        ]  # fmt: skip

    def says(self, *words: str) -> str:
        """Standard output of a command in the container. Raises TrialFailed."""
        done = subprocess.run(self.command(words), capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603
        if done.returncode:
            raise TrialFailed(f"{shlex.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def refuses(self, *words: str) -> None:
        done = subprocess.run(self.command(words), capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603
        if not done.returncode:
            raise TrialFailed(f"{shlex.join(words)} should fail, and does not")


def open_container(work: Path, built: Path, stage: Stage) -> Container:
    """Mount the built file system once more, read-only, and a fresh volume in it."""
    folder, volume = work / "container" / "mounted", work / "volume"
    folder.mkdir(parents=True)
    mount("--bind", built, folder)
    mount("-o", "remount,bind,ro", folder)
    mount_kernel(folder)
    mount("-t", "tmpfs", "-o", "mode=1777,size=512m,noexec,nosuid,nodev", "tmpfs", folder / "tmp")
    (target,) = json.loads(stage.of("VOLUME")[0].text)
    # A new volume begins as a copy of what the image has at its place, owner and all.
    subprocess.run(["cp", "--archive", built / target.strip("/"), volume], check=True)  # noqa: S603, S607
    mount("--bind", volume, folder / target.strip("/"))
    return Container(folder, stage)


def ask(method: str, path: str, body: object = None, key: str = "") -> tuple[int, str]:
    """Status and text; 0 where nothing answers yet."""
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=_PATIENCE)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def wait_until_ready(service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while ask("GET", "/readyz")[0] != http.client.OK:
        if service.poll() is not None or time.monotonic() > deadline:
            raise TrialFailed(f"/readyz: {ask('GET', '/readyz')}; the process: {service.poll()}")
        time.sleep(0.2)


def try_service(container: Container) -> None:
    """While the service runs: its health, its user, its file system, and questions by command and by HTTP."""
    container.says(*health_command(container.stage))
    say("the health check passes, /livez and /readyz answer 200")
    say(f"as user {container.says('id', '-u')}, with {container.says('git', '--version')}")
    for place in ("/opt/docent/app/new", "/opt/docent/.venv/new", "/etc/new", "/new"):
        container.refuses("touch", place)
    answer = json.loads(container.says("docent", "ask", _QUESTION, "--json"))
    key = container.says("docent", "key", "create", "--scope", "chat", "--name", "trial")
    status, text = ask("POST", "/api/v1/chat/messages", {"question": _QUESTION}, key)
    if status != http.client.OK:
        raise TrialFailed(f"a question by HTTP got {status}: {text}")
    for one in (answer, json.loads(text)):
        if not one["citations"] or "engine_unavailable" in one["reasons"]:
            raise TrialFailed(f"the answer stands on nothing: {json.dumps(one)}")
    say(f"{_QUESTION} -> {answer['decision']}: {answer['text'][:100]!r} ({answer['citations'][0]['url']})")


def stop(service: subprocess.Popen[bytes]) -> None:
    service.terminate()
    if service.wait(_STOP_SECONDS):
        raise TrialFailed(f"the service ended with {service.returncode}")


def check_libraries(container: Container) -> None:
    """Raises TrialFailed when the environment needs a system library that the base image lacks."""
    files = [str(path.relative_to(container.folder)) for path in (container.folder / "opt/docent/.venv").rglob("*.so*")]
    listed = container.says(
        "sh", "-c", f"ldd {' '.join(f'/{shlex.quote(file)}' for file in files)} 2>/dev/null || true"
    )
    outside = set()
    for line in listed.splitlines():
        name, _, place = line.strip().partition(" => ")
        if line.startswith("\t") and " (" in line and not place.startswith("/opt/docent"):
            outside.add(Path(name.split(" (")[0]).name)
    lacking = sorted(name for name in outside if name not in _LIBRARIES)
    if lacking:
        raise TrialFailed(f"the base image lacks system libraries: {', '.join(lacking)}")
    say(f"{len(files)} libraries of the environment need nothing that the base image lacks")


def main(work: str, built: str) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607
    stage = read_stages(ROOT / "Dockerfile")[-1]
    container = open_container(Path(work), Path(built), stage)
    log = Path(work) / "service.log"
    started = time.monotonic()
    with log.open("wb") as output:
        words = [*stage.of("ENTRYPOINT")[0].words, *stage.of("CMD")[0].words]
        service = subprocess.Popen(container.command(words), stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        wait_until_ready(service)
        say(f"ready {time.monotonic() - started:.1f} s after the first start")
        try_service(container)
        check_libraries(container)
        stop(service)
    except TrialFailed as error:
        say(f"image steps: {error}\n--- the service said:\n{log.read_text()[-4000:]}")
        return 1
    finally:
        service.kill()
        service.wait()
    say("image steps: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
