"""docent ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.answering.answerer import Answerer
from app.chat.service import ChatService
from app.cli.output import print_json, read_questions
from app.cli.remote import running_service
from app.config import Settings, load_settings
from app.runtime import build_model, open_core


def ask(
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="File with a question a line, - for stdin.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line, the Answer, a question.")] = False,
) -> None:
    """Answer questions from the index: by the running service, else by an engine started for it."""
    settings = load_settings()
    asked = read_questions(question, questions, "--questions")
    with running_service(settings) as remote:
        if remote is not None:
            for text in asked:
                _print(remote.ask(text), as_json)
        else:
            asyncio.run(_ask(settings, asked, as_json))


async def _ask(settings: Settings, asked: Sequence[str], as_json: bool) -> None:
    async for answer in _answers(settings, asked):
        _print(answer, as_json)


async def _answers(settings: Settings, asked: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    async with open_core(settings) as core:
        await core.library.current()  # without an index no engine is started
        model = build_model(settings)
        try:
            if model.engine is not None:
                await model.engine.start()
            await model.client.ready()
            chat = ChatService(settings, core.database, Answerer(settings.answering, core.library, model.client))
            for text in asked:
                yield (await chat.answer(text, None)).model_dump(mode="json")
        finally:
            await model.close()


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    typer.echo(answer["text"])
    for citation in answer["citations"]:
        place = " > ".join([citation["title"], *citation["heading_path"]])
        quote = " ".join(citation["quote"].split())
        typer.echo(f"\n[{citation['marker']}] {place}  {citation['url']}\n    “{quote}”")
    reasons = f" ({', '.join(answer['reasons'])})" if answer["reasons"] else ""
    typer.echo(
        f"\n{answer['decision']}{reasons}, confidence {answer['confidence']:.2f}, {answer['kind']}, "
        f"{answer['timings_ms']['total'] / 1000:.1f} s, trace {answer['id']}"
    )
