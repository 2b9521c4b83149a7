"""Several readers at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.answering.answer import AnswerCitation, AnswerCompleted, AnswerDelta
from tests.answering.asking import check_events
from tests.answering.scripted_model import ScriptedModel
from tests.service.serving import Service

FACTS = {
    "Which port does the Lumen server listen on?": "The server listens on port 7070 by default.",
    "Where does Lumen write its log files?": "Lumen writes its log files to `/var/log/lumen`.",
    "When is a sensor shown as offline?": "A sensor is shown as offline when it has sent nothing for 5 minutes.",
    "How long is a sensor token valid?": "A token is valid for 90 days.",
    "What does a backup hold?": "A backup holds readings and dashboards, but not the settings.",
    "Is dark mode on by default?": "Dark mode is off by default.",
    "Does Lumen send e-mail?": "Lumen does not send e-mail.",
    "What does restoring replace?": "Restoring replaces all readings.",
}
FORMS = {"answer.delta": AnswerDelta, "answer.citation": AnswerCitation, "answer.completed": AnswerCompleted}


def _ask_all(service: Service) -> None:
    """All questions at once; every stream is complete, and its own."""
    with ThreadPoolExecutor(len(FACTS)) as readers:
        streams = list(readers.map(service.stream, FACTS))
    ids = set()
    for (question, fact), received in zip(FACTS.items(), streams, strict=True):
        started = received[0][2]
        answer = check_events([FORMS[name].model_validate(data) for _, name, data in received[1:]])
        assert started["question"] == answer.question == question
        assert started["id"] == answer.id
        assert started["conversation_id"] == answer.conversation_id
        assert [number for number, _, _ in received] == [f"{answer.id}:{at}" for at in range(1, len(received) + 1)]
        assert fact.rstrip(".") in answer.text
        ids |= {answer.id, answer.conversation_id}
    assert len(ids) == 2 * len(FACTS)


def test_eight_readers(serve: Callable[..., Service], model: ScriptedModel) -> None:
    model.respond = lambda prompt: next(fact for question, fact in FACTS.items() if prompt.endswith(question)) + " [1]"
    _ask_all(serve())
    assert len(model.requests) == len(FACTS)


def test_eight_readers_of_the_small_model(real_service: Service) -> None:
    _ask_all(real_service)
