"""Roles and directives that docutils does not know: their text is kept, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import get_language
from docutils.parsers.rst.states import Inliner
from docutils.utils import new_document

_DIRECTIVE = re.compile(r"^[ \t]*\.\.[ \t]+(?:\|[^|]+\|[ \t]+)?([A-Za-z][\w:.+-]*)[ \t]*::", re.MULTILINE)
_ROLE = re.compile(r":([A-Za-z][\w:.+-]*):`|`:([A-Za-z][\w:.+-]*):")
_CODE = ("code", "code-block", "sourcecode", "prompt", "ipython")
_ADMONITIONS = ("seealso", "todo")
_VERSIONS = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
}
# What has no text of its own, or takes it from elsewhere.
_WITHOUT_TEXT = frozenset(
    [
        "toctree",
        "index",
        "include",
        "literalinclude",
        "currentmodule",
        "module",
        "highlight",
        "meta",
        "tabularcolumns",
        "sectionauthor",
        "codeauthor",
        "image",
        "default-role",
        "bibliography",
        "autosummary",
        "testsetup",
        "testcleanup",
    ]
)
_TEXT_ROLES = frozenset({"ref", "doc", "term", "any", "numref", "abbr", "dfn", "external"})
_EXPLICIT_TITLE = re.compile(r"^(.+?)\s*<[^<>]+>$", re.DOTALL)


class _AnyOptions(dict[str, Callable[[str], Any]]):
    """An option table that takes every option as it is."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: str) -> Callable[[str], Any]:
        return _as_it_is


class _Unknown(Directive):
    """Argument and content as text; what describes an object (`py:function`) has its signature in code."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = _AnyOptions()

    def run(self) -> list[nodes.Node]:
        if self.name in _WITHOUT_TEXT or self.name.startswith("auto"):
            return []
        body = nodes.container()
        argument = " ".join(self.arguments)
        if argument and self.name not in {"only", "ifconfig", "glossary"}:
            body += self._lead(argument)
        self.state.nested_parse(self.content, self.content_offset, body)
        return list(body.children)

    def _lead(self, argument: str) -> nodes.Node:
        if self.name in _VERSIONS:
            return nodes.paragraph("", f"{_VERSIONS[self.name]} {argument}")
        paragraph = nodes.paragraph()
        if ":" in self.name or self.name in {"function", "class", "method", "attribute", "option", "envvar", "data"}:
            paragraph += nodes.literal(argument, argument)
        else:
            inline, _messages = self.state.inline_text(argument, self.lineno)
            paragraph += nodes.strong("", "", *inline)
        return paragraph


class _Code(_Unknown):
    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, classes=["code", *"".join(self.arguments[:1]).split()[:1]])
        caption = self.options.get("caption") or self.options.get("name-title")
        return [nodes.paragraph("", f"{str(caption).rstrip(':')}:"), block] if caption else [block]


class _Admonition(_Unknown):
    def run(self) -> list[nodes.Node]:
        admonition = nodes.admonition(classes=[self.name])
        title = {"seealso": "See also"}.get(self.name, self.name.capitalize())
        admonition += nodes.title("", title)
        if self.arguments:
            inline, _messages = self.state.inline_text(self.arguments[0], self.lineno)
            admonition += nodes.paragraph("", "", *inline)
        self.state.nested_parse(self.content, self.content_offset, admonition)
        return [admonition]


def register_markup(text: str) -> None:
    """Make docutils know every role and directive that the text uses."""
    for name in _CODE:
        directives.register_directive(name, _Code)
    for name in _ADMONITIONS:
        directives.register_directive(name, _Admonition)
    document = new_document("")
    language = get_language("en", document.reporter)
    for name in {match.lower() for match in _DIRECTIVE.findall(text)}:
        found, _messages = directives.directive(name, language, document)  # type: ignore[arg-type]  # wrong stub
        if found is None or name == "include":
            directives.register_directive(name, _Unknown)
    for name in {(before or after).lower() for before, after in _ROLE.findall(text)}:
        known, _messages = roles.role(name, language, 0, document.reporter)  # type: ignore[arg-type]
        if known is None:
            roles.register_local_role(name, _text_role)


def _text_role(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: Mapping[str, Any] | None = None,
    content: Sequence[str] = (),
) -> tuple[list[nodes.reference], list[nodes.reference]]:
    """The title of `title <target>`, else the text: plain for references to pages, as code for the rest."""
    del lineno, inliner, options, content
    shown = text.replace("\x00", "\\")
    explicit = _EXPLICIT_TITLE.match(shown)
    plain = name.rpartition(":")[2] in _TEXT_ROLES or explicit is not None
    shown = explicit[1] if explicit else shown.removeprefix("~").removeprefix("!")
    node = nodes.inline(rawtext, shown) if plain else nodes.literal(rawtext, shown)
    return [node], []  # type: ignore[list-item]  # the stubs know references only


def _as_it_is(argument: str) -> str:
    return argument
