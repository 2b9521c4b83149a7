"""Rows as they are made of an open index of Ferry's docs, whose pages are a chunk each."""

from __future__ import annotations

import re
from contextlib import aclosing

import pytest

from app.answering.answerer import Answerer, Asked
from app.answering.bundle import OneBundle
from app.answering.prompt import NOT_IN_DOCS
from app.answering.trace import AnswerTrace
from app.config import AnsweringSettings
from app.llm.client import ChatClient
from tests.answering.scripted_model import ScriptedModel
from tests.training.ferry import corpus, grounds, page, placed
from training.corpus import Corpus, section_of
from training.formats.citing import Grounds
from training.formats.plain import chat_row
from training.formats.raft import Example, ExampleMaker, answer_prompt
from training.schema.prepare import Raft

__all__ = ["corpus", "grounds"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT = "Which port does Ferry listen on?"
REVOKE = "How do I revoke a machine in Ferry?"
PAGES = ["copying", "errors", "index", "install", "schedule", "security"]
ABOUT_PORT = "Ferry listens on port 7420. Set `port` in `ferry.toml` to choose another port."


def chunk_of(corpus: Corpus, name: str) -> str:
    return next(chunk.id for chunk in corpus.chunks if section_of(chunk) == page(name))


def maker(
    corpus: Corpus, grounds: Grounds, *, hidden: frozenset[str] = frozenset(), **settings: object
) -> ExampleMaker:
    raft = Raft(**{"no_gold_share": 0, **settings})  # type: ignore[arg-type]
    return ExampleMaker(corpus, grounds, raft, hidden=hidden, count_tokens=corpus.count_tokens, seed=1)


async def made(by: ExampleMaker, *given: str, **more: object) -> Example:
    example = await by.make(placed(*given, **more))  # type: ignore[arg-type]
    assert isinstance(example, Example), example
    return example


async def test_the_prompt_is_the_one_that_the_service_sends(corpus: Corpus, grounds: Grounds) -> None:
    with ScriptedModel() as model:
        model.say("Run `ferry unpair HOST` to revoke a machine. [1]")
        client = ChatClient(base_url=model.base_url, api_key="", model="m", timeout_seconds=30)
        asked = Asked("ans_1", "conv_1", REVOKE)
        answerer = Answerer(OneBundle(AnsweringSettings(), client), corpus.library)
        async with aclosing(answerer.answer(asked, [], AnswerTrace())) as events:
            async for _ in events:
                pass
        await client.aclose()
    sent = model.requests[0]["messages"]
    shown = re.findall(r"^\[\d\] (.+)$", sent[1]["content"], re.MULTILINE)
    answer = "Run `ferry unpair HOST` to revoke a machine."
    example = await made(maker(corpus, grounds, order="served"), REVOKE, answer, chunk_of(corpus, "security"))
    assert sorted(chunk.context for chunk in example.passages) == sorted(shown)
    assert example.prompt == sent
    row = example.as_row()
    assert row["messages"] == [*sent, {"role": "assistant", "content": example.answer}]


async def test_every_sentence_bears_the_number_of_the_passage_that_holds_it(corpus: Corpus, grounds: Grounds) -> None:
    gold = chunk_of(corpus, "security")
    for seed in range(4):
        by = ExampleMaker(
            corpus, grounds, Raft(no_gold_share=0), hidden=frozenset(), count_tokens=corpus.count_tokens, seed=seed
        )
        example = await made(by, PORT, ABOUT_PORT, gold)
        (number,) = example.gold
        assert example.passages[number - 1].id == gold
        assert example.answer == (
            f"Ferry listens on port 7420. [{number}] Set `port` in `ferry.toml` to choose another port. [{number}]"
        )
        assert grounds.cite(example.answer, example.passages).supported == 1
        assert example.kind == "gold"


async def test_the_seed_shuffles_the_passages(corpus: Corpus, grounds: Grounds) -> None:
    orders = set()
    for seed in range(6):
        by = ExampleMaker(
            corpus, grounds, Raft(no_gold_share=0), hidden=frozenset(), count_tokens=corpus.count_tokens, seed=seed
        )
        first, again = [await made(by, PORT, ABOUT_PORT, chunk_of(corpus, "security")) for _ in range(2)]
        assert first == again
        orders.add(first.gold)
    assert len(orders) > 1


async def test_sentences_that_stand_on_nothing_are_cut(corpus: Corpus, grounds: Grounds) -> None:
    answer = f"{ABOUT_PORT} This makes transfers seamless for every enterprise."
    example = await made(maker(corpus, grounds), PORT, answer, chunk_of(corpus, "security"))
    assert "seamless" not in example.answer
    assert example.answer.count("[") == 2


@pytest.mark.parametrize("answer", ["Ferry listens on port 9999.", "It is seamless. It is unmatched. Ferry listens."])
async def test_an_answer_that_does_not_stand_makes_no_row(corpus: Corpus, grounds: Grounds, answer: str) -> None:
    reason = await maker(corpus, grounds).make(placed(PORT, answer, chunk_of(corpus, "security")))
    assert reason == "too little of its answer passes the grounding check"


async def test_its_quotes_take_the_place_of_an_answer_in_other_words(corpus: Corpus, grounds: Grounds) -> None:
    words = "Unless told otherwise, incoming connections arrive at seven thousand four hundred and twenty."
    given = (PORT, words, chunk_of(corpus, "security"))
    quotes = ["Ferry listens on port 7420."]
    example = await made(maker(corpus, grounds), *given, quotes=quotes)
    assert example.quoted
    assert example.answer == f"Ferry listens on port 7420. [{example.gold[0]}]"
    assert isinstance(await maker(corpus, grounds, quote_instead=False).make(placed(*given, quotes=quotes)), str)


async def test_distractors_are_what_is_found_and_do_not_hold_the_answer(corpus: Corpus, grounds: Grounds) -> None:
    found = [one.chunk.id for one in await corpus.search(PORT, 20)]
    gold, also = chunk_of(corpus, "security"), chunk_of(corpus, "errors")
    assert also in found[:3]
    for share in (0, 0.99):
        by = maker(corpus, grounds, distractors=2, no_gold_share=share)
        example = await made(by, PORT, "Ferry listens on port 7420.", gold)
        others = {chunk.id for chunk in example.passages} - {gold}
        assert others == set([one for one in found if one not in {gold, also}][: len(others)])
        assert len(others) == 2 + (share > 0)
    example = await made(maker(corpus, grounds), REVOKE, "Run `ferry unpair HOST` to revoke a machine.", gold)
    assert also in {chunk.id for chunk in example.passages}


async def test_without_its_gold_passage_the_right_answer_is_to_abstain(corpus: Corpus, grounds: Grounds) -> None:
    by = maker(corpus, grounds, no_gold_share=0.99)
    gold = chunk_of(corpus, "security")
    example = await made(by, PORT, ABOUT_PORT, gold)
    assert (example.kind, example.gold, example.answer) == ("no_gold", (), NOT_IN_DOCS)
    assert not {gold, chunk_of(corpus, "errors")} & {chunk.id for chunk in example.passages}
    assert len(example.passages) == len((await made(maker(corpus, grounds), PORT, ABOUT_PORT, gold)).passages)


async def test_the_share_without_gold_is_kept(corpus: Corpus, grounds: Grounds) -> None:
    by = maker(corpus, grounds, no_gold_share=0.3)
    gold = chunk_of(corpus, "security")
    kinds = [(await made(by, f"{PORT} {number}", ABOUT_PORT, gold)).kind for number in range(60)]
    assert 9 <= kinds.count("no_gold") <= 27


async def test_what_the_docs_do_not_answer_is_abstained_from(corpus: Corpus, grounds: Grounds) -> None:
    asked = placed("Does Ferry offer metrics?", "Not told.", chunk_of(corpus, "index"), kind="unanswerable")
    example = await maker(corpus, grounds).make(asked)
    assert isinstance(example, Example)
    assert (example.kind, example.answer, len(example.passages)) == ("unanswerable", NOT_IN_DOCS, 3)


async def test_no_row_to_train_on_shows_a_held_out_section(corpus: Corpus, grounds: Grounds) -> None:
    gold = chunk_of(corpus, "security")
    hidden = frozenset({page("errors"), page("install")})
    by = maker(corpus, grounds, hidden=hidden, distractors=5)
    assert not (await made(by, PORT, ABOUT_PORT, gold)).entry.shown & hidden
    assert (await made(by, PORT, ABOUT_PORT, gold, side="held_out")).entry.shown & hidden


async def test_passages_keep_to_their_budget(corpus: Corpus, grounds: Grounds) -> None:
    gold = corpus.by_id[chunk_of(corpus, "security")]
    for room in (gold.tokens, gold.tokens + 100, 2 * gold.tokens + 200):
        example = await made(maker(corpus, grounds, context_tokens=room, distractors=5), PORT, ABOUT_PORT, gold.id)
        assert sum(chunk.tokens for chunk in example.passages) <= room
        assert gold in example.passages


async def test_a_row_that_is_too_long_loses_distractors(corpus: Corpus, grounds: Grounds) -> None:
    gold = chunk_of(corpus, "security")
    whole = await made(maker(corpus, grounds), PORT, ABOUT_PORT, gold)
    by = maker(corpus, grounds, max_length=by_tokens(corpus, whole) - 1)
    shorter = await made(by, PORT, ABOUT_PORT, gold)
    assert len(shorter.passages) == len(whole.passages) - 1
    assert by_tokens(corpus, shorter) < by_tokens(corpus, whole)
    reason = await maker(corpus, grounds, max_length=128).make(placed(PORT, ABOUT_PORT, gold))
    assert reason == "it is longer than max_length"


def by_tokens(corpus: Corpus, example: Example) -> int:
    said = [*(one["content"] for one in example.prompt), example.answer]
    return sum(corpus.count_tokens(text) + 5 for text in said)


async def test_an_answer_in_steps_and_code_keeps_its_form(corpus: Corpus, grounds: Grounds) -> None:
    answer = "To install Ferry:\n\n- Run `pip install ferry-copy` on both machines.\n- Run `ferry pair HOST`."
    example = await made(maker(corpus, grounds), "How do I install Ferry?", answer, chunk_of(corpus, "install"))
    number = example.gold[0]
    assert example.answer.endswith(
        f"- Run `pip install ferry-copy` on both machines. [{number}]\n- Run `ferry pair HOST`. [{number}]"
    )


async def test_a_plain_chat_is_question_and_answer() -> None:
    one = placed(PORT, ABOUT_PORT, "a")
    asked, said = {"role": "user", "content": PORT}, {"role": "assistant", "content": ABOUT_PORT}
    assert chat_row(one, "") == {"messages": [asked, said], "section": "section", "row": 1}
    assert chat_row(one, "Be short.")["messages"][0] == {"role": "system", "content": "Be short."}


async def test_control_tokens_in_a_question_are_parted(corpus: Corpus) -> None:
    assert "<|im_end|>" not in answer_prompt("a <|im_end|> b", corpus.chunks[:1])[1]["content"]


async def test_the_docs_are_a_chunk_a_page(corpus: Corpus) -> None:
    assert sorted(map(section_of, corpus.chunks)) == sorted(map(page, PAGES))
