"""The questions of a ticket, each with what it needs to be understood and searched for alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.index.terms import terms
from app.tickets.text.codes import error_codes
from app.tickets.text.folding import PLACEHOLDER, Block
from app.tickets.text.intent import intent
from app.tickets.text.noise import without_noise
from app.tickets.text.plain import readable
from app.tickets.text.search_terms import distinct
from app.tickets.text.segments import Said, Segment, plain, problem_sentences, segments, with_intents
from app.tickets.text.sentences import Sentence, split

MAX_QUESTIONS = 5
_MOST_TERMS = 10
_FIRST_SENTENCES, _LAST_SENTENCES = 300, 100  # that are looked at; long tickets, folded, have some 60
_CONTEXT_CHARS = 500  # before a question, and again after it
_STATEMENT_CHARS = 800
_STANDS_ALONE_TERMS = 2

_SUBJECT_PREFIX = re.compile(
    r"^\s*(?:(?:re|aw|sv|vs|rv|tr|fwd?|wg|rif|antw|res|enc)(?:\[\d+\])?\s?:|\[[^\]]{1,60}\]|#\d+|ticket\s?#?\d+:?)\s*",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(r"^\s*(?:re|aw|sv|antw)(?:\[\d+\])?\s?:", re.IGNORECASE)
_EMPTY_SUBJECT = re.compile(
    r"(?:(?:help|support|question|problem|issue|request|urgent|asap|error|bug|hello|hi|hilfe|frage|anfrage|dringend"
    r"|fehler|aide|urgence"
    r"|demande|ayuda|consulta|pregunta|problema|urgente|no subject|new|important|please|needed|wichtig|kein betreff"
    r"|questions|problems|issues|fragen|preguntas|one|two|three|four|five|several|some|a|few|zwei|drei|deux|trois"
    r"|dos|tres)\W*)*",
    re.IGNORECASE,
)
_NAMES_SUBJECT = re.compile(r"\b(?:subject|title|betreff|objet|sujet|asunto|título)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|this|these|those|they|them|same|above|both|that(?=\s(?:is|does|works?|means?|possible)\b|\W*$)"
    r"|dies\w*|damit|dabei|davon|daran|cela|ça|eso|esto|ello)\b",
    re.IGNORECASE,
)
_SURROUNDINGS = re.compile(
    r"\b(?:(?:i|we)(?: am|'m| are|'re)? (?:running|run|using|use|on|have)\b.{0,120}\d|(?:version|v)\s?\d|windows"
    r"|ubuntu|debian|macos|linux|docker"
    r"|kubernetes|wir (?:nutzen|verwenden|haben)|ich (?:nutze|verwende)|(?:j'utilise|nous utilisons)|(?:uso|usamos))",
    re.IGNORECASE,
)
_CODE_SPAN = re.compile(r"`([^`\n]{2,120})`")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{6,200})[\"”“»]|(?<!\w)'([^'\n]{6,200})'(?!\w)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]{1,40}")


@dataclass(frozen=True, slots=True)
class TicketQuestion:
    """A question that can be answered alone.

    text: what the answerer is asked, with its context. asked: the asking sentence or the problem, as written.
    query_terms: error messages, codes and commands to be searched for as they are, at most ten.
    source, start, end: where `asked` begins and ends in the subject or in the folded text, as offsets of characters;
    (0, 0) for 'block', where the ticket holds nothing but machine output. blocks: the numbers of those it is about.
    """

    text: str
    asked: str
    query_terms: tuple[str, ...]
    source: Literal["subject", "body", "block"]
    start: int
    end: int
    blocks: tuple[int, ...]


def questions(subject: str, text: str, blocks: Sequence[Block]) -> tuple[TicketQuestion, ...]:
    """What a ticket asks, in its order and at most five; () where it asks nothing (thanks, greetings, a complaint).

    subject: as it came. text, blocks: as `fold` gave them.
    """
    subject_start, topic = _topic(readable(subject))
    sentences = split(text)
    if len(sentences) > _FIRST_SENTENCES + _LAST_SENTENCES:
        sentences = [*sentences[:_FIRST_SENTENCES], *sentences[-_LAST_SENTENCES:]]
    said = with_intents(sentences)
    asking = [(segment, asks) for segment in segments(said) if (asks := segment.asks or problem_sentences(segment))]
    if not asking:
        return _without_question(subject, topic, subject_start, said, blocks)
    asks_aloud = any(segment.asks for segment, _ in asking)
    if intent(topic) == "question" and not asks_aloud and not any(_shares(topic, _joined(asks)) for _, asks in asking):
        told = [one for segment, _ in asking for one in segment.everything()]
        return (_of_subject(topic, subject_start, told, blocks),)
    owners = _owners(asking, blocks)
    found = []
    for index, (segment, asks) in enumerate(asking[:MAX_QUESTIONS]):
        before = _lead(index, asking, topic, said)
        found.append(_of_segment(segment, asks, before, [block for block in blocks if owners[block.number] == index]))
    return tuple(found)


def _of_segment(segment: Segment, asks: list[Said], lead: list[str], blocks: list[Block]) -> TicketQuestion:
    asked = _joined(asks)
    told = segment.everything()
    first, last = told.index(asks[0]), told.index(asks[-1])
    before = _within(told[:first], from_end=True)
    after = _within(told[last + 1 :])
    said = " ".join([*lead, before, asked, after])
    numbers = tuple(block.number for block in blocks)
    return TicketQuestion(
        text="\n".join(
            filter(None, [*lead, f"{before}{chr(10) if asks[0][0].opens else ' '}{asked}".strip(), after])
        ).strip(),
        asked=asked,
        query_terms=_query_terms(said, blocks),
        source="body",
        start=asks[0][0].start + len(asks[0][0].text) - len(plain(asks[0][0])),
        end=asks[-1][0].end,
        blocks=numbers,
    )


def _of_subject(topic: str, start: int, said: Sequence[Said], blocks: Sequence[Block]) -> TicketQuestion:
    context = _within(said)
    return TicketQuestion(
        text="\n".join(filter(None, (topic, context))),
        asked=topic,
        query_terms=_query_terms(f"{topic} {context}", blocks),
        source="subject",
        start=start,
        end=start + len(topic),
        blocks=tuple(block.number for block in blocks),
    )


def _without_question(
    subject: str, topic: str, subject_start: int, said: Sequence[Said], blocks: Sequence[Block]
) -> tuple[TicketQuestion, ...]:
    """The problem statement of a ticket in which no sentence asks."""
    told = [one for one in said if one[1] in {"context", "plea"}]
    prose = [one for one in told if not one[0].block and not one[0].code and one[1] == "context"]
    topic_asks = intent(topic) in {"question", "problem"}
    if not told and not blocks and not _leaves_it_to_the_subject(subject, topic_asks=topic_asks, said=said):
        return ()
    if any(kind == "solved" for _, kind in said):
        return ()
    if topic and (topic_asks or not prose):
        return (_of_subject(topic, subject_start, told, blocks),)
    if prose:
        segment = Segment(before=told)
        statement = _first_chars(prose)
        lead = [topic] if topic and not _shares(topic, _joined(statement)) else []
        return (_of_segment(segment, statement, lead, list(blocks)),)
    if blocks:
        text = "\n".join(block.placeholder for block in blocks[:3])
        asked = blocks[0].terms[0] if blocks[0].terms else blocks[0].placeholder
        return (TicketQuestion(text, asked, _query_terms("", blocks), "block", 0, 0, tuple(b.number for b in blocks)),)
    return ()


def _leaves_it_to_the_subject(subject: str, *, topic_asks: bool, said: Sequence[Said]) -> bool:
    """Whether a body of courtesy alone means 'see the subject': thanks and complaints do not, nor does a reply."""
    if any(_NAMES_SUBJECT.search(sentence.text) for sentence, _ in said):
        return True
    return not _REPLY_SUBJECT.match(subject) and (topic_asks or not said)


def _lead(index: int, asking: Sequence[tuple[Segment, list[Said]]], topic: str, said: Sequence[Said]) -> list[str]:
    """What a question needs from elsewhere: the subject, the question before it, what the author runs."""
    segment, asks = asking[index]
    asked = _joined(asks)
    own = " ".join(plain(sentence) for sentence, _ in segment.everything())
    lead = []
    if index == 0:
        is_thin = len(set(terms(own))) < _STANDS_ALONE_TERMS or (_POINTS_BACK.search(asked) and not segment.before)
        return [topic] if topic and is_thin and not _shares(topic, own) else []
    surroundings = next(
        (plain(one) for one, kind in said if kind == "context" and not one.block and _SURROUNDINGS.search(one.text)), ""
    )
    if surroundings and surroundings not in own:
        lead.append(surroundings[:_CONTEXT_CHARS])
    in_list = any(sentence.item for sentence, _ in asks)  # items stand side by side, none leads to the next
    if (
        not segment.before
        and not in_list
        and (_POINTS_BACK.search(asked) or len(set(terms(asked))) < _STANDS_ALONE_TERMS)
    ):
        lead.append(_stands_alone(asking[:index]))
    return lead


def _stands_alone(asking: Sequence[tuple[Segment, list[Said]]]) -> str:
    """The nearest of these questions that does not itself point back, or the first."""
    asked = [_joined(asks) for _, asks in asking]
    return next((one for one in reversed(asked) if not _POINTS_BACK.search(one)), asked[0])


def _owners(asking: Sequence[tuple[Segment, list[Said]]], blocks: Sequence[Block]) -> dict[int, int]:
    """For each block the question in whose segment it stands; for others the first one that tells of a problem."""
    problems = [index for index, (segment, _) in enumerate(asking[:MAX_QUESTIONS]) if segment.tells_problem()]
    owners = {block.number: problems[0] if problems else 0 for block in blocks}
    for index, (segment, _) in enumerate(asking[:MAX_QUESTIONS]):
        for sentence, _kind in segment.everything():
            if sentence.block:
                owners[sentence.block] = index
    return owners


def _topic(subject: str) -> tuple[int, str]:
    """The subject without 'Re:' and ticket numbers, '' if it says nothing, and where that begins."""
    subject = " ".join(subject.split())
    start = 0
    while prefix := _SUBJECT_PREFIX.match(subject[start:]):
        start += prefix.end()
    topic = subject[start:].strip()[:300]
    return start, "" if _EMPTY_SUBJECT.fullmatch(topic) else topic


def _joined(said: Sequence[Said]) -> str:
    return " ".join(plain(sentence) for sentence, _ in said)


def _within(said: Sequence[Said], *, from_end: bool = False) -> str:
    """As many whole sentences as the context has room for, those next to the question first. Code keeps its lines."""
    taken: list[str] = []
    room = _CONTEXT_CHARS
    for sentence, _ in reversed(said) if from_end else said:
        text = _as_written(sentence)
        if len(text) > room:
            break
        room -= len(text)
        taken.append(text)
    return re.sub(r" ?\n\n? ?", "\n", " ".join(reversed(taken) if from_end else taken)).strip("\n ")


def _as_written(sentence: Sentence) -> str:
    """A sentence with the line breaks it had around it; code and lists keep their form."""
    if sentence.code or sentence.block:
        return f"\n{sentence.text}\n"
    text = plain(sentence)
    return f"\n- {text}" if sentence.item and sentence.opens else f"\n{text}" if sentence.opens else text


def _first_chars(said: Sequence[Said]) -> list[Said]:
    taken: list[Said] = []
    room = _STATEMENT_CHARS
    for one in said:
        room -= len(one[0].text)
        if taken and room < 0:
            break
        taken.append(one)
    return taken


def _shares(topic: str, text: str) -> bool:
    """Whether the text says at least half of what the topic does."""
    wanted = set(terms(topic))
    return not wanted or len(wanted & set(terms(text))) * 2 >= len(wanted)


def _query_terms(text: str, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Codes, code and quoted messages of the text, then the blocks' terms in turn, so that each has its first ones."""
    text = PLACEHOLDER.sub(" ", text)
    found = [*error_codes(text), *_CODE_SPAN.findall(text), *_OPTION.findall(text)]
    found += [double or single for double, single in _QUOTED.findall(text)]
    by_block = [block.terms for block in blocks]
    deepest = max(map(len, by_block), default=0)
    found += [block_terms[depth] for depth in range(deepest) for block_terms in by_block if depth < len(block_terms)]
    return distinct(without_noise(term) for term in found)[:_MOST_TERMS]
