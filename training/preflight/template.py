"""Whether tokenizer and chat template teach what the service will ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.chat_template import CHATML, END, START, missing_tokens
from training.preflight.finding import Finding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBE = [{"role": role, "content": "x"} for role in ("system", "user", "assistant")]


def check_template(tokenizer: PreTrainedTokenizerBase, *, trains_all_weights: bool) -> list[Finding]:
    """tokenizer: as it comes with the model, before ChatML is laid over it."""
    findings = []
    missing = missing_tokens(tokenizer)
    if missing:
        how = "with all weights" if trains_all_weights else "by themselves, beside the adapter"
        text = f"{' and '.join(missing)} are new to this tokenizer: their rows are added and trained {how}"
        findings.append(Finding("warning", "special tokens", text))
    else:
        findings.append(Finding("ok", "special tokens", f"{START} and {END} are tokens of this model"))
    if tokenizer.pad_token is None or tokenizer.pad_token == tokenizer.eos_token:
        text = "padding has no token of its own: it is left out of the loss by position, not by token"
        findings.append(Finding("note", "padding", text))
    return [*findings, _rendering(tokenizer)]


def _rendering(tokenizer: PreTrainedTokenizerBase) -> Finding:
    if not tokenizer.chat_template:
        return Finding("note", "chat template", "the model has none: it gets ChatML")
    own = tokenizer.apply_chat_template(_PROBE, tokenize=False)
    ours = tokenizer.apply_chat_template(_PROBE, tokenize=False, chat_template=CHATML)
    if own.strip() == ours.strip():
        return Finding("ok", "chat template", "the model's own renders as ChatML")
    return Finding("warning", "chat template", "the model's own is not ChatML: the trained model gets ChatML's")
