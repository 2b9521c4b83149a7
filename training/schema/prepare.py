"""What `prepare` is told: which pairs, which docs, which filters, which formats."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from training.schema.base import PACKAGED, ModelSource, Recipe, Section
from training.schema.data import Rows
from training.schema.docs import Docs
from training.schema.filters import FilterSettings

Format = Literal["chat", "raft", "preferences"]


class Raft(Section):
    """Prompts with passages (RAFT, 2403.10131), of which some do not hold the answer."""

    distractors: int = Field(
        2,
        ge=0,
        le=20,
        description="Passages beside the gold one. The service shows 3 in all (DOCENT_ANSWERING__MAX_PASSAGES).",
    )
    context_tokens: int = Field(
        900, gt=0, description="Tokens of passages in a prompt (DOCENT_ANSWERING__CONTEXT_TOKENS)."
    )
    order: Literal["shuffled", "served"] = Field(
        "shuffled", description="`served`: the order of the documents, as the service has it."
    )
    no_gold_share: float = Field(
        0.2, ge=0, lt=1, description="Share of rows whose gold passages are taken out; their answer abstains."
    )
    min_supported: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of an answer's sentences that has to pass the service's grounding check. Others are cut.",
    )
    quote_instead: bool = Field(
        True, description="Where fewer pass, the pair's quotes are the answer, as the service answers without a model."
    )
    max_length: int = Field(
        1536, ge=128, description="Tokens of prompt and answer; the last distractors go where they do not fit."
    )


class Rejecting(Section):
    """The model whose own answers are kept as rejected where they do not stand on the passages."""

    NOT_INPUTS: ClassVar[frozenset[str]] = frozenset({"concurrency", "api_key_env"})

    base_url: str | None = Field(None, description="An OpenAI-compatible endpoint; ends with /v1.")
    model: str = Field("", description="Model name sent to it. Empty: the first that it lists.")
    api_key_env: str | None = Field(None, description="Environment variable that holds its key.")
    embedded: ModelSource | None = Field(
        None, description="`packaged` or a GGUF file, run by the embedded engine for as long as it is asked."
    )
    temperature: float = Field(0.7, ge=0, le=2, description="Above 0, for what is likely is what is worth rejecting.")
    max_tokens: int = Field(256, gt=0, description="Tokens of one answer.")
    concurrency: int = Field(4, gt=0, description="Requests at the same time.")
    limit: int | None = Field(None, gt=0, description="Ask about so many rows, drawn by the seed.")

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if (self.base_url is None) == (self.embedded is None):
            raise ValueError("give one of `base_url` and `embedded`")
        if self.embedded is not None and not (self.embedded.name == PACKAGED or self.embedded.name.endswith(".gguf")):
            raise ValueError(f"`embedded` is `{PACKAGED}` or a GGUF file: `export` writes one")
        return self


class PrepareRecipe(Recipe):
    """Pairs filtered, split by section of the docs, and written in the formats that the other stages train on."""

    pairs: list[Rows] = Field(min_length=1, description="`pairs.jsonl` of `generate`, or rows of question and answer.")
    docs: Docs = Field(description="The documentation that the pairs are about.")
    filters: FilterSettings | None = Field(default_factory=FilterSettings, description="null: every pair is kept.")
    evaluation: list[Rows] = Field(
        default_factory=list, description="Rows with a `question` that a model is measured on: none is trained on."
    )
    held_out_share: float = Field(0.1, gt=0, lt=1, description="Of the sections, where no pair names its `split`.")
    near_duplicate: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Common share of the words of two questions from which on they may not stand on both sides.",
    )
    formats: list[Format] = Field(min_length=1, description="What is written: `chat`, `raft`, `preferences`.")
    system: str = Field("", description="System text of the plain chats. Empty: none.")
    raft: Raft = Raft()
    rejecting: Rejecting | None = None
    outcomes: list[Rows] = Field(
        default_factory=list, description="Tickets with their outcomes, one JSON object of the tickets API a line."
    )
    tokenizer: ModelSource | None = Field(
        None, description="Counts the tokens of `raft.max_length`. null: the embedding model's, which is near enough."
    )
    licence: str = Field("", description="Of pairs and docs; the card repeats it.")

    @model_validator(mode="after")
    def _preferences_have_a_source(self) -> Self:
        if "preferences" in self.formats and self.rejecting is None and not self.outcomes:
            raise ValueError(
                "preferences need `rejecting` or `outcomes`: what is chosen has to be better than something"
            )
        return self
