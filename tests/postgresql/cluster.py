"""A PostgreSQL cluster to throw away: made in a temporary folder, reached by a socket in it, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a cluster needs to survive a crash costs time, and this one is thrown away.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "listen_addresses": "''",
    "timezone": "'Pacific/Chatham'",  # far from UTC and no whole hour: a time that loses its zone is seen
}


@contextmanager
def throwaway_cluster() -> Iterator[str]:
    """The folder of its socket, at which everybody of this machine who may enter the folder is its superuser."""
    with tempfile.TemporaryDirectory(prefix="docent-postgresql-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = _unprivileged()
            as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        initdb = [
            str(_program("initdb")),
            "--pgdata",
            str(data),
            "--username=docent",
            "--auth=trust",
            "--encoding=UTF8",
        ]
        _run([*as_user, *initdb, "--no-sync"], folder)
        settings = "".join(f"{name} = {value}\n" for name, value in _OPTIONS.items())
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}unix_socket_directories = '{folder}'\n")
        control = [*as_user, str(_program("pg_ctl")), "--pgdata", str(data), "--wait"]
        _run([*control, "--log", str(folder / "log"), "start"], folder)
        try:
            yield str(folder)
        finally:
            _run([*control, "--mode=immediate", "stop"], folder)


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _program(name: str) -> Path:
    """Debian keeps PostgreSQL's programs in a folder for each version, off the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = debian[-1] if debian else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed (Debian: apt-get install postgresql)")
    return Path(found)


def _run(command: list[str], folder: Path) -> None:
    # Into a file: the server keeps what pg_ctl was given, and a pipe would not end before the server does.
    with (folder.parent / f"{folder.name}.log").open("w+b") as said:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
        said.seek(0)
        if done.returncode:
            raise RuntimeError(f"{command[-1]}: {said.read().decode()}")
    (folder.parent / f"{folder.name}.log").unlink()
