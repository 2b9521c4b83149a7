"""Pairs filtered, split by section of the docs, checked for leaks, and written in the formats that are trained on."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.answering.prompt import PROMPT_VERSION, SYSTEM
from app.config import Settings
from app.index.embedding import Embedder
from app.index.section import Chunk
from training.corpus import Corpus, open_corpus, read_chunks
from training.errors import ResultRefused, SourceError
from training.filters.funnel import Funnel, apply_filters, keep_all
from training.filters.judging import judge_pairs
from training.filters.report import write_funnel
from training.formats.collecting import FormatRows, token_counter
from training.formats.dataset import licence_line, write_card, write_format
from training.formats.outcomes import judged
from training.formats.rejecting import ANSWERS, api_key
from training.model_source import find
from training.pair import Pair, pair_from
from training.preflight.finding import Finding
from training.rows import Row, located_docs, read_as, rows_hash
from training.run_folder import RunFolder
from training.schema.data import Rows
from training.schema.filters import Judge
from training.schema.prepare import PrepareRecipe, Rejecting
from training.splitting import KnownQuestions, check_leakage, split_pairs
from training.teacher.preflight import check_teacher, trouble_at

_PASSAGE_TOKENS = 40  # of the number, title and headings over a passage, at most in most docs


def preflight(recipe: PrepareRecipe) -> Iterator[Finding]:
    """Reads the rows and cuts the docs into chunks; embeds nothing, asks no model."""
    questions = evaluation_questions(recipe.evaluation)
    if questions:
        yield Finding("ok", "evaluation", f"{len(questions)} questions that no pair may be near")
    else:
        yield Finding("warning", "evaluation", "no file is named: pairs may ask what a model is measured on")
    if recipe.outcomes:
        yield _check_outcomes(recipe)
    if recipe.filters is not None and recipe.filters.judge is not None:
        yield from check_teacher(recipe.filters.judge.model, "filters.judge.model")
    docs = located_docs(recipe.docs)
    pairs = read_pairs(recipe)
    yield Finding("ok", "pairs", f"{len(pairs)} in {len(recipe.pairs)} files")
    yield _check_docs(docs, pairs)
    if recipe.formats != ["chat"]:
        yield _lengths(recipe, pairs)
    if recipe.rejecting is not None:
        yield _check_rejecting(recipe.rejecting, recipe.output_dir)


def _check_docs(docs: Path, pairs: Sequence[Pair]) -> Finding:
    chunks = {chunk.id for chunk in read_chunks(docs)}
    if not chunks:
        return Finding("error", "docs", f"{docs} holds no page that can be read: set `docs` to the documentation")
    gone = sum(bool(pair.chunks) and not chunks.intersection(pair.chunks) for pair in pairs)
    if gone == len(pairs):
        text = f"all {gone} pairs are about chunks that {docs} does not have: set `docs` to what they were made from"
        return Finding("error", "docs", text)
    if gone:
        return Finding("warning", "docs", f"{gone} pairs are about chunks that the docs no longer have")
    return Finding("ok", "docs", f"{len(chunks)} chunks")


def _check_outcomes(recipe: PrepareRecipe) -> Finding:
    try:
        rows = [one for rows in recipe.outcomes for one in read_as(rows, lambda row, _: judged(row))]
    except SourceError as error:
        advice = "write tickets of the tickets API there, one a line, or take it out of `outcomes`"
        return Finding("error", "outcomes", f"{error.detail}: {advice}")
    unusable = Counter(one for one in rows if isinstance(one, str))
    used = len(rows) - unusable.total()
    if used:
        return Finding("ok", "outcomes", f"{used} of {len(rows)} have a draft and what was sent instead")
    reasons = ", ".join(f"{reason} ({count})" for reason, count in unusable.most_common())
    advice = "name tickets that were edited or replaced before they were sent, or take `outcomes` out"
    return Finding("error", "outcomes", f"none of {len(rows)} can be used: {reasons}: {advice}")


def _check_rejecting(how: Rejecting, output_dir: Path) -> Finding:
    """An endpoint that does not answer is an error, unless answers are kept of an earlier run: they may be enough."""
    key = api_key(how)
    if how.embedded is not None:
        find(how.embedded)
        return Finding("ok", "rejecting", f"the embedded engine with {how.embedded.name}")
    trouble = trouble_at(how.base_url or "", key, how.model)
    if not trouble:
        return Finding("ok", "rejecting", f"{how.model or 'the first model'} at {how.base_url}")
    text = f"{how.base_url} does not answer: {trouble}"
    if (output_dir / ANSWERS).is_dir():
        return Finding("warning", "rejecting", f"{text}: only answers of an earlier run can be used")
    return Finding("error", "rejecting", f"{text}: start the model, or set rejecting.base_url to one that runs")


def _lengths(recipe: PrepareRecipe, pairs: Sequence[Pair]) -> Finding:
    """Of prompts whose passages fill `context_tokens`."""
    with tempfile.TemporaryDirectory() as aside:
        count = token_counter(recipe) or Embedder(Settings().embedding, Path(aside)).count_tokens
        own = [count(pair.question) + count(pair.answer) for pair in pairs]
    passages = recipe.raft.context_tokens + _PASSAGE_TOKENS * (recipe.raft.distractors + 1)
    fixed = count(SYSTEM) + passages
    over = sum(tokens + fixed > recipe.raft.max_length for tokens in own)
    text = f"a prompt and its answer take up to {max(own) + fixed} tokens"
    if over:
        fate = f"{over} rows may be over max_length {recipe.raft.max_length} and lose distractors, or be left out"
        return Finding("warning", "raft lengths", f"{text}: {fate}")
    return Finding("ok", "raft lengths", f"{text}: all fit in {recipe.raft.max_length}")


def main(recipe: PrepareRecipe, run: RunFolder) -> Mapping[str, Any]:
    return asyncio.run(_prepare(recipe, run))


async def _prepare(recipe: PrepareRecipe, run: RunFolder) -> Mapping[str, Any]:
    pairs, questions = read_pairs(recipe), evaluation_questions(recipe.evaluation)
    began = time.perf_counter()
    async with open_corpus(located_docs(recipe.docs), run.path / "corpus") as corpus:
        tokens = sum(corpus.count_tokens(text) for pair in pairs for text in (pair.question, pair.answer))
        funnel = await _filtered(recipe, run, pairs, corpus, questions)
        write_funnel(funnel, run.staging)
        if not funnel.kept:
            raise ResultRefused(_nothing_kept(funnel, run.staging))
        known = KnownQuestions(questions, recipe.near_duplicate)
        unknown = [pair for pair in funnel.kept if not known.has_near(pair.question)]
        split = split_pairs(
            unknown,
            corpus.by_id,
            share=recipe.held_out_share,
            near_duplicate=recipe.near_duplicate,
            seed=recipe.seed,
        )
        split.left_out["its question is near an evaluation one"] += len(funnel.kept) - len(unknown)
        formats = FormatRows(recipe, run, split)
        await formats.fill(corpus, known)
    check_leakage(formats.entries["train"], formats.entries["held_out"], recipe.near_duplicate)
    written = {name: write_format(run.staging / name, formats.rows[name]) for name in recipe.formats}
    write_card(run.staging / "README.md", written, _made_from(recipe), _how(recipe))
    return {
        "metrics": {
            "read": len(pairs),
            "tokens": tokens,
            "kept": len(funnel.kept),
            "train": len(split.train),
            "held_out": len(split.held_out),
            "leakage": 0,
            "kept_by_filter": {step.name: step.before - len(step.dropped) for step in funnel.steps},
            "left_out": dict(+split.left_out),
            "rows": {name: {side: found["rows"] for side, found in sides.items()} for name, sides in written.items()},
            "held_out_sections": sorted(split.held_out_sections),
            **{name: dict(+counts) for name, counts in formats.counts.items()},
        },
        "data_hashes": {
            name: {side: found["hash"] for side, found in sides.items()} for name, sides in written.items()
        },
        "prompt_version": PROMPT_VERSION,
        "tokens_per_second": round(tokens / (time.perf_counter() - began), 1),
    }


async def _filtered(
    recipe: PrepareRecipe, run: RunFolder, pairs: Sequence[Pair], corpus: Corpus, questions: Sequence[str]
) -> Funnel:
    if recipe.filters is None:
        return await keep_all(pairs, corpus)

    async def judging(shown: Mapping[Pair, Sequence[Chunk]], how: Judge) -> Mapping[Pair, str]:
        return await judge_pairs(shown, how, run.path / "judge", recipe.seed)

    return await apply_filters(pairs, corpus, recipe.filters, questions, judging)


def _nothing_kept(funnel: Funnel, report: Path) -> str:
    dropped = sorted(((len(step.dropped), step.name) for step in funnel.steps), reverse=True)
    most = ", ".join(f"{name} {count}" for count, name in dropped[:3] if count)
    return f"the filters keep no pair (dropped by {most}): see {report / 'funnel.md'}, and lower what drops good ones"


def read_pairs(recipe: PrepareRecipe) -> list[Pair]:
    """Of all files. Raises SourceError with file and number of a row that is no pair."""
    made = pair_from if recipe.filters is not None else _whole_pair
    return [pair for rows in recipe.pairs for pair in read_as(rows, made)]


def _whole_pair(row: Row, number: int) -> Pair:
    pair = pair_from(row, number)
    if not pair.question or not pair.answer:
        raise SourceError("has an empty question or answer, which the filters would drop: take it out, or filter")
    return pair


def evaluation_questions(files: Sequence[Rows]) -> list[str]:
    return [question for rows in files for question in read_as(rows, lambda row, _: _question(row))]


def _question(row: Row) -> str:
    if not isinstance(row.get("question"), str):
        raise SourceError("has no `question`, so nothing can be kept apart from it")
    return str(row["question"])


def _made_from(recipe: PrepareRecipe) -> list[str]:
    files = [f"`{rows.path}` ({rows_hash(rows)[:16]})" for rows in [*recipe.pairs, *recipe.outcomes]]
    return [*files, f"docs: `{recipe.docs.root}`", licence_line(recipe.licence)]


def _how(recipe: PrepareRecipe) -> list[str]:
    lines = [
        "filters: " + ("see funnel.md" if recipe.filters is not None else "none"),
        f"split by section of the docs, seed {recipe.seed}; no question, near question or section is on both sides",
    ]
    if set(recipe.formats) & {"raft", "preferences"}:
        lines.append(
            f"prompts are version {PROMPT_VERSION} of the service's, with {recipe.raft.distractors} distractors in "
            f"{recipe.raft.context_tokens} tokens of passages; {recipe.raft.no_gold_share:.0%} without the gold ones"
        )
    return lines
