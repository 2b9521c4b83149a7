"""The way from the docs to answers, printed as JSON; run in a network namespace by test_no_network."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.service.serving import Service, docent

PORT = "Which port does the Lumen server listen on?"


def journey(folder: str, docs: str) -> None:
    """Index, ask and serve; then what they said, and the names of the network devices that there were."""
    data_dir = Path(folder) / "data"
    indexed = docent(data_dir, "index", docs, "--json")
    asked = docent(data_dir, "ask", PORT, "--json")
    with Service(Path(folder) / "serving", data_dir) as service:
        served = service.stream(PORT)[-1][2]["answer"]
    links = [name for _, name in socket.if_nameindex()]
    print(json.dumps([json.loads(indexed.stdout), json.loads(asked.stdout), served, links]))
