"""Markdown of the handbook to HTML: anchors as the readers write them, links that lead to pages, code in classes.

Nothing in the HTML needs a style or a script of its own, so that it holds under `default-src 'self'`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from app.index.readers.urls import Slugger

# What a link or an image of the page leads to; None: nowhere, so that it becomes text.
Resolve = Callable[[str], str | None]

_EXPLICIT_ANCHOR = re.compile(r"[ \t]*\{:?[ \t]*#([^\s}]+)[^}]*\}[ \t]*$")
_COLUMN = {"text-align:right": "right", "text-align:center": "centre"}


@dataclass(frozen=True, slots=True)
class Heading:
    """level: 1 to 6. text: without markup. anchor: its id in the page, the same that citations link to."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page's HTML without its first heading, which the template writes; sections: its headings of level 2."""

    heading: Heading | None
    html: Markup
    sections: tuple[Heading, ...]


def render(text: str, resolve: Resolve) -> Rendered:
    """The HTML of a page's markdown. Raw HTML in it is shown as text."""
    markdown = MarkdownIt("commonmark", {"html": False, "xhtmlOut": False}, renderer_cls=_PageRenderer).enable("table")
    tokens = markdown.parse(text)
    headings = list(_anchored(tokens))
    for token in tokens:
        token.children = list(_led(token.children or [], resolve))
    first = headings[0] if headings and tokens[0].type == "heading_open" and headings[0].level == 1 else None
    html = markdown.renderer.render(tokens[3:] if first else tokens, markdown.options, {})
    return Rendered(first, Markup(html), tuple(heading for heading in headings if heading.level == 2))  # noqa: S704


def _anchored(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give each top-level heading the id that the readers give its section: they count every one of these, too."""
    slugger = Slugger()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open" or opening.level:
            continue
        text = _plain(inline.children or [])
        explicit = _EXPLICIT_ANCHOR.search(text)
        if explicit and inline.children:
            text = text[: explicit.start()]
            inline.children[-1].content = _EXPLICIT_ANCHOR.sub("", inline.children[-1].content)
        anchor = explicit[1] if explicit else slugger.slug(text)
        opening.attrSet("id", anchor)
        yield Heading(int(opening.tag[1]), text, anchor)


def _plain(children: Sequence[Token]) -> str:
    breaks = {"softbreak", "hardbreak"}
    pieces = (" " if child.type in breaks else child.content for child in children if child.type != "image")
    return " ".join("".join(pieces).split())


def _led(children: Sequence[Token], resolve: Resolve) -> Iterator[Token]:
    """Links and images with the URLs they lead to; those that lead nowhere as their text alone."""
    open_links: list[str | None] = []
    for child in children:
        if child.type == "link_open":
            open_links.append(resolve(str(child.attrs["href"])))
            if open_links[-1] is not None:
                child.attrs["href"] = open_links[-1]
                yield child
        elif child.type == "link_close":
            if open_links.pop() is not None:
                yield child
        elif child.type == "image":
            source = resolve(str(child.attrs["src"]))
            if source is None:
                yield Token("text", "", 0, content=_plain(child.children or []))
            else:
                child.attrs.update({"src": source, "loading": "lazy"})
                yield child
        else:
            yield child


def _highlighted(code: str, language: str) -> str:
    """Code in spans with the class names of Pygments; in a language it does not know, as it stands."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return str(escape(code))
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


class _PageRenderer(RendererHTML):
    """The HTML of tokens, where it is not markdown-it's. What may scroll sideways is reached by the keyboard."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        del options, env
        language, _, _ = tokens[idx].info.strip().partition(" ")
        code = _highlighted(tokens[idx].content, language)
        return f'<pre class="code" role="group" aria-label="Code" tabindex="0"><code>{code}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.fence(tokens, idx, options, env)

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<div class="heading">{self.renderToken(tokens, idx, options, env)}'

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        del options, env
        anchor = tokens[idx - 2].attrs.get("id")
        if not anchor:
            return f"</{tokens[idx].tag}></div>\n"
        label = escape(f"Link to: {_plain(tokens[idx - 1].children or [])}")
        link = f'<a class="permalink" href="#{escape(anchor)}" aria-label="{label}">#</a>'
        return f"</{tokens[idx].tag}>{link}</div>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        del tokens, idx, options, env
        return '<div class="table" role="group" aria-label="Table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        del tokens, idx, options, env
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A cell whose alignment is a class: markdown-it's style attribute is refused by the page's policy."""
        style = str(tokens[idx].attrs.pop("style", ""))
        if style in _COLUMN:
            tokens[idx].attrSet("class", _COLUMN[style])
        return self.renderToken(tokens, idx, options, env)

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.th_open(tokens, idx, options, env)
