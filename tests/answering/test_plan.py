"""Follow-ups made self-standing, with models that can and models that cannot."""

from __future__ import annotations

import pytest

from app.answering.plan import needs_context, plan, wants_person
from app.answering.prompt import Turn
from app.llm.client import ChatClient
from tests.answering.scripted_model import Reply, ScriptedModel

HISTORY = [
    Turn("user", "Where does Lumen write its log files?"),
    Turn("assistant", "Lumen writes its log files to `/var/log/lumen` [1]."),
]
FOLLOW_UP = "And how long are they kept?"


@pytest.fixture
def client(model: ScriptedModel) -> ChatClient:
    return ChatClient(base_url=model.base_url, api_key="", model="scripted", timeout_seconds=30)


@pytest.mark.parametrize(
    "question",
    [
        "And how long are they kept?",
        "What about macOS?",
        "Why?",
        "how?",
        "Where is that?",
        "Does it work offline?",
        "And on Windows?",
        "Can I change the one above?",
        "logs?",
        "Thanks, but how do I do the same with docker compose?",
    ],
)
def test_follow_ups(question: str) -> None:
    assert needs_context(question)


@pytest.mark.parametrize(
    "question",
    [
        "Where does Lumen write log files?",
        "How do I create a sensor token?",
        "Which port does the Lumen server listen on?",
        "How can I restore the readings database from a backup?",
    ],
)
def test_questions_that_stand_alone(question: str) -> None:
    assert not needs_context(question)


@pytest.mark.parametrize(
    "question",
    [
        "I want to talk to a human",
        "Can I speak with a real person please?",
        "connect me with an agent",
        "Please transfer me to your support team.",
        "Is there human support?",
        "give me a human",
        "I need a person!",
        "It's hopeless, isn't it? Let me talk to a person, that's all.",
        "escalate this to someone",
    ],
)
def test_the_wish_for_a_person(question: str) -> None:
    assert wants_person(question)


@pytest.mark.parametrize(
    "question",
    [
        "How do I start the agent?",
        "Can a person have two tokens?",
        "A reader clicked 'talk to a person'. Where do I find their message?",
        'How do I rename the button "Talk to a human"?',
        "How do I connect a sensor?",
        "Where is the operator's manual?",
        "Does Lumen count people?",
        "How do I transfer readings to another server?",
        "Is the export human readable?",
        "I need help with the human readable output",
    ],
)
def test_questions_about_persons(question: str) -> None:
    assert not wants_person(question)


async def test_a_good_model_makes_it_self_standing(model: ScriptedModel, client: ChatClient) -> None:
    model.say('"How long are the log files of Lumen kept?"')
    planned = await plan(FOLLOW_UP, HISTORY, client)
    assert (planned.query, planned.condensed_by) == ("How long are the log files of Lumen kept?", "model")
    (request,) = model.requests
    assert request["temperature"] == 0
    assert request["stop"] == ["\n"]
    assert FOLLOW_UP in request["messages"][-1]["content"]


@pytest.mark.parametrize(
    "rewrite",
    [
        "",
        "Log files are deleted after 14 days.",  # an answer: most of its words nobody said
        "How long are they kept?",  # as much in need of the conversation as before
        "How do I bake a chocolate cake with walnuts?",
        "Where does Lumen write its log files?",  # the question before
        "What? " * 100,
        "user: how long assistant: kept files log",
        Reply("no", status=500),
        Reply("busy", status=429, retry_after=3),
        Reply("too long", status=400, code="context_length_exceeded"),
    ],
)
async def test_a_bad_model_is_not_believed(model: ScriptedModel, client: ChatClient, rewrite: str | Reply) -> None:
    model.say(rewrite)
    planned = await plan(FOLLOW_UP, HISTORY, client)
    assert planned.condensed_by == "joined"
    assert planned.query == "Where does Lumen write its log files? And how long are they kept?"
    assert planned.question == FOLLOW_UP


async def test_no_model_is_asked_when_the_question_stands_alone(model: ScriptedModel, client: ChatClient) -> None:
    question = "Which port does the Lumen server listen on?"
    for asked, history in ((question, HISTORY), (FOLLOW_UP, []), (FOLLOW_UP, HISTORY[1:])):
        planned = await plan(asked, history, client)
        assert (planned.query, planned.condensed_by) == (asked, "none")
    planned = await plan("Can I talk to a human about that?", HISTORY, client)
    assert planned.wants_person
    assert model.requests == []


async def test_without_an_endpoint_the_questions_are_joined() -> None:
    client = ChatClient(base_url="http://127.0.0.1:9/v1", api_key="", model="m", timeout_seconds=5)
    assert (await plan(FOLLOW_UP, HISTORY, client)).condensed_by == "joined"
    await client.aclose()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_small_model(small_model: ChatClient) -> None:
    """Whatever it writes, the topic of the conversation is in what is searched for."""
    for question in (FOLLOW_UP, "Can I change that?", "What about macOS?"):
        planned = await plan(question, HISTORY, small_model)
        assert planned.condensed_by in {"model", "joined"}
        assert "log" in planned.query.lower()
