"""The grounding filter on a real index of the ferry docs, with the packaged embedding model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from training.corpus import Corpus, open_corpus
from training.filters.grounding import features, judge
from training.filters.passages import Found, Shelf, Support, claims, content
from training.pair import Pair

FERRY = Path(__file__).parent / "data" / "ferry"
LIMIT = "How do I limit the speed of a copy?"
TRUE = "Use `--limit` to set the speed in megabytes per second. The default limit is 40."
PADDED = (
    "Use `--limit` to set the speed. This ensures a seamless experience for all users of your network, which typically "
    "makes video conferences smoother and improves the productivity of remote teams."
)


@pytest_asyncio.fixture(loop_scope="function")
async def corpus(tmp_path: Path) -> AsyncIterator[Corpus]:
    async with open_corpus(FERRY, tmp_path / "index") as found:
        yield found


async def support_of(corpus: Corpus, pair: Pair) -> tuple[Shelf, Found, Support]:
    shelf = Shelf(corpus, (await corpus.library.current()).vocabulary, 10)
    found = await shelf.find(pair)
    support = shelf.support(pair, found)
    assert support is not None
    return shelf, found, support


async def test_a_foreign_pair_is_given_the_chunk_and_the_sentences_it_stands_on(corpus: Corpus) -> None:
    pair = Pair(1, LIMIT, TRUE)
    shelf, _, support = await support_of(corpus, pair)
    (chunk_id,) = support.chunk_ids
    text = corpus.by_id[chunk_id].text
    assert "Limit the speed" in text
    assert support.rank == 1
    quotes = [quote.text for quote in shelf.quotes(pair, support)]
    assert quotes == ["Use `--limit` to set the speed in megabytes per second.", "The default limit is 40."]
    assert all(quote in text for quote in quotes)


async def test_a_true_answer_is_likelier_than_a_padded_and_a_foreign_one(corpus: Corpus) -> None:
    judged = []
    for answer in (TRUE, PADDED, "Open the settings window and drag the bandwidth slider to the left."):
        pair = Pair(1, LIMIT, answer)
        shelf, found, support = await support_of(corpus, pair)
        judged.append(judge(pair, found, support, shelf.vocabulary))
    true, padded, foreign = judged
    assert true.probability > 0.9
    assert true.added == ()
    assert padded.probability < 0.2
    assert {"video", "seamless"} <= set(padded.added)
    assert foreign.probability < 0.2
    assert "slider" in foreign.reason


async def test_an_answer_with_quotes_stands_on_them_and_not_on_the_rest_of_its_chunk(corpus: Corpus) -> None:
    chunk = next(one for one in corpus.chunks if "default limit is 40" in one.text)
    whole = Pair(1, LIMIT, TRUE, chunks=(chunk.id,))
    quoted = Pair(1, LIMIT, TRUE, chunks=(chunk.id,), quotes=("The default limit is 40.",))
    _, found, support = await support_of(corpus, whole)
    shelf, found_quoted, support_quoted = await support_of(corpus, quoted)
    assert support.chunk_ids == support_quoted.chunk_ids == (chunk.id,)
    assert features(whole, found, support, shelf.vocabulary).added == 0
    assert features(quoted, found_quoted, support_quoted, shelf.vocabulary).added > 0.2


async def test_a_question_about_something_else_does_not_reach_its_chunk_first(corpus: Corpus) -> None:
    chunk = next(one for one in corpus.chunks if "7420" in one.text and "toml" in one.text)
    _, _, support = await support_of(corpus, Pair(1, "How do I pause a schedule?", "Port 7420.", chunks=(chunk.id,)))
    assert support.rank is None or support.rank > 1


def test_claims_are_the_words_that_say_something() -> None:
    assert claims("It is used to set the value. Encryption is renewed.") == [content("encryption renewed")]
    assert content("See [the manual](https://example.com/manual).") == content("See the manual.")
    assert claims("```bash\nferry send\n```") == [content("ferry send bash")]


@pytest.mark.parametrize("answer", ["It is used to set the value.", "This means that."])
async def test_an_answer_that_claims_nothing_adds_nothing(corpus: Corpus, answer: str) -> None:
    pair = Pair(1, LIMIT, answer)
    shelf, found, support = await support_of(corpus, pair)
    measured = features(pair, found, support, shelf.vocabulary)
    assert (measured.added, measured.densest) == (0, 0)
