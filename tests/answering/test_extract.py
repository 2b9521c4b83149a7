"""Which sentences of the passages are quoted when no model's sentence stands."""

from __future__ import annotations

import pytest

from app.answering.extract import Extractor, shown
from app.answering.quotes import Quote, quotes_of
from app.index.embedding import Embedder
from app.index.section import Chunk, Span
from app.index.terms import Vocabulary
from tests.answering.lumen import PAGES

BOOT = "## Start at boot\n\nTo start Lumen at boot, enable its unit:\n\n```bash\nsystemctl enable lumen\n```\n\nDone.\n"


def chunk_of(text: str, name: str = "c1") -> Chunk:
    return Chunk(name, "lumen", "p.md", "Lumen", (), "p.md", text, (Span(0, len(text), (), "p.md"),), 9)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    known = Vocabulary()
    for page in PAGES.values():
        known.add(page)
    return known


class Extracting:
    def __init__(self, vocabulary: Vocabulary, embedder: Embedder) -> None:
        self._vocabulary = vocabulary
        self._embed = embedder.embed_query

    def __call__(self, question: str, *texts: str) -> Extractor:
        quotes = [quote for number, text in enumerate(texts, 1) for quote in quotes_of(chunk_of(text), number)]
        ranks = {number: number - 1 for number in range(1, len(texts) + 1)}
        return Extractor(question, self._embed(question), quotes, ranks, self._vocabulary, self._embed)


@pytest.fixture(scope="module")
def extracting(vocabulary: Vocabulary, embedder: Embedder) -> Extracting:
    return Extracting(vocabulary, embedder)


def test_the_sentence_that_answers_comes_first(extracting: Extracting) -> None:
    extractor = extracting("When is a sensor shown as offline?", PAGES["start.md"], PAGES["sensors.md"])
    best = extractor.ranked[0]
    assert best.quote.text == "A sensor is shown as offline when it has sent nothing for 5 minutes."
    assert extractor.top == best.relevance
    assert extractor.is_answer(best.quote)
    assert 0 < extractor.best()[0].relevance <= 1
    port = next(quote for quote in quotes_of(chunk_of(PAGES["start.md"]), 1) if "7070" in quote.text)
    assert not extractor.is_relevant(port)


def test_the_code_that_a_sentence_announces_comes_with_it(extracting: Extracting) -> None:
    quotes = [one.quote for one in extracting("How do I start Lumen at boot?", BOOT).best()]
    assert [quote.kind for quote in quotes][:2] == ["sentence", "code"]
    assert quotes[0].text.endswith("unit:")


def test_an_announcement_without_code_is_not_quoted(extracting: Extracting) -> None:
    extractor = extracting("How do I start Lumen at boot?", "To start Lumen at boot, enable its unit:\n\n## Next\n")
    assert extractor.ranked == []
    assert extractor.best() == []
    assert extractor.top == 0.0


def test_quotes_stand_in_the_order_of_the_documents(extracting: Extracting) -> None:
    best = extracting("What does a backup hold, and when do I stop the server?", PAGES["backup.md"]).best()
    assert [one.quote.start for one in best] == sorted(one.quote.start for one in best)


@pytest.mark.parametrize(
    ("text", "restates"),
    [
        ("How do I choose a port?", True),
        ("You choose a port.", True),
        ("Question: How do I choose a port", True),
        ("**Answer:** 80", True),
        ("Passage 1: it is so.", False),
        ("Passages: it is so.", True),
        ("Use `--port` to choose a port.", False),
        ("No, you cannot choose a port.", False),
        ("Yes, you can.", False),
        ("You choose a port in the settings.", False),
        ('The answer to "How do I choose a port?" is the answer of the settings.', True),
    ],
)
def test_repeating_the_question(extracting: Extracting, text: str, restates: bool) -> None:
    assert extracting("How do I choose a port?", PAGES["start.md"]).restates(text) is restates


def test_how_quotes_are_shown() -> None:
    def parts(text: str) -> list[str]:
        return [shown(quote).text for quote in quotes_of(chunk_of(text), 1)]

    assert parts("| `port` | 7070 | |\n") == ["- `port`: 7070"]
    assert parts("* One\n2. Two\n") == ["- One", "- Two"]
    assert parts("> It is\n> quoted.\n") == ["It is\nquoted."]
    assert parts("Do:\n\n   ```sh\n   a\n     b\n   ```\n") == ["Do:", "```sh\na\n  b\n```"]


def test_what_is_shown_keeps_its_kind() -> None:
    def kinds(text: str) -> list[str]:
        return [shown(quote).kind for quote in quotes_of(chunk_of(text), 1)]

    assert kinds("Text.\n\n- item\n\n| a | b |\n\n```\nc\n```\n") == ["sentence", "item", "item", "code"]


def test_relevance_is_between_0_and_1(extracting: Extracting) -> None:
    extractor = extracting("How do I start Lumen at boot?", *PAGES.values())
    quotes: list[Quote] = [
        quote for number, text in enumerate(PAGES.values(), 1) for quote in quotes_of(chunk_of(text), number)
    ]
    assert all(0 <= extractor.relevance(quote) <= 1 for quote in quotes)
    assert all(extractor.words(quote) >= 0 for quote in quotes)


def test_a_link_to_another_page_answers_nothing(extracting: Extracting) -> None:
    signpost = "- Find out how to back up the readings: [Back up the readings](backup.md#make-a-backup)."
    extractor = extracting("How do I back up the readings?", signpost, PAGES["backup.md"])
    assert all(one.quote.passage == 2 for one in extractor.best())
    assert extracting("How do I back up the readings?", signpost).best() == []
