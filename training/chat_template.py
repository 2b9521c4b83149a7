"""ChatML, with the marks that say which tokens the assistant wrote.

transformers returns a mask of what stands between `generation` and `endgeneration`, and renders the same text as
without them. The end token stands inside: a model that is never trained on it does not know when to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START = "<|im_start|>"
END = "<|im_end|>"

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\n' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|im_end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + '<|im_end|>' -}}{%- endif -%}"
    "{{- '\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)

# For who serves the model: of the readers of templates, only transformers knows the marks.
SERVED_CHATML = CHATML.replace("{%- generation -%}", "").replace("{%- endgeneration -%}", "")


def missing_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """ChatML's tokens that `tokenizer` would spell in several pieces."""
    return [token for token in (START, END) if len(tokenizer.encode(token, add_special_tokens=False)) != 1]


def use_chatml(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Give `tokenizer` ChatML's template, tokens and end of text. Returns the ids that are new to it.

    A model must be resized where there are some: see `loading.fit_vocabulary`.
    """
    missing = missing_tokens(tokenizer)
    if missing:
        tokenizer.add_special_tokens({"additional_special_tokens": missing})
    tokenizer.chat_template = CHATML
    tokenizer.eos_token = END
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or END
    return [tokenizer.convert_tokens_to_ids(token) for token in missing]
