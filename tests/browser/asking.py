"""What the tests of the widget do on a page."""

from __future__ import annotations

from typing import Any

from tests.browser.playing import citation


def ask(page: Any, question: str = "How do I install it?") -> Any:
    """Send a question by keyboard; the turn that it begins."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    return page.locator(".turn").last


def announced(page: Any) -> Any:
    """The live region."""
    return page.locator("[aria-live=polite]")


def focused(page: Any) -> str:
    """What has the focus within the widget, by accessible name or class; '' when it is elsewhere."""
    return page.evaluate(
        """() => {
          const node = document.querySelector('docent-widget').shadowRoot.activeElement;
          return node ? node.ariaLabel || node.textContent.trim() || node.id || node.className : '';
        }"""
    )


def overflow(page: Any) -> int:
    """CSS pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


RICH = """Nitro is installed by a script [1].

## On Linux

1. Fetch it with `curl -sfL https://example.com/install_with_a_very_long_name_that_does_not_break.sh` [1]
2. Start it: [1]

```bash
curl -sfL https://lumen.example/install.sh | sudo /bin/bash - && lumen start --threads 1 --host 127.0.0.1 --port 7070
export LUMEN_HOME="$HOME/lumen"
```
[2]

| Option | Default |
|---|---|
| `ctx_len` | 2048, as_one_very_long_word_that_has_no_place_to_break_at_all_in_its_whole_length |
[2]

- **Bold** and *italic*, snake_case_stays, and [the guide](https://docs.example.com/guide) [2]
"""
RICH_CITATIONS = [citation(1), citation(2, title="Quickstart", heading_path=["Run"], url="quickstart.md#run")]
