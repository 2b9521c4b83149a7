"""docent calibrate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.calibration.answers import AnswersFile, MadeAnswer, with_trace
from app.calibration.calibration import Calibration, Wanted, calibrate, check_number
from app.calibration.choice import Escalation, Rule
from app.calibration.curve import Point
from app.calibration.examples import Example, asked_example, labelled_example
from app.calibration.labels import Label, read_labels
from app.cli.database import on_database
from app.cli.docent import open_chat
from app.cli.output import index_progress, print_json
from app.config import Settings, load_settings
from app.errors import DocentError, InvalidInput, NotFound


class PrecisionNotReached(DocentError):
    """No threshold reaches the wanted precision; what there is was printed."""


def calibrate_thresholds(  # noqa: PLR0913, PLR0917  (an option each)
    labelled: Annotated[Path, typer.Argument(help="JSONL file with a labelled question a line.")],
    precision: Annotated[
        float, typer.Option("--precision", min=0.5, max=0.999, help="Share of the replies that has to be right.")
    ] = 0.9,
    measured: Annotated[
        bool, typer.Option("--measured", help="Go by the share that was right, not by what it proves.")
    ] = False,
    certainty: Annotated[
        float, typer.Option("--certainty", min=0.5, max=0.999, help="How sure the proof has to be.")
    ] = 0.95,
    keep: Annotated[
        float, typer.Option("--keep", min=0.5, max=0.99, help="Share of answerable questions that is not escalated.")
    ] = 0.95,
    holdout: Annotated[
        float, typer.Option("--holdout", min=0, max=0.9, help="Share of the questions to measure on; 0.5 is half.")
    ] = 0.0,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="File that keeps the answers, to go on from after a stop.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG file for the curve.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Choose the thresholds for a wanted precision from labelled questions, and show what each would reply to."""
    settings = load_settings()
    _check_plot(plot)
    labels = read_labels(labelled)
    wanted = Wanted(precision, keep, holdout, Rule("measured" if measured else "proven", certainty))
    check_number(labels, wanted)
    examples = _examples(labels, labelled, AnswersFile(answers), settings)
    found = calibrate(examples, wanted, settings.answering)
    if plot is not None:
        from app.calibration.drawing import draw  # noqa: PLC0415  (matplotlib, for who wants a picture)

        draw(found, plot)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.chosen is None:
        raise PrecisionNotReached(_not_reached(found))


def _check_plot(plot: Path | None) -> None:
    """Before questions are asked for an hour."""
    if plot is None:
        return
    if plot.suffix.lower() != ".png":
        raise InvalidInput(f"--plot {plot}: the picture is a PNG, name a file that ends in .png")
    if not plot.parent.is_dir():
        raise InvalidInput(f"--plot {plot}: there is no folder {plot.parent}")


def _examples(labels: Sequence[Label], file: Path, answers: AnswersFile, settings: Settings) -> list[Example]:
    limit = settings.answering.question_chars
    too_long = next((label for label in labels if label.is_asked and len(label.question) > limit), None)
    if too_long is not None:
        raise InvalidInput(f"{file}, line {too_long.line}: its question has over {limit} characters: shorten it")
    asked = list(dict.fromkeys(label.question for label in labels if label.is_asked))
    _ask(asked, answers, settings)
    for question in asked:
        if answers.answer(question).pages is None:  # a line of `docent ask --json`
            answers.complete(question, _stages(answers.answer(question).id))
    made = {question: answers.answer(question) for question in asked}
    _tell_of(list(made.values()))
    return [asked_example(one, made[one.question]) if one.is_asked else labelled_example(one) for one in labels]


def _ask(asked: Sequence[str], answers: AnswersFile, settings: Settings) -> None:
    """Have every question answered that has no answer yet: by the running service, else in this process."""
    missing = [question for question in asked if question not in answers]
    if not missing:
        return
    before = len(asked) - len(missing)
    with index_progress() as bars, open_chat(settings) as docent:
        for done, question in enumerate(missing, start=before):
            bars.show("Asking", done, len(asked), question[:60])
            answer = docent.ask(question)
            answers.add(question, with_trace(answer, _stages(answer["id"])))


def _stages(answer_id: str) -> dict[str, Any]:
    from app.conversations.repository import read_trace  # noqa: PLC0415  (see app.cli.docent)

    try:
        found = on_database(lambda database: read_trace(database, answer_id))
    except NotFound as error:
        raise InvalidInput(f"{error.detail} in this database: take its line out, and it is asked again") from error
    stages: dict[str, Any] = found["stages"]
    return stages


def _tell_of(made: Sequence[MadeAnswer]) -> None:
    """What makes the answers a doubtful sample."""
    origins = {(one.model, one.index_revision) for one in made}
    if len(origins) > 1:
        typer.echo(
            f"note: {len(origins)} models or revisions of the index made the answers: begin a new --answers file to "
            "calibrate the present ones",
            err=True,
        )
    lost = sum("engine_unavailable" in one.reasons for one in made)
    if lost:
        typer.echo(f"note: answers made without the model: {lost}. They count as not sent: run it again", err=True)


def _print(found: Calibration) -> None:
    persons, sources = found.judged_by["person"], found.judged_by["sources"]
    typer.echo(f"{persons + sources} labelled questions: {persons} judged by a person, {sources} by their sources.")
    if found.wanted.holdout:
        typer.echo(f"Thresholds are chosen on {found.chosen_on} of them and measured on the other {found.measured_on}.")
    column, certainty = "at least" if found.wanted.rule.by == "proven" else "precision", found.wanted.rule.certainty
    typer.echo(f"\nReached: when `{column}` is as wanted. `at least` is {certainty * 100:.4g} % certain.\n")
    typer.echo("wanted  threshold  coverage  replies  right  precision  at least")
    for precision, point in found.rows:
        typer.echo(_row(f"{precision:.4g}", point))
    typer.echo(_row("now", found.now))
    typer.echo("")
    for line in _escalation_lines(found):
        typer.echo(line)
    for note in found.notes:
        typer.echo(f"Note: {note}.")
    if found.settings:
        typer.echo("\nFor .env:\n")
    for name, value in found.settings.items():
        typer.echo(f"{name}={value}")


def _row(name: str, point: Point | None) -> str:
    if point is None:
        return f"{name:<6}  not reached"
    precision = f"{point.precision:.3f}" if point.replies else "-"
    return (
        f"{name:<6}  {point.threshold:<9.4f}  {point.coverage:>7.1%}  {point.replies:>7}  {point.right:>5}  "
        f"{precision:>9}  {point.lower:>8.3f}"
    )


def _escalation_lines(found: Calibration) -> list[str]:
    """What the evidence thresholds do, chosen and present."""
    if not isinstance(found.escalated, Escalation):
        return [f"The answerable threshold stays as it is: {found.escalated}."]
    return [
        f"Evidence below {one.threshold:.3f} ({name}) escalates {one.answerable - one.answerable_kept} of "
        f"{one.answerable} answerable and {one.unanswerable_escalated} of {one.unanswerable} other questions."
        for name, one in (("chosen", found.escalated), ("now", found.escalated_now))
    ]


def _not_reached(found: Calibration) -> str:
    wanted, best = found.wanted, found.nearest
    said = f"no threshold reaches a precision of {wanted.precision:g}"
    if best is None:
        return f"{said}: none of the answers can be sent, see their `reasons`"
    value = wanted.rule.value(best)
    counted = f"{best.right} of {best.replies} replies right"
    if wanted.rule.by == "proven":
        said += f" for certain; the best proves {value:.3f}, with {counted} at {best.threshold:.4f}"
        return f"{said}: label more, want less, or take --measured"
    return f"{said}; the best is {value:.3f}, with {counted} at {best.threshold:.4f}: want less, or mend the wrong ones"
