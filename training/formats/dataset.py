"""Files of a format: JSONL for reading and for `docent-train`, a saved `datasets` folder, and the card over all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.fingerprint import hash_of
from training.schema.prepare import Format
from training.splitting import Side

Sides = Mapping[Side, Sequence[Mapping[str, Any]]]
_NO_LICENCE = "not stated: what is made of a text is under the terms of that text, so ask whose it is before you share"


def write_format(folder: Path, sides: Sides) -> dict[str, Any]:
    """`train.jsonl`, `held_out.jsonl`, and both as `dataset`. Returns rows and hash of each file. Needs `datasets`."""
    import datasets  # noqa: PLC0415  (2 s, and nothing else here needs it)

    datasets.disable_progress_bars()  # seconds; and they would show where stderr is no terminal, too
    folder.mkdir(parents=True)
    written: dict[str, Any] = {}
    for side, rows in sides.items():
        file = folder / f"{side}.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        written[side] = {"rows": len(rows), "hash": hash_of(file)}
    saved = {side: datasets.Dataset.from_list([dict(row) for row in rows]) for side, rows in sides.items() if rows}
    datasets.DatasetDict(saved).save_to_disk(folder / "dataset")
    return written


def write_card(
    file: Path, written: Mapping[Format, Mapping[str, Any]], made_from: Sequence[str], about: Sequence[str]
) -> None:
    """made_from: a line a source. about: lines on how the rows were made."""
    configs = [
        f"- config_name: {name}\n  data_files:\n"
        + "".join(
            f"  - {{split: {side}, path: {name}/{side}.jsonl}}\n" for side, found in sides.items() if found["rows"]
        )
        for name, sides in written.items()
    ]
    table = [
        f"| {name} | {side} | {found['rows']} | `{found['hash'][:16]}` |"
        for name, sides in written.items()
        for side, found in sides.items()
    ]
    text = [
        "---\nconfigs:\n" + "".join(configs) + "---",
        "# Rows to train on, made by `docent-train prepare`",
        "\n".join(["| format | split | rows | sha256 of the JSONL |", "|---|---|---|---|", *table]),
        "## Made from\n\n" + "\n".join(f"- {line}" for line in made_from),
        "## How\n\n" + "\n".join(f"- {line}" for line in about),
    ]
    file.write_text("\n\n".join(text) + "\n", encoding="utf-8")


def licence_line(licence: str) -> str:
    return f"Licence of docs and pairs: {licence or _NO_LICENCE}"
