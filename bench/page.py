"""What the widget costs the page that it stands on: `python -m bench.page [--pairs 15] [--json]`.

The same page is loaded without the script tag, with it, and without it once more, in an order that turns, in a fresh
Chromium context each time; documentation site and service are two local origins. Printed are medians in milliseconds:
first contentful paint, total blocking time (what tasks of more than 50 ms take above that, until a second and a half
after the load event), and, to show that the loader has run at all, when its launcher was there. The differences are
within the rounds, with their quartiles; that of the two loads without the script is the noise to hold them against.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, sync_playwright

WIDGET = Path(__file__).resolve().parent.parent / "static" / "widget.js"
SITE = {
    "title": "",
    "greeting": "",
    "starters": ["How do I start?"],
    "position": "right",
    "colours": None,
    "strings": {},
    "person": True,
}
PARAGRAPHS = 200
_SCRIPT = gzip.compress(WIDGET.read_bytes(), 9)
_SETTLE_MS = 1500
_LOADS = {"without": "without", "with": "with", "again": "without"}  # the page of each load of a round

_OBSERVE = """
window.blocked = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) blocked += Math.max(0, task.duration - 50);
}).observe({ type: "longtask", buffered: true });
"""
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_LAUNCHED = """
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  if (document.querySelector("docent-widget")) window.launched ??= performance.now();
}).observe(document.body, { childList: true }));
"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/widget.js":
            self._send("text/javascript", _SCRIPT, {"Content-Encoding": "gzip"})
        elif path.startswith("/api/"):
            self._send("application/json", json.dumps(SITE).encode(), {"Access-Control-Allow-Origin": "*"})
        elif path in {"/with", "/without"}:
            self._send("text/html; charset=utf-8", _page(self.server.server_address[1], path == "/with"), {})
        else:
            self._send("text/plain", b"", {})

    def _send(self, content_type: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _page(port: int, with_widget: bool) -> bytes:
    """A page of documentation; the script stands in its head, where it costs most."""
    script = f'<script src="http://docent.localhost:{port}/widget.js" data-site="site_0" async></script>'
    text = "".join(
        f"<h2>Section {number}</h2><p>{'Some words of a paragraph. ' * 20}</p>" for number in range(PARAGRAPHS)
    )
    head = f"<meta charset=utf-8><title>Docs</title>{script if with_widget else ''}"
    return f"<!doctype html><html lang=en><head>{head}</head><body><h1>Docs</h1>{text}</body></html>".encode()


@contextmanager
def _serving() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _load(browser: Browser, url: str) -> dict[str, float | None]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.add_init_script(_OBSERVE + _LAUNCHED)
    page.goto(url, wait_until="load")
    page.wait_for_timeout(_SETTLE_MS)
    measured = page.evaluate(f"() => ({{ fcp: {_PAINTED}, tbt: blocked, launcher: window.launched ?? null }})")
    context.close()
    return measured


def measure_page(pairs: int) -> dict[str, Any]:
    """Medians over rounds of three loads, and the quartiles of the differences within the rounds. Milliseconds."""
    chromium = shutil.which("chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    loads: dict[str, list[dict[str, Any]]] = {name: [] for name in _LOADS}
    with _serving() as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for number in range(-1, pairs):  # the first pair warms up
            turned = number % len(_LOADS)
            for name in [*_LOADS][turned:] + [*_LOADS][:turned]:
                measured = _load(browser, f"http://docs.localhost:{port}/{_LOADS[name]}")
                if number >= 0:
                    loads[name].append(measured)
        browser.close()
    result: dict[str, Any] = {"pairs": pairs, "launcher_ms": _median(one["launcher"] for one in loads["with"])}
    for key in ("fcp", "tbt"):
        result[f"{key}_without_ms"] = _median(one[key] for one in loads["without"])
        result[f"{key}_with_ms"] = _median(one[key] for one in loads["with"])
        for name, other in (("difference", "with"), ("noise", "again")):
            both = zip(loads[other], loads["without"], strict=True)
            result[f"{key}_{name}_ms"] = _quartiles([one[key] - base[key] for one, base in both])
    return result


def _quartiles(values: list[float]) -> list[float]:
    return [round(value, 1) for value in quantiles(values, n=4)]


def _median(values: Iterator[float]) -> float:
    return round(median(values), 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.page")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure_page(options.pairs)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<24} {value}")


if __name__ == "__main__":
    main()
