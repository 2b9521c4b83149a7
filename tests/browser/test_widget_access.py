"""The widget for everybody: keyboard, screen readers, contrast, zoom, languages."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.browser.asking import RICH, RICH_CITATIONS, ask, focused, overflow
from tests.browser.conftest import OpenPage
from tests.browser.playing import STATIC, Script, delta, started, whole

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"viewport": {"width": 375, "height": 700}, "has_touch": True, "is_mobile": True}
ARABIC = 'lang="ar" dir="rtl"'


def too_little(contrast: dict[str, Any]) -> bool:
    """Whether a measured contrast is not enough; 0 where axe could not measure it."""
    return 0 < (contrast["contrastRatio"] or 0) < float(contrast["expectedContrastRatio"].partition(":")[0])


def violations(page: Any) -> list[str]:
    """What axe finds on a page without motion; contrast that axe measures but doubts counts, too."""
    page.add_script_tag(path=AXE)
    options = {"runOnly": TAGS, "rules": {"target-size": {"enabled": True}}}
    result = page.evaluate("options => axe.run(document, options)", options)
    found = [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in result["violations"]
        for node in one["nodes"]
    ]
    doubted = [node for one in result["incomplete"] if one["id"] == "color-contrast" for node in one["nodes"]]
    measured = [(node["target"], check["data"]) for node in doubted for check in node["any"]]
    found += [f"contrast: {target} {data}" for target, data in measured if too_little(data)]
    looked_at = [
        node["target"][0] for one in result["passes"] if one["id"] == "color-contrast" for node in one["nodes"]
    ]
    if page.get_by_role("dialog").count():
        assert any("docent-widget" in target for target in looked_at)  # it has looked into the shadow root
    return found


def open_states(page: Any, script: Script) -> None:
    """An answer with everything that answers have, its source open, a comment begun; then an error and an offer."""
    text = re.sub(r"as_one_very_\w+", "a number", RICH)  # axe fails on cells whose middle is outside the window
    script.play(*whole(f'{text}\n```json\n{{"a": [1, true, null]}}\n```', RICH_CITATIONS, kind="extractive"))
    turn = ask(page)
    expect(turn.locator(".hl-string").first).to_be_visible()
    turn.locator("summary").first.click()
    turn.get_by_role("button", name="Not helpful").click()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (npm install)")
@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
class TestAxe:
    def test_the_launcher_and_the_greeting(self, open_page: OpenPage, options: dict[str, Any]) -> None:
        page = open_page(reduced_motion="reduce", **options)
        assert violations(page) == []
        page.locator(".launcher").click()
        assert violations(page) == []

    def test_an_answer_with_all_its_parts(self, open_page: OpenPage, script: Script, options: dict[str, Any]) -> None:
        page = open_page(reduced_motion="reduce", **options)
        page.locator(".launcher").click()
        open_states(page, script)
        assert violations(page) == []
        for part in (".code", ".sources", ".comment"):
            page.locator(part).first.scroll_into_view_if_needed()
            assert violations(page) == []

    def test_what_goes_wrong_and_a_person(self, open_page: OpenPage, script: Script, options: dict[str, Any]) -> None:
        page = open_page(reduced_motion="reduce", **options)
        page.locator(".launcher").click()
        script.play(started(), delta("Half of"), threading.Event())
        ask(page)
        expect(page.locator(".answer")).to_have_text("Half of")
        assert violations(page) == []
        page.get_by_role("button", name="Stop").click()
        script.refuse("POST messages", 429, "rate-limited", retry_after=60)
        expect(ask(page).get_by_role("alert")).to_be_visible()
        assert violations(page) == []
        script.play(*whole("The documentation does not say.", decision="escalate", kind="none"))
        offer = ask(page).locator(".offer button")
        expect(offer).to_be_visible()
        assert violations(page) == []
        offer.click()
        assert violations(page) == []


# Keyboard


def test_everything_can_be_done_by_keyboard(open_page: OpenPage, script: Script) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Ask the documentation")).to_be_focused()
    page.keyboard.press("Enter")
    field = page.get_by_label("Your question")
    expect(field).to_be_focused()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two lines")
    expect(field).to_have_value("One line\ntwo lines")
    script.play(started(), delta("Working on it."), threading.Event())
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_text("Working on it.")
    page.keyboard.type("meanwhile")
    page.keyboard.press("Enter")  # an answer is streaming: nothing is sent, nothing is lost
    expect(field).to_have_value("meanwhile")
    page.keyboard.press("Tab")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_focused()
    assert stop.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("Stopped")
    expect(field).to_be_focused()
    script.play(*whole("Done."))
    page.keyboard.press("Enter")
    expect(page.locator(".turn").last).to_contain_text("Done.")
    assert [one["question"] for one in script.messages] == ["One line\ntwo lines", "meanwhile"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".launcher")).to_be_focused()


def test_the_tab_order_follows_the_panel_from_top_to_bottom_and_leaves_it(page: Any, script: Script) -> None:
    script.play(*whole("Run it [1].", RICH_CITATIONS[:1]))
    expect(ask(page).locator(".outcome")).to_be_visible()
    page.get_by_role("button", name="New conversation").focus()
    order = [focused(page)]
    for _ in range(11):
        page.keyboard.press("Tab")
        order.append(focused(page))
    assert order == [
        "New conversation", "Wide view", "Close", "Conversation", "Source 1: Installation › Linux",
        "Installation › Linux", "Quoted passageRun the script to install Nitro on Linux.", "Helpful", "Not helpful",
        "question", "Send", "Talk to a person",
    ]  # fmt: skip
    page.keyboard.press("Tab")
    assert focused(page) == ""  # the panel is no trap


def test_closing_gives_the_focus_back_to_what_had_it(open_page: OpenPage, script: Script) -> None:
    script.body = "<h1>Nitro</h1><button id=help onclick='Docent.open()'>Help</button>"
    page = open_page()
    page.locator("#help").click()
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_focused()


def test_the_focus_is_never_lost(page: Any, script: Script) -> None:
    script.refuse("POST messages", 500, "internal")
    turn = ask(page)
    turn.get_by_role("button", name="Retry").focus()
    script.play(*whole("Done."))
    page.keyboard.press("Enter")
    expect(turn).to_contain_text("Done.")
    assert focused(page) == "question"
    page.get_by_role("button", name="New conversation").focus()
    page.keyboard.press("Enter")
    assert focused(page) == "question"
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Where are the logs?"
    script.play(*whole("There."))
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_be_visible()
    assert focused(page) == "question"


def test_shortcuts_of_the_page_do_not_hear_what_is_typed(open_page: OpenPage, script: Script) -> None:
    script.head = "<script>window.heard = []; addEventListener('keydown', event => heard.push(event.key))</script>"
    page = open_page()
    page.locator(".launcher").click()
    page.keyboard.type("s/?")
    assert page.evaluate("heard") == []
    expect(page.get_by_label("Your question")).to_have_value("s/?")


# Screens


def test_a_phone_gets_the_whole_screen_and_keeps_the_focus_in_it(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    page.locator(".launcher").tap()
    panel = page.get_by_role("dialog")
    expect(panel).to_have_attribute("aria-modal", "true")
    page.wait_for_timeout(300)
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 700}
    assert focused(page) != "question"  # the screen keyboard stays away
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "Send"
    page.keyboard.press("Tab")
    assert focused(page) == "Close"


def test_a_desktop_panel_is_not_modal_and_can_be_widened(page: Any) -> None:
    panel = page.get_by_role("dialog", name="Nitro assistant")
    expect(panel).not_to_have_attribute("aria-modal", "true")
    page.wait_for_timeout(300)
    narrow = panel.bounding_box()
    assert (narrow["width"], narrow["height"]) == (400, 640)
    page.get_by_role("button", name="Wide view").click()
    assert panel.bounding_box()["width"] > 700
    page.get_by_role("button", name="Normal view").click()
    assert panel.bounding_box() == narrow


@pytest.mark.parametrize("html", ['lang="en"', ARABIC])
@pytest.mark.parametrize("height", [256, 640])  # 256: a window of 1280 by 1024 at 400 %
def test_nothing_is_cut_off_at_320_pixels(open_page: OpenPage, script: Script, html: str, height: int) -> None:
    script.html = html
    page = open_page(viewport={"width": 320, "height": height})
    page.locator(".launcher").click()
    script.play(*whole(RICH, RICH_CITATIONS))
    field = page.get_by_role("textbox")
    field.fill("Why_does_this_word_that_is_far_too_long_for_a_small_screen_not_break?")
    page.keyboard.press("Enter")
    turn = page.locator(".turn")
    expect(turn.locator(".outcome")).to_be_visible()
    assert overflow(page) <= 0
    talk = page.locator(".talk")
    assert talk.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert talk.bounding_box()["height"] > 100
    turn.locator(".cite a").first.hover()
    box = page.locator(".card").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320


def test_motion_is_reduced_where_that_is_asked_for(open_page: OpenPage, script: Script) -> None:
    page = open_page(reduced_motion="reduce")
    page.locator(".launcher").click()
    script.play(started(), threading.Event())
    pending = ask(page).locator(".pending")
    expect(pending).to_be_visible()
    assert pending.evaluate("node => getComputedStyle(node, '::before').animationName") == "none"
    assert page.get_by_role("dialog").evaluate("node => getComputedStyle(node).animationName") == "none"


def test_forced_colours_keep_the_borders_of_buttons(open_page: OpenPage) -> None:
    page = open_page(forced_colors="active")
    launcher = page.locator(".launcher")
    assert launcher.evaluate("node => getComputedStyle(node).borderTopStyle") == "solid"
    launcher.click()
    send = page.get_by_role("button", name="Send")
    assert send.evaluate("node => getComputedStyle(node).borderTopStyle") == "solid"


@pytest.mark.parametrize(
    ("scheme", "tag", "dark"),
    [("light", "", False), ("dark", "", True), ("dark", "data-theme=light", False), ("light", "data-theme=dark", True)],
)
def test_the_colours_follow_the_system_or_the_script_tag(
    open_page: OpenPage, script: Script, scheme: str, tag: str, dark: bool
) -> None:
    script.tag = tag
    page = open_page(color_scheme=scheme)
    page.locator(".launcher").click()
    paper, ink = page.get_by_role("dialog").evaluate(
        """node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]
           .map(colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"""
    )
    assert (paper < 60 and ink > 200) if dark else (paper > 200 and ink < 60)


# Languages


@pytest.mark.parametrize(
    ("html", "tag", "words", "direction"),
    [
        ('lang="de-AT"', "", "Was möchten Sie wissen?", "ltr"),
        ('lang="en"', "data-lang=fr", "Que souhaitez-vous savoir ?", "ltr"),
        ('lang="ar"', "", "ماذا تريد أن تعرف؟", "rtl"),
        ('lang="en" dir="rtl"', "", "What would you like to know?", "rtl"),
        ('lang="nl"', "", "What would you like to know?", "ltr"),
    ],
)
def test_the_widget_speaks_the_language_of_the_page(
    open_page: OpenPage, script: Script, html: str, tag: str, words: str, direction: str
) -> None:
    script.html, script.tag = html, tag
    page = open_page()
    page.locator(".launcher").click()
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    root = page.locator("docent-widget .root")
    expect(root).to_have_attribute("dir", direction)
    expect(root).to_have_attribute(
        "lang", "en" if words.startswith("What") else html.split('"')[1] if not tag else "fr"
    )


def test_a_site_words_things_its_own_way(open_page: OpenPage, script: Script) -> None:
    script.site["strings"] = {"de": {"send": "Abschicken"}, "nl": {"greeting": "Wat wilt u weten?"}, "en": {}}
    script.html = 'lang="de"'
    page = open_page()
    page.locator(".launcher").click()
    expect(page.get_by_role("button", name="Abschicken")).to_be_visible()
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    script.html = 'lang="nl"'
    page.goto(script.page_url)
    expect(page.get_by_role("heading", name="Wat wilt u weten?")).to_be_visible()
    expect(page.locator("docent-widget .root")).to_have_attribute("lang", "nl")


def test_every_language_has_every_text_with_its_holes() -> None:
    source = (STATIC / "widget" / "strings.js").read_text(encoding="utf-8")
    block = source.split("const ENGLISH = {")[1].split("};")[0]
    english = dict(line.strip().rstrip(",").split(": ", 1) for line in block.strip().splitlines())
    holes = {key: text.count("{") for key, text in english.items()}
    files = sorted((STATIC / "strings").glob("*.json"))
    assert f"const LAZY = {json.dumps([file.stem for file in files])};" in source
    for file in files:
        texts = json.loads(file.read_text(encoding="utf-8"))
        assert {key: text.count("{") for key, text in texts.items()} == holes, file.name
