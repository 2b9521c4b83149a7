"""The pages of the chat widget say what its source says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.auth.sites import _checked

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/widget.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs/how-to/put-the-chat-on-your-site.md").read_text(encoding="utf-8")
SOURCE = ROOT / "static/widget"
LANGUAGES = {"ar": "Arabic", "de": "German", "es": "Spanish", "fr": "French"}


def source(name: str) -> str:
    return (SOURCE / name).read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def english() -> dict[str, str]:
    table = source("strings.js").partition("const ENGLISH = {")[2].partition("\n};")[0]
    return {name: json.loads(text) for name, text in re.findall(r"^  (\w+): (\".*\"),$", table, re.MULTILINE)}


def test_widget_page_has_every_text() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section("Texts"), re.MULTILINE)
    assert rows == list(english().items())
    assert len(rows) > 40


def test_pages_name_the_languages_of_the_widget() -> None:
    assert {file.stem for file in (ROOT / "static/strings").iterdir()} == set(LANGUAGES)
    for tag, name in LANGUAGES.items():
        assert f"{name} (`{tag}`)" in PAGE
        assert name in GUIDE.partition("## Which languages does the chat speak?")[2].partition("\n## ")[0]


def test_widget_page_has_every_attribute_of_the_script_tag() -> None:
    read = re.search(r"export const \{ (.*?) \} = script\.dataset", source("settings.js"))
    assert read is not None
    attributes = {"data-" + re.split("[:= ]", name)[0] for name in read[1].split(", ")}
    rows = re.findall(r"^\| `([\w-]+)` \|", section("Attributes of the script tag"), re.MULTILINE)
    assert set(rows) == attributes | {"src"}


def test_widget_page_has_every_function_of_the_page() -> None:
    functions = re.findall(r"^    (\w+): async \((\w*)\)", source("main.js"), re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)\((\w*)\)` \|", section("window.Docent"), re.MULTILINE)
    assert rows == functions


def test_widget_page_has_what_is_kept_in_the_browser() -> None:
    scripts = "".join(file.read_text(encoding="utf-8") for file in SOURCE.glob("*.js"))
    kept = set(re.findall(r"\bstore\(\{ (\w+)", scripts))
    assert kept
    assert set(re.findall(r"^\| `(\w+)` \|", section("Browser storage"), re.MULTILINE)) == kept
    assert "`docent:`" in section("Browser storage")
    assert "`docent:${siteKey}`" in source("store.js")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (r"\.panel \{[^}]*inline-size: (400)px", "{} pixels wide"),
        (r"\.panel \{[^}]*block-size: min\((640)px", "{} pixels high"),
        (r"\.panel\[data-wide\] \{ inline-size: min\((780)px", "{} pixels wide in the wide view"),
        (r"\.launcher \{ inline-size: (56)px; block-size: 56px", "The button is {} pixels"),
        (r"max-width: (480)px", "up to {} pixels wide"),
        (r"max-height: (420)px", "{} pixels high the chat fills the screen"),
    ],
)
def test_widget_page_has_its_sizes(rule: str, said: str) -> None:
    found = re.search(rule, source("widget.css"))
    assert found is not None
    assert said.format(found[1]) in section("Sizes")


@pytest.mark.parametrize(
    ("file", "said"),
    [("widget.js", r"`widget\.js` has about (\d+) kB"), ("widget-highlight.js", r"\(about (\d+) kB\)")],
)
def test_widget_page_has_the_weight_of_its_scripts(file: str, said: str) -> None:
    found = re.search(said, section("Sizes"))
    assert found is not None
    assert (ROOT / "static" / file).stat().st_size / 1000 == pytest.approx(int(found[1]), rel=0.15)


def test_texts_of_the_guide_are_taken() -> None:
    (example,) = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)]
    assert _checked({"strings": example})["strings"] == example
    assert {name for texts in example.values() for name in texts} <= set(english())


def test_texts_quoted_in_the_guide_are_texts_of_the_widget() -> None:
    table = GUIDE.partition("## What a visitor sees when something is wrong")[2].partition("\n## ")[0]
    quoted = re.findall(r"\"([^\"]+)\"", table)
    assert len(quoted) >= 4
    assert set(quoted) <= set(english().values())
