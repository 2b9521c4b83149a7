"""Messages to tokens, through the model's own chat template."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.llm.embedded.genai import openvino_genai

# A noncharacter: never part of a text, so it can mark places in one.
_CUT = "\ufdd0"


class PromptEncoder:
    """Text of messages never becomes a control token, whatever it spells."""

    def __init__(self, tokenizer: openvino_genai.Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.special = special_tokens(tokenizer)
        longest_first = sorted(self.special, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def continued(self, messages: Sequence[dict[str, str]]) -> tuple[list[int], int]:
        """The tokens with the last message left open, and how many of them are its own.

        Raises ValueError as `encode` does, and where the last message is not the assistant's or is empty.
        """
        *before, last = messages
        if last["role"] != "assistant" or not last["content"]:
            raise ValueError("continue_final_message wants a last message of the assistant, with content")
        own = [token for piece in self._cut(last["content"]).split(_CUT) for token in self._tokens(piece)]
        return [*self.encode(before), *own], len(own)

    def encode(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Raises ValueError where the model's template refuses the messages (some want alternating roles)."""
        safe = [{"role": message["role"], "content": self._cut(message["content"])} for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(safe, add_generation_prompt=True)
        except RuntimeError as error:
            raise ValueError(f"the model's chat template refuses these messages: {error}") from error
        return [token for piece in text.split(_CUT) for token in self._tokens(piece)]

    def _tokens(self, piece: str) -> list[int]:
        # The template writes the control tokens itself, the one at the start included.
        ids = self._tokenizer.encode(piece, add_special_tokens=False).input_ids
        return [int(token) for token in ids.data[0]] if piece else []

    def _cut(self, text: str) -> str:
        """Marks a cut after the first character of each control token, so that its halves are encoded apart."""
        # The tokenizer takes neither NUL (it reads on behind the text's end) nor lone surrogates.
        text = text.replace(_CUT, "").replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        if self._special is None:
            return text
        while self._special.search(text):  # again, for tokens that overlap
            text = self._special.sub(lambda found: f"{found[0][0]}{_CUT}{found[0][1:]}", text)
        return text


def special_tokens(tokenizer: openvino_genai.Tokenizer) -> dict[str, int]:
    """The control tokens: those that a decoder leaves out although they spell something."""
    vocabulary: dict[bytes, int] = tokenizer.get_vocab()
    spelled = [(name.decode("utf-8", "ignore"), token) for name, token in vocabulary.items()]
    whole = [(name, token) for name, token in spelled if len(name) > 1 and vocabulary.get(name.encode()) == token]
    decoded = tokenizer.decode([[token] for _, token in whole])
    return {name: token for (name, token), text in zip(whole, decoded, strict=True) if not text}
