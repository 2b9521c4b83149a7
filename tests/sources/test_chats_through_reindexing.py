"""Visitors ask all the time while the index is made anew: no error, no answer out of two revisions."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import DOCS, MESSAGES, VisitedService
from tests.sources.operating import Operator

VISITORS, PAGES = 3, 5
QUESTION = "Which port does the lamp server listen on?"
PROBE = {"question": "zeppelin hangar", "path": "hangar.md"}


def write_edition(folder: Path, edition: str) -> None:
    folder.mkdir(exist_ok=True)
    for page in range(PAGES):
        text = f"The lamp server of edition {edition} listens on port 70{page}0."
        (folder / f"page{page}.md").write_text(f"# Page {page}\n\n## The port of server {page}\n\n{text}\n")
    (folder / "hangar.md").write_text(f"# Zeppelins\n\nThe zeppelin hangar of edition {edition} is open.\n")


def say(prompt: str) -> str:
    """The model repeats a sentence of the passages that it is given."""
    found = re.search(r"The lamp server of edition \w+ listens on port 70\d0\.", prompt)
    return f"{found[0][:-1]} [1]." if found else "NOT IN DOCS"


@dataclass
class Visitors:
    """Each asks as soon as the last question is answered, for as long as the block lasts."""

    service: VisitedService
    answers: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for _ in range(VISITORS):
            self._threads.append(threading.Thread(target=self._ask, args=(self.service.session(),)))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, session: str) -> None:
        with self.service.browser(session, DOCS) as browser:
            while not self._ended.is_set():
                try:
                    answered = browser.post(MESSAGES, json={"question": QUESTION})
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    return
                if answered.status_code != 200:
                    self.failures.append(answered.text)
                else:
                    self.answers.append(answered.json())


def editions_by_revision(answers: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The editions that answers and their citations are of, by the revision that they name."""
    found: dict[str, set[str]] = defaultdict(set)
    for answer in answers:
        assert answer["citations"], answer
        said = [answer["text"], *(one["quote"] for one in answer["citations"])]
        for text in said:
            found[answer["index_revision"]] |= set(re.findall(r"edition (\w+)", text))
    return dict(found)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        scripted.respond = say
        yield scripted


def test_a_full_run_and_failing_ones_while_visitors_ask(model: ScriptedModel, indexed: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    write_edition(pages, "one")
    settings = {"LLM__BASE_URL": model.base_url, "ANSWERING__ANSWERABLE_THRESHOLD": "0.01", "EMBEDDING__THREADS": "1"}
    with VisitedService(tmp_path, indexed, **settings) as service:
        operator = Operator(service)
        with operator.http:
            operator.add("port", pages, probes=[PROBE])
            operator.run("port")
            operator.delete("lumen")
            first = operator.serving()
            write_edition(pages, "two")
            with Visitors(service) as visitors:
                second = _through_a_full_run(operator, visitors)
                _through_failing_runs(operator, pages, visitors, second)
    assert visitors.failures == []
    assert editions_by_revision(visitors.answers) == {first: {"one"}, second: {"two"}}
    for prompt in model.prompts():
        assert len(set(re.findall(r"edition (\w+)", prompt))) == 1


def _through_a_full_run(operator: Operator, visitors: Visitors) -> str:
    """The revision that serves after it. The pointer moves once."""
    before = operator.serving()
    asked = len(visitors.answers)
    seen = [before]
    for name, _ in operator.events(operator.begin(full=True)):
        if (serving := operator.serving()) != seen[-1]:
            seen.append(serving)
        last = name
    assert last == "job.finished"
    now = operator.serving()
    assert now != before
    assert [*dict.fromkeys([*seen, now])] == [before, now]
    while len(visitors.answers) < asked + 2 * VISITORS and not visitors.failures:
        threading.Event().wait(0.05)
    return now


def _through_failing_runs(operator: Operator, pages: Path, visitors: Visitors, serving: str) -> None:
    """One whose probe question does not find its page, and one that would delete too much."""
    asked = len(visitors.answers)
    write_edition(pages, "three")
    (pages / "hangar.md").rename(pages / "gone.md")
    failed = operator.finished(operator.begin(full=True))
    assert (failed["state"], failed["error"]["kind"]) == ("failed", "index-rejected")
    assert "the probe question 'zeppelin hangar' would not find hangar.md of port" in failed["error"]["detail"]
    assert operator.serving() == serving
    for page in range(1, PAGES):
        (pages / f"page{page}.md").unlink()
    failed = operator.finished(operator.begin(full=True))
    assert (failed["state"], failed["error"]["kind"]) == ("failed", "index-rejected")
    assert "documents of port would be deleted" in failed["error"]["detail"]
    assert operator.serving() == serving
    assert len(visitors.answers) > asked
