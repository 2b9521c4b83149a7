"""How mail servers are spoken to: encrypted, with their certificate checked."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import Literal

from app.errors import ConfigurationError

SECONDS = 30.0  # for a connection, and for each answer of the server

Security = Literal["tls", "starttls", "none"]


def trusting() -> ssl.SSLContext:
    """TLS that checks certificates against the system's authorities, or those of SSL_CERT_FILE."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def require_encryption(host: str, security: Security, setting: str) -> None:
    """Raises ConfigurationError where a password would travel unencrypted. setting: its name, for the message."""
    if security == "none" and not _is_loopback(host):
        raise ConfigurationError(f"{setting} is none, which is for a server on this machine: set tls or starttls")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
