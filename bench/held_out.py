"""Loss of checkpoints on the same held-out rows: `python -m bench.held_out --models name=FOLDER,… --rows chat=FILE,…`.

A trainer measures each model on the rows of its own format; here all of them are measured on all. Only what the
assistant says counts. It wants the environment of training.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from training.errors import SourceError


def losses(models: dict[str, str], rows: dict[str, str], limit: int | None) -> dict[str, Any]:
    """Nats a token, by rows and model; the first `limit` rows of each file. Raises SourceError."""
    import torch  # noqa: PLC0415

    from training.chat_template import use_chatml  # noqa: PLC0415
    from training.loading import fit_vocabulary, load_model, load_tokenizer  # noqa: PLC0415
    from training.perplexity import held_out_tokens, loss_on  # noqa: PLC0415
    from training.schema.base import ModelSource  # noqa: PLC0415
    from training.schema.held_out import HeldOut  # noqa: PLC0415

    found: dict[str, Any] = {name: {"loss": {}, "tokens": 0} for name in rows}
    for name, place in models.items():
        source = ModelSource(name=place, dtype="float32")
        tokenizer, model = load_tokenizer(source), load_model(source)
        use_chatml(tokenizer)
        fit_vocabulary(model, tokenizer)
        for label, file in rows.items():
            measured_on = HeldOut(path=file, limit=limit, max_length=1536)
            with torch.autocast("cpu", dtype=torch.bfloat16):  # three times as fast; the third decimal stays
                loss = loss_on(model, held_out_tokens(measured_on, tokenizer), f"{name}, {label}")
            found[label]["loss"][name] = round(loss.said, 4)
            found[label]["tokens"] = loss.said_tokens
    return found


def _named(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.held_out")
    parser.add_argument("--models", type=_named, required=True, help="name=FOLDER,…")
    parser.add_argument("--rows", type=_named, required=True, help="name=FILE,… of chats, as `prepare` writes them")
    parser.add_argument("--limit", type=int, help="only the first so many rows of each file")
    parser.add_argument("--out", type=Path, required=True, help="folder for results.json")
    given = parser.parse_args()
    try:
        found = losses(given.models, given.rows, given.limit)
    except SourceError as error:
        sys.exit(error.detail)
    given.out.mkdir(parents=True, exist_ok=True)
    result = {"kind": "held-out", "models": given.models, "rows": given.rows, "results": found}
    (given.out / "results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
