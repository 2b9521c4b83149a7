from __future__ import annotations

import pytest

from app.adapters.rendering import html, markdown_note, markdown_reply
from tests.adapters.finished import citation, failed, finished, result


def test_a_reply_has_its_sources_with_link_and_quote() -> None:
    assert markdown_reply(result()) == (
        "Set `night.level` in lumen.toml. [1]\n\n**Sources**\n\n"
        "- \\[1\\] [Brightness › Dim at night](<https://docs.lumen.example/guide/brightness#dim-at-night>)\n\n"
        "  > The key \\`night.level\\` in lumen.toml is the brightness after sunset."
    )
    assert markdown_reply(result(citations=[])) == "Set `night.level` in lumen.toml. [1]"


def test_markers_stay_what_they_are_when_one_is_missing() -> None:
    page = html(markdown_reply(result(citations=[citation(marker=1), citation(marker=3, title="Other")])))
    assert "[1] <a" in page
    assert "[3] <a" in page
    assert page.count("<li>") == page.count("<blockquote>") == 2


@pytest.mark.parametrize("url", ["guide/brightness#dim", "javascript:alert(1)", "https://a.example/ b", "https://a<b"])
def test_what_is_no_web_address_is_not_linked(url: str) -> None:
    page = html(markdown_reply(result(citations=[citation(url=url)])))
    assert "<a" not in page
    assert "Dim at night" in page


def test_titles_and_quotes_are_shown_as_they_are() -> None:
    hostile = citation(title="[x](https://evil.example) *b*", heading_path=[], quote="# a\n<img src=x> [y](z) `c`")
    page = html(markdown_reply(result(citations=[hostile])))
    assert page.count("<a ") == 1
    assert 'href="https://docs.lumen.example' in page
    assert "[x](https://evil.example) *b*</a>" in page
    assert "# a &lt;img src=x&gt; [y](z) `c`" in page


def test_html_is_safe_to_mail() -> None:
    page = html(
        "<script>alert(1)</script> **bold** ![pixel](https://evil.example/p.gif)\n\n"
        "[a](javascript:alert(1)) [b](data:text/html,x) [c](//evil.example) [d](https://ok.example) "
        "<javascript:alert(2)>\n\n<div onclick=x>\n\n| k | v |\n|---|---|\n| 1 | 2 |\n\n```toml\nnight.level = 15\n```"
    )
    for bad in ("<script", "<img", "<div", 'href="javascript', 'href="data', 'href="//'):
        assert bad not in page
    assert "<strong>bold</strong>" in page
    assert 'href="https://ok.example"' in page
    assert "<td>1</td>" in page
    assert "night.level = 15" in page


def test_a_note_says_what_the_team_needs() -> None:
    note = markdown_note(
        finished(
            result(
                decision="escalate",
                reasons=["no_relevant_docs", "human_requested"],
                confidence=0.21,
                handoff_summary="Wants a person; asks about nights.",
                suggested_labels=["night_mode"],
            )
        )
    )
    assert note.startswith("**Docent leaves this to a person**\n\nDecision: escalate; confidence: 21%; ")
    for part in (
        "reasons: no relevant docs, human requested",
        "Wants a person; asks about nights.",
        "> Set `night.level` in lumen.toml. [1]",
        "https://docs.lumen.example/guide/brightness#dim-at-night",
        "Suggested labels: night\\_mode",
    ):
        assert part in note
    assert "**Text**" not in markdown_note(finished(result(decision="draft", text="")))
    assert "engine-unavailable: The model is not available" in markdown_note(failed())
