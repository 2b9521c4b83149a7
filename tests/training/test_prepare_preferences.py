"""Rejected answers of a model behind real HTTP, and of judged drafts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.answering.prompt import NOT_IN_DOCS
from app.errors import EngineUnavailable
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.training.ferry import DOCS, PAIRS, TICKETS, corpus, grounds, page, placed
from training.corpus import Corpus, section_of
from training.errors import SourceError
from training.formats import rejecting
from training.formats.citing import Grounds
from training.formats.outcomes import Judged, OutcomePair, OutcomePairs, judged, renumbered
from training.formats.pairs import answered_pairs, drawn
from training.formats.raft import Example, ExampleMaker
from training.formats.rejecting import api_key, fault, model_answers
from training.preferences import as_preference
from training.schema.prepare import PrepareRecipe, Raft, Rejecting
from training.splitting import Split

__all__ = ["corpus", "grounds"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = "Which port does Ferry listen on?"
ABOUT_PORT = "Ferry listens on port 7420."
REVOKE = "Run `ferry unpair HOST` to revoke a machine."
WRONG = "Ferry listens on port 9999."


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedModel]:
    monkeypatch.setattr(rejecting, "_FIRST_WAIT", 0.01)
    with ScriptedModel() as scripted:
        yield scripted


def asking(model: ScriptedModel, **more: Any) -> Rejecting:
    return Rejecting(base_url=model.base_url, model="m", concurrency=1, **more)


def maker(corpus: Corpus, grounds: Grounds, no_gold_share: float = 0) -> ExampleMaker:
    raft = Raft(no_gold_share=no_gold_share)
    return ExampleMaker(corpus, grounds, raft, hidden=frozenset(), count_tokens=corpus.count_tokens, seed=1)


async def example(corpus: Corpus, grounds: Grounds, question: str = PORT, *, no_gold_share: float = 0) -> Example:
    chunk = next(one.id for one in corpus.chunks if section_of(one) == page("security"))
    made = await maker(corpus, grounds, no_gold_share).make(placed(question, ABOUT_PORT, chunk))
    assert isinstance(made, Example)
    return made


async def test_an_answer_is_rejected_only_where_the_service_would_not_have_it(corpus: Corpus, grounds: Grounds) -> None:
    gold = await example(corpus, grounds)
    assert fault(gold.answer, gold, grounds) == ""
    assert fault("It is port 7420.", gold, grounds) == ""
    assert fault(WRONG, gold, grounds) == "not_grounded"
    assert fault(f"{ABOUT_PORT} It is seamless for every enterprise.", gold, grounds) == "not_grounded"
    assert fault(NOT_IN_DOCS, gold, grounds) == "abstained"
    none = await example(corpus, grounds, no_gold_share=0.99)
    assert fault(f"{NOT_IN_DOCS}.", none, grounds) == ""
    assert fault(ABOUT_PORT, none, grounds) == "answered"


async def test_pairs_are_of_what_the_model_got_wrong(
    corpus: Corpus, grounds: Grounds, model: ScriptedModel, tmp_path: Path
) -> None:
    examples = [await example(corpus, grounds, f"{PORT} {number}") for number in range(4)]
    model.say(WRONG, examples[1].answer, "  ", NOT_IN_DOCS)
    told: list[None] = []
    pairs, counts = await answered_pairs(examples, asking(model), grounds, tmp_path, 1, lambda: told.append(None))
    assert counts == {"not_grounded": 1, "it stands": 1, "no answer": 1, "abstained": 1}
    assert len(told) == 4
    assert [one for one, _ in pairs] == [examples[0], examples[3]]
    assert as_preference(pairs[0][1]) == {
        "prompt": examples[0].prompt,
        "chosen": [{"role": "assistant", "content": examples[0].answer}],
        "rejected": [{"role": "assistant", "content": WRONG}],
    }
    assert model.requests[0]["messages"] == examples[0].prompt
    assert model.requests[0]["seed"] == 1


async def test_what_was_answered_is_not_asked_again(model: ScriptedModel, tmp_path: Path) -> None:
    prompts = [[{"role": "user", "content": f"question {number}"}] for number in range(4)]
    model.say("one", "two", *[Reply("gone", status=500)] * 5)
    with pytest.raises(EngineUnavailable, match="gone"):
        await model_answers(prompts, asking(model), tmp_path, 1, lambda: None)
    assert len(model.requests) == 7
    model.replies.clear()
    model.say("three", "four")
    assert await model_answers(prompts, asking(model), tmp_path, 1, lambda: None) == ["one", "two", "three", "four"]
    assert model.prompts()[7:] == ["question 2", "question 3"]
    assert await model_answers(prompts, asking(model), tmp_path, 1, lambda: None) == ["one", "two", "three", "four"]
    assert len(model.requests) == 9
    model.say("other")
    await model_answers(prompts[:1], asking(model, temperature=0.1), tmp_path, 1, lambda: None)
    assert len(model.requests) == 10


async def test_passing_trouble_is_waited_for_and_long_prompts_are_passed_over(
    model: ScriptedModel, tmp_path: Path
) -> None:
    prompts = [[{"role": "user", "content": f"question {number}"}] for number in range(2)]
    too_long = Reply("maximum context length is 10", status=400, code="context_length_exceeded")
    model.say(Reply("later", status=503), "one", too_long)
    assert await model_answers(prompts, asking(model), tmp_path, 1, lambda: None) == ["one", None]


async def test_a_model_that_is_not_there_is_named_by_the_recipe(model: ScriptedModel, tmp_path: Path) -> None:
    model.say(Reply("no such model", status=404))
    with pytest.raises(SourceError, match=r"rejecting: http.* does not answer as m"):
        await model_answers([[{"role": "user", "content": "a"}]], asking(model), tmp_path, 1, lambda: None)


async def test_a_key_is_read_from_the_environment(model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    how = asking(model, api_key_env="FERRY_KEY")
    with pytest.raises(SourceError, match="the environment variable FERRY_KEY is not set"):
        api_key(how)
    monkeypatch.setenv("FERRY_KEY", "secret")
    assert api_key(how) == "secret"
    assert "secret" not in how.model_dump_json()


async def test_rows_to_ask_about_are_drawn_by_the_seed(corpus: Corpus, grounds: Grounds) -> None:
    examples = [await example(corpus, grounds, f"{PORT} {number}") for number in range(8)]
    assert drawn(examples, 3, 1) == drawn(examples, 3, 1)
    assert len({tuple(one.placed.pair.question for one in drawn(examples, 3, seed)) for seed in range(5)}) > 1
    assert drawn(examples, None, 1) == drawn(examples, 9, 1) == examples


def outcome_pairs(corpus: Corpus, grounds: Grounds, *hidden: str, held_out: str = "") -> OutcomePairs:
    asked = [placed(held_out, "a", "b")] if held_out else []
    split = Split(train=[], held_out=asked, held_out_sections=frozenset(hidden))
    return OutcomePairs(corpus, grounds, maker(corpus, grounds), Raft(), split=split, near=0.8)


def tickets() -> list[dict[str, Any]]:
    return [json.loads(line) for line in TICKETS.read_text().splitlines()]


async def test_what_was_sent_is_chosen_and_the_draft_rejected(corpus: Corpus, grounds: Grounds) -> None:
    given = judged(tickets()[0])
    assert isinstance(given, Judged)
    pair = await outcome_pairs(corpus, grounds).make(given, 1)
    assert isinstance(pair, OutcomePair)
    shown = re.search(r"^\[(\d)\] Security$", pair.row["prompt"][1]["content"], re.MULTILINE)
    assert shown
    assert pair.row["chosen"][0]["content"].startswith(f"{REVOKE} [{shown[1]}]")
    assert pair.row["rejected"][0]["content"] == "Ferry encrypts every block."
    assert (pair.side, pair.entry.own) == ("train", page("security"))
    assert as_preference(pair.row)["prompt"] == pair.row["prompt"]


async def test_a_judged_draft_is_on_the_side_of_what_it_stands_on(corpus: Corpus, grounds: Grounds) -> None:
    given = judged(tickets()[0])
    assert isinstance(given, Judged)
    pair = await outcome_pairs(corpus, grounds, page("security")).make(given, 1)
    assert isinstance(pair, OutcomePair)
    assert pair.side == "held_out"
    other = await outcome_pairs(corpus, grounds, page("errors"), page("index")).make(given, 1)
    assert isinstance(other, OutcomePair)
    assert not other.entry.shown & {page("errors"), page("index")}
    near = await outcome_pairs(corpus, grounds, held_out=given.question).make(given, 1)
    assert near == "its question is near one of the other side"


async def test_tickets_that_teach_nothing_are_left_out_with_a_reason(corpus: Corpus, grounds: Grounds) -> None:
    rows = tickets()
    several = {**rows[0], "result": {**rows[0]["result"], "questions": [{}, {}]}}
    assert judged(several) == "it answers several questions"
    assert judged(rows[3]) == "nothing was sent instead of it"
    assert judged({**rows[0], "outcome": None}) == "nothing was sent instead of it"
    assert judged(rows[4]) == "what was sent is not known"
    offer = judged(rows[2])
    assert isinstance(offer, Judged)
    assert await outcome_pairs(corpus, grounds).make(offer, 1) == "what was sent does not stand on the docs"
    with pytest.raises(SourceError, match=r"^is no ticket of the tickets API: result\.text"):
        judged({"result": {"question": "a"}})


async def test_a_draft_gets_the_numbers_of_the_passages() -> None:
    given = Judged("q", "One. [1] Two. [2]\n[3] [link](x)", "sent", {1: "a", 2: "b", 3: "c"})
    assert renumbered(given, {"a": 3, "b": 1}) == "One. [3] Two. [1]\n [link](x)"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"formats": ["preferences"]}, "preferences need `rejecting` or `outcomes`"),
        ({"rejecting": {}}, "give one of `base_url` and `embedded`"),
        ({"rejecting": {"embedded": {"name": "some/model"}}}, "a GGUF file"),
    ],
)
async def test_a_recipe_names_what_is_rejected(changed: dict[str, Any], reason: str) -> None:
    recipe = {"output_dir": "out", "pairs": [{"path": str(PAIRS)}], "docs": str(DOCS), "formats": ["chat"]}
    with pytest.raises(ValidationError, match=reason):
        PrepareRecipe.model_validate({**recipe, **changed})
