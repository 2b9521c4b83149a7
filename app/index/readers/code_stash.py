"""Takes code out of markdown while its markup is rewritten, and puts it back untouched."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from app.index.readers.markdown_text import replace_pairs

# Characters for private use mark what stands for something else; a page's own ones are dropped first.
PRIVATE = re.compile("[\ue000-\ue01f]")
_FENCED = re.compile("^(?P<prefix>.*?)\ue010(?P<number>\\d+)\ue011[ \t]*$")
_INLINE = re.compile("\ue012(\\d+)\ue013")

_OPENING = re.compile(
    r"^(?P<prefix>(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?)(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$"
)
_COMMENTS = (("<!--", "-->"), ("{/*", "*/}"))
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
_PRE = (re.compile(r"<pre\b[^>]*>"), re.compile(r"</pre\s*>"))
_HTML_CODE = re.compile(r"<code\b[^>]*>([^`<\n]+)</code>")
_TITLE = re.compile(r"\btitle=(?:\"([^\"]*)\"|'([^']*)'|([^\s}]+))")
_BRACED_LANGUAGE = re.compile(r"\{\.?([A-Za-z][\w+#-]*)\}?\s*([\w+#-]*)")
_MYST_CODE = frozenset({"code", "code-block", "code-cell", "sourcecode"})


@dataclass(frozen=True, slots=True)
class _Fence:
    title: str
    language: str
    mark: str
    lines: list[str]


class CodeStash:
    """`take` replaces fences and code spans by marks; `restore` undoes that.

    A fence comes back with its info cut down to the language and its title as a line before it.
    """

    def __init__(self) -> None:
        self._fences: list[_Fence] = []
        self._spans: list[str] = []

    def take(self, text: str) -> str:
        text = self._take_fences(PRIVATE.sub("", text))
        text = replace_pairs(text, *_PRE, self._take_pre)
        text = _HTML_CODE.sub(lambda match: f"`{html.unescape(match[1])}`", text)
        return _CODE_SPAN.sub(self._take_span, text)

    def take_indented(self, text: str) -> str:
        """Make fences of code that is only indented, which CommonMark knows and MDX does not."""
        lines = text.split("\n")
        for token in reversed(MarkdownIt("commonmark").parse(text)):
            if token.type == "code_block" and token.level == 0 and token.map:
                start, end = token.map
                code = self._in_spans(token.content.rstrip())
                lines[start:end] = [self._stashed("", "```", code.split("\n")), ""]
        return "\n".join(lines)

    def restore(self, text: str) -> str:
        lines: list[str] = []
        for line in text.split("\n"):
            fenced = _FENCED.match(line)
            if fenced:
                self._put_fence(lines, fenced["prefix"], self._fences[int(fenced["number"])])
            else:
                lines.append(line)
        return self._in_spans("\n".join(lines))

    def _in_spans(self, text: str) -> str:
        return _INLINE.sub(lambda match: self._spans[int(match[1])], text)

    def _take_fences(self, text: str) -> str:
        lines = text.split("\n")
        kept: list[str] = []
        comment_end = ""
        index = 0
        while index < len(lines):
            line = lines[index]
            index += 1
            if comment_end:
                kept.append(line)
                comment_end = "" if comment_end in line else comment_end
                continue
            opening = _OPENING.match(line)
            if opening is None:
                kept.append(line)
                comment_end = _opened_comment(line, lines, index)
                continue
            closing = re.compile(rf"^[ \t>]*{re.escape(opening['fence'])}{opening['fence'][0]}*[ \t]*$")
            end = next((at for at in range(index, len(lines)) if closing.match(lines[at])), len(lines))
            body = [_without_prefix(code, opening["prefix"]) for code in lines[index:end]]
            kept.append(opening["prefix"] + self._stashed(opening["info"], opening["fence"], body))
            index = end + 1
        return "\n".join(kept)

    def _take_pre(self, inner: str) -> str:
        code = html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", inner)).strip("\n").rstrip()
        return f"\n{self._stashed('', '```', code.split(chr(10)))}\n"

    def _take_span(self, match: re.Match[str]) -> str:
        self._spans.append(match[0])
        return f"\ue012{len(self._spans) - 1}\ue013"

    def _stashed(self, info: str, mark: str, lines: list[str]) -> str:
        title = _TITLE.search(info)
        name = next((group for group in title.groups() if group), "") if title else ""
        longest = max((len(run) for line in lines for run in re.findall(rf"^\s*({mark[0]}+)", line)), default=0)
        self._fences.append(_Fence(name.strip(), language(info), mark[0] * max(len(mark), 3, longest + 1), lines))
        return f"\ue010{len(self._fences) - 1}\ue011"

    def _put_fence(self, lines: list[str], prefix: str, fence: _Fence) -> None:
        further = re.sub(r"[^\s>]", " ", prefix)  # a list's bullet stands before the first line only
        block = [fence.mark + fence.language, *fence.lines, fence.mark]
        if fence.title:
            block.insert(0, fence.title.rstrip(":") + ":")
            if lines and lines[-1].strip() and further == prefix:
                lines.append(prefix.rstrip())
        # An empty line of code needs no prefix, unless a quote would end at it.
        lines.append(prefix + block[0])
        lines.extend((further + line) if line else further.rstrip() for line in block[1:])


def language(info: str) -> str:
    """The language in a fence's info string: 'python' of `python title="x" {1,3}` and of `{.python .numberLines}`."""
    info = _TITLE.sub("", info).strip()
    braced = _BRACED_LANGUAGE.match(info)
    if braced:
        return braced[2] if braced[1] in _MYST_CODE else braced[1]
    word = re.split(r"[\s{,]", info, maxsplit=1)[0]
    return "" if "=" in word else word


def _opened_comment(line: str, lines: list[str], following: int) -> str:
    """The end mark of a comment that begins on this line, does not end on it, and does end somewhere."""
    for start, end in _COMMENTS:
        opened = line.rfind(start)
        if opened >= 0 and end not in line[opened:] and any(end in later for later in lines[following:]):
            return end
    return ""


def _without_prefix(line: str, prefix: str) -> str:
    """A line of code without what stands before its fence (indentation, '>'), as far as it is there."""
    for char in prefix:
        if char == ">":
            line = line.lstrip(" \t")[1:] if line.lstrip(" \t").startswith(">") else line
        elif line[:1] in {" ", "\t"}:
            line = line[1:]
        else:
            break
    return line
