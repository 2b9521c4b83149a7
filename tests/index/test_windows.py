"""Which texts of a chunk get a vector of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from app.index.section import Chunk, Span
from app.index.windows import WINDOW_TOKENS, passage_text, windows

MakeChunk = Callable[..., Chunk]


def count(text: str) -> int:
    return len(text.split())


def words(number: int, name: str = "word") -> str:
    return " ".join([name] * number)


def test_a_short_chunk_is_one_text(chunk: MakeChunk) -> None:
    one = chunk(1, "Turn the dial.")

    assert windows(one, count) == ["Page > Top\nA page.\n\nTurn the dial."] == [passage_text(one)]


def test_without_a_summary_the_text_follows_the_headings(chunk: MakeChunk) -> None:
    one = replace(chunk(1, "Turn the dial."), summary="")

    assert windows(one, count) == ["Page > Top\n\nTurn the dial."]


def test_a_long_section_is_cut_between_blocks(chunk: MakeChunk) -> None:
    blocks = [words(90, "one"), words(50, "two"), words(90, "three"), words(20, "four")]
    one = chunk(1, "\n\n".join(blocks))

    parts = windows(one, count)

    head = "Page > Top\nA page.\n\n"
    assert parts == [f"{head}{blocks[0]}\n\n{blocks[1]}", f"{head}{blocks[2]}\n\n{blocks[3]}"]


def test_a_block_longer_than_a_window_stands_alone(chunk: MakeChunk) -> None:
    blocks = [words(10, "a"), words(WINDOW_TOKENS * 2, "b"), words(10, "c")]

    parts = windows(chunk(1, "\n\n".join(blocks)), count)

    assert [part.rsplit("\n\n", 1)[1] for part in parts] == blocks


def test_each_section_has_windows_of_its_own_under_its_own_headings(chunk: MakeChunk) -> None:
    first, second = "## Dim\n\nTurn left.\n\n", "## Brighten\n\nTurn right."
    spans = (Span(0, len(first), ("Use", "Dim"), ""), Span(len(first), len(first + second), ("Use", "Brighten"), ""))
    one = replace(chunk(1, first + second, heading_path=("Use",)), spans=spans)

    assert windows(one, count) == [
        "Page > Use > Dim\nA page.\n\nTurn left.",
        "Page > Use > Brighten\nA page.\n\nTurn right.",
    ]


def test_a_heading_without_text_has_no_window(chunk: MakeChunk) -> None:
    first, second, third = "## Empty\n\n", "## Dim\n\nTurn left.\n\n", "## Brighten\n\nTurn right."
    ends = [len(first), len(first + second), len(first + second + third)]
    spans = tuple(
        Span(start, end, (name,), "")
        for start, end, name in zip([0, *ends], ends, ["Empty", "Dim", "Brighten"], strict=False)
    )

    parts = windows(replace(chunk(1, first + second + third), spans=spans), count)

    assert [part.split("\n")[0] for part in parts] == ["Page > Dim", "Page > Brighten"]
