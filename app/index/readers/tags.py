"""Drops HTML and JSX tags from markdown and keeps their text. Code is out of the way when this runs."""

from __future__ import annotations

import re

from app.index.readers.markdown_text import replace_pairs

SUMMARY = "\ue000"  # at the start of a line: the rest is the summary of a folded section
LEAVE = "\ue001"  # a line of its own: the folded section ends
_OPEN, _CLOSE, _LABEL = "\ue002", "\ue003", "\ue004"

_BLOCKS = frozenset(
    [
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "td",
        "th",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "video",
        "picture",
        "iframe",
        "button",
    ]
)
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "big",
        "br",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "hr",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "svg",
        "path",
    ]
)
_REPLACED = {"br": " ", "/td": " | ", "/th": " | ", "li": "- "}
_NAME = re.compile(r"<(/?)([A-Za-z][\w.-]*)(?=[\s/>])")
_CLOSING_NAME = re.compile(r"</([A-Za-z][\w.-]*)\s*>")
_FRAGMENT = re.compile(r"</?>")
_UNSEEN = (
    re.compile(r"<(?:script|style)\b[^>]*>", re.IGNORECASE),
    re.compile(r"</(?:script|style)\s*>", re.IGNORECASE),
)
_SUMMARY_TAG = (re.compile(r"<summary\b[^>]*>", re.IGNORECASE), re.compile(r"</summary\s*>", re.IGNORECASE))
_BARE_DETAILS = re.compile(r"(<details\b[^>]*>)(?!\s*<summary\b)", re.IGNORECASE)
_DETAILS_END = re.compile(r"</details\s*>", re.IGNORECASE)
_THIS_LINE = -1  # stands for the line being read, whose blocks begin below it
_UNTOUCHED = -2  # stands for a block nested so deeply that its indentation stays
_MAX_DEPTH = 30
_TOKENS = re.compile(f"[{_OPEN}{_CLOSE}]")
_BETWEEN = re.compile(rf"(?<=\S)[{_OPEN}{_CLOSE}]+(?=\S)")
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def strip_tags(text: str) -> str:
    """Text without tags; what stands inside a block's tags is dedented to where the tags stood.

    <details> become a SUMMARY line, their text and a LEAVE line. Of a component (TabItem, Card) the label or title
    stays as a line. `<placeholder>` and other names that are no HTML stay as they are.
    """
    if "<" not in text:
        return text
    text = replace_pairs(text, *_UNSEEN, lambda _code: "")
    text = _BARE_DETAILS.sub(r"\1<summary>Details</summary>", text)
    text = replace_pairs(text, *_SUMMARY_TAG, lambda inner: f"\n\n{SUMMARY}{_flat(inner)}\n\n")
    text = _DETAILS_END.sub(f"</details>\n\n{LEAVE}\n\n", text)
    return _dedented(_marked(text))


def attribute(attributes: str, name: str) -> str:
    match = re.search(rf"(?<![\w-]){name}\s*=\s*\{{?\s*(?:\"([^\"]*)\"|'([^']*)')", attributes)
    return next((group for group in match.groups() if group), "").strip() if match else ""


def _flat(summary: str) -> str:
    return " ".join(_ANY_TAG.sub("", summary).split())


def _marked(text: str) -> str:
    """Every tag replaced by the mark that `_dedented` needs, or by nothing."""
    closed = set(_CLOSING_NAME.findall(text))
    pieces: list[str] = []
    position = 0
    for match in _NAME.finditer(text):
        if match.start() < position:
            continue
        end = _tag_end(text, match.end())
        if end < 0:
            continue
        mark = _mark_of(match[1], match[2], text[match.end() : end - 1], closed)
        if mark is None:
            continue
        pieces += [text[position : match.start()], mark]
        position = end
    pieces.append(text[position:])
    return _FRAGMENT.sub("", "".join(pieces))


def _mark_of(slash: str, name: str, attributes: str, closed: set[str]) -> str | None:
    """What stands for a tag, None where it is no tag: a component ends itself or is among those `closed` somewhere."""
    if name.lower() in _INLINE and name.islower():
        return _REPLACED.get(slash + name, "")
    if name.lower() in _BLOCKS and name.islower():
        return (_CLOSE if slash else _OPEN) + _REPLACED.get(slash + name, "")
    is_component = name[0].isupper() or "." in name
    if not is_component:
        return None
    if slash:
        return _CLOSE
    ends_itself = attributes.rstrip().endswith("/")
    if not ends_itself and name not in closed:
        return None
    label = attribute(attributes, "label") or attribute(attributes, "title")
    if not label and name == "TabItem":
        label = attribute(attributes, "value")
    shown = f"{_LABEL}{label.rstrip(':')}:{_LABEL}" if label else ""
    return shown if ends_itself else _OPEN + shown


def _tag_end(text: str, position: int) -> int:
    """Index after the tag's '>', -1 where there is none. A '>' in quotes or braces does not end it."""
    depth = 0
    quote = ""
    limit = min(len(text), position + 4000)  # a tag longer than that is none
    while position < limit:
        char = text[position]
        position += 1
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'`":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
        elif char == ">" and depth <= 0:
            return position
        elif char == "<" and depth <= 0:
            return -1
    return -1


def _dedented(text: str) -> str:
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # indentation of a block's tag, and the first line of its inside
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        settled = len(opened)
        for token in _TOKENS.findall(line):
            if token == _OPEN:
                opened.append((indent, _THIS_LINE if len(opened) < _MAX_DEPTH else _UNTOUCHED))
            elif opened:
                outer, start = opened.pop()
                settled = min(settled, len(opened))
                if start >= 0:
                    out[start:] = _reindented(out[start:], outer)
        before, *labelled = line.split(_LABEL)
        out.append(_TOKENS.sub("", _BETWEEN.sub(" ", before)).rstrip() if labelled or _TOKENS.search(line) else line)
        for piece in labelled:
            shown = _TOKENS.sub("", piece).strip()
            if shown:
                out += ["", indent + shown]
        if labelled:
            out.append("")
        for index in range(settled, len(opened)):
            outer, start = opened[index]
            opened[index] = (outer, len(out) if start == _THIS_LINE else start)
    return "\n".join(out)


def _reindented(lines: list[str], indent: str) -> list[str]:
    marked = (SUMMARY, LEAVE)
    inside = [line for line in lines if line.strip() and not line.startswith(marked)]
    own = min((len(line) - len(line.lstrip(" \t")) for line in inside), default=0)
    if own <= len(indent):
        return lines
    return [line if line.startswith(marked) or not line.strip() else indent + line[own:] for line in lines]
