from __future__ import annotations

from collections.abc import Callable

import pytest

from app.index.readers import UnreadableFile
from app.index.section import Section

Read = Callable[..., list[Section]]


def test_sections_by_heading(read: Read) -> None:
    text = "# Guide\n\nTop.\n\n## Install *it* [now](x.md)\n\nDo `this`.\n\n#### Deep\n\nx\n\n## Use\n\ny\n"
    sections = read("guide.md", text)
    assert [(s.heading_path, s.anchor, s.text) for s in sections] == [
        ((), "", "Top."),
        (("Install it now",), "install-it-now", "Do `this`."),
        (("Install it now", "Deep"), "deep", "x"),
        (("Use",), "use", "y"),
    ]
    assert {s.title for s in sections} == {"Guide"}
    assert sections[0].url == "https://docs.example.org/guide"
    assert sections[2].url == "https://docs.example.org/guide#deep"


def test_relative_urls(read: Read) -> None:
    assert [s.url for s in read("a/b.md", "## One\n\nx\n", base_url="")] == ["a/b.md#one"]


def test_front_matter_title_slug_and_id(read: Read) -> None:
    top, section = read("a/b.md", "---\ntitle: The title\nslug: /else\n---\n# The Title\ntop\n## One\nx\n")
    assert (top.title, top.heading_path, top.text, top.url) == ("The title", (), "top", "https://docs.example.org/else")
    assert section.heading_path == ("One",)
    assert read("a/b.md", "---\nid: other\n---\nx\n")[0].url == "https://docs.example.org/a/other"


def test_first_heading_unlike_the_title_is_a_heading(read: Read) -> None:
    assert read("a.md", "---\ntitle: One\n---\n# Two\nx\n")[0].heading_path == ("Two",)


def test_second_top_heading_is_a_heading(read: Read) -> None:
    sections = read("a.md", "# One\na\n# Two\nb\n## Three\nc\n")
    assert [s.heading_path for s in sections] == [(), ("Two",), ("Two", "Three")]


@pytest.mark.parametrize("front", ["title: [broken\nslug: /s", "title: a: b: c\nslug: /s", "\tx\nslug: /s"])
def test_broken_front_matter_keeps_the_page(read: Read, front: str) -> None:
    (section,) = read("a.md", f"---\n{front}\n---\n\nThe text.\n")
    assert (section.text, section.url) == ("The text.", "https://docs.example.org/s")


def test_alias_bomb_in_front_matter(read: Read) -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{y}: &{y} [{','.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert read("page.md", f"---\n{bomb}---\ntext\n")[0].text == "text"


def test_title_from_file_name(read: Read) -> None:
    assert read("load-model.md", "text")[0].title == "Load model"


def test_setext_headings_and_code_that_looks_like_headings(read: Read) -> None:
    text = (
        "Title\n=====\n\nOne\n---\n\n```sh\n# comment\nimport x from 'y'\n<Tabs>\n:::note\n```\n\n"
        "    # indented\n\n~~~\n## no\n~~~\n"
    )
    (section,) = read("a.md", text)
    assert (section.title, section.heading_path) == ("Title", ("One",))
    assert "# comment\nimport x from 'y'\n<Tabs>\n:::note\n```" in section.text
    assert "```\n# indented\n```" in section.text


def test_explicit_heading_ids(read: Read) -> None:
    sections = read("a.md", "## One {#custom-id}\n\nx\n\n## Two {: #two_b }\n\ny\n\n## Three {/* #mdx */}\n\nz\n")
    assert [(s.heading_path, s.anchor) for s in sections] == [
        (("One",), "custom-id"),
        (("Two",), "two_b"),
        (("Three",), "mdx"),
    ]


def test_repeated_headings(read: Read) -> None:
    assert [s.anchor for s in read("a.md", "## A\nx\n## A\ny\n## A\nz\n")] == ["a", "a-1", "a-2"]


def test_fence_titles(read: Read) -> None:
    (section,) = read(
        "a.md", 'Run it:\n```bash title="Load Model" {1}\n  curl x\n```\n\n```js showLineNumbers\n1\n```\n'
    )
    assert section.text == "Run it:\n\nLoad Model:\n```bash\n  curl x\n```\n\n```js\n1\n```"


def test_fence_in_list_and_quote(read: Read) -> None:
    text = (
        "- Item:\n  ```py\n  def f():\n      pass\n\n  ```\n\n> ```\n> quoted\n> ```\n\n````md\n```\ninner\n```\n````\n"
    )
    assert read("a.md", text)[0].text == text.strip()


def test_mdx_modules_and_components(read: Read) -> None:
    text = """import Tabs from '@theme/Tabs';
import {
  A,
} from 'b';
export const x = {
  a: 1,
};

# Page

import the certificate first.

<Tabs groupId="os">
  <TabItem value="npm" label="npm (recommended)">

    ```bash
    import x from 'y'
      indented
    ```

  </TabItem>
  <TabItem value="yarn">Use <Highlight color={a > b ? "x" : "y"}>yarn</Highlight>.</TabItem>
</Tabs>

Keep `<Tabs>` and <your-key> and <MODEL>. {/* gone */}<!-- gone
```
too
``` -->
"""
    (section,) = read("a.mdx", text)
    assert section.title == "Page"
    assert section.text == (
        "import the certificate first.\n\nnpm (recommended):\n\n```bash\nimport x from 'y'\n  indented\n```\n\n"
        "yarn:\n\nUse yarn.\n\nKeep `<Tabs>` and <your-key> and <MODEL>."
    )


def test_html_in_markdown(read: Read) -> None:
    text = (
        '<div class="left">\n\nText <b>bold</b><br/>more <code>a&lt;b</code> and <https://x.y>.\n\n'
        '</div>\n\n<img src="x.png">\n'
    )
    assert read("a.md", text)[0].text == "Text bold more `a<b` and <https://x.y>."


def test_image_lines_are_dropped_and_links_stay(read: Read) -> None:
    text = "intro\n![Logo](a.png)\n---\n\n[![CI](b.svg)](https://ci) ![x](y)\n\nSee [this](b.md) ![icon](i.png).\n"
    (section,) = read("a.md", text)
    assert section.heading_path == ()
    assert section.text == "intro\n\nSee [this](b.md) ![icon](i.png)."


def test_details_are_sections(read: Read) -> None:
    text = """---
title: FAQ
---

Intro.

## Common

before

<details>
  <summary>1. Is **it** <em>free</em>?</summary>

Yes.

</details>

<details><summary>Nested</summary>
outer
<details>
<summary>Inner</summary>
in
</details>
tail
</details>

after

## Next

z
"""
    sections = read("faq.md", text)
    assert [(s.heading_path, s.anchor, s.text) for s in sections] == [
        ((), "", "Intro."),
        (("Common",), "common", "before\n\nafter"),
        (("Common", "1. Is it free?"), "", "Yes."),
        (("Common", "Nested"), "", "outer\n\ntail"),
        (("Common", "Nested", "Inner"), "", "in"),
        (("Next",), "next", "z"),
    ]
    assert {s.url for s in sections[1:5]} == {"https://docs.example.org/faq#common"}


def test_docusaurus_admonitions(read: Read) -> None:
    text = ":::note Mind this\n\nBody.\n\n:::\n\n:::tip[Nice]\nB\n:::\n\n:::danger\n\nC\n\n:::\n\n> [!WARNING]\n> D\n"
    assert read("a.md", text)[0].text == (
        "**Note: Mind this**\n\nBody.\n\n**Tip: Nice**\n\nB\n\n**Danger**\n\nC\n\n> **Warning**\n>\n> D"
    )


def test_mkdocs_admonitions(read: Read) -> None:
    text = (
        '!!! note "Mind this"\n    Body.\n\n    ```py title="a.py"\n    if x:\n        y\n    ```\n\n'
        '??? tip\n    B\n\nafter\n\n=== "Linux"\n\n    C\n'
    )
    assert read("a.md", text)[0].text == (
        "**Note: Mind this**\n\nBody.\n\na.py:\n```py\nif x:\n    y\n```\n\n**Tip**\n\nB\n\nafter\n\nLinux:\n\nC"
    )


def test_headings_without_text(read: Read) -> None:
    assert read("a.md", "# One\n\n## Two\n\n### Three\n") == []


def test_unclosed_markup_does_not_crash(read: Read) -> None:
    text = "# A\n\n<Tabs <div\n\n</details>\n\n<details>\n<summary>S</summary>\nx\n\n```\n# unclosed"
    assert "unclosed" in "\n".join(s.text for s in read("a.mdx", text))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "<!-- " * 20_000,
        "<details>\n" * 5_000,
        "<Tabs>\n" * 5_000 + "</Tabs>\n" * 5_000,
        "<pre>" * 20_000,
        "<summary>" * 20_000,
        "` `` " * 20_000,
        "![a](" * 20_000,
        "```\n" * 20_001,
    ],
)
def test_hostile_markdown_takes_no_long_time(read: Read, text: str) -> None:
    assert isinstance(read("a.mdx", text), list)


def test_too_deep_nesting(read: Read) -> None:
    text = "\n".join("    " * depth + "!!! note" for depth in range(1100)) + "\n" + "    " * 1100 + "x"
    with pytest.raises(UnreadableFile, match="deep"):
        read("a.md", text)
