from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.index.readers import UnreadableFile
from app.index.section import Section


def cell(kind: str, source: str | list[str]) -> dict[str, Any]:
    return {"cell_type": kind, "source": source, "outputs": [{"text": "secret output"}]}


def test_cells_in_order(read: Callable[..., list[Section]]) -> None:
    cells = [
        cell("markdown", ["# Run it\n", "intro"]),
        cell("code", "for x in y:\n    # no heading\n    print(x)\n"),
        cell("markdown", "## Next\nmore"),
        cell("code", 'print("""```""")'),
        cell("raw", "raw"),
    ]
    notebook = {"cells": cells, "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}
    top, section = read("run.ipynb", json.dumps(notebook))
    assert (top.title, top.text) == ("Run it", "intro\n\n```python\nfor x in y:\n    # no heading\n    print(x)\n```")
    assert (section.heading_path, section.text) == (("Next",), 'more\n\n````python\nprint("""```""")\n````')
    assert section.url == "https://docs.example.org/run#next"


@pytest.mark.parametrize("content", ["{", "[]", '{"cells": 1}', "[" * 100_000])
def test_broken_notebook(read: Callable[..., list[Section]], content: str) -> None:
    with pytest.raises(UnreadableFile, match="notebook"):
        read("run.ipynb", content)


def test_odd_cells_are_passed_over(read: Callable[..., list[Section]]) -> None:
    content = {"cells": [1, {}, {"cell_type": "code", "source": 3}, {"cell_type": "code", "source": ["a", 1]}]}
    assert read("run.ipynb", json.dumps(content))[0].text == "```\na\n```"
