"""Quoted replies and forwarded messages: marked as such, or opened where they are what the author wants to show."""

from __future__ import annotations

import re

from quotequail import quote, unwrap

from app.tickets.text.marking import MarkedLines

# Mail programs' lines are neither shorter nor longer; others are not looked at, since every look takes 40 patterns.
_FEWEST_CHARS, _INTRODUCTION_CHARS = 12, 300
_ENDS = (":", "-", "_", ">")  # what every introduction ends with
# Introductions that quotequail does not know: Italian, Polish, and those that name the author first.
_FURTHER = re.compile(
    r"Il .{5,200} ha scritto ?:$|W dniu .{5,200} pisze:$"
    r"|[^\s:][^:]{1,80} (?:schrieb|wrote|a écrit|escribió) (?:am|on|le|el) .{5,100}:$"
)
_MARKER = re.compile(
    r"^\W{0,6}(?:please (?:type|reply|write) .{0,20}above this line|reply above this line"
    r"|bitte (?:schreiben|antworten) sie (?:ihre antwort )?(?:über|oberhalb) dieser (?:linie|zeile)"
    r"|(?:merci de|veuillez) (?:répondre|saisir) .{0,30}au[- ]dessus de cette ligne"
    r"|(?:por favor,? )?(?:escriba|responda) .{0,30}encima de esta línea)",
    re.IGNORECASE,
)
_FROM = re.compile(r"^\W{0,3}(?:from|von|de|da|van|från|expéditeur|remitente)\s?:\W{0,3}\s\S", re.IGNORECASE)
_HEADER = re.compile(r"^\W{0,3}[\w-]+(?: [\w-]+){0,2}\s?:")
_MOST_HEADERS = 8
_RULER = re.compile(r"^\s*[_=-]{10,}\s*$")
_FORWARD = re.compile(
    r"forward|weitergeleitet|transféré|réexpédié|reenviado|doorgestuurd|vidarebefordrat|inoltrato|Пересыл",
    re.IGNORECASE,
)
_POINTS_DOWN = re.compile(
    r"\b(?:see|read|mail|message|question|thread|customer)?\s?\bbelow\b|\bfyi\b|\bforward|\bsiehe unten"
    r"|\bunten stehend|\bs\.\s?u\."
    r"|\bweitergeleitet|\bzur info|\bci-dessous|\bvoir plus bas|\bmás abajo|\bver abajo|\breenv[ií]o",
    re.IGNORECASE,
)
_FEW_WORDS = 12
_PASTED_LINES = 10  # a '>' block of at most so many lines after a colon is something shown, not answered


def mark_quotes(message: MarkedLines) -> None:
    index = 0
    while index < len(message):
        if not message.is_open(index) or message.is_blank(index):
            index += 1
            continue
        line = message.lines[index]
        if _MARKER.match(line[:_INTRODUCTION_CHARS]):
            end = len(message)
            message.mark(index, end, "quoted_reply")
        elif length := _introduction(message, index):
            end = _mark_message(message, index, index + length)
        elif (headers := _headers_end(message, index)) > index:
            end = _mark_below_headers(message, index, headers)
        elif line.startswith(">"):
            end = _mark_block(message, index)
        else:
            end = index + 1
        index = end
    _open_what_is_shown(message)


def _introduction(message: MarkedLines, index: int) -> int:
    """How many lines the introduction at `index` takes ('On … wrote:'), 0 where there is none."""
    first = message.lines[index].strip()
    second = message.lines[index + 1].strip() if index + 1 < len(message) else ""
    if max(len(first), len(second)) > _INTRODUCTION_CHARS or len(first) + len(second) < _FEWEST_CHARS:
        return 0
    if first.endswith(_ENDS) and (len(quote(first)) > 1 or _FURTHER.match(first)):
        length, text = 1, first
    elif second.endswith(_ENDS) and (
        not quote(f"{first}\n{second}", quote_intro_line=True)[0][1] or _FURTHER.match(f"{first} {second}")
    ):
        length, text = 2, f"{first} {second}"
    else:
        return 0
    if _RULER.match(text):  # Outlook rules a line above the headers, and others above their signature
        return length if _headers_end(message, message.next_text(index + 1)) else 0
    # 'On restart the log wrote:' tells no date and no address, and what follows is not marked as quoted.
    following = message.next_text(index + length)
    quoted = following < len(message) and message.lines[following].startswith(">")
    return length if quoted or not text.endswith(":") or re.search(r"[\d@]", text) else 0


def _mark_message(message: MarkedLines, start: int, end: int) -> int:
    """Mark the message introduced by the lines start to end; the line after it."""
    text = " ".join(message.lines[start:end])
    following = message.next_text(end)
    is_forward = bool(_FORWARD.search(text))
    message.mark(start, end, "forwarded_header" if is_forward else "quoted_reply")
    headers = _headers_end(message, following)
    if is_forward:
        message.mark(end, headers, "forwarded_header")
        return max(end, headers)
    if following < len(message) and message.lines[following].startswith(">"):
        message.mark(end, following, "quoted_reply")
        return _mark_run(message, following)
    if headers:
        return _mark_below_headers(message, following, headers)
    message.mark(end, len(message), "quoted_reply")
    return len(message)


def _mark_below_headers(message: MarkedLines, start: int, end: int) -> int:
    """A message under bare headers was forwarded if nothing stands above it, and is answered otherwise."""
    was_forwarded = "forwarded_header" not in message.reasons and not any(
        message.lines[at].strip() and message.reasons[at] is None for at in range(start)
    )
    message.mark(start, end, "forwarded_header")
    if was_forwarded:
        return end
    message.mark(end, len(message), "quoted_reply")
    return len(message)


def _headers_end(message: MarkedLines, start: int) -> int:
    """The line after the mail headers that begin at `start`, 0 where there are none."""
    if start >= len(message) or not _FROM.match(message.lines[start][:_INTRODUCTION_CHARS]):
        return 0
    window = [line.strip()[:_INTRODUCTION_CHARS] for line in message.lines[start : start + _MOST_HEADERS]]
    window = window[: next((at for at, line in enumerate(window) if not _HEADER.match(line)), len(window))]
    found = unwrap("\n".join(window)) if len(window) > 1 else None
    return start + len(window) if found and "from" in found and {"subject", "date", "to"} & set(found) else 0


def _mark_block(message: MarkedLines, start: int) -> int:
    """A '>' block without an introduction: shown after a colon, quoted otherwise."""
    before = next((message.lines[at] for at in range(start - 1, -1, -1) if not message.is_blank(at)), "")
    end = start
    while end < len(message) and message.lines[end].startswith(">"):
        end += 1
    if before.rstrip().endswith(":") and end - start <= _PASTED_LINES:
        message.lines[start:end] = [line.lstrip(">").removeprefix(" ") for line in message.lines[start:end]]
        return end
    return _mark_run(message, start)


def _mark_run(message: MarkedLines, start: int) -> int:
    """Mark the '>' lines from `start` on, blank ones between them included; the line after them."""
    end = at = start
    while at < len(message) and (message.lines[at].startswith(">") or message.is_blank(at)):
        at += 1
        end = at if message.lines[at - 1].startswith(">") else end
    message.mark(start, end, "quoted_reply")
    return end


def _open_what_is_shown(message: MarkedLines) -> None:
    """Keep what is quoted where the author writes nothing, or no more than that it stands below."""
    kept = message.kept()
    words = kept.split()
    if any(reason and _MARKER.match(line) for line, reason in zip(message.lines, message.reasons, strict=True)):
        return  # what stands below the ticket system's line is its own record
    if "quoted_reply" not in message.reasons or (
        words and not (len(words) <= _FEW_WORDS and _POINTS_DOWN.search(kept))
    ):
        return
    for index, reason in enumerate(message.reasons):
        if reason == "quoted_reply" and message.lines[index].startswith(">"):
            message.lines[index] = message.lines[index].lstrip("> ")
        elif reason == "quoted_reply" and (_introduction(message, index) or _RULER.match(message.lines[index])):
            message.reasons[index] = "forwarded_header"
    message.unmark("quoted_reply")
