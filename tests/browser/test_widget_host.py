"""The widget on other people's pages: policies, styles, globals, and what it does to them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.browser.asking import ask
from tests.browser.conftest import OpenPage
from tests.browser.playing import SITE_KEY, Script, whole

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

HOSTILE = """<style>
* { all: unset !important; font-size: 3px !important; --accent: red !important; }
html { font-size: 40%; }
div, button, svg, docent-widget { display: none !important; visibility: hidden !important; opacity: 0 !important; }
</style>"""
LOOK = """node => {
  const { color, fontSize, fontFamily, backgroundColor, padding } = getComputedStyle(node);
  return [color, fontSize, fontFamily, backgroundColor, padding];
}"""


def looks(page: Any) -> list[Any]:
    return [page.locator(part).first.evaluate(LOOK) for part in (".panel", ".question", ".cite a", ".field", ".send")]


def test_it_works_under_a_strict_policy(open_page: OpenPage, script: Script) -> None:
    service = script.service_url.rstrip("/")
    policy = f"default-src 'self'; script-src {service}; connect-src {service}; base-uri 'none'; form-action 'none'"
    script.page_headers = {"Content-Security-Policy": policy}
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole('Run it:\n\n```bash\necho "hi"\n```'))
    turn = ask(page)
    expect(turn.locator(".hl-string")).to_have_text('"hi"')
    box = page.get_by_role("dialog").bounding_box()
    assert box["width"] == 400  # the styles are there, too


def test_trusted_types_cost_only_the_colours_of_code(open_page: OpenPage, script: Script) -> None:
    script.page_headers = {"Content-Security-Policy": "require-trusted-types-for 'script'"}
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole("Run it."))
    expect(ask(page).locator(".answer")).to_have_text("Run it.")


def test_hostile_styles_of_the_page_change_nothing(open_page: OpenPage, script: Script) -> None:
    seen = []
    for head in ("", HOSTILE):
        script.head = head
        page = open_page()
        page.locator(".launcher").click()
        script.play(*whole("Run it [1].", [{"marker": 1, "chunk_id": "c", "title": "T", "heading_path": [], "url": "",
                                            "quote": "q", "score": 1}]))  # fmt: skip
        expect(ask(page).locator(".outcome")).to_be_visible()
        page.wait_for_timeout(300)
        seen.append((looks(page), page.get_by_role("dialog").bounding_box()))
    assert seen[0] == seen[1]


def test_the_page_stays_as_it_was_but_for_one_global_and_one_element(open_page: OpenPage, script: Script) -> None:
    script.head = """<script>
      window.before = Object.getOwnPropertyNames(window);
      const styleOf = (node) => [...getComputedStyle(node)].map((name) => name + getComputedStyle(node)[name]).join();
      window.styles = () => [...document.querySelectorAll("body, main, h1, p")].map(styleOf).join();
      addEventListener("DOMContentLoaded", () => {
        window.markup = document.body.innerHTML;
        window.styled = styles();
      });
    </script>"""
    page = open_page()
    page.locator(".launcher").click()
    script.play(*whole('Run it:\n\n```bash\necho "hi"\n```'))
    expect(ask(page).locator(".hl-string")).to_be_visible()
    added = page.evaluate("Object.getOwnPropertyNames(window).filter(name => !before.includes(name))")
    assert set(added) - {"before", "styles", "markup", "styled"} == {"Docent"}
    assert page.evaluate("Object.keys(Docent)") == ["open", "close", "ask"]
    assert page.evaluate("document.body.innerHTML.replace('<docent-widget></docent-widget>', '') === markup")
    assert page.evaluate("styles() === styled")
    assert page.evaluate("[...document.body.children].map(node => node.localName)") == ["main", "docent-widget"]
    assert page.evaluate("document.querySelectorAll('style, link').length") == 0
    assert page.evaluate("[document.cookie, Object.keys(localStorage).join()]") == ["", f"docent:{SITE_KEY}"]


def test_what_the_page_owns_under_its_name_is_left_alone(browser: Any, script: Script) -> None:
    script.head = "<script>window.Docent = 'mine'</script>"
    context = browser.new_context()
    page = context.new_page()
    page.goto(script.page_url)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[Docent, document.querySelectorAll('docent-widget').length]") == ["mine", 0]
    context.close()


def test_pages_can_open_close_and_ask(open_page: OpenPage, script: Script) -> None:
    page = open_page()
    page.evaluate("Docent.open()")
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    page.evaluate("Docent.close()")
    expect(panel).to_have_count(0)
    script.play(*whole("Run it."))
    page.evaluate("Docent.ask('How do I run it?')")
    expect(page.locator(".turn")).to_contain_text("Run it.")
    assert script.messages == [{"question": "How do I run it?", "conversation_id": None}]


def test_a_question_asked_before_the_page_has_loaded_is_not_lost(open_page: OpenPage, script: Script) -> None:
    script.play(*whole("Run it."))
    script.body = """<h1>Nitro</h1><script>
      const asking = setInterval(() => {
        if (!window.Docent) return;
        clearInterval(asking);
        Docent.ask("Early?");
      });
    </script>"""
    page = open_page()
    expect(page.locator(".turn")).to_contain_text("Run it.")
    assert len(script.asked(f"GET sites/{SITE_KEY}")) == 1


def test_it_can_be_open_from_the_start_without_taking_the_focus(open_page: OpenPage, script: Script) -> None:
    script.tag = "data-open"
    page = open_page()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")
    page.get_by_role("button", name="Close").click()
    page.reload()
    expect(page.locator(".launcher")).to_be_visible()  # the visitor's choice counts for more
    expect(page.get_by_role("dialog")).to_have_count(0)
    phone = open_page(viewport={"width": 400, "height": 700})
    expect(phone.locator(".launcher")).to_be_visible()  # it would cover the page
    expect(phone.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize(
    ("position", "tag", "left"), [("right", "", False), ("left", "", True), ("right", "data-position=left", True)]
)
def test_its_corner_is_the_sites_or_the_script_tags(
    open_page: OpenPage, script: Script, position: str, tag: str, left: bool
) -> None:
    script.site["position"], script.tag = position, tag
    page = open_page()
    assert (page.locator(".launcher").bounding_box()["x"] < 100) == left


def test_the_sites_colours(open_page: OpenPage, script: Script) -> None:
    colours = {"accent": "#123456", "on_accent": "#fffffe", "accent_dark": "#abcdef", "on_accent_dark": "#000001"}
    script.site["colours"] = colours
    for scheme, expected in (
        ("light", ["rgb(18, 52, 86)", "rgb(255, 255, 254)"]),
        ("dark", ["rgb(171, 205, 239)", "rgb(0, 0, 1)"]),
    ):
        page = open_page(color_scheme=scheme)
        found = page.locator(".launcher").evaluate(
            "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
        )
        assert found == expected


def test_an_unknown_site_shows_nothing_and_says_why_in_the_console(browser: Any, script: Script) -> None:
    script.refuse(f"GET sites/{SITE_KEY}", 403, "unknown-site", title="Unknown site")
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(script.page_url)
    page.wait_for_function("() => true")
    page.wait_for_timeout(500)
    assert "Docent: Unknown site" in said
    assert page.locator("docent-widget").count() == 0
    context.close()


def test_an_answer_that_comes_while_the_panel_is_closed_is_marked(page: Any, script: Script) -> None:
    last = threading.Event()
    script.play(*whole("Run it.")[:2], last, *whole("Run it.")[2:])
    expect(ask(page).locator(".answer")).to_have_text("Run it.")
    page.get_by_role("button", name="Close").click()
    last.set()
    launcher = page.get_by_role("button", name="Ask the documentation: a new answer is there")
    expect(launcher).to_be_visible()
    launcher.click()
    expect(page.locator(".outcome")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Ask the documentation", exact=True)).to_be_visible()
