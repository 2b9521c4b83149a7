"""`docent-train evaluate …`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urldefrag

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from training.errors import SourceError
from training.evaluation.answer_run import AnswerRun, run_answers
from training.evaluation.comparing import Checked, compare, evidence, gate
from training.evaluation.contexts import ARMS, Arm
from training.evaluation.making import (
    Making,
    make_items,
    read_rows_for_review,
    record,
)
from training.evaluation.results import Results
from training.evaluation.retrieval import evaluate_retrieval, read_chunkings
from training.evaluation.running import McqRun, run_mcq
from training.evaluation.served import read_models
from training.evaluation.ticket_questions import questions_of_tickets, write_questions
from training.manifest import write_json
from training.schema.teacher import Teacher

EXIT_GATE = 3
_VERDICTS = frozenset("kxsqabcd")
_VLLM = Path(".venv-vllm/bin/python")

app = typer.Typer(
    name="evaluate",
    help="Measure models, retrieval and answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class ScoringChoice(StrEnum):
    LETTER = "letter"
    CLOZE = "cloze"


class ProtocolChoice(StrEnum):
    LIKELIHOOD = "likelihood"
    STUDY = "study"


@app.callback()
def evaluate() -> None:
    """Measure models, retrieval and answers."""


@app.command("mcq")
def mcq(  # noqa: PLR0913, PLR0917  (options of a command)
    items: Annotated[
        Path, typer.Option("--items", help="CSV of question,a,b,c,d,correct, and source,heading if known.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for results.json, items.jsonl and report.html.")],
    models: Annotated[
        str,
        typer.Option("--models", help="name=PLACE,…: a URL to /v1 (#MODEL), a GGUF file, a folder, packaged; or none."),
    ],
    docs: Annotated[Path | None, typer.Option("--docs", help="Folder of the docs that the items are about.")] = None,
    arms: Annotated[str, typer.Option("--arms", help="Of closed, rag, gold, shuffled.")] = ",".join(ARMS),
    scoring: Annotated[
        ScoringChoice, typer.Option("--scoring", help="By the option's letter, or (cloze) by its text.")
    ] = ScoringChoice.LETTER,
    protocol: Annotated[
        ProtocolChoice, typer.Option("--protocol", help="study: letters sampled in rounds, as the study did.")
    ] = ProtocolChoice.LIKELIHOOD,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Of the study's protocol; it made 200.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of the arms random and shuffled.")] = 42,
    key_env: Annotated[
        list[str] | None, typer.Option("--key-env", help="name=VARIABLE that holds the key of an endpoint.")
    ] = None,
    vllm: Annotated[Path, typer.Option("--vllm", help="Interpreter with vLLM, for folders.")] = _VLLM,
    as_json: Annotated[bool, typer.Option("--json", help="results.json on stdout.")] = False,
) -> None:
    """Multiple choice: every model closed book, with retrieval, with the right page, and with a wrong one."""
    asked = McqRun(
        items=items,
        docs=docs,
        models=read_models(models, _keys(key_env or [])),
        out=out,
        arms=_arms(arms),
        scoring=scoring.value,
        protocol=protocol.value,
        rounds=rounds,
        seed=seed,
        vllm=vllm,
    )
    results = run_mcq(asked)
    if as_json:
        typer.echo(results.model_dump_json())
    else:
        _tell(results, out)


def _arms(text: str) -> list[Arm]:
    named = [one.strip() for one in text.split(",") if one.strip()]
    unknown = [one for one in named if one not in ARMS]
    if unknown or not named:
        raise SourceError(f"--arms: {', '.join(unknown) or 'nothing'} is not one of {', '.join(ARMS)}")
    return [cast("Arm", one) for one in dict.fromkeys(named)]


def _keys(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := [
        pair for pair, (_, separator, variable) in zip(pairs, split, strict=True) if not separator or not variable
    ]:
        raise SourceError(f"--key-env: {wrong[0]!r} is not name=VARIABLE")
    return {name: variable for name, _, variable in split}


def _tell(results: Results, out: Path) -> None:
    table = Table("arm", "accuracy", "95 % interval", "items")
    for name, arm in results.arms.items():
        low, high = arm.interval.low, arm.interval.high
        table.add_row(name, f"{arm.accuracy:.3f}", f"{low:.3f} to {high:.3f}", str(arm.items))
    console = Console(soft_wrap=True)
    console.print(table)
    if results.study is not None:
        for name, one in results.study.arms.items():
            console.print(f"{name}: {one.rounds} rounds, mean {one.mean:.3f}, std {one.std or 0:.3f}", highlight=False)
        console.print(results.study.shows, highlight=False)
    for note in results.notes:
        console.print(note, highlight=False)
    console.print(f"{out / 'report.html'}", highlight=False)


@app.command("retrieval")
def retrieval(
    questions: Annotated[Path, typer.Option("--questions", help="JSONL or CSV of question and files (or source).")],
    docs: Annotated[Path, typer.Option("--docs", help="Folder of the docs.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for results.json and report.html.")],
    chunking: Annotated[
        str, typer.Option("--chunking", help="TOKENS/OVERLAP,… to compare. Left out: the service's own.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="results.json on stdout.")] = False,
) -> None:
    """Whether the right page is found: hit@k, MRR and nDCG of every stage of the search, by size of chunks."""
    results = evaluate_retrieval(questions, docs, out, read_chunkings(chunking))
    if as_json:
        typer.echo(json.dumps(results))
        return
    table = Table("chunking", "stage", "hit@1", "hit@3", "hit@5", "MRR", "nDCG@10")
    for name, one in results["chunkings"].items():
        for stage, found in one["stages"].items():
            shown = [f"{found[key]:.3f}" for key in ("hit@1", "hit@3", "hit@5", "mrr", "ndcg@10")]
            table.add_row(name, stage, *shown)
    console = Console(soft_wrap=True)
    console.print(table)
    for name, one in results["chunkings"].items():
        console.print(f"{name}: {one['chunks']} chunks, {len(one['failures'])} questions missed", highlight=False)
    console.print(f"{out / 'report.html'}", highlight=False)


@app.command("answers")
def answers(  # noqa: PLR0913, PLR0917  (options of a command)
    questions: Annotated[
        Path, typer.Option("--questions", help="JSONL or CSV of question, files, kind, and reference if there is one.")
    ],
    docs: Annotated[Path, typer.Option("--docs", help="Folder of the docs.")],
    models: Annotated[str, typer.Option("--models", help="name=PLACE,… as for mcq.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for results.json, items.jsonl and report.html.")],
    judge: Annotated[str, typer.Option("--judge", help="name=PLACE of a model that judges the answers.")] = "none",
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Hand verdicts on answers (model, id, correct), for the judge.")
    ] = None,
    key_env: Annotated[
        list[str] | None, typer.Option("--key-env", help="name=VARIABLE that holds the key of an endpoint.")
    ] = None,
    vllm: Annotated[Path, typer.Option("--vllm", help="Interpreter with vLLM, for folders.")] = _VLLM,
    as_json: Annotated[bool, typer.Option("--json", help="results.json on stdout.")] = False,
) -> None:
    """What the service answers: grounding, citations, abstention, calibration, latency."""
    keys = _keys(key_env or [])
    judges = read_models(judge, {name: value for name, value in keys.items() if judge.startswith(f"{name}=")})
    if len(judges) > 1:
        raise SourceError("--judge takes one model")
    answering = read_models(models, {name: value for name, value in keys.items() if not judge.startswith(f"{name}=")})
    asked = AnswerRun(questions, docs, answering, out, judges[0] if judges else None, labels, vllm)
    results = run_answers(asked)
    if as_json:
        typer.echo(json.dumps(results))
        return
    by_model = results["results"]
    table = Table("", *by_model)
    for group in ("grounding", "abstention", "latency_ms"):
        for name in next(iter(by_model.values()))[group]:
            table.add_row(name.replace("_", " "), *(str(one[group][name]) for one in by_model.values()))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"{out / 'report.html'}", highlight=False)


@app.command("forgetting")
def forgetting(
    models: Annotated[
        str,
        typer.Option("--models", help="name=PLACE,…, the first is the baseline: a folder, adapter, GGUF, packaged."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for results.json and report.html.")],
    tasks: Annotated[
        str, typer.Option("--tasks", help="local (ships with it), full (needs a hub), or names of lm-eval tasks.")
    ] = "local",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Examples a task, at most.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="results.json on stdout.")] = False,
) -> None:
    """General ability before and after fine-tuning: lm-evaluation-harness tasks, and perplexity of a general text."""
    from training.evaluation import forgetting as ability  # noqa: PLC0415  (lm-eval and torch come with it)

    named: dict[str, list[str | dict[str, Any]]] = {"local": [*ability.local_tasks()], "full": [*ability.FULL]}
    chosen = named[tasks] if tasks in named else tasks.split(",")
    results = ability.evaluate_forgetting(_places(models), out, chosen, limit)
    if as_json:
        typer.echo(json.dumps(results))
        return
    names = list(next(iter(results["results"].values()))["tasks"])
    table = Table("model", *names, "perplexity")
    for name, one in results["results"].items():
        table.add_row(name, *(f"{one['tasks'][task]['mean']:.3f}" for task in names), f"{one['perplexity']:.2f}")
    console = Console(soft_wrap=True)
    console.print(table)
    for row in results["changes"]:
        if row["forgets"]:
            console.print(f"{row['model']} forgets: {row['task']} {row['mean']:+.3f}", highlight=False)
    console.print(f"{out / 'report.html'}", highlight=False)


def _places(text: str) -> list[tuple[str, str]]:
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if not pairs or any(not name or not place for name, _, place in pairs):
        raise SourceError("--models: name=PLACE, with commas between")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise SourceError("--models: two models have one name")
    return [(name, place) for name, _, place in pairs]


@app.command("compare")
def compare_folders(
    first: Annotated[Path, typer.Argument(help="--out of an evaluation: what is there now.")],
    second: Annotated[Path, typer.Argument(help="--out of another one of the same kind: what would come.")],
    policy: Annotated[
        Path | None, typer.Option("--gate", help="YAML with the rules that the second has to pass.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """One result beside another. With --gate: exit code 3 where a rule fails, and gate.json in the second folder."""
    found = compare(first, second)
    checked = gate(first, second, policy) if policy else []
    if policy is not None:
        found["gate"] = evidence(second, policy, checked)
        write_json(second / "gate.json", found["gate"])
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _tell_comparison(found, checked)
    if any(not one.passed for one in checked):
        raise typer.Exit(EXIT_GATE)


def _tell_comparison(found: dict[str, Any], checked: list[Checked]) -> None:
    console = Console(soft_wrap=True)
    if found["paired"]:
        table = Table("arm", "items", "difference", "95 % interval", "only first", "only second", "p (Holm)")
        for row in found["paired"]:
            interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
            counts = (str(row["only_first"]), str(row["only_second"]))
            table.add_row(
                row["arm"], str(row["items"]), f"{row['mean']:+.3f}", interval, *counts, f"{row['p_holm']:.3g}"
            )
    else:
        table = Table("metric", "first", "second", "change")
        for row in found["metrics"]:
            table.add_row(row["metric"], f"{row['before']:g}", f"{row['after']:g}", f"{row['change']:+g}")
    console.print(table)
    if not found["same_questions"]:
        console.print("The two were asked different questions: no paired test.", highlight=False)
    for one in checked:
        state = "passes" if one.passed else f"fails: {one.reason}"
        console.print(f"{one.metric}: {state}", highlight=False)


@app.command("make-items")
def make_multiple_choice(
    docs: Annotated[Path, typer.Option("--docs", help="Folder of the docs.")],
    teacher: Annotated[str, typer.Option("--teacher", help="A URL to /v1 with #MODEL, or embedded.")],
    out: Annotated[Path, typer.Option("--out", help="CSV file for the items.")],
    per_chunk: Annotated[int, typer.Option("--per-chunk", min=1, max=5, help="Items of one chunk, at most.")] = 2,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="So many chunks, drawn by the seed.")] = None,
    key_env: Annotated[str, typer.Option("--key-env", help="Variable that holds the teacher's key.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Of chunks and places.")] = 42,
) -> None:
    """Have a teacher write multiple-choice items about the docs; `review` them before they count."""
    base_url, model = urldefrag(teacher)
    try:
        asked = Teacher.model_validate({"base_url": base_url, "model": model, "api_key_env": key_env})
    except ValidationError as error:
        raise SourceError(
            f"--teacher: {error.errors()[0]['msg']}: give a URL to /v1 with #MODEL, or embedded"
        ) from error
    counts = make_items(Making(docs, out, asked, per_chunk=per_chunk, limit=limit, seed=seed))
    for name, count in counts.items():
        typer.echo(f"{name}: {count}")
    typer.echo(f"docent-train evaluate review {out}")


@app.command("make-questions")
def make_questions(
    tickets: Annotated[Path, typer.Option("--tickets", help="JSONL of tickets with outcomes, as the API gives them.")],
    docs: Annotated[Path, typer.Option("--docs", help="Folder of the docs that they cite.")],
    out: Annotated[Path, typer.Option("--out", help="JSONL file for `retrieval` and `answers`.")],
) -> None:
    """Labelled questions from tickets: what was sent is the reference, the pages it cites are the right ones."""
    found, counts = questions_of_tickets(tickets, docs)
    write_questions(out, found)
    for name, count in counts.items():
        typer.echo(f"{name}: {count}")


@app.command("review")
def review(items: Annotated[Path, typer.Argument(help="CSV of items, as make-items writes it.")]) -> None:
    """Read items one by one: keep, drop, or say which option is right. Each verdict is saved at once."""
    rows = read_rows_for_review(items)
    open_rows = [row for row in rows if not row["status"]]
    for number, row in enumerate(open_rows, start=1):
        typer.echo(f"\n{number} of {len(open_rows)}: {row['question']}")
        for letter in "abcd":
            typer.echo(f"  {'*' if row['correct'] == letter else ' '} {letter}. {row[letter]}")
        typer.echo(f"  {row['source']} {row['heading']}\n  {row['quote']}")
        said = ""
        while said not in _VERDICTS:
            said = typer.prompt("k keep, x drop, a-d that one is right, s skip, q quit").strip().lower()
        if said == "q":
            break
        if said == "s":
            continue
        if said in set("abcd"):
            row["correct"] = said
        row["status"] = "drop" if said == "x" else "keep"
        record(items, rows)
    kept, dropped = (sum(row["status"] == verdict for row in rows) for verdict in ("keep", "drop"))
    typer.echo(f"{kept} kept, {dropped} dropped, {len(rows) - kept - dropped} left")
