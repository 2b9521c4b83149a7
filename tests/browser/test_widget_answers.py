"""What an answer looks like: markdown, code, citations, and nothing that a model or a document could smuggle in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.asking import RICH, RICH_CITATIONS, announced, ask
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, citation, whole

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

CARD = ".card"


# Citations


def test_a_citation_shows_its_quote_on_hover_and_focus(page: Any, script: Script) -> None:
    script.play(*whole("Run the script [1]. See [2] and [3].", [citation(1), citation(2, url="install.md#linux")]))
    turn = ask(page)
    card = page.locator(CARD)
    marker = turn.get_by_role("link", name="Source 1: Installation › Linux")
    expect(marker).to_have_attribute("href", "https://docs.example.com/install#linux")
    marker.hover()
    expect(card).to_contain_text("Run the script to install Nitro on Linux.")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.get_by_role("dialog")).to_be_visible()  # the first Escape is the card's
    page.mouse.move(0, 0)
    page.get_by_label("Your question").focus()
    page.get_by_role("dialog").get_by_role("group", name="Conversation").focus()
    page.keyboard.press("Tab")
    expect(marker).to_be_focused()
    expect(card).to_contain_text("Installation › Linux")
    expect(marker).to_have_accessible_description("Run the script to install Nitro on Linux.")
    expect(turn.locator(".answer")).to_contain_text("[3]")  # no such citation: no link


def test_the_card_can_be_reached_with_the_pointer(page: Any, script: Script) -> None:
    script.play(*whole("Run the script [1].", [citation(1)]))
    ask(page).locator(".cite a").hover()
    card = page.locator(CARD)
    card.hover()
    page.wait_for_timeout(400)
    expect(card).to_be_visible()
    page.mouse.move(5, 5)
    expect(card).to_be_hidden()


def test_a_citation_without_an_address_opens_its_quote_among_the_sources(page: Any, script: Script) -> None:
    script.play(*whole("Run the script [1].", [citation(1, url="install.md#linux")]))
    turn = ask(page)
    turn.get_by_role("link", name="Source 1: Installation › Linux").focus()
    page.keyboard.press("Enter")
    expect(turn.locator("details")).to_have_attribute("open", "")
    expect(turn.locator("details summary")).to_be_focused()
    expect(turn.locator("blockquote")).to_have_text("Run the script to install Nitro on Linux.")
    assert page.url == script.page_url


def test_sources_link_only_to_the_web_and_the_handbook(page: Any, script: Script) -> None:
    urls = [
        "https://docs.example.com/a#b",
        "/handbook/how-to/index-your-docs#anchor",
        "docs/a.md",
        "",
        "javascript:alert(1)",
        "//evil.example/x",
        "data:text/html,<script>alert(1)</script>",
        " javascript:alert(1)",
        "https://docs.example.com@evil.example/x",
        "/handbook//evil.example/x",
        "/admin",
        "https://",
    ]
    citations = [citation(number, url=url) for number, url in enumerate(urls, start=1)]
    script.play(*whole("Text [1].", citations))
    sources = ask(page).locator(".source")
    expect(sources).to_have_count(len(urls))
    link = sources.get_by_role("link")
    hrefs = link.evaluate_all("links => links.map(link => link.href)")
    assert hrefs == [urls[0], f"{script.service_url}handbook/how-to/index-your-docs#anchor"]
    expect(link.first).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link.first).to_have_attribute("target", "_blank")
    for number in range(len(urls)):
        expect(sources.nth(number)).to_contain_text("Installation › Linux")


# Markdown


def test_markdown_is_rendered(page: Any, script: Script) -> None:
    script.play(*whole(RICH, RICH_CITATIONS))
    answer = ask(page).locator(".answer")
    expect(answer.locator("ol > li")).to_have_count(2)
    expect(answer.locator("ul > li")).to_contain_text("Bold and italic, snake_case_stays, and the guide")
    expect(answer.locator("td")).to_have_count(2)
    expect(answer.locator("strong")).to_have_text(["On Linux", "Bold"])
    expect(answer.locator("em")).to_have_text("italic")
    expect(answer.locator(".language")).to_have_text("bash")
    expect(answer.locator(".cites .cite")).to_have_count(2)


def test_code_is_copied_as_it_was_written(open_page: OpenPage, script: Script) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator(".launcher").click()
    script.play(*whole(RICH, RICH_CITATIONS))
    answer = ask(page).locator(".answer")
    expect(answer.locator(".hl-string").first).to_be_visible()
    answer.get_by_role("button", name="Copy the code").click()
    expect(answer.locator(".copy")).to_have_text("Copied")
    expect(announced(page)).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith('--port 7070\nexport LUMEN_HOME="$HOME/lumen"')


def test_code_is_copied_where_the_clipboard_is_denied(open_page: OpenPage, script: Script) -> None:
    script.head = "<script>Object.defineProperty(navigator, 'clipboard', {value: undefined})</script>"
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole("```\nnitro --port 7070\n```"))
    ask(page).get_by_role("button", name="Copy the code").click()
    expect(page.locator(".copy")).to_have_text("Copied")
    expect(page.locator(".copy")).to_be_focused()
    page.get_by_label("Your question").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("Your question")).to_have_value("nitro --port 7070")


CODE = {
    "bash": ('echo "hi" # done', "hl-string"),
    "console": ("$ nitro --help", "hl-meta"),
    "json": ('{"a": 1}', "hl-number"),
    "yaml": ("name: docent # x", "hl-name"),
    "python": ("def run(): return 1", "hl-keyword"),
    "javascript": ("const a = 1", "hl-keyword"),
    "ts": ("let a: string", "hl-keyword"),
    "toml": ('[table]\nkey = "v"', "hl-title"),
    "dockerfile": ("FROM python:3.11", "hl-keyword"),
    "diff": ("+added\n-removed", "hl-addition"),
    "html": ('<p class="a">x</p>', "hl-string"),
    "css": ("p { color: red }", "hl-name"),
    "sql": ("SELECT 1", "hl-keyword"),
    "go": ("func main() {}", "hl-keyword"),
    "rust": ("fn main() {}", "hl-keyword"),
    "java": ("class A {}", "hl-keyword"),
    "c": ("int main(void) { return 0; }", "hl-keyword"),
    "cpp": ("auto x = nullptr;", "hl-keyword"),
}


def test_code_is_coloured_and_stays_the_same_text(page: Any, script: Script) -> None:
    text = "\n\n".join(f"```{language}\n{code}\n```" for language, (code, _) in CODE.items())
    script.play(*whole(f"{text}\n\n```klingon\nyIDoghQo'\n```\n\n```\nplain\n```"))
    blocks = ask(page).locator("pre code")
    expect(blocks).to_have_count(len(CODE) + 2)
    expect(blocks.first.locator(".hl-string")).to_be_visible()
    for number, (language, (code, colour)) in enumerate(CODE.items()):
        expect(blocks.nth(number)).to_have_text(code, use_inner_text=False)
        assert blocks.nth(number).locator(f".{colour}").count(), language
    for number in (len(CODE), len(CODE) + 1):
        expect(blocks.nth(number).locator("span")).to_have_count(0)


def test_an_answer_without_code_fetches_no_highlighter(page: Any, script: Script) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    script.play(*whole("Run `nitro`."))
    expect(ask(page).locator(".outcome")).to_be_visible()
    assert not [url for url in fetched if "highlight" in url]
    script.play(*whole("```bash\nnitro\n```"))
    expect(ask(page).locator(".outcome")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert [url for url in fetched if "highlight" in url] == [f"{script.service_url}widget/highlight.js"]


# What is hostile


def test_hostile_markdown_does_nothing(page: Any, script: Script) -> None:
    text = "\n\n".join(
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(2)>",
            "[click](javascript:alert(3)) [tab](<java\tscript:alert(4)>) [case](JaVaScRiPt:alert(5))",
            "[data](data:text/html,x) [blob](blob:https://docs.example.com/1) [file](file:///etc/passwd)",
            '![logo](https://evil.example/pixel.png) ![x" onerror="alert(6)](x)',
            "[![badge](https://evil.example/badge.svg)](https://docs.example.com/badge)",
            "[ok](https://docs.example.com/) <https://docs.example.com/b> [own](/handbook/start) [other](/admin)",
            "```html\n<script>alert(7)</script><img src=https://evil.example/a.png onerror=alert(7)>\n```",
            '```html"onmouseover=alert(8)\nx\n```',
            '<a href="javascript:alert(8)">a</a>',
            "> " * 3000 + "deep",
            "*" * 3000 + "[" * 3000 + "`" * 3000,
        ]
    )
    hostile = citation(1, title="<img src=x onerror=alert(9)>", quote="<script>alert(10)</script>")
    script.play(*whole(text, [hostile]))
    turn = ask(page, "<b>bold</b>")
    expect(turn.locator(".outcome")).to_be_visible()
    answer = turn.locator(".answer")
    expect(answer).to_contain_text("<script>alert(1)</script>")
    expect(answer).to_contain_text("logo")
    expect(answer.locator("pre .hl-title").first).to_be_visible()
    expect(turn.locator("script, img, iframe, object, embed, form, [onerror], [onmouseover], [style]")).to_have_count(0)
    expect(turn.get_by_role("heading", level=3)).to_have_text("<b>bold</b>")
    hrefs = answer.locator("a").evaluate_all("links => links.map(link => link.href)")
    docs = "https://docs.example.com/"
    assert hrefs == [f"{docs}badge", docs, f"{docs}b", f"{script.service_url}handbook/start"]
    for word in ("click", "tab", "case", "data"):
        answer.get_by_text(word).first.click()
    assert page.url == script.page_url


def test_hostile_configuration_does_nothing(open_page: OpenPage, script: Script) -> None:
    script.site |= {
        "title": "<img src=x onerror=alert(1)>",
        "greeting": "<script>alert(2)</script>",
        "starters": ['"><svg onload=alert(3)>'],
        "colours": {
            "accent": "red;} * {display:none",
            "on_accent": "url(https://evil.example/x)",
            "accent_dark": "#123456",
        },
        "position": '"><script>alert(4)</script>',
    }
    page = open_page()
    page.locator(".launcher").click()
    panel = page.get_by_role("dialog", name="<img src=x onerror=alert(1)>")
    expect(panel.get_by_role("heading", name="<script>alert(2)</script>")).to_be_visible()
    expect(page.locator("docent-widget script, docent-widget img, docent-widget [onload]")).to_have_count(0)
