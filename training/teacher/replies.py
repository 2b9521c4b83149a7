"""What a reply is good for: pairs, questions, a verdict, or a reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from training.rows import normalised
from training.teacher.cache import Reply


class WrittenPair(BaseModel):
    quotes: list[str]
    question: str
    answer: str


class Pairs(BaseModel):
    pairs: list[WrittenPair]


class Questions(BaseModel):
    questions: list[str]


class Verdict(BaseModel):
    answered: bool


FormT = TypeVar("FormT", bound=BaseModel)

_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$", re.DOTALL)


class Unusable(Exception):
    """A reply, or a pair of one, that cannot be used. reason: one word, for counts."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read(reply: Reply, form: type[FormT]) -> FormT:
    """Raises Unusable: cut_off, refused, not_json or wrong_form."""
    if reply.finish_reason == "length":
        raise Unusable("cut_off", f"the reply was cut off after {reply.completion_tokens} tokens")
    if reply.finish_reason == "content_filter":
        raise Unusable("refused", "the endpoint's filter refused to reply")
    fenced = _FENCED.match(reply.text)
    try:
        value: Any = json.loads(fenced[1] if fenced else reply.text)
    except ValueError as error:
        raise Unusable("not_json", str(error)) from error
    try:
        return form.model_validate(value)
    except ValidationError as error:
        fault = error.errors()[0]
        raise Unusable("wrong_form", f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def check_pair(pair: WrittenPair, before: Sequence[str], quotes: int) -> None:
    """before: questions that it must not repeat. quotes: so many at least. Raises Unusable.

    Whether the quotes stand in the docs to the letter is a filter's matter, and counted there.
    """
    if not normalised(pair.question) or not normalised(pair.answer):
        raise Unusable("empty", "no word in the question or in the answer")
    if len(set(filter(normalised, pair.quotes))) < quotes:
        raise Unusable("quote_missing", f"fewer than {quotes} different quotes")
    if normalised(pair.question) in {normalised(question) for question in before}:
        raise Unusable("unchanged", "the question is the one it was made of")


def is_verbatim(quote: str, texts: Sequence[str]) -> bool:
    """Whether the quote stands in one of the texts, whatever the white space."""
    words = " ".join(quote.split())
    return bool(words) and any(words in " ".join(text.split()) for text in texts)
