"""Code in an answer has to stand in the docs to the letter: a command that is nearly right is wrong.

And where all places it stands in are about one platform, question or answer has to say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.index.section import Chunk
from training.pair import Pair

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)^[ \t]*(?:```|~~~)[ \t]*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`+([^`\n]+)`+")
_URL = re.compile(r"https?://[^\s)\]}'\"`<>]+")
# Code wherever it stands: flags, absolute and relative paths, snake_case, camelCase, names of script and data files.
_NAME = re.compile(
    r"(?<![\w-])--?[A-Za-z][\w-]+|(?<![\w.])\.{0,2}/[A-Za-z][\w./-]*[\w-]|\b[A-Za-z]\w*_\w+\b|\b[a-z]+[A-Z]\w*\b|"
    r"\b[\w-]+\.(?:sh|bat|py|js|ts|json|ya?ml|toml|exe|gguf|txt|md|ini|conf|cfg)\b"
)
_KEY = re.compile(r"[\"'](\w+)[\"']\s*:")
_COMMENT = re.compile(r"^(?:#|//)\s")
_PLATFORMS = ("windows", "linux", "mac", "android", "ios", "ubuntu", "debian", "fedora", "freebsd", "docker")


class DocumentedCode:
    """What code stands in the docs, blanks aside, and under which headings."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        spans = [
            (chunk.text[one.start : one.end], " ".join(one.heading_path)) for chunk in chunks for one in chunk.spans
        ]
        self._sections = [(_packed(text), _platforms(headings)) for text, headings in spans]
        # Chunks and not their sections: a block that is cut stands in two spans.
        self._text = "\n".join(_packed(chunk.text) for chunk in chunks)
        self._lines = frozenset(_packed(line) for chunk in chunks for line in chunk.text.splitlines())
        self._urls = frozenset(url for chunk in chunks for url in _urls(chunk.text))
        self._names = " ".join(
            (self._text, *(f"{chunk.context} {chunk.summary} " for chunk in chunks), *(line for _, line in spans))
        ).lower()

    def damage(self, pair: Pair) -> str:
        """Why the code of the answer is not the docs', '' if all of it is, or there is none."""
        for line in block_lines(pair.answer):
            if _packed(line) not in self._lines:
                return f"no whole line of the docs: {' '.join(line.split())[:60]}"
        for code in marked_code(pair.answer):
            if _packed(code) not in self._text:
                return f"not in the docs: {' '.join(code.split())[:60]}"
        for url in _urls(_SPAN.sub(" ", _FENCED.sub(" ", pair.answer))):
            if url not in self._urls:
                return f"not in the docs: {url[:60]}"
        for name in named_code(pair.answer):
            if name.lower() not in self._names:
                return f"not in the docs: {name[:60]}"
        return self._narrow(pair)

    def _narrow(self, pair: Pair) -> str:
        """Code that the docs have for one platform only, which the pair does not name."""
        named = _platforms(f"{pair.question} {pair.answer}")
        for code in (*block_lines(pair.answer), *marked_code(pair.answer)):
            packed = _packed(code)
            if packed in _packed(pair.question):
                continue
            places = [platforms for text, platforms in self._sections if packed in text]
            if places and all(places) and len(set(places)) == 1 and not places[0] & named:
                return f"only for {' and '.join(sorted(places[0]))}: {' '.join(code.split())[:40]}"
        return ""


def block_lines(answer: str) -> Iterator[str]:
    """Lines of code blocks but for comments."""
    for block in _FENCED.findall(answer):
        yield from (line for line in block.splitlines() if line.strip() and not _COMMENT.match(line.strip()))


def marked_code(answer: str) -> Iterator[str]:
    """Spans between backticks."""
    yield from (span for span in _SPAN.findall(_FENCED.sub(" ", answer)) if re.search(r"\w", span))


def named_code(answer: str) -> Iterator[str]:
    """What looks like code in prose: flags, paths, identifiers, JSON keys. Case is left out: macOS, MacOS."""
    prose = _URL.sub(" ", _SPAN.sub(" ", _FENCED.sub(" ", answer)))
    yield from _NAME.findall(prose)
    yield from _KEY.findall(prose)


def _urls(text: str) -> list[str]:
    """Whole ones: the start of an address leads elsewhere."""
    return [url.rstrip(".,;:/") for url in _URL.findall(text)]


def _platforms(text: str) -> frozenset[str]:
    words = set(re.findall(r"[a-z]+", text.lower()))
    return frozenset(name for name in _PLATFORMS if {name, f"{name}os"} & words)


def _packed(text: str) -> str:
    return "".join(text.split())
