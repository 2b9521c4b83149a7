"""The stream of a model cut into what can be checked, the same wherever the stream is parted."""

from __future__ import annotations

import random

import pytest

from app.answering.segments import Segment, Segmenter, sentences


def segments(*pieces: str) -> list[Segment]:
    segmenter = Segmenter()
    found = [segment for piece in pieces for segment in segmenter.feed(piece)]
    return [*found, *segmenter.finish()]


def texts(text: str) -> list[str]:
    return [segment.text for segment in segments(text)]


RICH = """\
Lumen listens on port 7070 [1]. Use `--port` to change it, e.g. in start.md or version 1.2.3 [2][3]. It is on.

## A heading

**Steps**

1. Copy `lumen.service` [1].
2. Run `systemctl enable lumen`. Then wait. [2]
   A line that belongs to the item [2].
- A bullet without marker

```bash
lumen start  # Not a sentence. Not two.

lumen stop
```

~~~text
``` not the end
~~~

| a | b |
|---|---|
| 1 | 2 |

A last sentence "in quotes." And (one more!) Is that all? Yes: it is [4]
"""


WRAPPED = """\
The model's sentences did not pass the grounding check, or the model was not available, so
Docent shows the passages. One more sentence that is quite long and stands in the same line [2], and
goes on over a second line that is long as well, and then over a third one, which
ends here. [1]
- An item that is long enough to be wrapped by whoever has written it down, and
  that goes on in the next line. It has two sentences and then
  some more.
A long line without any stop at all that is followed by a blank line, not by text

Next: Port 7070
Host localhost
See this. 1. That.
A line of more than sixty characters that is followed by a fence, and so on
```
code
```
A line of more than sixty characters that is followed by an item, and so forth
1. Item
A line of more than sixty characters that is the last one of all, and has no stop"""


@pytest.mark.parametrize(
    "text",
    [
        RICH,
        RICH.replace("\n", "\r\n"),
        WRAPPED,
        WRAPPED.replace("\n", "\r\n"),
        WRAPPED + "\n",
        RICH + "```\nopen",
        RICH + "| x | y |",
        "",
        "\n\n",
    ],
)
def test_every_way_to_part_the_stream_gives_the_same(text: str) -> None:
    whole = segments(text)
    assert segments(*text) == whole
    for size in (2, 3, 5, 7, 11, 64):
        assert segments(*(text[at : at + size] for at in range(0, len(text), size))) == whole
    for seed in range(60):
        dice = random.Random(seed)  # noqa: S311
        pieces, at = [], 0
        while at < len(text):
            size = dice.choice([1, 1, 2, 4, 9, 30])
            pieces.append(text[at : at + size])
            at += size
        assert segments(*pieces) == whole


@pytest.mark.parametrize(
    "text",
    [
        "- a. B\n- c",
        "1. One. Two.\n2. Three.",
        "1.5 GB is enough. Two is more.",
        "12",
        "1",
        "-",
        "*bold* words. More *of* them.",
        "**All bold**\nNot bold. Here.",
        "**Bold start** of a line. And more.",
        "`code` begins. Then more.",
        "``` \nx\n```\n",
        "   indented. Sentence.",
        "a\r\n\r\nb. C",
        "One.\nTwo.  Three.\n\n\nFour. [1]\n[2] Five.",
        "#not a heading. Is it?",
        "+ plus\n+ more",
        "One [1]. [2] Two.",
        "One. [1] Two. [2]",
        "One. [12] [3] Two. [see](a.md) Three.",
        "One. [1](a.md) is a link. [a] is none.",
        "**Note. Read this.**\nThen this. And that.",
        "**Note. Read this. Then more.",
        "**Note.** Read this. Then more.",
    ],
)
def test_every_split_in_two_and_by_letter_gives_the_same(text: str) -> None:
    whole = segments(text)
    assert segments(*text) == whole
    for at in range(1, len(text)):
        assert segments(text[:at], text[at:]) == whole, text[:at]


def test_wrapped_lines_are_put_together() -> None:
    """A model that copies from a hard-wrapped page copies the ends of its lines."""
    assert (
        "\n".join(texts(WRAPPED))
        == """\
The model's sentences did not pass the grounding check, or the model was not available, so Docent shows the passages.
One more sentence that is quite long and stands in the same line, and goes on over a second line that is long as well, \
and then over a third one, which ends here.
- An item that is long enough to be wrapped by whoever has written it down, and that goes on in the next line. It has \
two sentences and then some more.
A long line without any stop at all that is followed by a blank line, not by text
Next: Port 7070
Host localhost
See this.
1. That.
A line of more than sixty characters that is followed by a fence, and so on
```
code
```
A line of more than sixty characters that is followed by an item, and so forth
1. Item
A line of more than sixty characters that is the last one of all, and has no stop"""
    )
    assert segments(WRAPPED)[1].cited == (2, 1)


def test_line_ends_of_windows_change_nothing() -> None:
    assert segments(RICH.replace("\n", "\r\n")) == segments(RICH)


def test_the_rich_text() -> None:
    found = segments(RICH)
    assert [(one.kind, one.cited) for one in found[:3]] == [("sentence", (1,)), ("sentence", (2, 3)), ("sentence", ())]
    assert found[1].text == "Use `--port` to change it, e.g. in start.md or version 1.2.3."
    kinds = [one.kind for one in found]
    assert kinds.count("item") == 3
    code = [one.text for one in found if one.kind == "code"]
    assert code == [
        "```bash\nlumen start  # Not a sentence. Not two.\n\nlumen stop\n```",
        "~~~text\n``` not the end\n~~~",
    ]
    assert [one.text for one in found if one.kind == "table"] == ["| a | b |\n|---|---|\n| 1 | 2 |"]
    assert not any("heading" in one.text or "Steps" in one.text for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Use e.g. Docker. Or i.e. Podman.", ["Use e.g. Docker.", "Or i.e. Podman."]),
        ("See Fig. 2 for it. Done.", ["See Fig. 2 for it.", "Done."]),
        ("Open start.md. Then README.md is read.", ["Open start.md.", "Then README.md is read."]),
        ("Version 1.2.3 is needed. Version 2.0 is not.", ["Version 1.2.3 is needed.", "Version 2.0 is not."]),
        ("It runs on 127.0.0.1:7070. Try it!", ["It runs on 127.0.0.1:7070.", "Try it!"]),
        ("Is it on? Yes! It is.", ["Is it on?", "Yes!", "It is."]),
        ("It says “ready.” Then go. (Or not.) So.", ["It says “ready.” Then go.", "(Or not.)", "So."]),
        ("First (see it). `Then` this.", ["First (see it).", "`Then` this."]),
        ("Wait ... then go. Done.", ["Wait ... then go.", "Done."]),
        ("No full stop at the end", ["No full stop at the end"]),
        ("Use v. 2 of it. Done.", ["Use v. 2 of it.", "Done."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "bare", "cited"),
    [
        ("It is on [1].", "It is on.", (1,)),
        ("It is on. [1]", "It is on.", (1,)),
        ("It is on.[1]", "It is on.", (1,)),
        ("It is on [1][2], mostly [12].", "It is on, mostly.", (1, 2, 12)),
        ("See [the page](logs.md) [1].", "See [the page](logs.md).", (1,)),
        ("See [1](logs.md).", "See [1](logs.md).", ()),
        ("Take item[1234] of it.", "Take item[1234] of it.", ()),
    ],
)
def test_markers(text: str, bare: str, cited: tuple[int, ...]) -> None:
    assert segments(text) == [Segment("sentence", bare, cited, True)]


def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before_it() -> None:
    assert [(one.text, one.cited) for one in segments("It is on. [1] It is off. [2] Or is it? [3][4]")] == [
        ("It is on.", (1,)),
        ("It is off.", (2,)),
        ("Or is it?", (3, 4)),
    ]


def test_a_sentence_comes_as_soon_as_the_next_begins() -> None:
    segmenter = Segmenter()
    assert list(segmenter.feed("One is here [1].")) == []
    assert [one.text for one in segmenter.feed(" Two")] == ["One is here."]
    assert [one.text for one in segmenter.feed(" is, too.\n")] == ["Two is, too."]
    assert list(segmenter.finish()) == []


def test_an_item_of_a_list_is_one_segment_whatever_its_sentences() -> None:
    assert [(one.kind, one.text) for one in segments("1. Run it. Then wait [1].\n2. Stop it.\n")] == [
        ("item", "1. Run it. Then wait."),
        ("item", "2. Stop it."),
    ]


def test_an_indented_fence_inside_a_list_ends_with_its_own_fence() -> None:
    text = "1. Run:\n\n   ````md\n   ```\n   inner\n   ```\n   ````\n2. Done.\n"
    found = segments(text)
    assert [one.kind for one in found] == ["item", "code", "item"]
    assert found[1].text == "   ````md\n   ```\n   inner\n   ```\n   ````"


def test_a_longer_fence_closes_a_shorter_one() -> None:
    assert [one.kind for one in segments("```\na\n`````\nAfter it.\n")] == ["code", "sentence"]


def test_headings_are_no_claims_and_begin_a_paragraph() -> None:
    found = segments("# One\nA first.\n### Two\n**Three**\nB second.\n**Four:**\nC third.")
    assert [(one.text, one.starts_paragraph) for one in found] == [
        ("A first.", True),
        ("B second.", True),
        ("C third.", True),
    ]


@pytest.mark.parametrize("text", ["Before.\n```bash\nlumen st", "Before.\n~~~\nx\n```\n", "Before.\n```"])
def test_code_whose_end_never_came_is_dropped(text: str) -> None:
    assert texts(text) == ["Before."]


def test_what_says_nothing_is_no_segment() -> None:
    assert segments("---\n\n[1]\n\n...\n- \n* \n>\n") == []


def test_paragraphs_are_told_apart() -> None:
    found = segments("One. Two.\n\nThree.\nFour.\n")
    assert [one.starts_paragraph for one in found] == [True, False, True, False]


def test_offsets_of_sentences_leave_the_blanks_out() -> None:
    text = "  One is\nhere.   Two.  \n"
    assert [text[start:end] for start, end in sentences(text)] == ["One is\nhere.", "Two."]
