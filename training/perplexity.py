"""Loss of a model on held-out rows, by a plain loop: every token weighs the same, padding nothing.

A trainer's evaluation is a mean over batches, each a mean over its tokens, so it changes with the batch size. Published
figures of plain scripts are over all tokens of a row, template and question included; both are told here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.errors import SourceError
from training.rows import Chat, as_chat, held_apart, located_path, read_as
from training.run_folder import is_main_process
from training.schema.held_out import HeldOut

_TEXTS = {".txt", ".md"}
_TOKENS_AT_ONCE = 2048  # the logits of 49,152 words are 0.4 GB then, and their softmax as much again


@dataclass(frozen=True, slots=True)
class TokenRow:
    """ids: tokens. said: 1 where the assistant wrote it, or for every token of a text; as long as `ids`."""

    ids: list[int]
    said: list[int]


@dataclass(frozen=True, slots=True)
class Loss:
    """Mean negative log-likelihood a token, in nats. tokens, said_tokens: how many were predicted."""

    all_tokens: float
    said: float
    tokens: int
    said_tokens: int

    @property
    def perplexity(self) -> float:
        """Of what the assistant says."""
        return math.exp(self.said)


def held_out_texts(data: HeldOut) -> str | list[Chat]:
    """The whole text of a file, or chats: never none. Raises SourceError where nothing can be measured on them."""
    path = located_path(data)
    if path is not None and path.suffix in _TEXTS:
        return _text_of(path)
    chats = read_as(data, lambda row, _: as_chat(row, data.system))
    return held_apart(chats, data.held_out_rows, data.split_seed)[1] if data.held_out_rows else chats


def _text_of(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is no UTF-8 text: save the file as UTF-8") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if not text.strip():
        raise SourceError(f"{path} is empty: name a text, or chats, on which the loss can be measured")
    return text


def held_out_tokens(data: HeldOut, tokenizer: PreTrainedTokenizerBase) -> list[TokenRow]:
    """`data` as this tokenizer has it, which has ChatML laid over it."""
    texts = held_out_texts(data)
    if not isinstance(texts, str):
        return chat_tokens(tokenizer, texts, data.max_length)
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    pieces = [ids[at : at + data.max_length] for at in range(0, len(ids), data.max_length)]
    return [TokenRow(piece, [1] * len(piece)) for piece in pieces[: data.limit]]


def chat_tokens(tokenizer: PreTrainedTokenizerBase, chats: Sequence[Chat], max_length: int) -> list[TokenRow]:
    """Each chat as it is trained on, cut at `max_length`."""
    encoded = tokenizer.apply_chat_template(
        list(chats), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    rows = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    return [TokenRow(ids[:max_length], said[:max_length]) for ids, said in rows]


def loss_on(model: PreTrainedModel, rows: Sequence[TokenRow], label: str = "held out") -> Loss:
    """Without dropout; the model is left in the mode it was in. Raises SourceError where no row has two tokens."""
    totals = torch.zeros(4, dtype=torch.float64)
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for batch in _shown(list(_batches(rows)), label):
                totals += _of_batch(model, batch)
    finally:
        model.train(training)
    nats, tokens, said_nats, said_tokens = totals.tolist()
    if not said_tokens:
        raise SourceError("the held-out rows have no token to predict: is max_length shorter than their questions?")
    return Loss(nats / tokens, said_nats / said_tokens, int(tokens), int(said_tokens))


def _batches(rows: Sequence[TokenRow]) -> Iterator[list[TokenRow]]:
    """Rows of like length together, so that little is padding."""
    batch: list[TokenRow] = []
    for row in sorted(rows, key=lambda one: -len(one.ids)):
        if batch and len(batch[0].ids) * (len(batch) + 1) > _TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _of_batch(model: PreTrainedModel, batch: Sequence[TokenRow]) -> torch.Tensor:
    """Sums over the batch: nats and number of all predicted tokens, nats and number of what the assistant said."""
    device = next(model.parameters()).device
    longest = len(batch[0].ids)
    ids, there, said = (
        torch.tensor([[*part, *[0] * (longest - len(part))] for part in parts], device=device)
        for parts in (
            [row.ids for row in batch],
            [[1] * len(row.ids) for row in batch],
            [row.said for row in batch],
        )
    )
    logits = model(input_ids=ids, attention_mask=there, use_cache=False).logits[:, :-1]
    nats = cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none").double()
    there, said = there[:, 1:].flatten(), said[:, 1:].flatten()
    return torch.stack([(nats * there).sum(), there.sum(), (nats * said).sum(), said.sum()]).double().cpu()


def _shown(batches: list[list[TokenRow]], label: str) -> Iterator[list[TokenRow]]:
    console = Console(stderr=True)
    hidden = not (console.is_terminal and is_main_process())
    yield from track(batches, description=label, console=console, disable=hidden, transient=True)
