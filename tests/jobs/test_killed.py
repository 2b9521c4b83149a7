"""The service is killed again and again under load: nothing is lost, nothing is done twice, nothing is left half."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path

import httpx
import pytest

from app.db import Database
from app.jobs.repository import add_job
from tests.answering.lumen import PAGES, write_pages
from tests.answering.scripted_model import ScriptedModel
from tests.callbacks.beside import receiving_beside
from tests.callbacks.receiver import Receiver
from tests.chat.visiting import on_database
from tests.postgresql.databases import copy_data, rows
from tests.service.serving import DOCENT, Service, docent, environment, until
from tests.tickets.ticketing import GOOD, PORT, TICKETS

KILLS = 21
INDEXED_AFTER = (2, 8, 14)  # kills
OPEN_JOBS = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
NEW_PAGE = {"zigbee.md": "# Zigbee\n\n## Pair a Zigbee sensor\n\nHold the reset pin and run `lumen zigbee pair`.\n"}


class Killable:
    """`docent serve` as the leader of a process group, which is all of it."""

    def __init__(self, data_dir: Path, settings: dict[str, str]) -> None:
        with (data_dir.parent / "killed.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*DOCENT, "serve", "--port", "0"],
                cwd=data_dir.parent,
                env=environment(data_dir, **settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._known = data_dir / "service.json"

    def listens(self) -> bool:
        try:
            known = json.loads(self._known.read_text())
            return httpx.get(f"{known['url']}/livez", trust_env=False, timeout=2).status_code == 200
        except (OSError, ValueError, httpx.HTTPError):
            return False

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


class TicketSystem(threading.Thread):
    """Hands tickets over for as long as it runs; one that was not taken in is sent again."""

    def __init__(self, data_dir: Path, callback_url: str) -> None:
        super().__init__()
        self._data_dir, self._callback_url = data_dir, callback_url
        self._ended = threading.Event()
        self.accepted: dict[str, str] = {}  # their ids by the ids they have there
        self.refused: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._ended.wait(0.05):
            external_id = f"t{number}"
            try:
                known = json.loads((self._data_dir / "service.json").read_text())
                taken = httpx.post(
                    f"{known['url']}{TICKETS}",
                    json={"external_id": external_id, "body": PORT, "mode": "auto", "callback_url": self._callback_url},
                    headers={"Authorization": f"Bearer {known['token']}"},
                    timeout=5,
                    trust_env=False,
                )
            except (OSError, ValueError, httpx.HTTPError):
                continue  # nobody listens, or it was killed before it could answer
            if taken.status_code not in {200, 202}:
                self.refused.append(taken.text)
                continue
            self.accepted[external_id] = taken.json()["id"]
            number += 1

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.timeout(240)
def test_a_service_that_is_killed_at_any_moment(indexed: Path, model: ScriptedModel, tmp_path: Path) -> None:
    data_dir, chance = tmp_path / "data", random.Random(7)  # noqa: S311  (nothing is guarded)
    copy_data(indexed, data_dir)
    docs = write_pages(tmp_path / "zigbee", NEW_PAGE)
    model.respond = lambda _: GOOD
    settings = {"LLM__BASE_URL": model.base_url, "TICKETS__CALLBACK_HOSTS": "127.0.0.0/8"}
    with receiving_beside() as receiver:
        system = TicketSystem(data_dir, f"http://127.0.0.1:{receiver.port}/hook")
        system.start()
        for kill in range(KILLS):
            service = Killable(data_dir, settings)
            try:
                if kill % 2:  # at work
                    until(service.listens)
                    time.sleep(chance.uniform(0.1, 1.5))
                else:  # anywhere in its start, which takes it some 4 seconds
                    time.sleep(chance.uniform(0.5, 5.0))
            finally:
                service.kill()
            if kill in INDEXED_AFTER:
                queue_index(data_dir, docs)
        system.end()
        assert system.refused == []
        with Service(tmp_path, None, **settings):
            until(lambda: rows(data_dir, OPEN_JOBS) == [(0,)])  # in one look: a job that ends may leave another behind
            check_callbacks(receiver, set(system.accepted.values()), data_dir)
    check_tickets(set(system.accepted.values()), data_dir)
    check_index(data_dir)
    assert {state for (state,) in rows(data_dir, "SELECT DISTINCT state FROM jobs")} == {"succeeded"}


def queue_index(data_dir: Path, docs: Path) -> None:
    async def queue(database: Database) -> None:
        async with database.transaction() as session:
            add_job(session, "index", str(docs), {"paths": [str(docs)], "base_url": None, "rebuild": True})

    on_database(data_dir, queue)


def check_tickets(accepted: set[str], data_dir: Path) -> None:
    """Each is answered once."""
    assert len(accepted) >= KILLS
    states = dict(rows(data_dir, "SELECT id, state FROM tickets"))
    assert accepted <= set(states)
    assert set(states.values()) == {"answered"}
    answers = rows(
        data_dir,
        "SELECT tickets.id, count(answers.id) FROM tickets LEFT JOIN answers USING (conversation_id) GROUP BY 1",
    )
    assert {count for _, count in answers} == {1}
    said = rows(data_dir, "SELECT conversation_id, role, count(*) FROM messages GROUP BY 1, 2")
    assert {count for _, _, count in said} == {1}


def check_callbacks(receiver: Receiver, accepted: set[str], data_dir: Path) -> None:
    """Each ticket's came, once or more often, and always under one id."""
    ids = defaultdict(set)
    for request in receiver.requests:
        told = json.loads(request.body)
        assert told["type"] == "ticket.answered"
        ids[told["data"]["id"]].add(request.headers["webhook-id"])
    assert accepted <= set(ids)
    assert {len(found) for found in ids.values()} == {1}
    assert rows(data_dir, "SELECT DISTINCT state FROM callbacks") == [("delivered",)]


def check_index(data_dir: Path) -> None:
    """The revision that serves is whole, and is the one that was asked for."""
    ((documents, chunks),) = rows(
        data_dir, "SELECT documents, chunks FROM revisions JOIN index_pointer ON revision_id = revisions.id"
    )
    assert documents == len(PAGES) + len(NEW_PAGE)
    held = rows(data_dir, "SELECT chunk_ids FROM documents JOIN index_pointer USING (revision_id)")
    lists = [json.loads(ids) if isinstance(ids, str) else ids for (ids,) in held]
    assert (len(lists), sum(map(len, lists))) == (documents, chunks)
    found = docent(data_dir, "search", "pair a Zigbee sensor", "--json")
    assert found.returncode == 0, found.stderr
    assert "lumen zigbee pair" in found.stdout
