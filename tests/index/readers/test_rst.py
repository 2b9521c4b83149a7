from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.index.section import Section

Read = Callable[..., list[Section]]


def test_sections_and_ids(read: Read) -> None:
    text = (
        "=====\nGuide\n=====\n\nIntro.\n\n.. _label:\n\nHow to *install*\n-----------------\n\nx\n\n"
        "Deep\n~~~~\n\ny\n\nUse\n---\n\nz\n\nUse\n---\n\nw\n"
    )
    sections = read("a/guide.rst", text)
    assert [(s.heading_path, s.anchor, s.text) for s in sections] == [
        ((), "", "Intro."),
        (("How to install",), "how-to-install", "x"),
        (("How to install", "Deep"), "deep", "y"),
        (("Use",), "use", "z"),
        (("Use",), "id1", "w"),
    ]
    assert sections[0].title == "Guide"
    assert sections[1].url == "https://docs.example.org/a/guide#how-to-install"


def test_code(read: Read) -> None:
    text = (
        "Run::\n\n    if x:\n        y\n\n.. code-block:: bash\n   :caption: Load it\n"
        "   :emphasize-lines: 1\n\n   $ run\n     --now\n\n>>> 1\n1\n"
    )
    assert read("a.rst", text)[0].text == (
        "Run:\n\n```\nif x:\n    y\n```\n\nLoad it:\n\n```bash\n$ run\n  --now\n```\n\n```python\n>>> 1\n1\n```"
    )


def test_admonitions_and_unknown_markup(read: Read) -> None:
    text = """.. note:: Mind this.

.. admonition:: Own title

   Body.

.. versionadded:: 1.2
   Since then.

.. py:function:: load(path)

   Loads :class:`~pkg.Model` with :ref:`the guide <guide>` and :unknown:`text`, see :doc:`x`.

.. tab-set::

   .. tab-item:: Linux
      :sync: a

      Tab text.

.. toctree::

   other
"""
    assert read("a.rst", text)[0].text == (
        "**Note**\n\nMind this.\n\n**Own title**\n\nBody.\n\nAdded in version 1.2\nSince then.\n\n`load(path)`\n\n"
        "Loads `pkg.Model` with the guide and `text`, see x.\n\n**Linux**\n\nTab text."
    )


def test_lists_tables_and_links(read: Read) -> None:
    text = (
        "- one\n\n  more\n- two\n\n3. three\n\nterm\n  meaning\n\n:field: body\n\n=== ===\nA   B\n"
        "=== ===\n1   x y\n=== ===\n\n`Site <https://x.y>`_ and ``code`` and **b**.\n\n"
        ".. image:: a.png\n"
    )
    assert read("a.rst", text)[0].text == (
        "- one\n\n  more\n- two\n\n3. three\n\n- **term**: meaning\n\n- **field**: body\n\n"
        "| A | B |\n| --- | --- |\n| 1 | x y |\n\n[Site](https://x.y) and `code` and **b**."
    )


def test_nothing_is_included(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    text = (
        f"x\n\n.. include:: {tmp_path}/secret\n\n.. literalinclude:: secret\n\n.. csv-table::\n"
        f"   :file: {tmp_path}/secret\n\n.. raw:: html\n   :file: {tmp_path}/secret\n\n.. raw:: html\n\n"
        "   <b>RAW</b>\n"
    )
    found = "\n".join(section.text for section in read("a.rst", text))
    assert "SECRET" not in found
    assert found.startswith("x")


def test_broken_markup_keeps_its_text(read: Read, capfd: pytest.CaptureFixture[str]) -> None:
    text = "Title\n==\n\n*open and `x_ |sub|\n\n=== ==\nmalformed table\n=== =\n\n   .. note::\n unindented\n"
    found = "\n".join(f"{section.title} {section.text}" for section in read("a.rst", text))
    assert "open and" in found
    assert "malformed table" in found
    assert capfd.readouterr() == ("", "")
