"""What readers give and the index stores: sections of pages, and the chunks made of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading of one page.

    path: POSIX path of the file below its source's root.
    title: title of the page (front matter, else the first heading, else the file's name).
    heading_path: the headings from the page's top down to this section, without the page's title;
        empty for the text before the first heading.
    anchor: fragment of the heading as the docs generator writes it, '' for the page's top.
    url: the page's URL under the base URL, with '#anchor' where there is one.
    text: markdown of the section without its own heading line.
    summary: what the page says of itself in its front matter or head ('description'), '' when nothing.
    """

    path: str
    title: str
    heading_path: tuple[str, ...]
    anchor: str
    url: str
    text: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The part `text[start:end]` of a chunk that stands in one section (offsets in characters)."""

    start: int
    end: int
    heading_path: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of at most the configured number of tokens: what is embedded, found and cited.

    id: hash of source, path, heading path and text (32 hex digits, as a UUID without dashes),
        stable over runs and machines.
    heading_path: what all its sections have in common.
    url: that of its first section.
    text: markdown, heading lines included; a quote is a verbatim piece of it.
    spans: its sections in order of place; together they cover the text.
    summary: the page's own description, for the vectors; it is not shown and not quoted.
    """

    id: str
    source: str
    path: str
    title: str
    heading_path: tuple[str, ...]
    url: str
    text: str
    spans: tuple[Span, ...]
    tokens: int
    summary: str = ""

    @property
    def context(self) -> str:
        """Title and headings, the line that goes before the text into both vectors."""
        return " > ".join((self.title, *self.heading_path))

    def url_at(self, offset: int) -> str:
        """URL (with anchor) of the section that holds the character at `offset`."""
        return self.span_at(offset).url

    def span_at(self, offset: int) -> Span:
        """The section part that holds the character at `offset`; the last one when beyond the end."""
        for span in self.spans:
            if offset < span.end:
                return span
        return self.spans[-1]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not indexed, and why (one line for the operator).

    passing: it may be readable the next time: what is indexed of it stays.
    """

    path: str
    reason: str
    source: str = ""
    passing: bool = False
