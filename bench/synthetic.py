"""Made-up documentation: pages of a product that does not exist, as many as are wanted, the same at every run."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

_SYLLABLES = ("ba", "cor", "dul", "fen", "gra", "hex", "il", "jor", "kem", "lun", "mar", "nod", "or", "pel", "quin",
              "ras", "sto", "tur", "ul", "ven", "wex", "yar", "zon")  # fmt: skip
_JARGON = 6000
# What sentences are made of besides jargon: ordinary words of software documentation.
_ORDINARY = """
    server client file folder setting value default option command key token user page table index query result
    request response error log line version update release package module function argument return type list map
    start stop restart install remove create delete open close read write send receive connect wait retry limit time
    second minute memory disk network port address host cluster node worker queue job task event message before
    after when while until unless because so that this each every many several first last next same other is are has
    have can must may should does sets gets uses needs shows keeps holds takes gives runs makes
""".split()  # noqa: SIM905
_PAGES_A_FOLDER = 100
_PARAGRAPH_WORDS = 25


class Writer:
    """Writes pages whose words are as unevenly frequent as those of real texts (Zipf's law)."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secret)
        self._words = [*_ORDINARY, *sorted({self._name() for _ in range(_JARGON)})]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._words) + 1)))

    def write_pages(self, folder: Path, pages: int, sections: int, words: int) -> None:
        """So many Markdown files below `folder`, each with so many sections of about so many words."""
        for number in range(pages):
            below = folder / f"part-{number // _PAGES_A_FOLDER:03}"
            below.mkdir(parents=True, exist_ok=True)
            (below / f"page-{number:05}.md").write_text(self._page(number, sections, words), encoding="utf-8")

    def questions(self, count: int) -> list[str]:
        """Questions in the words of the pages, of 5 to 10 words of any frequency."""
        return [f"How does the {self._some(self._random.randint(4, 9))}?" for _ in range(count)]

    def _page(self, number: int, sections: int, words: int) -> str:
        lines = [f"# {self._some(2).title()} {number}", "", self._sentence()]
        for at in range(sections):
            lines += ["", f"## {self._some(3).capitalize()} {at}", ""]
            for _ in range(max(1, words // _PARAGRAPH_WORDS)):
                lines += [self._paragraph(_PARAGRAPH_WORDS), ""]
        return "\n".join(lines)

    def _paragraph(self, words: int) -> str:
        sentences: list[str] = []
        while sum(len(sentence.split()) for sentence in sentences) < words:
            sentences.append(self._sentence())
        return " ".join(sentences)

    def _sentence(self) -> str:
        return f"{self._some(self._random.randint(8, 16)).capitalize()}."

    def _some(self, count: int) -> str:
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=count))

    def _name(self) -> str:
        return "".join(self._random.choices(_SYLLABLES, k=self._random.randint(2, 4)))
