"""How likely a model finds each option: by its letter, or by its text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.errors import EngineUnavailable
from app.index.section import Chunk
from app.llm.client import ChatClient, ScoringUnsupported
from training.errors import SourceError
from training.evaluation.asking import cloze_prompt, letter_prompt
from training.evaluation.items import LETTERS, Item

Scoring = Literal["letter", "cloze"]
Method = Literal["top_logprobs", "prompt_logprobs", "choice"]
_MOST = 20  # top_logprobs that OpenAI and vLLM give
_NEVER = -1e9  # of an option without a text, or one that a constrained choice left


@dataclass(frozen=True, slots=True)
class Scores:
    """options: log-likelihood of each option, in the item's own order (cloze: a token's mean). Not normalised.

    method: how it was found. prompt_tokens: of all requests.
    """

    options: tuple[float, ...]
    method: Method
    prompt_tokens: int

    @property
    def chosen(self) -> int:
        return max(range(len(self.options)), key=lambda place: self.options[place])


class Scorer:
    """One model. The way that its endpoint can be asked for letters is found at the first item, and kept."""

    def __init__(self, client: ChatClient, scoring: Scoring) -> None:
        self._client = client
        self._scoring = scoring
        self._method: Method | None = None

    async def score(self, item: Item, passages: Sequence[Chunk], shift: int) -> Scores:
        """shift: of the cyclic order in which the options are shown; without meaning for cloze, which shows none.

        Raises SourceError where the endpoint cannot be scored so, and what ChatClient raises.
        """
        if self._scoring == "cloze":
            return await self._cloze(item, passages)
        return await self._letters(item, passages, item.order(shift))

    async def _cloze(self, item: Item, passages: Sequence[Chunk]) -> Scores:
        messages = cloze_prompt(item, passages)
        found, tokens = [], 0
        for option in item.options:
            if not option:
                found.append(_NEVER)
                continue
            try:
                score = await self._client.score(messages, option)
            except ScoringUnsupported as error:
                raise SourceError(
                    f"{error.detail}: use --scoring letter, or serve the model by vLLM or the embedded engine"
                ) from error
            found.append(score.mean)
            tokens += score.prompt_tokens
        return Scores(tuple(found), "prompt_logprobs", tokens)

    async def _letters(self, item: Item, passages: Sequence[Chunk], order: Sequence[int]) -> Scores:
        methods: tuple[Method, ...] = ("top_logprobs", "prompt_logprobs", "choice")
        for method in methods if self._method is None else (self._method,):
            try:
                by_letter, tokens = await self._by(method, item, passages, order)
            except ScoringUnsupported:
                continue
            self._method = method
            options = [0.0] * len(order)
            for letter, place in zip(LETTERS, order, strict=True):
                options[place] = by_letter[letter]
            return Scores(tuple(options), method, tokens)
        raise SourceError(f"{self._client.model} gives neither likelihoods nor a constrained choice")

    async def _by(
        self, method: Method, item: Item, passages: Sequence[Chunk], order: Sequence[int]
    ) -> tuple[Mapping[str, float], int]:
        messages = letter_prompt(item, passages, order)
        if method == "choice":
            said = await self._client.choose(messages, LETTERS)
            if said not in LETTERS:
                raise EngineUnavailable(f"{self._client.model} was to choose a letter, and said {said!r}")
            return {letter: 0.0 if letter == said else _NEVER for letter in LETTERS}, 0
        if method == "top_logprobs":
            found, tokens = await self._client.first_token(messages, _MOST)
            return _letters_of(found), tokens
        scores = [await self._client.score(messages, letter) for letter in LETTERS]
        by_letter = {letter: score.total for letter, score in zip(LETTERS, scores, strict=True)}
        return by_letter, sum(score.prompt_tokens for score in scores)


def _letters_of(found: Mapping[str, float]) -> dict[str, float]:
    """Likelihood of each letter, with and without the space before it that some tokenizers write.

    A letter that is not among the likeliest tokens is less likely than each of them.
    """
    below = min(found.values(), default=0.0) - 1.0
    letters = {}
    for letter in LETTERS:
        spellings = [value for token, value in found.items() if token.strip() == letter]
        letters[letter] = math.log(sum(math.exp(value) for value in spellings)) if spellings else below
    return letters


def probabilities(scores: Sequence[float]) -> list[float]:
    """Over the four options, of their log-likelihoods.

    >>> [round(one, 2) for one in probabilities([0.0, 0.0, -1e9, -1e9])]
    [0.5, 0.5, 0.0, 0.0]
    """
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    return [weight / sum(weights) for weight in weights]
