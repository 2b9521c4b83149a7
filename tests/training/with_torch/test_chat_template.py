from __future__ import annotations

from pathlib import Path

import pytest

from training.chat_template import END, START, missing_tokens, use_chatml
from training.preflight.template import check_template
from training.tiny import tiny_tokenizer

pytestmark = pytest.mark.training

CHAT = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "How is it dimmed?"},
    {"role": "assistant", "content": "Run `lumen set`."},
]
README = Path(__file__).resolve().parents[3] / "README.md"


def test_what_the_assistant_says_and_its_end_are_marked() -> None:
    tokenizer = tiny_tokenizer(README)
    encoded = tokenizer.apply_chat_template(CHAT, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(marked) == "Run `lumen set`.<|im_end|>"


def test_the_prompt_of_the_service_is_the_beginning_of_a_training_row() -> None:
    tokenizer = tiny_tokenizer(README)
    prompt = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    row = tokenizer.apply_chat_template(CHAT, tokenize=False)
    assert prompt == (
        "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHow is it dimmed?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert row == prompt + "Run `lumen set`.<|im_end|>\n"


def test_a_tokenizer_without_chatml_gets_its_tokens() -> None:
    tokenizer = tiny_tokenizer(README)
    bare = type(tokenizer)(tokenizer_object=plain_tokenizer(), unk_token="<unk>")  # noqa: S106  (a token of a tokenizer)
    assert missing_tokens(bare) == [START, END]
    warned = check_template(bare, trains_all_weights=False)
    assert [finding.check for finding in warned if finding.level == "warning"] == ["special tokens"]
    new = use_chatml(bare)
    assert [bare.convert_ids_to_tokens(token) for token in new] == [START, END]
    assert bare.eos_token == END
    assert use_chatml(bare) == []


def plain_tokenizer() -> object:
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={one: at for at, one in enumerate(["<unk>", *alphabet])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer
