"""From a file to its sections, by its extension."""

from __future__ import annotations

import hashlib

from app.index.readers.encoding import decode
from app.index.readers.html import read_html
from app.index.readers.markdown import read_markdown
from app.index.readers.notebook import read_notebook
from app.index.readers.openapi import read_openapi
from app.index.readers.page import Page, PassingTrouble, SourceFile, UnreadableFile, humanised
from app.index.readers.plain import read_plain
from app.index.readers.rst import read_rst
from app.index.readers.site import DOCUSAURUS, Site
from app.index.readers.urls import MARKDOWN_SUFFIXES, page_url, with_anchor
from app.index.section import Section


def read_sections(file: SourceFile, base_url: str, url: str | None = None, site: Site = DOCUSAURUS) -> list[Section]:
    """The sections of a page in order, without empty ones.

    url: of the page, where it is known; else it follows the rules of `page_url` for this site.
    Raises UnreadableFile where the content is broken, or (PassingTrouble) is no longer what was scanned.
    """
    try:
        data = file.absolute.read_bytes()
    except OSError as error:
        raise PassingTrouble(f"The file cannot be read any more: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != file.content_hash:
        raise PassingTrouble("The file changed while it was being read; index again.")
    try:
        page = _read(decode(data), file.path, site)
    except RecursionError as error:
        raise UnreadableFile("Its content is nested too deeply.") from error
    url = url or page_url(base_url, file.path, slug=page.slug, doc_id=page.doc_id, ending=site.ending)
    return [
        Section(
            path=file.path,
            title=page.title,
            heading_path=part.heading_path,
            anchor=part.anchor,
            url=with_anchor(url, part.anchor or part.within),
            text=part.text,
            summary=page.summary,
        )
        for part in page.parts
    ]


def _read(text: str, path: str, site: Site) -> Page:
    suffix = "." + path.rpartition(".")[2].lower()
    title = humanised(path)
    if suffix in MARKDOWN_SUFFIXES:
        return read_markdown(text, title, mdx=suffix == ".mdx", site=site)
    if suffix in {".html", ".htm"}:
        return read_html(text, title)
    if suffix == ".rst":
        return read_rst(text, title)
    if suffix == ".ipynb":
        return read_notebook(text, title)
    if suffix == ".txt":
        return read_plain(text, title)
    if suffix in {".yaml", ".yml", ".json"}:
        return read_openapi(text, title, is_json=text.lstrip().startswith("{"))
    raise UnreadableFile(f"'{suffix}' is not a kind of file that can be read.")
