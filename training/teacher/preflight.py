"""What `generate --dry-run` tells: docs, requests, tokens, cost, and whether the teacher is there."""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
from dataclasses import dataclass

from app.config import Settings
from app.errors import ConfigurationError, DocentError
from app.index.section import Chunk
from app.llm.embedded.weights import locate
from training.corpus import read_chunks
from training.preflight.finding import Finding
from training.rows import located_docs
from training.schema.generate import GenerateRecipe
from training.schema.teacher import EMBEDDED, Teacher
from training.teacher import prompts
from training.teacher.endpoint import client_of, key_of
from training.teacher.ledger import cost
from training.teacher.plan import Plan, plan
from training.teacher.prompts import Prompt

_BYTES_PER_TOKEN = 4  # of English and code by the usual tokenizers: an estimate, where the ledger's is a bound
_PAIR_TOKENS = 150  # question, answer and quotes of a pair, as JSON
_REACH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of all requests, when every reply is of use."""

    requests: int
    prompt_tokens: int
    completion_tokens: int


def findings(recipe: GenerateRecipe) -> list[Finding]:
    """Raises SourceError where the docs are missing."""
    docs = located_docs(recipe.docs)
    chunks = read_chunks(docs)
    if not chunks:
        return [Finding("error", "docs", f"{docs} holds no page that can be read: set `docs` to the documentation")]
    planned = plan(chunks, recipe)
    held = sum(planned.side(chunk) == "held_out" for chunk in planned.chunks)
    text = f"{len(planned.chunks)} of {len(chunks)} chunks, {held} of them held out, in {len(planned.split)} sections"
    return [
        Finding("ok", "docs", text),
        *_check_cost(recipe, estimate(planned, recipe)),
        *check_teacher(recipe.teacher),
    ]


def estimate(planned: Plan, recipe: GenerateRecipe) -> Estimate:
    """By the prompts of the first pass as they are, and of the others as their length follows from those."""
    n, chunks = recipe.pairs_per_request, planned.chunks
    one = statistics.fmean(_tokens(prompts.write([chunk], n)) for chunk in chunks)
    passage = statistics.fmean(_passage_tokens(chunk) for chunk in chunks)
    pairs = n * _PAIR_TOKENS
    evolving, joined, left_out = len(chunks) * (recipe.passes - 1), len(planned.joined), len(planned.left_out)
    near = (recipe.neighbours - 1) * passage
    prompt = len(chunks) * one + evolving * (one + pairs) + joined * (one + passage)
    prompt += left_out * (1 + n) * (one + near)
    reply = min(pairs, recipe.teacher.max_tokens)
    completion = (len(chunks) + evolving + joined) * reply + left_out * n * (_PAIR_TOKENS // 5 + 8)
    return Estimate(planned.most_requests(recipe), round(prompt), round(completion))


def _tokens(prompt: Prompt) -> float:
    return sum(len(message.content.encode()) for message in prompt.messages) / _BYTES_PER_TOKEN


def _passage_tokens(chunk: Chunk) -> float:
    return len(chunk.text.encode()) / _BYTES_PER_TOKEN


def _check_cost(recipe: GenerateRecipe, most: Estimate) -> list[Finding]:
    text = f"up to {most.requests:,} requests"
    tokens = f"about {most.prompt_tokens:,} prompt and {most.completion_tokens:,} completion tokens"
    found = [Finding("note", "requests", f"{text}, {tokens}")]
    about = cost(recipe.prices, most.prompt_tokens, most.completion_tokens)
    if recipe.max_cost is None:
        return [*found, Finding("note", "cost", f"about {about:.2f}, without a limit (max_cost)")] if about else found
    if about > recipe.max_cost:
        advice = f"the run stops at max_cost {recipe.max_cost:g} with a part of it; fewer passes, or max_chunks"
        return [*found, Finding("warning", "cost", f"about {about:.2f}: {advice}")]
    return [*found, Finding("ok", "cost", f"about {about:.2f} of max_cost {recipe.max_cost:g}")]


def check_teacher(teacher: Teacher, setting: str = "teacher") -> list[Finding]:
    """Whether it can be asked now. setting: its place in the recipe."""
    if teacher.base_url == EMBEDDED:
        try:
            model = locate(Settings().engine.model)
        except ConfigurationError as error:
            return [Finding("error", setting, error.detail)]
        if importlib.util.find_spec("openvino_genai") is None:
            return [Finding("error", setting, "the embedded engine is not installed: see requirements/train.txt")]
        return [Finding("ok", setting, f"the embedded engine with {model.name}")]
    try:
        key = key_of(teacher)
    except DocentError as error:
        return [Finding("error", setting, error.detail)]
    trouble = trouble_at(teacher.base_url, key, teacher.model)
    if trouble:
        return [Finding("warning", setting, f"{teacher.base_url} does not answer now: {trouble}")]
    return [Finding("ok", setting, f"{teacher.model} at {teacher.base_url}")]


def trouble_at(base_url: str, key: str, model: str) -> str:
    """Why an endpoint cannot be asked now, '' if it can. model: '' for its first one."""
    return asyncio.run(_trouble(base_url, key, model))


async def _trouble(base_url: str, key: str, model: str) -> str:
    client = client_of(base_url, key, model, _REACH_SECONDS)
    try:
        await client.ready()
    except DocentError as error:
        return str(error.__cause__ or error)
    finally:
        await client.aclose()
    return ""
