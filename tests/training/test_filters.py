from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from app.index.section import Chunk, Span
from training.errors import SourceError
from training.filters.__main__ import main
from training.filters.commands import DocumentedCode
from training.filters.fitting import Share, Verdict, fit, measure, out_of_fold, predict, read_verdicts
from training.filters.funnel import Dropped, Funnel, FunnelStep, misquoted
from training.filters.parsing import Language, misfit_length, unparsable
from training.filters.report import write_funnel
from training.filters.self_standing import bound_by
from training.filters.wording import asks_whether, consequences, denial, hedges, names_command, told_early
from training.pair import Pair
from training.schema.filters import FilterSettings

KEPT_LABELS = Path(__file__).parents[1] / "data" / "nitro_kept_labels.csv"
LABELS = Path(__file__).parents[1] / "data" / "nitro_pair_labels.csv"
BLOCK = "```bash\nferry send FOLDER HOST\n```"


def pair(question: str = "How do I copy a folder?", answer: str = "Run the command.", **more: object) -> Pair:
    return Pair(row=1, question=question, answer=answer, **more)  # type: ignore[arg-type]


def chunk(text: str, *headings: str, name: str = "c1") -> Chunk:
    spans = (Span(0, len(text), headings, ""),)
    return Chunk(name, "docs", "page.md", "Ferry", headings, "", text, spans, len(text.split()))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Run `ferry update`.", ""),
        (f"Run this:\n\n{BLOCK}", ""),
        ("`ferry update`", ""),
        ("Two ways:\n- by hand\n- by schedule", ""),
        ("It stops before the disk is", "the answer is cut off at 'is'"),
        ("The limit is set with --limit, which...", "the answer is cut off at '...'"),
        ("Run this:\n```bash\nferry send", "a code block of the answer is not closed"),
        ('Run this:\\n\\n```\\nferry send\\n```\\n\\nIt copies \\"name\\": 1.', "rubble: \\n\\n"),
        ("<div>It copies.</div>", "rubble: <div>"),
        ("?", "question or answer is empty"),
    ],
)
def test_what_was_cut_off_or_is_rubble_is_dropped(answer: str, reason: str) -> None:
    assert unparsable(pair(answer=answer)) == reason


def test_tags_within_code_are_no_rubble() -> None:
    assert unparsable(pair(answer="Write `<div>` into the page.")) == ""
    assert unparsable(pair(answer="Write this:\n```html\n<div></div>\n```")) == ""


def test_length_is_counted_in_words_below_and_in_tokens_above() -> None:
    settings = FilterSettings(max_question_tokens=6, max_answer_tokens=8)

    def why(question: str, answer: str) -> str:
        return misfit_length(pair(question, answer), settings, lambda text: len(text.split()))

    assert why("How do I copy?", "Run the command now.") == ""
    assert why("How do I copy?", "`ferry send`") == ""
    assert why("Copying?", "Run the command now.") == "the question has 1 words"
    assert why("How do I copy?", "Yes.") == "the answer has 1 words"
    assert why("How do I copy a folder to a host?", "Run the command now.") == "the question has 9 tokens"
    assert why("How do I copy?", "Run it and then wait until it has ended.") == "the answer has 9 tokens"


def test_the_language_is_that_of_the_docs() -> None:
    language = Language(
        ["Ferry copies the files of a folder to another machine, and it asks before it replaces a file that is newer."]
    )
    assert language.foreign(pair("How is a folder copied?", "It copies the files to another machine."), 0.25) == ""
    assert language.foreign(pair("Wie kopiere ich Ordner?", "Man ruft das Programm mit zwei Namen auf."), 0.25)
    assert language.foreign(pair("Quoi ?", "Rien."), 0.25) == "", "too short to tell"


def test_a_quote_has_to_stand_in_its_chunk_to_the_letter() -> None:
    chunks = {"c1": chunk("The default limit is 40.")}
    assert misquoted(pair(chunks=("c1",), quotes=("default limit is 40",)), chunks) == ""
    assert misquoted(pair(), chunks) == ""
    assert misquoted(pair(chunks=("c1",), quotes=("default limit is 50",)), chunks).startswith("not in its chunks")
    assert misquoted(pair(chunks=("gone",), quotes=("default",)), chunks) == "its chunks are not in the docs"


@pytest.mark.parametrize(
    "question",
    [
        "What does the given code do?",
        "What is this section about?",
        "What happens in the second step?",
        "What does the text say about limits?",
        "What is the main purpose of this guide?",
        "What does the passage mention?",
        "What does the code snippet print?",
        "Which keywords does the page have?",
        "What is the 'Audio' section about?",
        "What does the first example show?",
        "What is `limit` in the deployment code used for?",
    ],
)
def test_a_question_that_only_a_reader_of_its_page_understands_is_bound(question: str) -> None:
    assert bound_by(question, "It copies.").startswith("the question says")


@pytest.mark.parametrize(
    "question",
    [
        "What does `ferry send` do?",
        "What is the exit code of a failed copy?",
        "How do I limit the speed of a copy?",
        "What is the first step to install Ferry?",
        "Which steps are needed to pair two machines?",
        "How is the code of a plugin loaded?",
        "Is a new machine ready from the first copy request on?",
        "Can I see the history of a schedule?",
    ],
)
def test_a_question_that_anyone_may_ask_stands_by_itself(question: str) -> None:
    assert bound_by(question, "It copies files.") == ""


def test_an_answer_that_points_at_what_its_writer_saw_is_bound() -> None:
    assert bound_by("What is Ferry?", "According to the page, it copies.") == "the answer says 'According to the page'"
    assert bound_by("What is Ferry?", "The context does not say it.").startswith("the answer says")


CODE = DocumentedCode(
    [
        chunk(
            'Run `ferry send FOLDER HOST`.\n\n```json\n{\n  "limit": 40,\n  "log_folder": "/var/log"\n}\n```', "Copy"
        ),
        chunk("```bash\nsudo ./install.sh --version 2\n```", "Install", "Linux and macOS", name="c2"),
        chunk("```bash\n.\\install.bat --version 2\n```", "Install", "Windows", name="c3"),
        chunk("See https://example.com/docs for `--limit`.", "More", name="c4"),
    ]
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Run `ferry send FOLDER HOST`.", ""),
        ("Run `ferry send`.", ""),
        ("Run `ferry copy FOLDER`.", "not in the docs: ferry copy FOLDER"),
        ('Set it:\n```json\n{\n"limit": 40,\n}\n```', ""),
        ("Set it:\n```json\n{\n'limit': 40,\n}\n```", "no whole line of the docs: 'limit': 40,"),
        ("Set it:\n```bash\nsudo ./install.sh\n```", "no whole line of the docs: sudo ./install.sh"),
        ("Use --limit for it.", ""),
        ("Use --speed for it.", "not in the docs: --speed"),
        ("Set log_folder to a path.", ""),
        ("Set log_directory to a path.", "not in the docs: log_directory"),
        ("See [the docs](https://example.com/docs).", ""),
        ("See https://example.com/doc.", "not in the docs: https://example.com/doc"),
        ("See https://example.com/manual.", "not in the docs: https://example.com/manual"),
        ("It runs on MacOS and macOS, input and/or output.", ""),
    ],
)
def test_code_has_to_stand_in_the_docs_to_the_letter(answer: str, reason: str) -> None:
    assert CODE.damage(pair(answer=answer)) == reason


def test_code_for_one_platform_is_no_answer_for_all() -> None:
    answer = "Run this:\n```bash\n.\\install.bat --version 2\n```"
    assert CODE.damage(pair("How do I install version 2?", answer)).startswith("only for windows")
    assert CODE.damage(pair("How do I install version 2 on Windows?", answer)) == ""
    assert CODE.damage(pair("What does `.\\install.bat --version 2` do?", "It is `.\\install.bat --version 2`.")) == ""
    assert CODE.damage(pair("How do I name a version?", "Give `--version 2` to the script.")) == ""


def test_wording_tells_hedges_denials_and_consequences() -> None:
    assert hedges("It likely copies, and typically stops.") == 2
    assert hedges("It copies and stops.") == 0
    assert denial("The docs do not provide specific details.")
    assert denial("Ferry does not copy running databases.") == ""
    assert denial("The default is used if no host is specified, or when it is not specified.") == ""
    assert consequences("It copies twice, ensuring safety. This means that nothing is lost.") == 2
    assert asks_whether("Does Ferry copy databases?")
    assert not asks_whether("What does Ferry copy?")
    assert names_command("What does '-d' do?")
    assert not names_command("What does `limit` do?")


def test_a_plan_told_as_a_fact_is_found() -> None:
    assert told_early("Ferry copies over Bluetooth.", ["Copies over Bluetooth are coming soon."])
    assert not told_early("Ferry will copy over Bluetooth.", ["Copies over Bluetooth are coming soon."])
    assert not told_early("Ferry copies over SSH.", ["Ferry copies over SSH."])


def test_a_round_trip_ends_where_the_search_does() -> None:
    with pytest.raises(ValidationError, match="round_trip 20 is more than the 10 chunks"):
        FilterSettings(round_trip=20)


def test_the_report_counts_what_each_filter_dropped(tmp_path: Path) -> None:
    steps = [
        FunnelStep("parse", 3, [Dropped(Pair(2, "Eh?", "No"), "rubble: <div>")]),
        FunnelStep("length", 2, []),
    ]
    write_funnel(Funnel([Pair(1, "A?", "B"), Pair(3, "C?", "D", kind="unanswerable")], steps), tmp_path)
    counts = json.loads((tmp_path / "funnel.json").read_text())
    assert (counts["read"], counts["kept"]) == (3, 2)
    assert [(one["name"], one["before"], one["dropped"], one["kept"]) for one in counts["filters"]] == [
        ("parse", 3, 1, 2),
        ("length", 2, 0, 2),
    ]
    assert counts["filters"][0]["examples"] == [{"row": 2, "question": "Eh?", "reason": "rubble: <div>"}]
    table = (tmp_path / "funnel.md").read_text()
    assert "| parse | 3 | 1 | 2 | 66.7% |" in table
    assert "answerable 1, unanswerable 1" in table
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert dropped == [{"row": 2, "filter": "parse", "reason": "rubble: <div>"}]
    assert (tmp_path / "funnel.png").read_bytes().startswith(b"\x89PNG")


def test_a_share_has_its_wilson_interval() -> None:
    """Values of Newcombe 1998, table I: 81 of 263 and 15 of 148."""
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-4)
    assert Share(15, 148).interval == pytest.approx((0.0624, 0.1605), abs=5e-4)
    assert str(Share(0, 0)).startswith("- (0 of 0")


def test_precision_and_recall_are_of_the_judged_rows_only() -> None:
    verdicts = [
        Verdict(1, "true", True, "true"),
        Verdict(2, "true", False, "true"),
        Verdict(3, "partly", True, "partly"),
        Verdict(4, "true", True, "true"),
    ]
    found = measure(verdicts, {1, 2, 99})
    assert (found.precision.count, found.precision.total) == (1, 2)
    assert (found.recall.count, found.recall.total) == (1, 2)
    assert (found.base.count, found.base.total) == (2, 4)


def test_what_was_trimmed_is_judged_as_it_was_kept() -> None:
    verdicts = [Verdict(1, "partly", True, "true"), Verdict(2, "true", True, "true"), Verdict(3, "true", True, "true")]
    found = measure(verdicts, {1, 2})
    assert (found.precision.count, found.precision.total) == (2, 2)
    assert (found.recall.count, found.recall.total) == (1, 2)  # of those that were good as they were


def test_the_fit_finds_the_weights_that_made_the_labels() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(4000, 3)) * [1.0, 0.5, 2.0]
    good = (random.random(4000) < predict(np.array([1.5, -2.0, 0.0, 0.5]), rows)).astype(float)
    assert fit(rows, good) == pytest.approx([1.5, -2.0, 0.0, 0.5], abs=0.2)
    assert abs(out_of_fold(rows[:400], good[:400]) - fit_of(rows[:400], good[:400])).max() < 0.1


def fit_of(rows: np.ndarray, good: np.ndarray) -> np.ndarray:
    return predict(fit(rows, good), rows)


def test_the_labels_can_be_read_and_fall_into_two_like_halves() -> None:
    verdicts = read_verdicts(LABELS)
    assert len(verdicts) >= 350
    assert {one.verdict for one in verdicts.values()} == {"true", "partly", "false", "generic", "broken"}
    assert not verdicts.keys() & read_verdicts(KEPT_LABELS).keys(), "what is measured on was fitted on"
    tuning = sum(one.tuning for one in verdicts.values())
    assert 0.4 < tuning / len(verdicts) < 0.6
    with pytest.raises(SourceError, match="there is no file"):
        read_verdicts(LABELS.with_name("none.csv"))


def test_the_command_ends_in_one_line_where_a_file_is_missing(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.csv")
    with pytest.raises(SystemExit, match=f"^python -m training.filters: there is no file {re.escape(gone)}$"):
        main(["--pairs", gone, "--docs", gone, "--labels", gone])
