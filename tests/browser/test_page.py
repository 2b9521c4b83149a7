"""The first page in Chromium: the real template and static files, played against scripted server-sent events."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, select_autoescape

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or ""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]

ROOT = Path(__file__).parents[2]
CSP = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SUGGESTIONS = ["How do I install it?", "Which models can it load?", "Where are the logs?"]
ENVIRONMENT = Environment(loader=FileSystemLoader(ROOT / "app" / "templates"), autoescape=select_autoescape())

Step = bytes | threading.Event


@dataclass
class Reply:
    """One scripted response: pieces to send as they stand, and events to wait for between them."""

    steps: list[Step]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Script:
    """What the server answers, in order, and what it was asked."""

    replies: list[Reply] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    accepts: list[str | None] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)  # the reader has gone before the end
    ready: bool = True
    url: str = ""

    def play(self, *steps: Step, **response: Any) -> None:
        self.replies.append(Reply(list(steps), **response))


class Handler(BaseHTTPRequestHandler):
    script: Script
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/":
            page = ENVIRONMENT.get_template("index.html").render(
                title="Nitro documentation", suggestions=SUGGESTIONS, ready=self.script.ready
            )
            self._send(200, "text/html; charset=utf-8", page.encode(), {"Content-Security-Policy": CSP})
            return
        file = ROOT / "static" / Path(self.path).name
        if self.path.startswith("/static/") and file.is_file():
            self._send(200, TYPES[file.suffix], file.read_bytes(), {})
        else:
            self._send(404, "text/plain", b"", {})

    def do_POST(self) -> None:
        self.script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.script.accepts.append(self.headers["Accept"])
        reply = self.script.replies.pop(0)
        try:
            self._send(reply.status, reply.content_type, b"", reply.headers)
            for step in reply.steps:
                self._take(step)
        except ConnectionError:
            self.script.left.set()

    def _take(self, step: Step) -> None:
        if isinstance(step, bytes):
            self.wfile.write(step)
            return
        while not step.wait(0.02):  # keep-alives, which also show when the reader has gone
            self.wfile.write(b": waiting\n\n")

    def _send(self, status: int, content_type: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    handler = type("ScriptedHandler", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_address[1]}/"
        yield script
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, script: Script) -> Iterator[Callable[..., Any]]:
    """Opens the page in a context of its own; at the end no script error and no foreign request must have been seen."""
    contexts, errors, requests = [], [], []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**options)
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(script.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(script.url)] == []


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    return open_page(viewport={"width": 1100, "height": 800})


# What the service says


def event(name: str, **data: Any) -> bytes:
    return f"event: {name}\nid: 1\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def started(conversation_id: str = "con_1") -> bytes:
    return event("answer.started", id="ans_1", conversation_id=conversation_id, question="?")


def delta(text: str) -> bytes:
    return event("answer.delta", text=text)


def citation(marker: int, **changes: Any) -> dict[str, Any]:
    return {
        "marker": marker,
        "chunk_id": f"chunk-{marker}",
        "title": "Installation",
        "heading_path": ["Installation", "Linux"],
        "url": "https://docs.example.com/install#linux",
        "quote": "Run the script to install Nitro on Linux.",
        "score": 0.8,
    } | changes


def cited(marker: int, **changes: Any) -> bytes:
    return event("answer.citation", citation=citation(marker, **changes))


def completed(text: str, citations: list[dict[str, Any]] | None = None, **changes: Any) -> bytes:
    answer = {
        "id": "ans_1",
        "decision": "reply",
        "reasons": [],
        "kind": "generated",
        "text": text,
        "citations": citations or [],
        "timings_ms": {"retrieve": 40, "first_token": 500, "first_sentence": 900, "total": 2345},
    }
    return event("answer.completed", answer=answer | changes)


def whole(text: str, citations: list[dict[str, Any]] | None = None, **changes: Any) -> list[bytes]:
    """All events of an answer whose text comes in one delta."""
    cites = [event("answer.citation", citation=one) for one in citations or []]
    return [started(), delta(text), *cites, completed(text, citations, **changes)]


def problem(status: int, title: str, detail: str) -> bytes:
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()


def ask(page: Any, question: str = "How do I install it?") -> Any:
    """Send a question by keyboard; the turn that it begins."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    return page.locator(".turn").last


def overflow(page: Any) -> int:
    """CSS pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


RICH = """Nitro is installed by a script [1].

## On Linux

1. Fetch it with `curl -sfL https://example.com/install_with_a_very_long_name_that_does_not_break.sh` [1]
2. Start it: [1]

```bash
curl -sfL https://lumen.example/install.sh | sudo /bin/bash - && lumen start --threads 1 --host 127.0.0.1 --port 7070
lumen
```
[2]

| Option | Default |
|---|---|
| `ctx_len` | 2048, as_one_very_long_word_that_has_no_place_to_break_at_all_in_its_whole_length |
[2]

- **Bold** and *italic*, snake_case_stays, and [the guide](https://docs.example.com/guide) [2]
"""
RICH_CITATIONS = [citation(1), citation(2, title="Quickstart", heading_path=["Run"], url="quickstart.md#run")]


# Streaming


def test_an_answer_is_shown_sentence_by_sentence_and_announced_once(page: Any, script: Script) -> None:
    more, last = threading.Event(), threading.Event()
    text = "Run the script [1]. Then start Nitro [1]."
    script.play(
        started(), more, delta("Run the script [1]."), cited(1), last,
        delta(" Then start Nitro [1]."), completed(text, [citation(1)]),
    )  # fmt: skip
    turn = ask(page)
    answer = turn.locator(".answer")
    expect(turn.get_by_role("heading", name="How do I install it?")).to_be_visible()
    expect(turn).to_contain_text("Looking in the documentation")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    more.set()
    expect(answer).to_have_text("Run the script1.")
    expect(answer).to_have_attribute("aria-busy", "true")
    expect(page.locator("#announcement")).to_be_empty()
    last.set()
    expect(answer).to_have_text("Run the script1. Then start Nitro1.")
    expect(answer).to_have_attribute("aria-busy", "false")
    expect(turn.locator(".outcome")).to_have_text("From the documentation2.3 s")
    expect(page.locator("#announcement")).to_have_text("Run the script. Then start Nitro. From the documentation")
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert script.asked == [{"question": "How do I install it?", "conversation_id": None}]
    assert script.accepts == ["text/event-stream"]


def test_the_next_question_continues_the_conversation_and_a_new_one_does_not(page: Any, script: Script) -> None:
    for number in (1, 2, 3):
        script.play(*whole(f"Answer {number}."))
    for number in (1, 2):
        expect(ask(page, f"Question {number}")).to_contain_text("From the documentation")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()
    page.get_by_role("button", name=SUGGESTIONS[1]).click()
    expect(page.locator(".turn")).to_contain_text("Answer 3.")
    expect(page.get_by_label("Your question")).to_be_focused()
    assert [one["conversation_id"] for one in script.asked] == [None, "con_1", None]
    assert script.asked[2]["question"] == SUGGESTIONS[1]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_events_are_read_whatever_the_line_ends_and_the_borders_of_the_pieces(
    page: Any, script: Script, newline: bytes, size: int
) -> None:
    two_lines = b'event: answer.delta\ndata: {"text":\ndata:" Zwei \xe2\x80\x93 \xf0\x9f\x8e\x89."}\n\n'
    text = "Größe: 日本. Zwei – 🎉."
    stream = b": hello\n\n" + started() + delta("Größe: 日本.") + b":\n" + two_lines + completed(text)
    stream = stream.replace(b"\n", newline)
    script.play(*(stream[at : at + size] for at in range(0, len(stream), size)))
    turn = ask(page)
    expect(turn.locator(".answer")).to_have_text(text)
    expect(turn.locator(".outcome")).to_be_visible()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "extractive"}, "Quoted from the documentation"),
        ({"decision": "draft"}, "Not sure about this one: please check the sources"),
        ({"decision": "escalate", "kind": "none"}, "Not answered from the documentation"),
    ],
)
def test_the_decision_is_said_in_plain_words(page: Any, script: Script, changes: dict[str, str], words: str) -> None:
    script.play(*whole("Some text.", **changes))
    expect(ask(page).locator(".outcome-text")).to_have_text(words)


def test_stop_ends_the_request_and_keeps_what_was_shown(page: Any, script: Script) -> None:
    script.play(started(), delta("The first sentence."), threading.Event())
    turn = ask(page)
    expect(turn.locator(".answer")).to_have_text("The first sentence.")
    page.get_by_role("button", name="Stop").click()
    expect(turn).to_contain_text("Stopped: the answer is not complete")
    expect(turn.locator(".answer")).to_have_text("The first sentence.")
    expect(turn.locator(".answer")).to_have_attribute("aria-busy", "false")
    assert script.left.wait(5)
    script.play(*whole("The whole answer."))
    turn.get_by_role("button", name="Ask again").click()
    expect(turn.locator(".answer")).to_have_text("The whole answer.")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


# Citations and code


def test_a_citation_shows_its_quote_on_hover_and_focus(page: Any, script: Script) -> None:
    script.play(*whole("Run the script [1]. See [2] and [3].", [citation(1), citation(2, url="install.md#linux")]))
    turn = ask(page)
    card = page.locator("#card")
    marker = turn.get_by_role("link", name="Source 1: Installation › Linux")
    marker.hover()
    expect(card).to_contain_text("Run the script to install Nitro on Linux.")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.mouse.move(0, 0)
    page.get_by_label("Your question").focus()
    for _ in range(5):  # back from the form: summary, link, summary of the sources, then [2] and [1]
        page.keyboard.press("Shift+Tab")
    expect(marker).to_be_focused()
    expect(card).to_contain_text("Installation › Linux")
    expect(marker).to_have_accessible_description("Run the script to install Nitro on Linux.")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("Enter")
    expect(turn.locator("#turn-1-source-1")).to_have_attribute("open", "")
    expect(turn.locator("#turn-1-source-1 summary")).to_be_focused()
    expect(turn.locator(".answer")).to_contain_text("[3]")  # no such citation: no link


def test_sources_link_only_to_absolute_addresses(page: Any, script: Script) -> None:
    urls = ["https://docs.example.com/a#b", "docs/a.md", "", "javascript:alert(1)", "//evil.example/x"]
    script.play(*whole("Text [1].", [citation(number, url=url) for number, url in enumerate(urls, start=1)]))
    sources = ask(page).locator(".source")
    expect(sources).to_have_count(5)
    link = sources.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", urls[0])
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    for number in range(5):
        expect(sources.nth(number)).to_contain_text("Installation › Linux")


def test_markdown_is_rendered_and_code_can_be_copied(open_page: Callable[..., Any], script: Script) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    script.play(*whole(RICH, RICH_CITATIONS))
    answer = ask(page).locator(".answer")
    expect(answer.locator("ol > li")).to_have_count(2)
    expect(answer.locator("ul > li")).to_contain_text("Bold and italic, snake_case_stays, and the guide")
    expect(answer.locator("td")).to_have_count(2)
    expect(answer.locator("strong")).to_have_text(["On Linux", "Bold"])
    expect(answer.locator("em")).to_have_text("italic")
    expect(answer.locator(".language")).to_have_text("bash")
    expect(answer.locator(".cites .cite")).to_have_count(2)
    answer.get_by_role("button", name="Copy the code").click()
    expect(answer.locator(".copy")).to_have_text("Copied")
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("--port 7070\nlumen")


def test_hostile_markdown_does_nothing(page: Any, script: Script) -> None:
    text = "\n\n".join(
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(2)>",
            "[click](javascript:alert(3)) [tab](<java\tscript:alert(4)>) [case](JaVaScRiPt:alert(5))",
            "[data](data:text/html,x)",
            '![logo](https://evil.example/pixel.png) ![x" onerror="alert(6)](x)',
            "[ok](https://docs.example.com/) <https://docs.example.com/b>",
            "```html\n<script>alert(7)</script>\n```",
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
    expect(turn.locator("script, img, iframe, [onerror], [style]")).to_have_count(0)
    expect(turn.get_by_role("heading", level=2)).to_have_text("<b>bold</b>")
    hrefs = answer.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert hrefs == ["https://docs.example.com/", "https://docs.example.com/b"]
    for word in ("click", "tab", "case"):
        answer.get_by_text(word).click()


# Errors


def test_too_many_questions_says_when_to_retry(page: Any, script: Script) -> None:
    script.play(
        problem(429, "Too Many Requests", "…"), status=429, content_type="application/problem+json",
        headers={"Retry-After": "2"},
    )  # fmt: skip
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_have_text("Too many questions at onceYou can ask again after 2 seconds.")
    expect(turn.get_by_role("button")).to_be_disabled()
    script.play(*whole("Here it is."))
    turn.get_by_role("button", name="Retry", exact=True).click()
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    expect(turn.get_by_role("alert")).to_have_count(0)
    assert script.asked[0] == script.asked[1]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            Reply([problem(422, "Question too long", "At most 2000 characters.")], 422, "application/problem+json"),
            "Question too longAt most 2000 characters.",
        ),
        (Reply([b"<h1>Bad gateway</h1>"], 502, "text/html"), "There is no answer"),
        (Reply([started(), delta("Half a")]), "The service cannot be reached"),
        (
            Reply([started(), event("answer.failed", problem={"title": "Engine lost", "detail": "It stopped."})]),
            "Engine lostIt stopped.",
        ),
    ],
)
def test_a_failure_is_told_and_can_be_retried(page: Any, script: Script, reply: Reply, words: str) -> None:
    script.replies = [reply, Reply(list(whole("Here it is.")))]
    turn = ask(page)
    expect(turn.get_by_role("alert")).to_contain_text(words)
    turn.get_by_role("button", name="Retry").click()
    expect(turn.locator(".answer")).to_have_text("Here it is.")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_offline_is_said(page: Any) -> None:
    page.context.set_offline(True)
    expect(ask(page).get_by_role("alert")).to_contain_text("You are offline")


def test_an_unready_service_says_so(open_page: Callable[..., Any], script: Script) -> None:
    script.ready = False
    expect(open_page().locator(".notice")).to_contain_text("Still getting ready")


# Looks and access


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_follow_the_system(open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    paper, ink = page.evaluate(
        """[getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]
           .map(colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"""
    )
    assert (paper < 60 and ink > 200) if scheme == "dark" else (paper > 200 and ink < 60)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_nothing_scrolls_sideways_at_320_pixels(open_page: Callable[..., Any], script: Script, direction: str) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    page.evaluate("direction => { document.documentElement.dir = direction }", direction)
    assert overflow(page) <= 0
    script.play(*whole(RICH, RICH_CITATIONS))
    turn = ask(page, "Why_does_this_word_that_is_far_too_long_for_a_small_screen_not_break?")
    expect(turn.locator(".outcome")).to_be_visible()
    turn.locator(".cite a").first.hover()
    expect(page.locator("#card")).to_be_visible()
    assert overflow(page) <= 0
    box = page.locator("#card").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320


def test_everything_can_be_done_by_keyboard(page: Any, script: Script) -> None:
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
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("Stopped")
    script.play(*whole("Done."))
    page.keyboard.press("Enter")  # the same button sends again
    expect(page.locator(".turn").last).to_contain_text("Done.")
    assert [one["question"] for one in script.asked] == ["One line\ntwo lines", "meanwhile"]


def test_motion_is_reduced_where_that_is_asked_for(open_page: Callable[..., Any], script: Script) -> None:
    page = open_page(reduced_motion="reduce")
    script.play(started(), threading.Event())
    pending = ask(page).locator(".pending")
    expect(pending).to_be_visible()
    assert pending.evaluate("node => getComputedStyle(node, '::before').animationName") == "none"


def test_the_page_stays_quick_while_a_long_answer_grows(page: Any, script: Script) -> None:
    pieces = [f"{'' if number == 0 else ' '}Sentence number {number} of a long answer [1]." for number in range(300)]
    script.play(started(), cited(1), *map(delta, pieces), completed("".join(pieces), [citation(1)]))
    begun = time.monotonic()
    expect(ask(page).locator(".outcome")).to_be_visible()
    assert time.monotonic() - begun < 5
    expect(page.locator(".answer .cite")).to_have_count(300)
