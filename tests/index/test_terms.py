"""Terms, and how much each of them says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from app.index.terms import Vocabulary, terms


@pytest.fixture
def vocabulary() -> Vocabulary:
    """'lamp' stands in all four texts, 'flicker' in one."""
    made = Vocabulary()
    for text in ("The lamp glows.", "A lamp, and a lamp.", "Lamps are warm", "The lamp flickers"):
        made.add(text)
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The lamps are flickering", ["lamp", "flicker"]),
        ("What is the use of it?", []),
        ("--gpu-layers=32", ["gpu", "layer", "32"]),
        ("ctx_len in llama.cpp", ["ctx", "len", "llama", "cpp"]),
        ("loadModel", ["load", "model"]),
        ("GRÖSSE Straße", ["grösse", "straße"]),
        ("", []),
        ("!? ... --", []),
    ],
)
def test_terms_are_stems_without_stop_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_rare_terms_weigh_more(vocabulary: Vocabulary) -> None:
    assert vocabulary.chunks == 4
    assert "lamp" in vocabulary
    assert "kettl" not in vocabulary
    assert vocabulary.idf("lamp") == pytest.approx(math.log(1 + 4 / 5))
    assert vocabulary.idf("flicker") == pytest.approx(math.log(1 + 4 / 2))
    assert vocabulary.idf("kettl") == pytest.approx(math.log(1 + 4 / 1))
    assert vocabulary.weight(["lamp", "flicker"]) == pytest.approx(math.log(9 / 5) + math.log(3))


def test_coverage_is_the_share_of_what_is_wanted_by_weight(vocabulary: Vocabulary) -> None:
    lamp, flicker = math.log(9 / 5), math.log(3)

    assert vocabulary.coverage(["lamp", "flicker"], ["flicker", "plug"]) == pytest.approx(flicker / (lamp + flicker))
    assert vocabulary.coverage(["lamp", "lamp"], ["lamp"]) == 1
    assert vocabulary.coverage(["lamp"], []) == 0
    assert vocabulary.coverage([], ["lamp"]) == 1


def test_a_vocabulary_comes_back_from_its_file(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.add("Größe 40 µm")
    vocabulary.save(tmp_path / "vocabulary.json")

    loaded = Vocabulary.load(tmp_path / "vocabulary.json")

    assert loaded.chunks == 5
    for term in ("lamp", "flicker", "größe", "µm", "kettl"):
        assert loaded.idf(term) == vocabulary.idf(term)
        assert (term in loaded) == (term in vocabulary)
