"""`tiny-random`: a Llama of two layers with random weights, and a tokenizer trained on a text.

It learns nothing worth serving. It has every part that a real model has, in seconds and without a download.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.chat_template import CHATML, END, START
from training.errors import SourceError

_VOCABULARY = 512  # of which 256 are bytes, so that every text can be spelled
_UNKNOWN = "<|endoftext|>"


def tiny_config(vocabulary: int = _VOCABULARY) -> LlamaConfig:
    """Two layers, 64 wide, grouped attention as Mistral and SmolLM2 have it: about 120,000 weights."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=True,
    )


def tiny_model() -> LlamaForCausalLM:
    """The same weights each time, so that an adapter fits; torch's global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(tiny_config())


def tiny_tokenizer(text: Path) -> PreTrainedTokenizerFast:
    """Byte-level BPE of the lines of `text`, with ChatML's tokens and template."""
    try:
        lines = text.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the tokenizer's text {text} cannot be read: {error}") from error
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[_UNKNOWN, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=START, eos_token=END, unk_token=_UNKNOWN, pad_token=_UNKNOWN
    )
    fast.chat_template = CHATML
    fast.model_max_length = tiny_config().max_position_embeddings
    return fast
