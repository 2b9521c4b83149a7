"""From what a mail holds to what is asked, over HTTP: what is cut, what is searched for, what is answered."""

from __future__ import annotations

import json
from typing import Any

from tests.answering.scripted_model import ScriptedModel
from tests.postgresql.databases import rows
from tests.service.serving import Service, docent
from tests.tickets.conftest import Serve
from tests.tickets.ticketing import GOOD, PORT, answered

LOGS = "Where does Lumen write its log files?"
LOGS_SAID = "Lumen writes its log files to `/var/log/lumen` [1]."
MAIL = """<html><body><style>p { color: red }</style>
<p>Hello,</p>
<p>since this morning the server stops with the message below.
Which port does the Lumen server listen on?</p>
<pre>Traceback (most recent call last):
  File "/opt/lumen/server.py", line 88, in main
    serve(settings)
  File "/opt/lumen/net.py", line 12, in serve
    sock.bind(address)
OSError: [Errno 98] Address already in use
</pre>
<p>Kind regards<br>Ann</p>
<div class="gmail_signature">-- <br>Ann Example<br>Acme Ltd, How do I win a prize?</div>
<div class="gmail_quote">
<div class="gmail_attr">On Mon, 2 Nov 2026 at 10:12, Support &lt;help@lumen.example&gt; wrote:</div>
<blockquote class="gmail_quote">How do I stop the server?</blockquote></div>
<script>alert(1)</script>
</body></html>"""


def trace_of(service: Service, result: dict[str, Any]) -> dict[str, Any]:
    done = docent(service.data_dir, "trace", result["questions"][0]["answer"]["id"], "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_mail_with_all_that_mails_hold(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    ticket = answered(tickets, MAIL, format="html", subject="Re: Server", mode="auto")
    result = ticket["result"]
    (one,) = result["questions"]
    assert one["asked"] == PORT
    assert (result["decision"], result["citations"][0]["quote"]) == (
        "reply",
        "The server listens on port 7070 by default.",
    )
    assert ticket["messages"][0]["body"] == MAIL  # it is kept as it came
    asked = " ".join(asked_model.prompts())
    for cut in ("prize", "How do I stop", "Ann Example", "alert", "color"):
        assert cut not in asked
    stages = trace_of(tickets, result)["stages"]
    assert "OSError: [Errno 98] Address already in use" in stages["ticket"]["terms"]
    assert {"signature", "quoted"} <= {cut.split("_")[0] for cut in stages["ticket"]["cut"]}


def test_two_questions_have_an_answer_each(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda prompt: LOGS_SAID if "log files?" in prompt.rpartition("Question")[2] else GOOD
    ticket = answered(tickets, f"Hello,\n\n1. {PORT}\n2. {LOGS}\n\nThanks!", mode="auto")
    result = ticket["result"]
    assert [one["asked"] for one in result["questions"]] == [PORT, LOGS]
    first, second = (one["answer"] for one in result["questions"])
    assert (first["citations"][0]["marker"], second["citations"][0]["marker"]) == (1, 1)
    assert "7070" in first["citations"][0]["quote"]
    assert "/var/log/lumen" in second["citations"][0]["quote"]
    assert [one["marker"] for one in result["citations"]] == [1, 2]
    assert result["text"] == (
        f"> {PORT}\n\nThe server listens on port 7070 by default. [1]\n\n"
        f"> {LOGS}\n\nLumen writes its log files to `/var/log/lumen`. [2]"
    )
    assert result["decision"] == "reply"
    stored = rows(tickets.data_dir, "SELECT count(*) FROM answers WHERE conversation_id = ?", result["conversation_id"])
    assert stored == [(2,)]


def test_one_question_of_two_that_the_docs_do_not_answer(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    football = "Who won the football match in Paris yesterday?"
    result = answered(tickets, f"{PORT}\n\n{football}", mode="auto")["result"]
    assert (result["decision"], result["reasons"]) == ("draft", ["off_topic"])
    assert [one["answer"]["decision"] for one in result["questions"]] == ["reply", "escalate"]


def test_a_ticket_for_a_person(tickets: Service, asked_model: ScriptedModel) -> None:
    result = answered(
        tickets,
        "Who won the football match in Paris yesterday?",
        subject="Football",
        product_version="2.1",
        mode="auto",
    )
    assert result["state"] == "escalated"
    assert (result["result"]["decision"], result["result"]["reasons"]) == ("escalate", ["off_topic"])
    summary = result["result"]["handoff_summary"]
    assert "Asked: Who won the football match in Paris yesterday?" in summary
    assert "Product version: 2.1" in summary
    assert "not what the documentation is about" in summary
    assert asked_model.requests == []

    wanted = answered(tickets, "Can I please speak to a human?", mode="auto")
    assert (wanted["state"], "human_requested" in wanted["result"]["reasons"]) == ("escalated", True)
    thanks = answered(tickets, "Thank you very much!", mode="auto")
    assert (thanks["state"], thanks["result"]["reasons"]) == ("escalated", ["nothing_asked"])
    assert "no question was found" in thanks["result"]["handoff_summary"]


def test_labels_that_the_team_uses_are_suggested(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    for _ in range(2):
        answered(tickets, labels=["server-port", "unrelated-word"])
    result = answered(tickets)["result"]
    assert result["suggested_labels"] == ["server-port", "start-and-stop"]
    assert answered(tickets, labels=["start-and-stop", "server-port"])["result"]["suggested_labels"] == []


def test_the_thresholds_are_settings(serve: Serve, model: ScriptedModel) -> None:
    service = serve(ANSWERING__REPLY_THRESHOLD="1.0")
    model.respond = lambda _: GOOD
    unsure = answered(service, mode="auto")
    assert (unsure["state"], unsure["result"]["decision"]) == ("answered", "draft")
    assert unsure["result"]["reasons"] == ["low_confidence"]
    assert unsure["result"]["handoff_summary"] is None


def test_whoever_asks_for_a_person_gets_one(tickets: Service, asked_model: ScriptedModel) -> None:
    """Also where only the subject does."""
    asked_model.respond = lambda _: GOOD
    result = answered(tickets, PORT, subject="I want to talk to a human please", mode="auto")["result"]
    assert (result["decision"], result["text"]) == ("escalate", GOOD.replace(" [1].", ". [1]"))
    assert "human_requested" in result["reasons"]


def test_the_same_question_twice_is_answered_once(tickets: Service, asked_model: ScriptedModel) -> None:
    asked_model.respond = lambda _: GOOD
    result = answered(tickets, f"{PORT}\n\nI have to know it today.\n\n{PORT}", mode="auto")["result"]
    assert [one["asked"] for one in result["questions"]] == [PORT]
