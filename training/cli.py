"""`docent-train`: a stage by its recipe, or a chain of stages by a run file."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from app.errors import DocentError
from training.carrying_out import carry_out, examine
from training.chain import Step, load_chain, run_chain
from training.evaluation.command import app as evaluate_app
from training.preflight.finding import Finding
from training.recipe import load_recipe
from training.run_folder import is_main_process
from training.stage import MODULES

EXIT_WOULD_BREAK = 3
_stderr = Console(stderr=True)
_MARKS = {
    "ok": "[green]ok     [/]",
    "note": "[dim]note   [/]",
    "warning": "[yellow]warning[/]",
    "error": "[red]error  [/]",
}
_HELP = {
    "generate": "Have a teacher write questions and answers about the docs.",
    "prepare": "Filter pairs, split them by section, and write what models are trained on.",
    "merge": "Make one model of several of the same shape (mergekit).",
    "sft": "Fine-tune on chats (trl, peft).",
    "dpo": "Train on preference pairs (trl, peft).",
    "export": "Merge an adapter, write safetensors for vLLM and GGUF for the embedded engine.",
}

Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value over the recipe, with dots: a.b=1.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check shapes, data, memory and disk; train nothing.")]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Begin anew; of the output folder only paid replies stay."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON line a stage on stdout.")]

app = typer.Typer(
    name="docent-train",
    help="From documentation to a checkpoint that the service loads.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


app.add_typer(evaluate_app, name="evaluate")


def _stage_command(stage: str) -> Callable[..., None]:
    def command(
        recipe: Annotated[Path, typer.Option("--recipe", help="YAML file, as in training/recipes.")],
        settings: Settings = None,
        dry_run: DryRun = False,
        restart: Restart = False,
        as_json: AsJson = False,
    ) -> None:
        loaded = load_recipe(stage, recipe, settings or [])
        if dry_run:
            raise typer.Exit(_report(stage, examine(stage, loaded), as_json))
        manifest, made = carry_out(stage, loaded, restart=restart)
        _tell(Step(stage, stage, loaded), manifest, made, as_json)

    return command


for _name in MODULES:
    if _name != "generate":
        app.command(_name, help=_HELP[_name])(_stage_command(_name))


@app.command("generate", help=_HELP["generate"])
def generate(
    recipe: Annotated[Path, typer.Option("--recipe", help="YAML file, as in training/recipes.")],
    settings: Settings = None,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", help="Stop before the request that would pass it; see `prices`.")
    ] = None,
    dry_run: DryRun = False,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    limit = [] if max_cost is None else [f"max_cost={max_cost}"]
    _stage_command("generate")(recipe, [*(settings or []), *limit], dry_run, restart, as_json)


@app.command("run")
def run(
    file: Annotated[Path, typer.Argument(help="YAML file, as in training/runs.")],
    settings: Settings = None,
    dry_run: DryRun = False,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Carry out a chain of stages; those that are finished with the same inputs are left out."""
    chain = load_chain(file, settings or [])
    if dry_run:
        worst = max(_report(step.name, examine(step.stage, step.recipe, step.pending), as_json) for step in chain)
        raise typer.Exit(worst)
    for step, manifest, made in run_chain(chain, restart=restart):
        _tell(step, manifest, made, as_json)


def _report(name: str, findings: list[Finding], as_json: bool) -> int:
    """Print what preflight found. Returns the exit code."""
    broken = any(finding.level == "error" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"step": name, "ok": not broken, "findings": [one.as_dict() for one in findings]}))
    else:
        console = Console(soft_wrap=True)
        console.print(f"[bold]{name}[/]")
        for finding in findings:
            console.print(f"  {_MARKS[finding.level]} {finding.check}: ", end="")
            console.print(finding.text, markup=False, highlight=False)
    return EXIT_WOULD_BREAK if broken else 0


def _tell(step: Step, manifest: Mapping[str, Any], made: bool, as_json: bool) -> None:
    folder = str(step.recipe.output_dir)
    if not is_main_process():
        return
    if as_json:
        typer.echo(json.dumps({"step": step.name, "made": made, "output_dir": folder, "manifest": manifest}))
        return
    numbers = [f"{key} {value:.4g}" for key, value in manifest["metrics"].items() if isinstance(value, int | float)]
    state = f"made in {manifest['wall_seconds']:.0f} s" if made else "was finished"
    typer.echo(f"{step.name}: {state}: {folder}  {'  '.join(numbers)}".rstrip())
    for finding in manifest.get("findings", []):
        if finding["level"] == "warning":
            typer.echo(f"{step.name}: warning: {finding['check']}: {finding['text']}", err=True)


def _quiet() -> None:
    """Of the libraries' warnings what concerns a user, and on stdout nothing but the result."""
    logging.captureWarnings(capture=True)
    warnings.simplefilter("once")
    for for_developers in (FutureWarning, DeprecationWarning):
        warnings.simplefilter("ignore", for_developers)
    structlog.configure(  # of the service's parts only their warnings
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> None:
    """What `training.__main__` calls once the environment is set.

    Exit codes: 0 done, 1 an error that says what to do, 2 wrong usage, 3 a dry run that would break, 130 interrupted.
    """
    _quiet()
    try:
        app()
    except DocentError as error:
        typer.echo(f"docent-train: {error.detail}", err=True)
        sys.exit(1)
