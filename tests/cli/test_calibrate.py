"""docent calibrate: labelled answers in, thresholds out; questions without a person's label are asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.config import Settings
from tests.answering.scripted_model import Reply, ScriptedModel
from tests.cli.conftest import Run

CLOSED = "http://127.0.0.1:9/v1"  # nothing listens there
ASKED = [
    {"question": "How do I dim the lamp?", "answerable": True, "sources": ["guide/brightness.md"]},
    {
        "question": "Why does the lamp flicker?",
        "answerable": True,
        "sources": ["faq.md"],
        "must_contain": ["own power"],
    },
    {"question": "How is the firmware updated?", "answerable": True, "sources": ["install.md"]},
    {"question": "What is the capital of Peru?", "answerable": False},
]


def write(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in entries), encoding="utf-8")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """90 answers by falling confidence: the first 60 right, then every second one."""
    return write(
        tmp_path / "labelled.jsonl",
        [
            {
                "question": f"q{at}",
                "confidence": round(0.99 - at / 100, 4),
                "correct": at < 60 or at % 2 == 0,
                "answer_id": f"ans_{at}",
            }
            for at in range(90)
        ],
    )


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        scripted.respond = lambda _: "NOT_IN_DOCS"
        yield scripted


def answering(prompt: str) -> str:
    """A model that says what the page says."""
    if "dim the lamp" in prompt:
        return "`lumen set --level 40` dims the lamp to forty percent. [1]"
    return "A hub without its own power supply makes the lamp flicker. [1]"


def test_the_table_and_the_line_for_env(run: Run, labelled: Path) -> None:
    done = run("calibrate", labelled, "--precision", "0.9", DOCENT_LLM__BASE_URL=CLOSED)

    assert (done.code, done.err) == (0, "")
    assert "90 labelled questions: 90 judged by a person, 0 by their sources." in done.out
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if re.match(r"0\.|now", line)}
    assert rows["0.9"] == ["0.3500", "72.2%", "65", "63", "0.969", "0.906"]
    assert rows["0.99"] == ["not", "reached"]
    assert rows["now"][:3] == ["0.5000", "55.6%", "50"]
    assert "chosen and measured on the same questions" in done.out
    assert "The answerable threshold stays as it is" in done.out
    assert done.out.endswith("For .env:\n\nDOCENT_ANSWERING__REPLY_THRESHOLD=0.3500\n")


def test_what_is_printed_is_a_setting(run: Run, labelled: Path) -> None:
    """The second run has the chosen threshold as its present one, and so the same numbers for both."""
    first = json.loads(run("calibrate", labelled, "--json").out)
    second = json.loads(run("calibrate", labelled, "--json", **first["settings"]).out)

    assert first["reply_now"] != first["reply"]
    assert second["reply_now"] == second["reply"] == first["reply"]


def test_json_has_everything(run: Run, labelled: Path) -> None:
    done = run("calibrate", labelled, "--json", "--precision", "0.8", "--measured", "--holdout", "0.5")

    found = json.loads(done.out)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert (found["by"], found["precision"], found["holdout"]) == ("measured", 0.8, 0.5)
    assert found["chosen_on"] + found["measured_on"] == 90
    assert found["reply"]["questions"] == found["measured_on"]
    assert [row["wanted"] for row in found["table"]] == [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99]
    assert found["curve"][-1]["replies"] == found["measured_on"]
    assert set(found["reply"]) == {
        "threshold", "questions", "replies", "right", "coverage", "precision", "lower", "upper",
    }  # fmt: skip
    again = run("calibrate", labelled, "--json", "--precision", "0.8", "--measured", "--holdout", "0.5")
    assert again.out == done.out


@pytest.mark.parametrize("option", [(), ("--measured",)])
def test_a_precision_out_of_reach_ends_with_what_is_in_reach(run: Run, tmp_path: Path, option: tuple[str]) -> None:
    lines = [{"question": f"q{at}", "confidence": 0.9, "correct": at % 5 != 0} for at in range(100)]
    done = run("calibrate", write(tmp_path / "l.jsonl", lines), *option, "--plot", tmp_path / "curve.png")

    assert done.code == 1
    assert "0.9     not reached" in done.out
    assert "REPLY_THRESHOLD" not in done.out
    assert done.err.startswith("docent: no threshold reaches a precision of 0.9")
    assert ("the best is 0.800, with 80 of 100" if option else "the best proves 0.723, with 80 of 100") in done.err
    assert done.err.count("\n") == 1
    assert (tmp_path / "curve.png").stat().st_size > 0
    assert json.loads(run("calibrate", tmp_path / "l.jsonl", *option, "--json").out)["reply"] is None


def test_answers_that_cannot_be_sent_reach_nothing(run: Run, tmp_path: Path) -> None:
    lines = [{"question": f"q{at}", "confidence": 0.9, "correct": True, "decision": "escalate"} for at in range(40)]
    done = run("calibrate", write(tmp_path / "l.jsonl", lines), "--plot", tmp_path / "curve.png")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "none of the answers can be sent" in done.err
    assert (tmp_path / "curve.png").is_file()


def test_the_curve_is_a_picture(run: Run, labelled: Path, tmp_path: Path) -> None:
    """It has the colours of the curve, its interval and the choice, at a size that fits a slide."""
    done = run("calibrate", labelled, "--plot", tmp_path / "curve.png")

    assert (done.code, done.err) == (0, "")
    with Image.open(tmp_path / "curve.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 840))
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {(0x1F, 0x5F, 0xA8), (0xB3, 0x26, 0x1E)} <= colours


def test_a_picture_says_nothing_and_leaves_no_window(settings: Settings, labelled: Path, tmp_path: Path) -> None:
    """Where matplotlib has no cache of fonts and no place for one either; it is not loaded without --plot."""
    code = "import sys; from app.cli import main\ntry: main()\nfinally: print('matplotlib.pyplot' in sys.modules)"
    for arguments in (["--plot", tmp_path / "curve.png"], []):
        done = subprocess.run(
            [sys.executable, "-c", code, "calibrate", labelled, "--json", *arguments],
            env={**os.environ, "DOCENT_DATA_DIR": str(settings.data_dir), "MPLCONFIGDIR": "/proc/nowhere"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("False\n")


def test_a_curve_of_many_points_is_a_picture(run: Run, tmp_path: Path) -> None:
    lines = [{"question": f"q{at}", "confidence": at / 1000, "correct": True} for at in range(400, 700)]
    done = run("calibrate", write(tmp_path / "l.jsonl", lines), "--plot", tmp_path / "curve.png")

    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "curve.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: Invalid JSON: "),
        ("[" * 10_000, "line 2: Invalid JSON: "),
        ("[]", "line 2: "),
        ('{"correct": true, "confidence": 0.5}', "line 2: `question`: Field required"),
        ('{"question": " ", "answerable": false}', "line 2: `question`: is empty"),
        ('{"question": "x"}', "neither `correct` with `confidence`, nor `answerable`"),
        ('{"question": "x", "correct": true}', "`correct` needs the `confidence`"),
        ('{"question": "x", "correct": "yes", "confidence": 0.5}', "line 2: `correct`: "),
        ('{"question": "x", "correct": true, "confidence": 1.5}', "line 2: `confidence`: "),
        ('{"question": "x", "correct": true, "confidence": NaN}', "line 2: "),
        ('{"question": "x", "answerable": true}', "needs `sources` or `must_contain`"),
        ('{"question": "\\ud800", "answerable": false}', "line 2: "),
        ('{"question": "x", "answerable": true, "sources": "faq.md"}', "line 2: `sources`: "),
    ],
)
def test_a_line_that_is_no_label(run: Run, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text(f'{{"question": "x", "answerable": false}}\n{line}\n', encoding="utf-8")
    done = run("calibrate", file)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith(f"docent: {file}, line 2: ")
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl cannot be read: "),
        (["."], ". cannot be read: "),
        (["empty.jsonl"], "empty.jsonl holds no labelled question"),
        (["few.jsonl"], "a precision of 0.9 takes 29 labelled questions at the least, and there are 1: "),
        (["few.jsonl", "--measured"], "a precision of 0.9 takes 10 labelled questions at the least, and there are 1: "),
        (["few.jsonl", "--plot", "curve.svg"], "name a file that ends in .png"),
        (["few.jsonl", "--plot", "nowhere/curve.png"], "there is no folder nowhere"),
    ],
)
def test_refusals_come_before_a_question(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    write(tmp_path / "few.jsonl", ASKED[:1])
    done = run("calibrate", *arguments)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert said in done.err
    assert not (tmp_path / "data").exists()


def test_a_question_that_is_too_long(run: Run, tmp_path: Path) -> None:
    lines = [*({"question": f"q{at}", "answerable": False} for at in range(30)), {**ASKED[0], "question": "x" * 4001}]
    done = run("calibrate", write(tmp_path / "l.jsonl", lines))

    assert (done.code, done.out) == (1, "")
    assert "l.jsonl, line 31: its question has over 4000 characters" in done.err


def test_questions_are_asked_and_judged(run: Run, docs: Path, tmp_path: Path, model: ScriptedModel) -> None:
    """Half an answer is no right one, a right page is; what the docs do not hold is right never and not sent."""
    model.respond = answering
    endpoint = {"DOCENT_LLM__BASE_URL": model.base_url, "DOCENT_LLM__MODEL": "scripted"}
    assert run("index", docs).code == 0
    done = run(
        "calibrate", write(tmp_path / "l.jsonl", ASKED * 8), "--precision", "0.5", "--json",
        "--answers", tmp_path / "answers.jsonl", "--keep", "0.5", **endpoint,
    )  # fmt: skip

    found = json.loads(done.out)
    assert found["judged_by"] == {"person": 0, "sources": 32}
    kept = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [one["question"] for one in kept] == [one["question"] for one in ASKED]  # each once
    assert "guide/brightness.md" in kept[0]["pages"]
    assert kept[0]["evidence"] >= kept[0]["confidence"] > 0
    assert (kept[3]["decision"], kept[3]["pages"]) == ("escalate", [])
    last = found["curve"][-1]
    sent = [one for one in kept if one["decision"] != "escalate"]
    assert last["replies"] == 8 * len(sent)
    assert last["right"] == 8 * 2
    assert (found["answerable"]["answerable"], found["answerable"]["unanswerable"]) == (24, 8)
    assert found["answerable"]["unanswerable_escalated"] == 8


def test_answers_of_docent_ask_are_taken(run: Run, docs: Path, tmp_path: Path, model: ScriptedModel) -> None:
    """Their trace is in the database; a label that is added to one needs no more than the line."""
    model.respond = answering
    endpoint = {"DOCENT_LLM__BASE_URL": model.base_url, "DOCENT_LLM__MODEL": "scripted"}
    assert run("index", docs).code == 0
    line = run("ask", ASKED[0]["question"], "--json", **endpoint).out
    answers = tmp_path / "answers.jsonl"
    answers.write_text(line)
    requests = len(model.requests)
    arguments = ["--json", "--measured", "--precision", "0.8", "--answers", answers]

    asked = json.loads(run("calibrate", write(tmp_path / "a.jsonl", ASKED[:1] * 5), *arguments, **endpoint).out)
    person = [{**json.loads(line), "correct": True}] * 5
    told = json.loads(run("calibrate", write(tmp_path / "p.jsonl", person), *arguments, **endpoint).out)

    assert len(model.requests) == requests
    assert (told["judged_by"], asked["judged_by"]) == ({"person": 5, "sources": 0}, {"person": 0, "sources": 5})
    assert asked["reply"] == told["reply"]
    answers.write_text(line.replace(json.loads(line)["id"], "ans_gone"))
    gone = run("calibrate", tmp_path / "a.jsonl", *arguments, **endpoint)
    assert gone.err.startswith("docent: there is no answer ans_gone in this database: take its line out")


def test_a_kill_costs_one_answer(
    settings: Settings, run: Run, docs: Path, tmp_path: Path, model: ScriptedModel
) -> None:
    assert run("index", docs).code == 0
    questions = [f"How bright is the lamp at level {at} of its brightness?" for at in range(30)]
    labels = write(tmp_path / "l.jsonl", [{"question": one, "answerable": False} for one in questions])
    answers, held = tmp_path / "answers.jsonl", threading.Event()
    model.respond = lambda prompt: Reply("NOT_IN_DOCS", waits=held if "level 3 of" in prompt else None)
    endpoint = {"DOCENT_LLM__BASE_URL": model.base_url, "DOCENT_LLM__MODEL": "scripted"}
    command = [sys.executable, "-c", "from app.cli import main; main()", "calibrate", str(labels)]
    with subprocess.Popen(
        [*command, "--answers", str(answers)],
        env={**os.environ, "DOCENT_DATA_DIR": str(settings.data_dir), "DOCENT_EMBEDDING__THREADS": "1", **endpoint},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not any("level 3 of" in prompt for prompt in model.prompts()) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    held.set()
    assert len(answers.read_text().splitlines()) == 3
    before = len(model.requests)

    done = run("calibrate", labels, "--answers", answers, "--json", **endpoint)

    assert done.code == 1
    kept = [json.loads(line)["question"] for line in answers.read_text().splitlines()]
    assert kept == questions
    assert len(model.requests) - before == 27
    assert json.loads(done.out)["measured_on"] == 30


def test_answers_without_the_model_are_told_of_and_asked_again(
    run: Run, docs: Path, tmp_path: Path, model: ScriptedModel
) -> None:
    assert run("index", docs).code == 0
    labels = write(tmp_path / "l.jsonl", ASKED[:1] * 2)
    arguments = [labels, "--measured", "--precision", "0.5", "--answers", tmp_path / "answers.jsonl"]
    endpoint = {"DOCENT_LLM__BASE_URL": model.base_url, "DOCENT_LLM__MODEL": "scripted"}
    model.respond = lambda _: Reply("broken", status=500)
    lost = run("calibrate", *arguments, **endpoint)
    model.respond = answering
    found = run("calibrate", *arguments, **endpoint)

    assert lost.code == 1
    assert "note: answers made without the model: 1." in lost.err
    assert (found.code, found.err) == (0, "")
