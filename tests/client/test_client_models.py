"""The client's models have what the service's description has, and its calls are of the service's routes."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import docent_client
from app.config import Settings
from app.main import create_app
from docent_client import calls, models
from docent_client.calls import Call

DESCRIPTION = create_app(Settings(data_dir=Path("none"))).openapi()
SCHEMAS: dict[str, Any] = DESCRIPTION["components"]["schemas"]
# The client's names where they are other ones than the service's.
NAMES = {
    models.NewTicket: "TicketRequest",
    models.Ticket: "TicketResponse",
    models.Outcome: "OutcomeResponse",
    models.Hit: "SearchHit",
    models.Found: "SearchResponse",
    models.Job: "JobResponse",
    models.Attempt: "AttemptResponse",
    models.Delivery: "CallbackResponse",
    models.DeliveryWithAttempts: "CallbackDetail",
    models.CallbackSecret: "SecretResponse",
}
SAME = [
    models.Answer, models.Citation, models.Usage, models.Timings, models.TicketResult, models.QuestionAnswer,
    models.TicketError, models.TicketMessage, models.TicketSummary, models.TicketPage, models.Said,
]  # fmt: skip
IDS = ("ticket_id", "answer_id", "job_id", "callback_id")


@pytest.mark.parametrize("model", [*NAMES, *SAME], ids=lambda model: model.__name__)
def test_model_has_the_fields_of_the_service(model: type[BaseModel]) -> None:
    described = SCHEMAS[NAMES.get(model, model.__name__)]["properties"]
    own = model.model_json_schema()["properties"]
    assert set(own) == set(described)
    for name, field in described.items():
        assert _forms(own[name]) >= _forms(field), name


def _forms(field: dict[str, Any]) -> set[str]:
    """What a field may be: types and words. An own text takes every word."""
    choices = field.get("anyOf", [field])
    words = {str(word) for one in choices for word in one.get("enum", [])}
    types = {one.get("type", "object") for one in choices}
    return types | words if words else types


def test_filter_has_the_parameters_of_the_list() -> None:
    parameters = {one["name"] for one in DESCRIPTION["paths"]["/api/v1/tickets"]["get"]["parameters"]}
    assert set(models.TicketFilter.model_fields) | {"cursor", "limit"} == parameters


@pytest.mark.parametrize(
    "call",
    [
        calls.create_ticket(models.NewTicket(body="x")), calls.get_ticket("ticket_id"), calls.list_tickets(),
        calls.change_ticket("ticket_id"), calls.cancel_ticket("ticket_id"), calls.add_message("ticket_id", "x"),
        calls.set_outcome("ticket_id", "accepted"), calls.ask("x", None, "x"), calls.answer_events("answer_id", ""),
        calls.stop_answer("answer_id"), calls.search("x"), calls.list_jobs(), calls.get_job("job_id"),
        calls.cancel_job("job_id"), calls.retry_job("job_id"), calls.list_callbacks(),
        calls.get_callback("callback_id"), calls.redeliver("callback_id"), calls.rotate_secret(), calls.live(),
        calls.ready(),
    ],
    ids=lambda call: f"{call.method} {call.path}",
)  # fmt: skip
def test_call_is_of_a_route(call: Call[Any]) -> None:
    path = call.path
    for name in IDS:
        path = path.replace(f"/{name}", f"/{{{name}}}")
    operation = DESCRIPTION["paths"][path][call.method.lower()]
    parameters = {one["name"].lower() for one in operation.get("parameters", ())}
    assert set(call.query) <= parameters
    assert {name.lower() for name in call.headers} - {"accept"} <= parameters
    assert (call.body is not None) == ("requestBody" in operation)


def test_client_needs_httpx_and_pydantic_alone() -> None:
    folder = Path(inspect.getfile(docent_client)).parent
    assert (folder / "py.typed").is_file()
    imported = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"docent_client", "httpx", "pydantic"}
