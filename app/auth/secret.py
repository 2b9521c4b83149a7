"""The key that sessions are signed with: from the settings, else random and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.config import AuthSettings, make_data_dir
from app.errors import ConfigurationError

_FILE = "session.key"
_BYTES = 32


def signing_secret(settings: AuthSettings, data_dir: Path) -> str:
    """The secret. Two processes that start at once on one folder agree on it: the first file stays.

    Raises ConfigurationError when the folder cannot be written to, or the file holds none.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    make_data_dir(data_dir)
    path = data_dir / _FILE
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(_BYTES))
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be used ({error.strerror}): set DOCENT_AUTH__SECRET instead"
        ) from error
    except UnicodeDecodeError:
        secret = ""
    if len(secret) < _BYTES:
        raise ConfigurationError(f"{path} holds no secret: delete it, and all visitors get new sessions")
    return secret


def _write_once(path: Path, secret: str) -> None:
    aside = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
    try:
        os.link(aside, path)  # fails where another process was first, and whole or not at all
    except FileExistsError:
        pass
    finally:
        aside.unlink()
