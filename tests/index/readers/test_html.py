from __future__ import annotations

from collections.abc import Callable

import pytest

from app.index.readers import UnreadableFile
from app.index.readers.html import read_html
from app.index.section import Section

Read = Callable[..., list[Section]]


def test_main_content_by_headings(read: Read) -> None:
    page = """<!doctype html><html><head><title>Site</title><style>x</style></head><body>
    <nav>menu</nav><header>top</header><main><h1>Guide</h1><p>Intro <b>bold</b> <a href="x">link</a>
    and <code>code</code>.</p><aside>ad</aside><script>bad()</script>
    <section id="outer"><h2>Install<a class="headerlink" href="#outer">¶</a></h2><p>one<br>two</p></section>
    <div><h3 id="own">Own</h3><p>x</p></div><a id="before"></a><h2>Before</h2><p>y</p>
    <h2><a name="inner"></a>Inner</h2><p>z<!-- comment --></p></main><footer>foot</footer></body></html>"""
    sections = read("guide.html", page)
    assert [(s.heading_path, s.anchor, s.text) for s in sections] == [
        ((), "", "Intro **bold** link and `code`."),
        (("Install",), "outer", "one\ntwo"),
        (("Install", "Own"), "own", "x"),
        (("Before",), "before", "y"),
        (("Inner",), "inner", "z"),
    ]
    assert sections[0].title == "Guide"
    assert sections[1].url == "https://docs.example.org/guide.html#outer"


def test_blocks(read: Read) -> None:
    page = """<article><div class="highlight-bash notranslate"><div class="highlight"><pre><span>$ run</span>
  <span>--now</span></pre></div></div><pre><code class="language-js">a &lt; b</code></pre>
    <ul><li>one<ul><li>deep</li></ul></li><li><p>two</p><pre>x</pre></li></ul><ol start="3"><li>three</li></ol>
    <table><thead><tr><th>Name</th><th>Use</th></tr></thead><tr><td>a|b</td><td><code>c</code> d</td></tr></table>
    <blockquote><p>quoted</p></blockquote><dl><dt>term</dt><dd>meaning</dd></dl>bare text</article>"""
    (section,) = read("a.html", page)
    assert section.text == (
        "```bash\n$ run\n  --now\n```\n\n```js\na < b\n```\n\n- one\n  - deep\n- two\n\n  ```\n  x\n"
        "  ```\n\n3. three\n\n"
        "| Name | Use |\n| --- | --- |\n| a\\|b | `c` d |\n\n> quoted\n\n**term**\n\nmeaning\n\nbare text"
    )


def test_details(read: Read) -> None:
    top, folded = read(
        "a.html", "<h2 id=q>FAQ</h2><p>a</p><details><summary>Free?</summary><p>Yes.</p></details><p>b</p>"
    )
    assert (top.heading_path, top.text) == (("FAQ",), "a\n\nb")
    assert (folded.heading_path, folded.text, folded.anchor) == (("FAQ", "Free?"), "Yes.", "")
    assert folded.url.endswith("a.html#q")


def test_title_without_a_heading(read: Read) -> None:
    assert read("a.html", "<title>Of the head</title><p>x</p>")[0].title == "Of the head"
    assert read("some-page.html", "<p>x</p>")[0].title == "Some page"


def test_header_of_an_article_keeps_its_heading(read: Read) -> None:
    assert read("a.html", "<article><header>by me<h1>Title</h1></header><p>x</p></article>")[0].title == "Title"


@pytest.mark.parametrize(
    "page",
    [
        "<p>text<div><table><tr><td>x",
        "<main><h1>",
        "<<<>>> text </p></p>",
        "<p>a&#xfffffff; &#0; text",
        "<![CDATA[ text",
    ],
)
def test_truncated_or_odd_html(read: Read, page: str) -> None:
    assert isinstance(read("a.html", page), list)


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "table><tr><td"])
def test_deep_nesting(read: Read, tag: str) -> None:
    with pytest.raises(UnreadableFile, match=r"deep|parsed"):
        read("a.html", f"<{tag}>" * 20_000 + "text")


def test_a_tag_with_thousands_of_attributes_is_refused_at_once() -> None:
    bomb = "<p " + " ".join(f"a{number}=1" for number in range(20_000)) + ">text</p>"
    with pytest.raises(UnreadableFile, match="more than 5,000 attributes"):
        read_html(bomb, "Bomb")
