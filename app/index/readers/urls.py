"""Where a page and its headings are served."""

from __future__ import annotations

import posixpath
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MARKDOWN_SUFFIXES = frozenset({".md", ".mdx", ".markdown"})
_BARE_SUFFIXES = MARKDOWN_SUFFIXES | {".rst", ".ipynb"}  # served without their extension
_URL_SAFE = "/!$&'()*+,;=:@~"


def page_url(base_url: str, path: str, *, slug: str = "", doc_id: str = "", ending: str = "") -> str:
    """URL of a page, without an anchor.

    Without a base URL it is the file's own path with its extension, as a repository browser resolves it.
    With one:
    - markdown, .rst and .ipynb lose their extension (`guide/install.md` is `guide/install`);
    - `index` pages, and README pages in markdown, are their folder, with a slash at the end;
    - html, txt and OpenAPI files keep their name;
    - a front matter slug replaces the last part of the path, and all of it where it begins with a slash;
    - a front matter id replaces the last part, but not of a folder's index page. A slug wins over an id.

    ending: of pages in markdown that are not their folder, as MkDocs has them: `/` (a folder each) or `.html`.
    """
    if not base_url:
        return quote(path, safe=_URL_SAFE)
    return base_url.rstrip("/") + quote(_served_path(PurePosixPath(path), slug, doc_id, ending), safe=_URL_SAFE)


def with_anchor(url: str, anchor: str) -> str:
    return f"{url}#{quote(anchor, safe=_URL_SAFE + '?')}" if anchor else url


def _served_path(path: PurePosixPath, slug: str, doc_id: str, ending: str) -> str:
    folder = "/" if path.parent == PurePosixPath() else f"/{path.parent}/"
    suffix = path.suffix.lower()
    if slug:
        return _resolved(folder, slug)
    if suffix not in _BARE_SUFFIXES:
        return folder + path.name
    index_names = {"index", "readme"} if suffix in MARKDOWN_SUFFIXES else {"index"}
    if path.stem.lower() in index_names:
        return folder
    if doc_id:
        return _resolved(folder, doc_id)
    return folder + path.stem + (ending if suffix in MARKDOWN_SUFFIXES else "")


def _resolved(folder: str, target: str) -> str:
    """`target` seen from `folder`, never above the root; a slash at its end stays."""
    resolved = posixpath.normpath(posixpath.join(folder, target))
    resolved = "/" + resolved.lstrip("/")
    return resolved + "/" if target.endswith("/") and resolved != "/" else resolved


class Slugger:
    """Anchors by the rules of github-slugger, which GitHub and Docusaurus follow. One for each page."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def slug(self, heading: str) -> str:
        """Lower case, without punctuation, '-' for a space; a repeated one gets '-1', '-2'."""
        kept = (char for char in heading.lower() if char in "- " or _in_slug(char))
        original = slug = "".join(kept).replace(" ", "-")
        while slug in self._seen:
            self._seen[original] += 1
            slug = f"{original}-{self._seen[original]}"
        self._seen[slug] = 0
        return slug


def _in_slug(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in {"Nd", "Nl", "Pc"}
