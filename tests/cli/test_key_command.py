"""`docent key`: made once, listed without its secret, revoked."""

from __future__ import annotations

import json
import re
from typing import Any

from app.config import Settings
from tests.cli.conftest import Run
from tests.postgresql.databases import stored

TOKEN = re.compile(r"dk_([0-9a-f]{12})_[\w-]{43}")


def _listed(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("key", "list", "--json").out.splitlines()]


def test_create_prints_the_key_alone(run: Run) -> None:
    done = run("key", "create", "--scope", "chat", "--name", "the forum")
    assert done.code == 0
    assert TOKEN.fullmatch(done.out.rstrip("\n"))
    assert "not shown again" in done.err


def test_create_as_json(run: Run) -> None:
    done = run("key", "create", "--scope", "tickets", "--name", "the forum", "--json")
    made = json.loads(done.out)
    assert (done.code, done.err, set(made), made["scope"]) == (0, "", {"id", "key", "scope"}, "tickets")
    found = TOKEN.fullmatch(made["key"])
    assert found is not None
    assert found[1] == made["id"]


def test_the_list_holds_no_secret(run: Run, settings: Settings) -> None:
    secrets = [
        run("key", "create", "--scope", scope, "--name", f"for {scope}").out.strip() for scope in ("chat", "admin")
    ]
    text = run("key", "list")
    assert text.code == 0
    lines = text.out.splitlines()
    assert len(lines) == 2
    assert all(part in lines[0] for part in (secrets[0].split("_")[1], "chat", "for chat", "last used never"))
    listed = _listed(run)
    assert [(one["scope"], one["name"], one["last_used_at"], one["revoked_at"]) for one in listed] == [
        ("chat", "for chat", None, None),
        ("admin", "for admin", None, None),
    ]
    assert all(one["created_at"] for one in listed)
    shown = text.out + json.dumps(listed)
    kept = stored(settings.data_dir)
    for secret in (secret[16:] for secret in secrets):
        assert secret not in shown
        assert secret.encode() not in kept


def test_revoke(run: Run) -> None:
    made = json.loads(run("key", "create", "--scope", "chat", "--name", "x", "--json").out)
    for _ in range(2):
        done = run("key", "revoke", made["id"])
        assert (done.code, done.out, done.err) == (0, f"The key {made['id']} is revoked.\n", "")
    assert _listed(run)[0]["revoked_at"]
    assert "revoked 20" in run("key", "list").out


def test_what_is_refused_in_one_line(run: Run) -> None:
    unknown = run("key", "revoke", "0123456789ab")
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err == "docent: there is no key 0123456789ab: `docent key list` shows them\n"
    for name in ("", " ", "x" * 81, "two\nlines"):
        refused = run("key", "create", "--scope", "chat", "--name", name)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith("docent: a key's name has 1 to 80 printable characters")
        assert refused.err.count("\n") == 1
    wrong = run("key", "create", "--scope", "root", "--name", "x")
    assert (wrong.code, wrong.out) == (2, "")
    assert run("key", "create", "--name", "x").code == 2
    assert _listed(run) == []
