"""Whether the index holds an answer: what the features say of questions about Lumen, and about anything else."""

from __future__ import annotations

import pytest

from app.answering.evidence import cosine_range, features, weigh
from app.runtime import Core

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("question", "least", "most"),
    [
        ("Where does Lumen write its log files?", 0.9, 1.0),
        ("How do I make a backup?", 0.9, 1.0),
        ("How long is a token valid?", 0.5, 1.0),
        ("How much does a Lumen licence cost?", 0.1, 0.4),
        ("What is the weather in Paris tomorrow?", 0.0, 0.1),
        ("What is 1 + 1?", 0.0, 0.1),
        ("???", 0.0, 0.1),
        ("What is it?", 0.0, 0.1),
        ("🙂", 0.0, 0.1),
    ],
)
async def test_the_probability(lumen: Core, question: str, least: float, most: float) -> None:
    result = await lumen.library.search(question)
    evidence = weigh(result, lumen.library.searcher.embedder.name)
    assert least <= evidence.probability <= most
    assert all(0 <= value <= 1 for value in evidence.as_dict().values())
    assert set(evidence.as_dict()) == {"probability", "closeness", "coverage", "reach", "agreement"}


async def test_reach_is_at_least_coverage(lumen: Core) -> None:
    name = lumen.library.searcher.embedder.name
    for question in ("Can the log level and the port be changed by a signal?", "backup of the token"):
        found = features(await lumen.library.search(question), name)
        assert found.reach >= found.coverage > 0


async def test_every_model_has_its_range() -> None:
    assert cosine_range("sentence-transformers/all-MiniLM-L6-v2") == (0.15, 0.75)
    assert cosine_range("BAAI/bge-base-en-v1.5") == (0.45, 0.85)
    assert cosine_range("somebody/else") == (0.20, 0.80)
