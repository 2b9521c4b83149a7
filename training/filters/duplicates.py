"""Questions that were asked before, or that a model is measured on, in other words."""

from __future__ import annotations

from typing import Any

from app.index.terms import terms
from training.rows import normalised

_PERMUTATIONS = 128
# MinHash estimates Jaccard to about 0.09 with so many; its candidates are looked up a bit lower and compared exactly.
_SLACK = 0.15
_LOWEST = 0.1


class NearQuestions:
    """Finds the first of the questions added whose words are to a given share those of another one.

    Candidates by MinHash (Broder 1997), so that a million questions are compared as fast each as a thousand; then the
    exact Jaccard share of stemmed words. Same words in another order are a duplicate.
    """

    def __init__(self, threshold: float) -> None:
        import datasketch  # noqa: PLC0415  (only training has it)

        self._threshold = threshold
        self._index = datasketch.MinHashLSH(threshold=max(threshold - _SLACK, _LOWEST), num_perm=_PERMUTATIONS)
        self._words: list[frozenset[str]] = []
        self._questions: list[str] = []

    def add(self, question: str) -> None:
        words = _words(question)
        self._index.insert(len(self._words), _sketch(words))
        self._words.append(words)
        self._questions.append(question)

    def near(self, question: str) -> str:
        """The first near question that was added, '' if there is none."""
        words = _words(question)
        for place in sorted(self._index.query(_sketch(words))):
            if jaccard(words, self._words[place]) >= self._threshold:
                return self._questions[place]
        return ""


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def _words(question: str) -> frozenset[str]:
    """Stems, or all words where there is nothing but stop words."""
    return frozenset(terms(question)) or frozenset(normalised(question).split())


def _sketch(words: frozenset[str]) -> Any:  # noqa: ANN401
    import datasketch  # noqa: PLC0415

    sketch = datasketch.MinHash(num_perm=_PERMUTATIONS)
    sketch.update_batch([word.encode() for word in words])
    return sketch
