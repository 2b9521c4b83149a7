"""Rewrites the block markup of docs generators (admonitions, tabs, comments, imports) into plain markdown."""

from __future__ import annotations

import re

from app.index.readers.markdown_text import replace_pairs

_KINDS = frozenset(
    [
        "note",
        "tip",
        "info",
        "important",
        "warning",
        "caution",
        "danger",
        "success",
        "question",
        "failure",
        "bug",
        "example",
        "quote",
        "abstract",
        "summary",
        "hint",
        "attention",
        "error",
        "seealso",
        "todo",
        "secondary",
        "tldr",
        "faq",
        "check",
        "fail",
        "missing",
        "snippet",
        "cite",
        "help",
        "admonition",
    ]
)
_COLON = re.compile(r"^(?P<indent>[ \t]*):{3,}[ \t]*\{?(?P<kind>[A-Za-z][\w-]*)?\}?(?P<rest>.*)$")
_INDENTED = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?:!!!|\?\?\?\+?)[ \t]+(?P<kind>[\w-]+)(?P<classes>[ \t\w-]*)|===[!+]*(?=[ \t]+\"))"
    r"[ \t]*(?:\"(?P<title>[^\"]*)\")?[ \t]*$"
)
_ALERT = re.compile(r"^([ \t]*>[ \t]*)\[!(\w+)\][ \t]*$")
_COMMENTS = ((re.compile("<!--"), re.compile("-->")), (re.compile(r"\{/\*"), re.compile(r"\*/\}")))
_HEADING_ID = re.compile(r"\{/\*[ \t]*#([\w-]+)[ \t]*\*/\}")
_MODULE_LINE = re.compile(
    r"^(?:import\s+(?:[\"']|\{|\*\s+as\b|\w+\s+from\b|\w+\s*,)"
    r"|export\s+(?:const|let|var|function|async|class|default|\{|\*)(?=[\s({*]|$))"
)


def drop_comments(text: str) -> str:
    """Without HTML and MDX comments; an anchor written as one (`{/* #id */}`) becomes `{#id}`."""
    text = _HEADING_ID.sub(r"{#\1}", text)
    for opening, closing in _COMMENTS:
        text = replace_pairs(text, opening, closing, lambda _comment: "")
    return text


def drop_modules(text: str) -> str:
    """Without the import and export statements of MDX, which may go over several lines."""
    out: list[str] = []
    depth = 0
    after_break = True  # a statement begins after an empty line or another statement
    for line in text.split("\n"):
        starts = after_break and _MODULE_LINE.match(line) is not None
        if depth > 0 or starts:
            depth = max(0, depth + sum(line.count(char) for char in "{[(") - sum(line.count(char) for char in "}])"))
            out.append("")
            after_break = True
            continue
        out.append(line)
        after_break = not line.strip()
    return "\n".join(out) if depth == 0 else text


def rewrite_colon_blocks(text: str) -> str:
    """`:::note Title` to `**Note: Title**`, its end to nothing; GitHub's `> [!NOTE]` to `> **Note**`."""
    out: list[str] = []
    for line in text.split("\n"):
        alert = _ALERT.match(line)
        colon = _COLON.match(line)
        if alert:
            out += [f"{alert[1]}**{alert[2].capitalize()}**", alert[1].rstrip()]
        elif colon and (colon["kind"] or not colon["rest"].strip()):
            shown = _label(colon["kind"] or "", _colon_title(colon["rest"]))
            out += ["", colon["indent"] + shown, ""] if shown else [""]
        else:
            out.append(line)
    return "\n".join(out)


def unfold_indented_blocks(text: str) -> str:
    """MkDocs' `!!! note "Title"`, `??? note` and `=== "Tab"`, whose bodies are indented, dedented and labelled."""
    lines = text.split("\n")
    out: list[str] = []
    index = 0
    while index < len(lines):
        opening = _INDENTED.match(lines[index])
        index += 1
        if opening is None:
            out.append(lines[index - 1])
            continue
        indent = opening["indent"]
        body, index = _indented_body(lines, index, len(indent) + 4)
        kind, title = opening["kind"], (opening["title"] or "").strip()
        shown = _label(kind, title) if kind else f"{title.rstrip(':')}:"
        inside = [indent + line[len(indent) + 4 :] if line.strip() else "" for line in body]
        out += ["", indent + shown, "", *unfold_indented_blocks("\n".join(inside)).split("\n"), ""]
    return "\n".join(out)


def _indented_body(lines: list[str], start: int, indent: int) -> tuple[list[str], int]:
    end = start
    while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * indent)):
        end += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end], end


def _colon_title(rest: str) -> str:
    rest = rest.strip()
    attribute = re.search(r"\btitle=\"([^\"]*)\"", rest)
    if attribute:
        return attribute[1].strip()
    return re.sub(r"\{[^}]*\}$", "", rest).strip().removeprefix("[").removesuffix("]").strip()


def _label(kind: str, title: str) -> str:
    """`**Note: Title**`; of a kind that is no admonition only the title stays."""
    if kind.lower() not in _KINDS:
        return f"**{title}**" if title else ""
    name = kind.capitalize()
    if not title or title.casefold() == name.casefold():
        return f"**{name}**"
    return f"**{name}: {title}**"
