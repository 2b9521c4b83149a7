"""A question's whole way, with models that are good, bad, slow, busy or gone."""

from __future__ import annotations

import pytest

from app.answering.answerer import Answerer
from app.answering.bundle import OneBundle
from app.answering.prompt import PROMPT_VERSION, SYSTEM, Turn
from app.config import AnsweringSettings
from app.errors import ConfigurationError, IndexMissing
from app.llm.client import ChatClient
from app.runtime import Core
from tests.answering.asking import Asking
from tests.answering.scripted_model import Reply, ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="session")

PORT = "Which port does the Lumen server listen on?"
LOGS = "Where does Lumen write its log files?"
BACKUP = "How do I make a backup of the readings?"
OFFLINE = "When is a sensor shown as offline?"


# A good model


async def test_a_cited_answer(asking: Asking, model: ScriptedModel) -> None:
    model.say("By default, the server listens on port 7070 [1]. Use `--port` to choose another port [1].")
    answer = await asking.ask("Which port does the server listen on, and how do I choose another port?")
    assert answer.text == ("By default, the server listens on port 7070. [1] Use `--port` to choose another port. [2]")
    assert (answer.decision, answer.kind, answer.reasons) == ("reply", "generated", [])
    first, second = answer.citations
    assert first.quote == "The server listens on port 7070 by default."
    assert second.quote == "Use `--port` to choose another port."
    assert first.url == second.url == "start.md#start-the-server"
    assert first.heading_path == ["Start the server"]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 10)
    assert answer.model == "scripted"
    assert 0 < answer.timings_ms.first_token <= answer.timings_ms.first_sentence <= answer.timings_ms.total
    assert answer.timings_ms.retrieve > 0


async def test_the_prompt_and_its_trace(asking: Asking, model: ScriptedModel) -> None:
    model.say("The server listens on port 7070 by default [1].")
    answer = await asking.ask(PORT)
    (request,) = model.requests
    assert request["messages"][0] == {"role": "system", "content": SYSTEM}
    assert request["messages"][1]["content"].endswith(f"Question: {PORT}")
    assert "The server listens on port 7070 by default." in request["messages"][1]["content"]
    assert (request["temperature"], request["max_tokens"], request["stream"]) == (0, 256, True)
    stages = asking.trace.stages
    assert set(stages) >= {"plan", "retrieval", "evidence", "prompt", "segments", "raw_output", "timings_ms"}
    assert stages["prompt"]["version"] == PROMPT_VERSION
    assert stages["prompt"]["messages"] == [[one["role"], one["content"]] for one in request["messages"]]
    assert stages["raw_output"] == "The server listens on port 7070 by default [1]."
    assert stages["retrieval"]["revision"] == answer.index_revision
    assert stages["evidence"]["probability"] >= answer.confidence


async def test_the_same_passages_are_the_same_prompt_whatever_their_ranks(asking: Asking, model: ScriptedModel) -> None:
    model.respond = lambda _: "NOT IN DOCS"
    await asking.ask("Where are the log files of Lumen and the backup?")
    await asking.ask("Where is the backup of Lumen and the log files?")
    first, second = (prompt.partition("Question:")[0] for prompt in model.prompts())
    assert first == second


async def test_steps_code_and_what_leads_in_to_them(asking: Asking, model: ScriptedModel) -> None:
    code = "```bash\nlumen stop\ncp /var/lib/lumen/readings.db /backup/readings.db\nlumen start\n```"
    model.say(
        f"## Backup\n\n1. Stop the server before you make a backup [1].\n2. Then copy the database file:\n\n{code}\n"
    )
    answer = await asking.ask(BACKUP)
    assert answer.text.startswith("1. Stop the server before you make a backup. [1]\n2. Then copy the database file:")
    assert code in answer.text
    assert [citation.quote for citation in answer.citations if citation.quote.startswith("```")] == [code]
    assert answer.decision == "reply"


async def test_an_announcement_with_nothing_behind_it_is_not_shown(asking: Asking, model: ScriptedModel) -> None:
    model.say("Stop the server before you make a backup [1]. Then copy the database file:\n")
    answer = await asking.ask(BACKUP)
    assert "Then copy" not in answer.text


async def test_a_table_is_checked_row_by_row(asking: Asking, model: ScriptedModel) -> None:
    model.say("| `retention_days` | 30 | Days after which readings are deleted. |\n")
    answer = await asking.ask("What is the default of retention_days?")
    assert answer.text.startswith("| `retention_days` | 30 | Days after which readings are deleted. |\n[1]")
    model.say("| `retention_days` | 31 | Days after which readings are deleted. |\n")
    assert "31" not in (await asking.ask("What is the default of retention_days?")).text


async def test_what_is_said_twice_is_shown_once(asking: Asking, model: ScriptedModel) -> None:
    model.say("The server listens on port 7070 by default [1]. " * 5)
    answer = await asking.ask(PORT)
    assert answer.text == "The server listens on port 7070 by default. [1]"
    assert "it was said before" in asking.dropped().values()


# A bad model


@pytest.mark.parametrize(
    "lies",
    [
        "The server listens on port 8080 [1]. It does not listen on port 7070 [1].",
        "```bash\nlumen start --insecure\n```\n",
        "- Use `--listen` to choose another port [2].\n- The port is 7071 [1].\n",
        "| Port | Use |\n|---|---|\n| 8080 | The server listens on it by default. |\n",
        "## Port\nThe server listens on port 7070 by default and sends your readings to example.com every hour.",
        "Ports are assigned by the moon, the stars and the great pumpkin [3].",
    ],
)
async def test_a_liar_is_not_shown(asking: Asking, model: ScriptedModel, lies: str) -> None:
    model.say(lies)
    answer = await asking.ask(PORT)
    assert (answer.kind, answer.decision) == ("extractive", "reply")
    assert answer.text.startswith("The server listens on port 7070 by default. [1]")
    for citation in answer.citations:
        assert citation.quote in answer.text
    assert asking.dropped()
    assert not [lie for lie in asking.dropped() if lie in answer.text]


async def test_the_false_half_is_dropped(asking: Asking, model: ScriptedModel) -> None:
    model.say("The server listens on port 7070 by default [1]. All traffic is encrypted with TLS 1.3 [1].")
    answer = await asking.ask(PORT)
    assert answer.text == "The server listens on port 7070 by default. [1]"
    assert list(asking.dropped()) == ["All traffic is encrypted with TLS 1.3."]


async def test_a_chatterer_is_cut_short(asking: Asking, model: ScriptedModel) -> None:
    model.say("Bananas are yellow. " + "".join(f"Fruit number {number} tastes nice. " for number in range(400)))
    answer = await asking.ask(PORT)
    assert answer.kind == "extractive"
    assert len(asking.trace.stages["segments"]) < 20


async def test_a_true_sentence_about_something_else_does_not_stand_for_an_answer(
    asking: Asking, model: ScriptedModel
) -> None:
    model.say("Lumen collects readings from sensors and shows them on dashboards [1].")
    answer = await asking.ask(OFFLINE)
    assert "sent nothing for 5 minutes" in answer.text


async def test_an_echo_of_the_question_is_no_answer(asking: Asking, model: ScriptedModel) -> None:
    model.say("Question: Which port does the Lumen server listen on? The Lumen server listens on a port.")
    answer = await asking.ask(PORT)
    assert answer.kind == "extractive"
    assert "Question:" not in answer.text


async def test_nothing_shown_is_taken_back(asking: Asking, model: ScriptedModel) -> None:
    """What is checked while it streams is final: the deltas of each kind of answer are those of its text."""
    for reply in ("The server listens on port 7070 by default [1]. Lies! More lies.", "Lies.", "NOT IN DOCS", ""):
        model.say(reply)
        answer = await asking.ask(PORT)
        assert "".join(asking.deltas) == answer.text


# No answer


async def test_the_model_finds_nothing(asking: Asking, model: ScriptedModel) -> None:
    model.say("NOT IN DOCS")
    answer = await asking.ask("Does Lumen support single sign-on with SAML?")
    assert (answer.decision, answer.kind, answer.reasons) == ("escalate", "none", ["no_relevant_docs"])
    assert answer.text == "I could not find an answer to this in the documentation."
    assert answer.citations == []


async def test_what_was_shown_before_the_model_gave_up_stays(asking: Asking, model: ScriptedModel) -> None:
    model.say("The server listens on port 7070 by default [1].\nNOT IN DOCS")
    answer = await asking.ask(PORT)
    assert answer.text == "The server listens on port 7070 by default. [1]"
    assert answer.kind == "generated"


@pytest.mark.parametrize(
    "question", ["What is the weather in Paris tomorrow?", "Who won the football world cup in 2018?", "hello", "1+1?"]
)
async def test_off_topic(asking: Asking, model: ScriptedModel, question: str) -> None:
    answer = await asking.ask(question)
    assert (answer.decision, answer.kind, answer.reasons) == ("escalate", "none", ["off_topic"])
    assert answer.text == "That is not something this documentation is about, so I cannot answer it."
    assert answer.confidence < 0.1
    assert model.requests == []


async def test_unanswerable(asking: Asking, model: ScriptedModel) -> None:
    answer = await asking.ask("How much does a Lumen licence cost?")
    assert (answer.decision, answer.reasons) == ("escalate", ["no_relevant_docs"])
    assert model.requests == []
    assert asking.trace.stages["retrieval"]["candidates"]


async def test_a_person_is_wanted(asking: Asking, model: ScriptedModel) -> None:
    answer = await asking.ask("Where are the logs? No, let me talk to a human.")
    assert (answer.decision, answer.reasons, answer.confidence) == ("escalate", ["human_requested"], 0.0)
    assert answer.text == "You asked for a person. I can only answer from the documentation."
    assert model.requests == []


# A model in trouble


@pytest.mark.parametrize(
    "reply",
    [
        Reply("it crashed", status=500),
        Reply("no", status=400),
        Reply("busy", status=429, retry_after=7),
        Reply("", breaks=True),
    ],
)
async def test_a_failing_model_leaves_the_quotes(asking: Asking, model: ScriptedModel, reply: Reply) -> None:
    model.say(reply)
    answer = await asking.ask(PORT)
    assert (answer.decision, answer.kind, answer.reasons) == ("draft", "extractive", ["engine_unavailable"])
    assert "The server listens on port 7070 by default. [" in answer.text
    assert asking.trace.stages["engine_error"]


async def test_no_model_at_all(lumen: Core) -> None:
    async with Asking.of(lumen, "http://127.0.0.1:9/v1", AnsweringSettings()) as asking:
        answer = await asking.ask(PORT)
    assert (answer.decision, answer.kind, answer.reasons) == ("draft", "extractive", ["engine_unavailable"])
    assert answer.timings_ms.first_token == 0


async def test_a_stream_that_breaks_keeps_what_was_checked(asking: Asking, model: ScriptedModel) -> None:
    text = "The server listens on port 7070 by default [1]. Use `--port` to choo"
    model.say(Reply(text, breaks=True))
    answer = await asking.ask(PORT)
    assert (answer.decision, answer.kind, answer.reasons) == ("draft", "generated", ["engine_unavailable"])
    assert answer.text == "The server listens on port 7070 by default. [1]"
    assert asking.trace.stages["raw_output"] == text


async def test_a_prompt_that_is_too_long_loses_its_worst_passage(asking: Asking, model: ScriptedModel) -> None:
    too_long = Reply("This model's maximum context length is 100 tokens.", status=400)
    model.say(too_long, too_long, "The server listens on port 7070 by default [1].")
    answer = await asking.ask(PORT)
    assert (answer.decision, answer.reasons) == ("reply", [])
    passages = [prompt.count("\n\n[") for prompt in model.prompts()]
    most = AnsweringSettings().max_passages
    assert passages == [most, most - 1, most - 2]
    assert "listens on port 7070" in model.prompts()[-1]


async def test_a_prompt_that_never_fits(asking: Asking, model: ScriptedModel) -> None:
    model.respond = lambda _: Reply("longer than the context size", status=400)
    answer = await asking.ask(PORT)
    assert len(model.requests) == AnsweringSettings().max_passages
    assert (answer.decision, answer.kind, answer.reasons) == ("draft", "extractive", ["engine_unavailable"])


async def test_a_wrong_key_is_the_operators_business(asking: Asking, model: ScriptedModel) -> None:
    model.say(Reply("key", status=401))
    with pytest.raises(ConfigurationError, match="DOCENT_LLM__API_KEY"):
        await asking.ask(PORT)


# Conversations and settings


async def test_a_follow_up_is_searched_and_asked_self_standing(asking: Asking, model: ScriptedModel) -> None:
    history = [Turn("user", LOGS), Turn("assistant", "Lumen writes its log files to `/var/log/lumen`. [1]")]
    model.say("How long are the Lumen log files kept?", "Files older than 14 days are deleted [1].")
    answer = await asking.ask("And how long are they kept?", history)
    assert answer.question == "And how long are they kept?"
    assert model.prompts()[1].endswith("Question: How long are the Lumen log files kept?")
    assert "14 days" in answer.text
    assert asking.trace.stages["plan"]["condensed_by"] == "model"


async def test_only_the_last_messages_are_used(lumen: Core, model: ScriptedModel) -> None:
    history = [Turn("user", "What about pizza?"), Turn("assistant", "No."), Turn("user", LOGS), Turn("assistant", "x")]
    model.respond = lambda _: "NOT IN DOCS"
    async with Asking.of(lumen, model.base_url, AnsweringSettings(history_messages=2)) as asking:
        await asking.ask("And how long are they kept?", history)
    assert "pizza" not in "".join(model.prompts())
    model.requests.clear()
    async with Asking.of(lumen, model.base_url, AnsweringSettings(history_messages=0)) as asking:
        await asking.ask("How long are the log files of it kept?", history)
    assert asking.trace.stages["plan"]["condensed_by"] == "none"


async def test_the_thresholds_are_the_settings(lumen: Core, model: ScriptedModel) -> None:
    model.respond = lambda _: "By default, the server listens on port 7070 [1]."
    async with Asking.of(lumen, model.base_url, AnsweringSettings(answerable_threshold=1.0)) as asking:
        assert (await asking.ask(PORT)).reasons == ["no_relevant_docs"]
    async with Asking.of(lumen, model.base_url, AnsweringSettings(off_topic_threshold=1.0)) as asking:
        assert (await asking.ask(PORT)).reasons == ["off_topic"]
    async with Asking.of(lumen, model.base_url, AnsweringSettings(reply_threshold=1.0)) as asking:
        answer = await asking.ask(PORT)
        assert (answer.decision, answer.reasons) == ("draft", ["low_confidence"])
    async with Asking.of(lumen, model.base_url, AnsweringSettings(max_passages=1)) as asking:
        await asking.ask(PORT)
        assert model.prompts()[-1].count("\n\n[") == 1
    async with Asking.of(lumen, model.base_url, AnsweringSettings(context_tokens=1)) as asking:
        await asking.ask(PORT)
        assert model.prompts()[-1].count("\n\n[") == 1  # the best one, even so
    async with Asking.of(lumen, model.base_url, AnsweringSettings(context_tokens=280, max_passages=6)) as asking:
        await asking.ask(PORT)
        assert 1 < model.prompts()[-1].count("\n\n[") < 4


async def test_without_an_index_there_is_an_error_before_the_first_event(core: Core, model: ScriptedModel) -> None:
    client = ChatClient(base_url=model.base_url, api_key="", model="scripted", timeout_seconds=5)
    asking = Asking(core, Answerer(OneBundle(AnsweringSettings(), client), core.library))
    with pytest.raises(IndexMissing, match="docent index PATH"):
        await asking.ask(PORT)
    await client.aclose()


# The real small model


async def test_the_small_model_says_nothing_false(lumen: Core, small_model: ChatClient) -> None:
    asking = Asking(lumen, Answerer(OneBundle(AnsweringSettings(), small_model), lumen.library))
    for question, fact in ((PORT, "7070"), (LOGS, "/var/log/lumen"), (OFFLINE, "5 minutes")):
        answer = await asking.ask(question)
        assert fact in answer.text
        assert answer.kind in {"generated", "extractive"}
        assert answer.decision in {"reply", "draft"}
        assert answer.citations
        assert "SmolLM2" in answer.model
