"""Terms: the words of a text as retrieval evidence and the grounding check compare them."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from py_rust_stemmers import SnowballStemmer

# Letters and digits of any script; what joins the parts of an identifier (ctx_len, llama.cpp, --gpu) parts terms.
_WORD = re.compile(r"[^\W_]+")
# An inner capital parts terms, too: 'loadModel' and 'load model' are the same two.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STEMMER = SnowballStemmer("english")

# Words that carry no topic: English function words, and those that only make a sentence a question.
STOPWORDS = frozenset(
    """a about above accord according after again against all also am an and any are aren as at base based be because
    been before being below between both but by can cannot could couldn d describe did didn do does doesn doing
    don down during each else ever explain few follow following for from further get gets give got had hadn has
    hasn have haven having he hello her here hers hi him his how i if in into is isn it its itself just kindly
    know let like ll m may me mean meaning means meant might mine more most much must my need no nor not now of
    off on once only or other our ours out over own please re s same several shall she should shouldn so some
    such t tell than thank thanks that the their theirs them then there these they this those through to too
    under until up us use used using various ve very via want was wasn we were weren what when where whether
    which while who whom whose why will with won would wouldn yes you your yours""".split()  # noqa: SIM905
)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    stem: str = _STEMMER.stem_word(word)
    return stem


def terms(text: str) -> list[str]:
    """Stemmed lower-case words of `text` in order, stop words left out."""
    words = (word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text)))
    return [_stem(word) for word in words if word not in STOPWORDS]


class Vocabulary:
    """In how many chunks of a revision each term stands."""

    def __init__(self, chunks: int = 0, frequencies: Counter[str] | None = None) -> None:
        self.chunks = chunks
        self._frequencies = frequencies if frequencies is not None else Counter()

    def add(self, text: str) -> None:
        self.chunks += 1
        self._frequencies.update(set(terms(text)))

    def __contains__(self, term: str) -> bool:
        return term in self._frequencies

    def idf(self, term: str) -> float:
        """log(1 + N / (1 + df)): about 0.7 for a term of every chunk, and the highest for an unknown one."""
        return math.log1p(self.chunks / (1 + self._frequencies[term]))

    def weight(self, given: Iterable[str]) -> float:
        return sum(self.idf(term) for term in given)

    def coverage(self, wanted: Iterable[str], given: Iterable[str]) -> float:
        """Share of `wanted` that stands in `given`, weighted by IDF: 0 to 1, and 1 when nothing is wanted."""
        wanted_terms, given_terms = set(wanted), set(given)
        total = self.weight(wanted_terms)
        return self.weight(wanted_terms & given_terms) / total if total else 1.0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"chunks": self.chunks, "frequencies": self._frequencies}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(stored["chunks"], Counter(stored["frequencies"]))
