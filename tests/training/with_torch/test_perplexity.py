from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from training.errors import SourceError
from training.perplexity import TokenRow, chat_tokens, held_out_texts, held_out_tokens, loss_on
from training.rows import Chat
from training.schema.held_out import HeldOut
from training.tiny import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.training

ROOT = Path(__file__).resolve().parents[3]
PAIRS = ROOT / "tests" / "training" / "data" / "pairs.jsonl"
TOKENIZER = tiny_tokenizer(ROOT / "README.md")
CHATS: list[Chat] = [
    [
        {"role": "user", "content": "Dim it?"},
        {"role": "assistant", "content": f"Run `lumen set --level {level}`." * level},
    ]
    for level in (1, 3, 2)
]


def by_hand(row: TokenRow, mask: list[int]) -> tuple[float, int]:
    """Sum of -log p over the marked tokens of one row, each looked up by itself."""
    with torch.inference_mode():
        logits = tiny_model()(torch.tensor([row.ids])).logits[0].double()
    scores = torch.log_softmax(logits, dim=-1)
    nats = [-float(scores[at - 1, row.ids[at]]) for at in range(1, len(row.ids)) if mask[at]]
    return sum(nats), len(nats)


def test_every_token_weighs_the_same_and_padding_nothing() -> None:
    rows = chat_tokens(TOKENIZER, CHATS, 512)
    loss = loss_on(tiny_model(), rows)
    for mean, count, masks in (
        (loss.all_tokens, loss.tokens, [[1] * len(row.ids) for row in rows]),
        (loss.said, loss.said_tokens, [row.said for row in rows]),
    ):
        sums = [by_hand(row, mask) for row, mask in zip(rows, masks, strict=True)]
        assert count == sum(number for _, number in sums)
        assert mean == pytest.approx(sum(nats for nats, _ in sums) / count, abs=1e-5)
    assert loss.said_tokens < loss.tokens
    assert loss.perplexity == pytest.approx(math.exp(loss.said))


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = chat_tokens(TOKENIZER, CHATS, 512)
    together = loss_on(tiny_model(), rows)
    monkeypatch.setattr("training.perplexity._TOKENS_AT_ONCE", 1)  # each row by itself
    apart = loss_on(tiny_model(), rows)
    assert apart.said == pytest.approx(together.said, abs=1e-5)
    assert apart.all_tokens == pytest.approx(together.all_tokens, abs=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    model = tiny_model().train()
    loss_on(model, chat_tokens(TOKENIZER, CHATS, 512))
    assert model.training


def test_what_sft_holds_out_is_what_is_measured() -> None:
    assert len(held_out_texts(HeldOut(path=str(PAIRS), held_out_rows=8))) == 8
    assert len(held_out_texts(HeldOut(path=str(PAIRS), limit=5))) == 5


def test_a_text_is_cut_into_rows_of_which_every_token_counts(tmp_path: Path) -> None:
    file = tmp_path / "text.md"
    file.write_text("A lamp has a level and a colour.\n" * 20, encoding="utf-8")
    rows = held_out_tokens(HeldOut(path=str(file), max_length=16), TOKENIZER)
    assert TOKENIZER.decode([token for row in rows for token in row.ids]) == file.read_text(encoding="utf-8")
    assert {len(row.ids) for row in rows[:-1]} == {16}
    loss = loss_on(tiny_model(), rows)
    assert loss.tokens == loss.said_tokens == sum(len(row.ids) - 1 for row in rows)
    assert len(held_out_tokens(HeldOut(path=str(file), max_length=16, limit=2), TOKENIZER)) == 2


def test_rows_without_an_answer_are_refused() -> None:
    with pytest.raises(SourceError, match="is max_length shorter than their questions"):
        loss_on(tiny_model(), chat_tokens(TOKENIZER, CHATS, 5))


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff\xfe"])
def test_a_text_without_anything_to_measure_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=r"text\.txt is empty: name a text|is no UTF-8 text"):
        held_out_texts(HeldOut(path=str(file)))
