"""A teacher whose replies follow from its prompts, three pages to write about, and recipes that join the two."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from app.index.section import Chunk, Span
from tests.answering.scripted_model import ScriptedModel
from training.schema.generate import GenerateRecipe

_PASSAGE = re.compile(r"<passage number=\"\d+\">\n(.*?)\n</passage>", re.DOTALL)
_PAIRS = re.compile(r"^Pairs:\n(.*)$", re.MULTILINE)

PAGES = {
    "install.md": "# Install Lumen\n\nRun `pip install lumen-lamp` on Python 3.11.\n",
    "brightness.md": "# Brightness\n\nThe command `lumen set --level 40` dims the lamp to forty percent.\n",
    "reset.md": "# Reset the lamp\n\nThe command `lumen reset` sets the lamp back to full brightness.\n",
}


def write_docs(folder: Path) -> Path:
    """Three pages of one chunk and one section each."""
    folder.mkdir(parents=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text)
    return folder


def taught(prompt: str) -> str:
    """What a good teacher says: a pair of the last line of each passage."""
    passages = _PASSAGE.findall(prompt)
    quotes = [passage.splitlines()[-1] for passage in passages]
    if "Do the passages answer" in prompt:
        return json.dumps({"answered": False})
    if "questions that a user" in prompt:
        return json.dumps({"questions": [f"What does {passages[0].splitlines()[0]} cost?"]})
    if given := _PAIRS.search(prompt):
        pairs = json.loads(given[1])["pairs"]
        return json.dumps({"pairs": [pair | {"question": f"{pair['question']} Why?"} for pair in pairs]})
    pair = {"quotes": quotes, "question": f"How about: {' '.join(quotes)}?", "answer": " ".join(quotes)}
    return json.dumps({"pairs": [pair]})


def recipe(folder: Path, teacher: ScriptedModel, /, **changes: Any) -> GenerateRecipe:
    """Everything is written about, and a failed try is repeated at once."""
    requests = {"retries": 2, "retry_seconds": 0.01, **changes.pop("requests", {})}
    tree = {
        "output_dir": folder / "out",
        "docs": str(folder / "docs"),
        "teacher": {"base_url": teacher.base_url, "model": "scripted", "max_tokens": 100},
        "requests": requests,
        "passes": 2,
        "pairs_per_request": 1,
        "held_out_share": 0.34,
        "multi_section_share": 1,
        "unanswerable_share": 0.34,
        "neighbours": 2,
    }
    return GenerateRecipe.model_validate(tree | changes)


def chunk(number: int, page: str = "page.md", heading: str = "") -> Chunk:
    """A passage without an index."""
    path = (heading,) if heading else ()
    text = f"Passage {number} of {page}."
    return Chunk(f"{number:032x}", "docs", page, page, path, "", text, (Span(0, len(text), path, ""),), 5)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
