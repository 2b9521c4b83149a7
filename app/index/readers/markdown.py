"""Markdown and MDX: verbatim text, cut at the headings, without the markup of docs generators."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.index.readers.code_stash import CodeStash
from app.index.readers.directives import drop_comments, drop_modules, rewrite_colon_blocks, unfold_indented_blocks
from app.index.readers.front_matter import split_front_matter
from app.index.readers.page import Outline, Page
from app.index.readers.site import DOCUSAURUS, Site
from app.index.readers.tags import LEAVE, SUMMARY, strip_tags

_COMPONENT = re.compile(r"^[ \t]*</?[A-Z]\w+|^import\s.+\sfrom\s", re.MULTILINE)
_DATA_IMAGE = re.compile(r"!\[([^\]]*)\]\(data:[^)]*\)")
_IMAGE = r"!\[[^\]]*\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\]]*\])"
_IMAGE_LINE = re.compile(rf"^[ \t>]*(?:(?:{_IMAGE}|\[{_IMAGE}\]\([^)]*\))(?:\{{[^}}]*\}})?[ \t]*)+$", re.MULTILINE)
_RULE_LINE = re.compile(r"(?<=\n\n)[ \t]{0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_HEADING_ID = re.compile(r"[ \t]*\{:?[ \t]*#([^\s}]+)[^}]*\}[ \t]*$")


def read_markdown(text: str, fallback_title: str, *, mdx: bool, site: Site = DOCUSAURUS) -> Page:
    """A page of markdown. In MDX (and in .md files with JSX components) indented text is no code.

    site: whose rules the anchors follow; MkDocs knows no `slug` and `id` in the front matter.
    """
    front, body = split_front_matter(text)
    source = _plain_markdown(body, mdx=mdx)
    outline = Outline(front.title)
    _Cutter(source, outline, site).cut()
    slug, doc_id = ("", "") if site.mkdocs else (front.slug, front.doc_id)
    return outline.page(fallback_title, slug=slug, doc_id=doc_id, summary=front.description)


def _plain_markdown(body: str, *, mdx: bool) -> str:
    stash = CodeStash()
    text = unfold_indented_blocks(stash.take(body))
    if not mdx and _COMPONENT.search(text) is None:
        text = stash.take_indented(text)
    text = rewrite_colon_blocks(drop_modules(drop_comments(text)))
    text = strip_tags(text)
    text = _IMAGE_LINE.sub("", _DATA_IMAGE.sub(r"\1", text))
    text = _EMPTY_LINES.sub("\n\n", text)
    text = _RULE_LINE.sub("", "\n\n" + text)
    return stash.restore(_EMPTY_LINES.sub("\n\n", text))


class _Cutter:
    """Cuts the source at its top-level headings and at the marks of folded sections, by the lines of the tokens."""

    def __init__(self, source: str, outline: Outline, site: Site) -> None:
        self._lines = source.split("\n")
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self._tokens = self._markdown.parse(source)
        self._outline = outline
        self._slugger = site.anchors()

    def cut(self) -> None:
        start = 0
        for line, end, level, heading in self._cuts():
            self._outline.text("\n".join(self._lines[start:line]))
            start = end
            if level:
                shown, anchor = self._anchored(heading)
                self._outline.heading(level, shown, anchor)
            elif heading:
                self._outline.enter(heading)
            else:
                self._outline.leave()
        self._outline.text("\n".join(self._lines[start:]))

    def _cuts(self) -> list[tuple[int, int, int, str]]:
        """First line, line after the last, level (0 for a fold) and text of each cut, in order."""
        cuts: list[tuple[int, int, int, str]] = []
        for token, inline in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "heading_open" and token.level == 0 and token.map:
                cuts.append((token.map[0], token.map[1], int(token.tag[1:]), _plain(inline)))
        for number, line in enumerate(self._lines):
            if line.startswith(SUMMARY):
                summary = _plain(self._markdown.parseInline(line.removeprefix(SUMMARY))[0])
                cuts.append((number, number + 1, 0, summary or "Details"))
            elif line.startswith(LEAVE):
                cuts.append((number, number + 1, 0, ""))
        return sorted(cuts)

    def _anchored(self, heading: str) -> tuple[str, str]:
        explicit = _HEADING_ID.search(heading)
        if explicit:
            return heading[: explicit.start()], explicit[1]
        return heading, self._slugger.slug(heading)


def _plain(inline: Token) -> str:
    """Text of a heading without links, emphasis, images and the like."""
    pieces = []
    for child in inline.children or []:
        if child.type in {"text", "code_inline"}:
            pieces.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            pieces.append(" ")
    return " ".join("".join(pieces).split())
