"""HTML pages: the main content as markdown, cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import Comment, Doctype, NavigableString, PageElement, ProcessingInstruction, Tag
from bs4.exceptions import ParserRejectedMarkup

from app.index.readers.markdown_text import code_span, fence, indented, pipe_table
from app.index.readers.page import Outline, Page, UnreadableFile

_MAX_DEPTH = 150  # of the elements; hand-written pages stay below 40
_DROPPED = [
    "nav",
    "header",
    "footer",
    "script",
    "style",
    "aside",
    "noscript",
    "template",
    "iframe",
    "svg",
    "form",
    "button",
    "select",
    "object",
    "canvas",
    "head",
    "title",
    "meta",
    "link",
]
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CONTAINERS = frozenset(
    [
        "html",
        "body",
        "main",
        "article",
        "section",
        "div",
        "details",
        "fieldset",
        "figure",
        "center",
        "dl",
        "dd",
        "dt",
        "figcaption",
        "address",
        "hgroup",
    ]
)
_BLOCKS = frozenset({"p", "pre", "ul", "ol", "table", "blockquote", "hr", "summary", "li"}) | _HEADINGS | _CONTAINERS
_LANGUAGE = re.compile(r"(?:language|lang|highlight|brush:)[-_ ]?(?:source-)?([A-Za-z][\w+#]*)")
_LONG_TAG = re.compile(r"<[A-Za-z][^<>]{20000,}")
_MAX_ATTRIBUTES = 5000
_PERMALINKS = frozenset("¶#§🔗")


def is_attribute_bomb(text: str) -> bool:
    """Whether a tag has thousands of attributes: parsers compare each with all others, for minutes at 5 MB."""
    return any(len(tag[0].split()) > _MAX_ATTRIBUTES for tag in _LONG_TAG.finditer(text))


def read_html(text: str, fallback_title: str) -> Page:
    """The page's main content; what is around it (navigation, header, footer) is dropped."""
    if is_attribute_bomb(text):
        raise UnreadableFile(f"A tag of the HTML has more than {_MAX_ATTRIBUTES:,} attributes.")
    try:
        soup = BeautifulSoup(text, "lxml")
    except (ParserRejectedMarkup, RecursionError) as error:
        raise UnreadableFile("The HTML cannot be parsed.") from error
    if _depth(soup) > _MAX_DEPTH:
        raise UnreadableFile(f"The HTML is nested more than {_MAX_DEPTH} elements deep.")
    named = soup.title.get_text(" ", strip=True) if soup.title else ""
    content = soup.select_one("main, [role=main]") or soup.select_one("article") or soup.body or soup
    for tag in content.find_all(_DROPPED):
        if not tag.decomposed:
            _drop(tag)
    for hidden in content.find_all(string=lambda string: isinstance(string, Comment | ProcessingInstruction | Doctype)):
        hidden.extract()
    outline = Outline()
    _read_blocks(content, outline)
    return outline.page(named or fallback_title)


def _drop(tag: Tag) -> None:
    """Drop an element, but of an article's own <header> keep the headings."""
    headings = tag.find_all(_HEADINGS) if tag.name == "header" and tag.find_parent(["main", "article"]) else []
    for heading in headings:
        tag.insert_before(heading.extract())
    tag.decompose()


def _depth(soup: BeautifulSoup) -> int:
    deepest = 0
    level: list[Tag] = [soup]
    while level:
        level = [child for tag in level for child in tag.children if isinstance(child, Tag)]
        deepest += 1
    return deepest


def _read_blocks(node: Tag, outline: Outline) -> None:
    inline: list[PageElement] = []

    def flush() -> None:
        outline.text(_paragraph(inline))
        inline.clear()

    for child in list(node.children):
        if not isinstance(child, Tag) or (child.name not in _BLOCKS and not child.find(_BLOCKS)):
            inline.append(child)
            continue
        flush()
        if child.name in _HEADINGS:
            outline.heading(int(child.name[1]), _heading_text(child), _anchor(child))
        elif child.name == "details":
            _read_details(child, outline)
        elif _is_cut_inside(child):
            _read_blocks(child, outline)
        else:
            outline.text("\n\n".join(_blocks(child)))
    flush()


def _read_details(details: Tag, outline: Outline) -> None:
    summary = details.find("summary")
    outline.enter(_heading_text(summary) if isinstance(summary, Tag) else "Details")
    if isinstance(summary, Tag):
        summary.decompose()
    _read_blocks(details, outline)
    outline.leave()


def _is_cut_inside(tag: Tag) -> bool:
    """Whether headings may stand inside: a container, or another element (a table for layout) that has some."""
    if tag.find([*_HEADINGS, "details"]) is not None:
        return True
    return tag.name in _CONTAINERS and tag.name != "dl" and not _is_code(tag)


def _blocks(node: Tag) -> Iterator[str]:
    """The blocks of markdown of one element."""
    if node.name == "pre" or _is_code(node):
        yield fence(_code_text(node), _language(node))
    elif node.name in {"ul", "ol"}:
        yield _list(node)
    elif node.name == "dl":
        yield from _definitions(node)
    elif node.name == "table":
        yield _table(node)
    elif node.name == "blockquote":
        quoted = "\n\n".join(_inner_blocks(node))
        yield "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))
    elif node.name != "hr":
        yield from _inner_blocks(node)


def _inner_blocks(node: Tag) -> Iterator[str]:
    inline: list[PageElement] = []
    for child in node.children:
        if isinstance(child, Tag) and (child.name in _BLOCKS or child.find(_BLOCKS)):
            yield from filter(None, (_paragraph(inline), *_blocks(child)))
            inline = []
        else:
            inline.append(child)
    yield from filter(None, (_paragraph(inline),))


def _list(node: Tag) -> str:
    items = []
    start = node.get("start", "1")
    number = int(start) if isinstance(start, str) and start.isdigit() else 1
    for child in [each for each in node.children if isinstance(each, Tag)]:
        marker = f"{number}. " if node.name == "ol" else "- "
        blocks = list(_blocks(child) if child.name in {"ul", "ol"} else _inner_blocks(child))
        if not blocks:
            continue
        tight = all(block.startswith(("- ", "1. ")) for block in blocks[1:])
        body = ("\n" if tight else "\n\n").join(blocks)
        items.append(marker + indented(body, " " * len(marker)).lstrip())
        number += 1
    return "\n".join(items)


def _definitions(node: Tag) -> Iterator[str]:
    for child in node.find_all(["dt", "dd", "div"], recursive=False):
        if child.name == "div":
            yield from _definitions(child)
            continue
        body = "\n\n".join(_inner_blocks(child))
        if body:
            yield f"**{body}**" if child.name == "dt" and "\n" not in body and "`" not in body else body


def _table(node: Tag) -> str:
    rows = [
        [_inline_text(cell.children) for cell in row.find_all(["td", "th"], recursive=False)]
        for row in node.find_all("tr")
        if row.find_parent("table") is node
    ]
    caption = node.find("caption", recursive=False)
    table = pipe_table(rows)
    return f"{caption.get_text(' ', strip=True)}\n\n{table}" if caption else table


def _paragraph(elements: list[PageElement]) -> str:
    return _inline_text(iter(elements)).strip()


def _inline_text(elements: Iterator[PageElement]) -> str:
    pieces: list[str] = []
    for element in elements:
        if isinstance(element, NavigableString):
            pieces.append(re.sub(r"\s+", " ", str(element)))
        elif isinstance(element, Tag):
            pieces.append(_inline_tag(element))
    lines = [" ".join(line.split()) for line in "".join(pieces).split("\n")]
    return "\n".join(line for line in lines if line)


def _inline_tag(tag: Tag) -> str:
    if tag.name == "br":
        return "\n"
    if tag.name in {"code", "kbd", "samp", "tt"}:
        return code_span(tag.get_text())
    if tag.name == "a" and tag.get_text().strip() in _PERMALINKS:
        return ""
    text = _inline_text(tag.children)
    if text and tag.name in {"strong", "b"}:
        text = f"**{text}**"
    inner = tag.get_text()
    before = " " if inner[:1].isspace() or tag.name in _BLOCKS else ""
    after = " " if inner[-1:].isspace() or tag.name in _BLOCKS else ""
    return before + text + after


def _heading_text(heading: Tag) -> str:
    for link in heading.find_all("a"):
        if link.get_text().strip() in _PERMALINKS or "headerlink" in (link.get("class") or ()):
            if not heading.get("id") and link.get("href", "") and str(link["href"]).startswith("#"):
                heading["id"] = str(link["href"])[1:]
            link.extract()
    return " ".join(heading.get_text().split())


def _anchor(heading: Tag) -> str:
    """The heading's id, or that of an anchor in it or right before it, or of the section it opens."""
    own = heading.get("id")
    inner = heading.find(["a", "span"], attrs={"id": True}) or heading.find("a", attrs={"name": True})
    before = heading.find_previous_sibling()
    candidates = [own, *_ids(inner)]
    if isinstance(before, Tag) and before.name in {"a", "span"} and not before.get_text(strip=True):
        candidates += _ids(before)
    if before is None and heading.parent is not None and heading.parent.name in {"section", "div"}:
        candidates.append(heading.parent.get("id"))
    return next((str(found) for found in candidates if found), "")


def _ids(tag: object) -> list[object]:
    return [tag.get("id"), tag.get("name")] if isinstance(tag, Tag) else []


def _is_code(tag: Tag) -> bool:
    """A highlighter's wrapper around nothing but a <pre>."""
    if tag.name not in {"div", "figure"} or tag.find(_HEADINGS):
        return False
    pres = tag.find_all("pre")
    return len(pres) == 1 and tag.get_text(strip=True) == pres[0].get_text(strip=True)


def _code_text(node: Tag) -> str:
    for line_break in node.find_all("br"):
        line_break.replace_with("\n")
    pre = node if node.name == "pre" else node.find("pre")
    return pre.get_text() if isinstance(pre, Tag) else ""


def _language(node: Tag) -> str:
    around = [node, *node.find_all(["pre", "code"]), *list(node.parents)[:2]]
    for tag in around:
        if tag.name in {"body", "main", "article"}:
            break
        match = _LANGUAGE.search(" ".join(tag.get("class") or ()))
        if match:
            return match[1] if match[1] not in {"default", "none", "text", "plaintext", "notranslate"} else ""
    return ""
