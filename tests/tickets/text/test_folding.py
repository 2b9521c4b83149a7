"""What is folded, and what is searched for."""

from __future__ import annotations

import pytest

from app.tickets.text.codes import error_codes
from app.tickets.text.folding import fold
from app.tickets.text.noise import without_noise

CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in load
    read()
FileNotFoundError: [Errno 2] No such file or directory: '/home/ops/lumen/lumen.toml'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/click/core.py", line 9, in main
    run()
  File "b.py", line 2, in start
    load()
lumen.errors.NotConfigured: no configuration"""


def test_a_chained_traceback_is_one_block_with_both_exceptions() -> None:
    folded = fold(f"It fails.\n{CHAINED}\nWhy?")
    (block,) = folded.blocks
    assert block.text == CHAINED
    assert block.terms[0] == "FileNotFoundError: [Errno 2] No such file or directory: 'lumen.toml'"
    assert block.terms[1] == "NotConfigured: no configuration"
    assert "b.start" in block.terms
    assert folded.text.split("\n")[::2] == ["It fails.", "Why?"]


def test_a_trace_in_a_log_is_found() -> None:
    log = "2024-05-01 10:00:00 INFO a: start\n2024-05-01 10:00:01 ERROR a: request failed\n"
    kinds = [block.kind for block in fold(log + CHAINED + "\n2024-05-01 10:00:02 INFO a: stop").blocks]
    assert kinds == ["log", "python", "log"]


def test_prose_is_not_folded() -> None:
    text = "At 10:11 I looked at the log (see file a.py, line 3).\nIt said: Error: no device\n\nat home it works"
    assert fold(text).text == text
    assert fold(text).blocks == ()


def test_one_log_line_stays_in_the_text() -> None:
    text = "I see\n2024-05-01 10:00:01 ERROR a: request failed\nand nothing else."
    assert fold(text).blocks == ()


def test_short_code_stays_and_long_code_is_folded() -> None:
    short = "```yaml\nport: 7070\n```"
    assert fold(short).text == short
    (block,) = fold("```yaml\n" + "port: 7070\n" * 40 + "```").blocks
    assert block.kind == "code"


def test_output_ends_where_prose_begins() -> None:
    folded = fold("$ lumen pair\npairing failed\nWhat does this output tell me?")
    assert folded.text.endswith("]\nWhat does this output tell me?")
    assert folded.blocks[0].terms == ("pairing failed", "lumen pair")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("error[E0432]: unresolved", ("E0432",)),
        ("502 Bad Gateway, then HTTP/1.1 404 Not Found", ("HTTP 502", "HTTP 404")),
        ("ORA-12541 and SQLSTATE[42P01]", ("ORA-12541", "SQLSTATE[42P01]")),
        ("connect ECONNREFUSED, ERR_MODULE_NOT_FOUND", ("ECONNREFUSED", "ERR_MODULE_NOT_FOUND")),
        ("exited with code 137, TS2345", ("exit code 137", "TS2345")),
        ("UTF-8, SHA-256, EXAMPLE, E2E, 2024, 500 lamps", ()),
    ],
)
def test_error_codes(text: str, codes: tuple[str, ...]) -> None:
    assert error_codes(text) == codes


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("bad pointer 0x7ffe12ab in lamp_open", "bad pointer in lamp_open"),
        ("HRESULT 0x80070005", "HRESULT 0x80070005"),
        ("cannot read /home/ops/lumen/lumen.toml", "cannot read lumen.toml"),
        ("cannot read C:\\Users\\ops\\lumen.toml", "cannot read lumen.toml"),
        ("cannot read /etc/lumen/lumen.toml", "cannot read /etc/lumen/lumen.toml"),
        ("request 4711 of ops@example.org from 10.0.0.7:8080 failed", "of from failed"),
        ("job 123e4567-e89b-12d3-a456-426614174000 lost at 2024-05-01T10:11:12Z", "job lost at"),
        ("login with password=secret failed", "login with failed"),
        ("version 2.3.1 on port 7070", "version 2.3.1 on port 7070"),
    ],
)
def test_noise_is_left_out(text: str, left: str) -> None:
    assert without_noise(text) == left
