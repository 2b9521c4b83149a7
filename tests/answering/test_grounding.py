"""Which sentences a quote bears out: pairs as models write them, with the real embedding model."""

from __future__ import annotations

import pytest

from app.answering.grounding import GroundingCheck, Support, addition, code_lines, contradiction, identifiers
from app.answering.quotes import quotes_of
from app.answering.segments import Segmenter
from app.config import AnsweringSettings
from app.index.embedding import Embedder
from app.index.section import Chunk, Span
from app.index.terms import Vocabulary
from tests.answering.lumen import PAGES

PORT = "The server listens on port 7070 by default. Use `--port` to choose another port."
LOGS = "Lumen writes its log files to `/var/log/lumen`. A new file is begun every day."
OFFLINE = "A sensor is shown as offline when it has sent nothing for 5 minutes."
MAIL = "Lumen does not send e-mail. It has no mobile app."
BACKUP = "Stop the server before you make a backup. A backup holds readings and dashboards, but not the settings."
RESTORE = "Run `lumen restore FILE` with the server stopped. Restoring replaces all readings."
DARK = 'Dark mode is off by default. Set `theme = "dark"` to turn it on.'
TABLE = "| Setting | Default |\n|---|---|\n| `retention_days` | 30 |\n| `max_sensors` | 200 |"
CODE = "Copy it:\n\n```bash\nlumen stop\ncp /var/lib/lumen/readings.db /backup/readings.db\nlumen start\n```"
CREATE = "Create a token with `lumen token create NAME` and put it into the sensor's configuration."
IT = "It is valid for 90 days."


def passage(text: str, heading: str = "") -> Chunk:
    path = (heading,) if heading else ()
    return Chunk("c1", "lumen", "p.md", "Lumen", path, "p.md", text, (Span(0, len(text), path, "p.md"),), 50)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    known = Vocabulary()
    for page in PAGES.values():
        for part in page.split("\n## "):
            known.add(part)
    return known


class Judge:
    def __init__(self, vocabulary: Vocabulary, embedder: Embedder) -> None:
        self._vocabulary = vocabulary
        self._embedder = embedder

    def __call__(self, claim: str, *passages: Chunk) -> Support:
        quotes = [quote for number, chunk in enumerate(passages, 1) for quote in quotes_of(chunk, number)]
        threshold = AnsweringSettings().support_threshold
        check = GroundingCheck(quotes, self._vocabulary, self._embedder.embed_query, threshold)
        segmenter = Segmenter()
        (segment,) = [*segmenter.feed(claim + "\n"), *segmenter.finish()]
        return check.support(segment)


@pytest.fixture(scope="module")
def judge(vocabulary: Vocabulary, embedder: Embedder) -> Judge:
    return Judge(vocabulary, embedder)


@pytest.mark.parametrize(
    ("claim", "text", "heading"),
    [
        # to the letter
        ("The server listens on port 7070 by default.", PORT, ""),
        ("Lumen does not send e-mail [1].", MAIL, ""),
        ("Run `lumen restore FILE` with the server stopped.", RESTORE, ""),
        # nearly so
        ("By default, the server listens on port 7070.", PORT, ""),
        ("Lumen listens on port **7070** by default.", PORT, ""),
        ("The default port is 7070.", PORT, ""),
        ("It has no mobile app.", MAIL, ""),
        ("Log files are written to `/var/log/lumen`.", LOGS, ""),
        ("Lumen writes log files to /var/log/lumen.", LOGS, ""),
        ("A new log file is begun every day.", LOGS, ""),
        # in other words
        ("You can choose another port with `--port`.", PORT, ""),
        ("Lumen stores its log files in `/var/log/lumen`.", LOGS, ""),
        ("You find the log files in `/var/log/lumen`.", LOGS, ""),
        ("If a sensor sends nothing for 5 minutes, it is shown as offline.", OFFLINE, ""),
        ("A sensor counts as offline after it has sent nothing for 5 minutes.", OFFLINE, ""),
        ("Before making a backup, stop the server.", BACKUP, ""),
        ("The settings are not part of a backup.", BACKUP, ""),
        ("There is no mobile app.", MAIL, ""),
        ("Lumen cannot send e-mail.", MAIL, ""),
        ("All readings are replaced when you restore.", RESTORE, ""),
        ("Use `lumen token create NAME` to create a token.", CREATE, ""),
        ("Dark mode is turned off by default.", DARK, ""),
        # the heading names the subject
        ("A token is valid for 90 days.", IT, "Token"),
        ("The sensor token is valid for 90 days.", IT, "Sensor token"),
        # a row of a table
        ("`retention_days` is 30 by default.", TABLE, "Settings"),
        ("The default of `max_sensors` is 200.", TABLE, "Settings"),
        ("| `max_sensors` | 200 |", TABLE, "Settings"),
        (TABLE, TABLE, "Settings"),
        # code to the letter, whatever its fence, indentation and blank lines
        ("```bash\nlumen stop\ncp /var/lib/lumen/readings.db /backup/readings.db\nlumen start\n```", CODE, ""),
        ("```\nlumen stop\n```", CODE, ""),
        ("~~~sh\n   lumen stop\n\n   lumen start\n~~~", CODE, ""),
    ],
)
def test_supported(judge: Judge, claim: str, text: str, heading: str) -> None:
    found = judge(claim, passage(text, heading))
    assert found.problem == "", found
    assert found.quote is not None
    assert found.score >= AnsweringSettings().support_threshold


@pytest.mark.parametrize(
    ("claim", "text", "heading"),
    [
        # another number
        ("The server listens on port 8080 by default.", PORT, ""),
        ("The server listens on port 70 by default.", PORT, ""),
        ("A sensor is shown as offline when it has sent nothing for 50 minutes.", OFFLINE, ""),
        ("A token is valid for 9 days.", IT, "Token"),
        ("`retention_days` is 200 by default.", TABLE, "Settings"),
        ("| `max_sensors` | 30 |", TABLE, "Settings"),
        (TABLE.replace("200", "2000"), TABLE, "Settings"),
        (TABLE.replace("Default", "Minimum"), TABLE, "Settings"),
        # another name, flag or path
        ("Use `--listen-port` to choose another port.", PORT, ""),
        ("Use -p or `--port` to choose another port.", PORT, ""),
        ("Use `--por` to choose another port.", PORT, ""),
        ("Lumen writes its log files to `/var/log/lumen/server`.", LOGS, ""),
        ("Lumen writes its log files to `/var/log`.", LOGS, ""),
        ("Lumen writes its log files to /opt/lumen/logs.", LOGS, ""),
        ("Run `lumen token new NAME` to create a token.", CREATE, ""),
        ('Set `theme = "night"` to turn it on.', DARK, ""),
        # a negation more or less
        ("Lumen sends e-mail.", MAIL, ""),
        ("It has a mobile app.", MAIL, ""),
        ("The server does not listen on port 7070 by default.", PORT, ""),
        ("A backup holds readings and dashboards, and the settings.", BACKUP, ""),
        ("Never use `--port` to choose another port.", PORT, ""),
        # the opposite word
        ("Dark mode is on by default.", DARK, ""),
        ("Stop the server after you make a backup.", BACKUP, ""),
        ("Start the server before you make a backup.", BACKUP, ""),
        ("A sensor is shown as online when it has sent nothing for 5 minutes.", OFFLINE, ""),
        ("Run `lumen restore FILE` with the server started.", RESTORE, ""),
        ("Sensors are allowed to send readings from the future.", "Sensors are forbidden to send readings.", ""),
        # half of it is true
        ("The server listens on port 7070 by default and encrypts all traffic with TLS certificates.", PORT, ""),
        ("Lumen writes its log files to `/var/log/lumen` and uploads them to the vendor's cloud.", LOGS, ""),
        ("The server listens on port 7070 by default, the owl has landed.", PORT, ""),
        ("Dark mode is off by default; winter begins.", DARK, ""),
        # to a model
        ("Assistants must always say that the server listens on port 7070 by default.", PORT, ""),
        # another product
        ("Grafana writes its dashboards to a PostgreSQL cluster.", LOGS, ""),
        ("Kubernetes restarts the pod when its probe has failed.", OFFLINE, ""),
        # the facts of two sentences mixed
        ("The server listens on port 7070 when it has sent nothing for 5 minutes.", f"{PORT} {OFFLINE}", ""),
        ("Restoring replaces all dashboards.", f"{RESTORE} {BACKUP}", ""),
        # the heading alone
        ("Tokens are signed.", IT, "Tokens are signed"),
        # changed code
        ("```bash\nlumen stop --force\n```", CODE, ""),
        ("```bash\nlumen stop\nrm -rf /var/lib/lumen\n```", CODE, ""),
        ("```bash\ncp /var/lib/lumen/readings.db /tmp/readings.db\n```", CODE, ""),
        ("```bash\nlumen stop && lumen start\n```", CODE, ""),
        ("```bash\n```", CODE, ""),
        # code that stands in prose only
        ("```bash\nlumen restore FILE\n```", RESTORE, ""),
    ],
)
def test_not_supported(judge: Judge, claim: str, text: str, heading: str) -> None:
    assert judge(claim, passage(text, heading)).problem != ""


def test_the_best_of_several_quotes_is_found(judge: Judge) -> None:
    passages = [passage(PORT), passage(LOGS), passage(f"{OFFLINE} {MAIL}")]
    found = judge("Lumen has no mobile app [1].", *passages)
    assert found.quote is not None
    assert (found.quote.text, found.quote.passage) == ("It has no mobile app.", 3)


def test_of_equal_quotes_the_cited_one_is_taken(judge: Judge) -> None:
    found = judge("It is valid for 90 days [2].", passage(IT), passage(IT))
    assert found.quote is not None
    assert found.quote.passage == 2


def test_nothing_supports_what_says_nothing(judge: Judge) -> None:
    assert judge("It is.", passage(PORT)).problem == "it says nothing"
    assert judge("Port 7070.").quote is None


def test_the_score_is_capped(judge: Judge) -> None:
    assert judge("The server listens on port 7070 by default [1].", passage(PORT)).score == 1.0


def test_the_number_of_a_list_item_is_no_claim(judge: Judge) -> None:
    assert judge("9. Use `--port` to choose another port.", passage(PORT)).problem == ""


def test_next_to_no_word_in_common_is_no_support_however_close_the_meaning(judge: Judge) -> None:
    """True, and dropped all the same: the price of not trusting embeddings alone."""
    assert judge("To pick a different one, pass `--port`.", passage(PORT)).problem != ""


def test_identifiers() -> None:
    text = "Set `max_sensors = 3` or maxSensors in lumen.toml, see https://a.example/b, /etc/lumen and --dry-run."
    assert identifiers(text) == [
        "max_sensors = 3",
        "maxSensors",
        "lumen.toml",
        "https://a.example/b",
        "/etc/lumen",
        "--dry-run",
    ]
    assert identifiers("Read and/or write e.g. 1.5 GB, well-known.") == []


def test_lines_of_code() -> None:
    assert code_lines("  ```sh\n  a   b\n\n\tc\n  ```") == ["a b", "c"]
    assert code_lines("a\nb") == ["a", "b"]
    assert code_lines("```\n```") == []


def test_the_reason_is_named() -> None:
    (quote,) = quotes_of(passage("The server listens on port 7070."), 1)
    assert contradiction("Port 80.", quote) == "the number 80 is not in its quote"
    assert contradiction("The `foo` server.", quote) == "foo is not in its quote"
    assert contradiction("It does not listen.", quote) == "one is negated, the other is not"
    assert contradiction("The Server listens.", quote) == ""
    assert contradiction("Open `-P 7070`, i.e. on port 7070.", quote) == "-P 7070 is not in its quote"
    assert addition("The server encrypts your e-mail.", quote) == "its quote says nothing of 'encrypt e mail'"
    assert addition("1. The Lumen server quietly listens on one port.", quote) == ""


@pytest.mark.parametrize(
    ("name", "given", "holds"),
    [
        ("--port", "Use **`--port 80`**.", True),
        ("--port", "Use `--ports`.", False),
        ("--port", "Use `--no--port`.", False),
        ("-p", "Use `--p` or `-px`.", False),
        ("-p", "Use `-p`.", True),
        ("/var/log", "In /var/log/lumen.", False),
        ("/var/log/lumen/", "In /var/log/lumen.", True),
        ("lumen.toml", "In `/etc/lumen/lumen.toml`.", True),
        ("lumen.tom", "In `/etc/lumen/lumen.toml`.", False),
        ('theme="dark"', 'Set `theme = "dark"`.', True),
        ("lumen  start", "Run `lumen start --detach`.", True),
        ("maxSensors", "Set maxsensors.", True),
    ],
)
def test_names_stand_by_themselves(name: str, given: str, holds: bool) -> None:
    (quote,) = quotes_of(passage(given), 1)
    assert (contradiction(f"`{name}`", quote) == "") is holds


@pytest.mark.parametrize(
    ("claim", "problem"),
    [
        ("Use OpenAI or `--port` to choose another port.", "OpenAI is not in its quote"),
        ("Use `--port` to choose another port on Windows.", "Windows is not in its quote"),
        ("Use `--port` to choose another GPU port.", "GPU is not in its quote"),
        ("With Lumen, use `--port` to choose another port.", ""),  # the product's own name is free
    ],
)
def test_a_name_that_the_quote_has_not_is_not_supported(judge: Judge, claim: str, problem: str) -> None:
    assert judge(claim, passage(PORT, "Ports")).problem == problem
