"""Plain chats of question and answer, as the study trained on: nothing of the docs stands in them."""

from __future__ import annotations

from typing import Any

from training.rows import as_chat
from training.splitting import Placed


def chat_row(placed: Placed, system: str) -> dict[str, Any]:
    """system: empty for none."""
    pair = placed.pair
    messages = as_chat({"question": pair.question, "answer": pair.answer}, system)
    return {"messages": messages, "section": placed.section, "row": pair.row}
