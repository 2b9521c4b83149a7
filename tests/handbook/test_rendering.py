from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from app.handbook.rendering import render
from app.index.readers.markdown import read_markdown


def html(text: str) -> str:
    return str(render(text, lambda link: link).html)


def test_first_heading_is_left_to_the_template() -> None:
    rendered = render("# The `lamp`\n\nText.\n", lambda link: link)
    assert rendered.heading is not None
    assert (rendered.heading.text, rendered.heading.anchor) == ("The lamp", "the-lamp")
    assert rendered.html == "<p>Text.</p>\n"


def test_page_without_a_first_heading_keeps_all_it_has() -> None:
    rendered = render("Text.\n\n## Part\n", lambda link: link)
    assert rendered.heading is None
    assert '<h2 id="part">Part</h2>' in rendered.html
    assert [section.text for section in rendered.sections] == ["Part"]


@pytest.mark.parametrize(
    "text",
    [
        "# A\n\nx\n\n## B\n\nx\n\n## B\n\nx\n\n### B-1\n\nx\n",
        "## Use `--port 0`\n\nx\n\n## … is *not* a [setting](x.md)\n\nx\n\n## Ça va, 東京?\n\nx\n",
        "## Chosen {#my-own}\n\nx\n\n## Chosen\n\nx\n",
        "> ## Quoted\n\n- ## Listed\n\n## Quoted\n\nx\n",
        "Two\nlines\n-----\n\nx\n\n## ![alt](a.png) With image\n\nx\n",
        "## A & `<x>` _y_\n\nx\n",
    ],
)
def test_anchors_are_those_of_the_readers(text: str) -> None:
    anchors = {part.anchor for part in read_markdown(text, "", mdx=False).parts} - {""}
    rendered = render(text, lambda link: link)
    found = {str(one["id"]) for one in BeautifulSoup(rendered.html, "html.parser").select("[id]")}
    assert anchors
    assert anchors <= found | ({rendered.heading.anchor} if rendered.heading else set())


def test_explicit_anchor_is_not_shown() -> None:
    assert '<h2 id="my-own">Chosen</h2>' in html("## Chosen {#my-own}\n")


def test_heading_has_a_link_to_itself() -> None:
    link = BeautifulSoup(html("## A & <b>\n"), "html.parser").select_one("a.permalink")
    assert link is not None
    assert (link["href"], link["aria-label"]) == ("#a--b", "Link to: A & <b>")


def test_code_is_in_classes_and_escaped() -> None:
    code = html('```bash\necho "<b>" # done\n```\n')
    assert '<span class="c1"># done</span>' in code
    assert "&lt;b&gt;" in code
    assert "<b>" not in code


@pytest.mark.parametrize("text", ["```nonesuch\n<a> & b\n```\n", "```\n<a> & b\n```\n", "    <a> & b\n"])
def test_code_in_no_known_language_stands_as_it_is(text: str) -> None:
    assert "<code>&lt;a&gt; &amp; b\n</code></pre>" in html(text)


def test_code_and_tables_can_be_scrolled_by_keyboard() -> None:
    page = BeautifulSoup(html("```\nx\n```\n\n| a |\n|---|\n| b |\n"), "html.parser")
    boxes = page.select("pre, .table")
    assert [box["tabindex"] for box in boxes] == ["0", "0"]
    assert all(box["role"] and box["aria-label"] for box in boxes)


def test_alignment_of_columns_is_a_class() -> None:
    table = html("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |\n")
    assert "style" not in table
    assert '<td class="centre">2</td>' in table
    assert '<td class="right">3</td>' in table


def test_html_in_a_page_is_text() -> None:
    shown = html('<script>alert(1)</script>\n\nA <img src=x onerror="x()"> b [c](javascript:alert(1))\n')
    assert BeautifulSoup(shown, "html.parser").find(["script", "img", "a"]) is None


def test_links_lead_where_they_resolve_to_or_stay_text() -> None:
    targets = {"a.md": "/handbook/a", "b.png": "/handbook/b.png"}
    shown = render("[A *1*](a.md) [B **2**](../b.md) ![C](b.png) ![D `3`](d.png)\n", targets.get).html
    assert '<a href="/handbook/a">A <em>1</em></a> B <strong>2</strong> <img' in shown
    assert re.search(r'<img src="/handbook/b.png" alt="C" loading="lazy"> D 3</p>', shown)
