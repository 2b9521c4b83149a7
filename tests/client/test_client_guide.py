"""The examples of the guide run as they stand, but for the address and the key."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.callbacks.signing import SigningSecret, signed_headers
from tests.chat.visiting import SHOWN
from tests.client.test_client_callbacks import BODY
from tests.service.serving import Service

GUIDE = Path(__file__).parents[2] / "docs/how-to/use-the-python-client.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
CALLS = [example for example in EXAMPLES if "127.0.0.1" in example]


@pytest.mark.parametrize("example", CALLS, ids=range(len(CALLS)))
def test_example_runs(example: str, service: Service, keys: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    question = "Which port does the Lumen server listen on?"
    key = keys["tickets" if "docent.tickets" in example else "chat"]
    code = example.replace("http://127.0.0.1:8000", service.url).replace("dk_…", key)
    exec(code.replace("How do I restore a backup?", question).replace("Where are the log files?", question), {})  # noqa: S102
    shown = capsys.readouterr().out
    assert ("answered" in shown) or (SHOWN in shown)


def test_example_of_a_receiver_takes_what_is_signed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [example for example in EXAMPLES if "verify_callback" in example]
    defined: dict[str, Any] = {}
    exec(example, defined)  # noqa: S102
    secret = SigningSecret.random()
    headers = signed_headers("msg_1", BODY, [secret], datetime.now(UTC))
    assert defined["receive"](headers, BODY, secret.reveal()) == 204
    assert capsys.readouterr().out.startswith("msg_1 ticket.answered tkt_")
    assert defined["receive"](headers, BODY + b" ", secret.reveal()) == 401
