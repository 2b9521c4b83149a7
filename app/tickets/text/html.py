"""HTML mail to markdown: what mail programs hide or quote is taken out, the rest is read as the docs' pages are."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from bs4 import BeautifulSoup
from bs4.element import Tag
from bs4.exceptions import ParserRejectedMarkup

from app.index.readers.html import read_html
from app.index.readers.page import UnreadableFile
from app.tickets.text.marking import Cut, Reason

# A parsed tag takes about 20 microseconds and 2 kB; the longest mails seen have some thousand.
_MAX_TAGS = 20_000
_MAX_DEPTH = 200  # of elements; Outlook's nested tables reach about 60

_DATA_URL = re.compile(r"data:[a-z0-9.+/-]{1,60};base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_UNSEEN_STYLE = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|mso-hide\s{0,3}:\s{0,3}all"
    r"|(?:font-size|max-height|opacity)\s{0,3}:\s{0,3}0(?:px|pt|em)?\s{0,3}(?:;|!|$)",
    re.IGNORECASE,
)
# How mail programs mark what they quote: Gmail, Yahoo, Apple Mail and Thunderbird, Outlook, Proton, Zoho, Front.
_QUOTES = (
    ".gmail_quote, .gmail_extra blockquote, .yahoo_quoted, blockquote[type=cite]"
    ", .moz-cite-prefix, .moz-forward-container"
    ", .protonmail_quote, .zmail_extra, .front-blockquote, .tutanota_quote, .OutlookMessageHeader"
)
_FORWARD = re.compile(r"forward|weitergeleitet|transf[ée]r|réexpédi|reenviado|inoltrato", re.IGNORECASE)
# From here to its end an Outlook message is the one it answers.
_QUOTE_STARTS = "#divRplyFwdMsg, #appendonsend, #OLK_SRC_BODY_SECTION, #mail-editor-reference-message-container"
_SIGNATURES = (
    ".gmail_signature, .moz-signature, #Signature, [data-smartmail=gmail_signature], .protonmail_signature_block"
)
# The reader of pages drops these or reads nothing but them; in mail they are only boxes.
_OUTER = ["main", "article", "header", "footer", "aside", "nav", "form"]
_ANY_TAG = re.compile(r"<[^<>]{0,2000}>")
_UNTIL = {"script": "</script", "style": "</style", "!--": "-->"}
_TINY = frozenset({"0", "1", "0px", "1px"})


def html_to_text(body: str) -> tuple[str, tuple[Cut, ...]]:
    """Markdown of an HTML message, code blocks fenced, and what was taken out of it.

    HTML that cannot be parsed within bounds (20,000 tags, 200 levels) gives the text between its tags.
    """
    body = _DATA_URL.sub("", body)
    if body.count("<") > _MAX_TAGS:
        return _between_tags(body), ()
    try:
        soup = BeautifulSoup(body, "lxml")
    except (ParserRejectedMarkup, RecursionError):
        return _between_tags(body), ()
    if _depth(soup) > _MAX_DEPTH:
        return _between_tags(body), ()
    cuts = _taken_out(soup)
    for tag in soup.find_all(_OUTER):
        tag.name = "div"
    try:
        page = read_html(str(soup), "")
    except UnreadableFile:
        return soup.get_text("\n"), cuts
    texts = []
    for part in page.parts:
        heading = part.heading_path[-1:] or ((page.title,) if page.title else ())
        texts += [*heading, part.text]
    return "\n\n".join(text for text in texts if text), cuts


def _taken_out(soup: BeautifulSoup) -> tuple[Cut, ...]:
    cuts: list[Cut] = []
    taken: tuple[tuple[Reason, Sequence[Tag]], ...] = (
        ("script", soup.find_all(["script", "style", "title"])),
        ("tracking_pixel", [tag for tag in soup.find_all("img") if _is_pixel(tag)]),
        ("hidden", soup.find_all(_is_unseen)),
        ("signature", soup.select(_SIGNATURES)),
    )
    for reason, tags in taken:
        for tag in tags:
            _take(tag, reason, cuts)
    for tag in soup.select(_QUOTE_STARTS):
        if not tag.decomposed and _says_something_before(soup, tag):
            _take_from_here(tag, cuts)
    for tag in soup.select(_QUOTES):
        text = "" if tag.decomposed else tag.get_text("\n", strip=True)
        if text and not _FORWARD.search(text[:200]) and _says_something_before(soup, tag):
            _take(tag, "quoted_reply", cuts)
    return tuple(cuts)


def _take(tag: Tag, reason: Reason, cuts: list[Cut]) -> None:
    if tag.decomposed:
        return
    text = str(tag.get("src", "")) if reason == "tracking_pixel" else tag.get_text("\n").strip()
    if text:
        cuts.append(Cut(reason, text))
    tag.decompose()


def _is_pixel(tag: Tag) -> bool:
    return bool({str(tag.get("width", "")), str(tag.get("height", ""))} & _TINY) or _is_unseen(tag)


def _take_from_here(tag: Tag, cuts: list[Cut]) -> None:
    """Take `tag` and what follows it out, whatever element it stands in."""
    following = [tag]
    for parent in [tag, *tag.parents]:
        following += [sibling for sibling in parent.next_siblings if isinstance(sibling, Tag)]
    texts = [each.get_text("\n", strip=True) for each in following]
    cuts.append(Cut("quoted_reply", "\n".join(filter(None, texts))))
    for each in following:
        each.decompose()


def _says_something_before(soup: BeautifulSoup, tag: Tag) -> bool:
    """Whether words stand outside of `tag`: a message that is nothing but a quote is a forwarded one."""
    return len(soup.get_text(strip=True)) - len(tag.get_text(strip=True)) > len("Hi,")


def _is_unseen(tag: Tag) -> bool:
    style = tag.get("style")
    return tag.has_attr("hidden") or (isinstance(style, str) and bool(_UNSEEN_STYLE.search(style[:2000])))


def _depth(soup: BeautifulSoup) -> int:
    deepest = 0
    level: list[Tag] = [soup]
    while level:
        level = [child for tag in level for child in tag.children if isinstance(child, Tag)]
        deepest += 1
    return deepest


def _between_tags(body: str) -> str:
    pieces: list[str] = []
    position = 0
    while (start := body.find("<", position)) >= 0:
        pieces.append(body[position:start])
        name = next((each for each in _UNTIL if body[start + 1 : start + 8].lower().startswith(each)), "")
        end = body.find(_UNTIL[name], start) if name else -1
        position = start if end < 0 else end
        tag = _ANY_TAG.match(body, position) if body[position] == "<" else None
        position = tag.end() if tag else position + (len("-->") if end >= 0 else 1)
        pieces.append("\n")
    return re.sub(r"\n\s*\n", "\n", html.unescape("".join([*pieces, body[position:]])))
