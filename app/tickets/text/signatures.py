"""Signatures: after '-- ', after a closing phrase, blocks of contact data; and what devices add about themselves."""

from __future__ import annotations

import re

from app.tickets.text.marking import MarkedLines

_MOST_LINES = 14  # of a signature; longer ones were not seen without a notice, which has its own rule
_LINE_CHARS = 110
_PROSE_WORDS = 7

_DELIMITER = re.compile(r"^(?:--|—|–)\s*$")
_CLOSING = re.compile(
    r"^\W{0,3}(?:"
    r"(?:(?:with )?(?:kind|kindest|best|warm|warmest|many)? ?(?:regards|wishes)|(?:all the )?best|cheers|sincerely"
    r"|yours"
    r"|(?:yours|best) (?:sincerely|faithfully|truly)|br|rgds|respectfully|take care|have a (?:nice|great|good) \w+"
    r"|(?:many |kind )?thanks(?: (?:again|a lot|so much|in advance|and regards|and best regards))*|thank you"
    r"(?: (?:again|so much|very much|in advance|for your (?:help|time|support)))*|thx|ty|tia)"
    r"|(?:mit )?(?:freundlichen?|besten?|vielen?|lieben?|herzlichen?|schönen?|sonnigen?) (?:gr(?:ü|ue)(?:ß|ss)en?"
    r"|dank(?: im voraus)?)"
    r"|(?:beste|viele|liebe|herzliche|schöne|freundliche)? ?gr(?:ü|ue)(?:ß|ss)e|gru(?:ß|ss)|mfg|vg|lg|hochachtungsvoll"
    r"|(?:danke|vielen dank)(?: (?:schon mal|im voraus|und gr(?:ü|ue)(?:ß|ss)e|vorab))*"
    r"|(?:bien )?(?:cordialement|amicalement|respectueusement)|bien à vous|(?:meilleures )?salutations(?: distinguées)?"
    r"|(?:merci|merci beaucoup)(?: (?:d.avance|par avance|et bonne journée|pour votre aide))?|bonne (?:journée"
    r"|soirée|réception)"
    r"|(?:un (?:cordial )?|muchos )?saludos?(?: cordiales)?|atentamente|cordialmente|(?:muchas )?gracias"
    r"(?: (?:de antemano|por su ayuda|y saludos|por adelantado))?"
    r"|cordiali saluti|distinti saluti|grazie(?: in anticipo)?|met vriendelijke groeten?|mvg"
    r"|com os melhores cumprimentos"
    r"|obrigad[oa]|med vänlig hälsning(?:ar)?|mvh|z poważaniem|pozdrawiam|с уважением|спасибо)",
    re.IGNORECASE,
)
# After the phrase: nothing, or the name of who writes on the same line. Longer closings are sentences.
_AFTER_CLOSING = re.compile(
    r"^\s?[,.!;/ -]{0,3}(?:(?:[A-ZÀ-ÞА-Я]|(?:and|und|et|y|the|das|le|la|el)\b)"
    r"[\w'’.-]{0,20}[ .]{0,2}){0,5}\s*[!,.:)]{0,2}$"
)
_AND = re.compile(r"\s?(?:,|&|/|und|and|et|y|e|en|och)\s+", re.IGNORECASE)
_SENT_FROM = re.compile(
    r"^\W{0,3}(?:sent (?:from|via|with|using) (?:my|the|a)? ?|get outlook for|download outlook|sent from outlook"
    r"|(?:diese nachricht wurde )?(?:von meinem|von meiner) .{2,40} gesendet|gesendet (?:von|mit|über|aus)"
    r"|von unterwegs gesendet"
    r"|envoyé (?:de|depuis|à partir de|avec)|télécharger outlook|obtenir outlook|obtenez outlook"
    r"|enviado (?:desde|con|a través de)|obtener outlook|descargar outlook|inviato da|verzonden (?:vanaf|met|via)"
    r"|verstuurd vanaf"
    r"|enviado do meu|skickat från|sendt fra|wysłane? z|отправлено (?:с|из))",
    re.IGNORECASE,
)
_SENT_FROM_CHARS = 90
_CONTACT = re.compile(
    r"\b(?:tel|phone|fon|telefon|mobile?|mobil|fax|cell|direct|office|móvil|teléfono|tél|portable)\b\W{0,3}[+(\d]"
    r"|^\W{0,3}[tmfpwe]\W{1,3}\+?\d|\+\d{1,3}[\d ()/.-]{6,}|^\W{0,3}(?:https?://|www\.)\S+$"
    r"|^\W{0,3}[\w.+-]{1,64}@[\w.-]+$"
    r"|\b(?:gmbh|ltd|inc|s\.a\.|s\.l\.|llc|corp|ag|sarl)\b\.?(?:\W|$)",
    re.IGNORECASE,
)
_POSTSCRIPT = re.compile(r"^\W{0,2}(?:p\.?\s?s\.?\b|nachtrag|btw|by the way|also\b|one more|oh,? and)", re.IGNORECASE)


def mark_signatures(message: MarkedLines) -> None:
    for index in range(len(message)):
        if message.is_open(index) and _is_sent_from(message.lines[index]):
            message.mark(index, index + 1, "sent_from")
    index = 0
    while (index := message.next_text(index)) < len(message):
        if message.is_open(index) and _begins(message, index):
            index = _mark(message, index)
        index += 1
    _mark_contact_block(message)


def _is_sent_from(line: str) -> bool:
    return len(line) <= _SENT_FROM_CHARS and "?" not in line and bool(_SENT_FROM.match(line))


def _begins(message: MarkedLines, index: int) -> bool:
    line = message.lines[index].strip()
    if _DELIMITER.match(line):
        return True
    if len(line) > _LINE_CHARS:
        return False
    position = 0
    while closing := _CLOSING.match(line[position:]):  # 'Vielen Dank und viele Grüße'
        position += closing.end()
        joined = _AND.match(line[position:])
        if joined is None:
            break
        position += joined.end()
    return position > 0 and bool(_AFTER_CLOSING.match(line[position:]))


def _mark(message: MarkedLines, start: int) -> int:
    """Mark the signature that begins at `start`; its last line. What follows it and is prose again is kept."""
    end = start + 1
    lines = 0
    for index in range(start + 1, len(message)):
        if message.is_blank(index):
            continue
        lines += 1
        if not message.is_open(index) or lines > _MOST_LINES or _is_prose(message.lines[index]):
            break
        end = index + 1
    # 'Thanks!' in the middle of a message ends nothing: only a line of its own is cut with it.
    continues = message.next_text(end) < len(message) and message.is_open(message.next_text(end))
    if continues:
        blank = next((at for at in range(start + 1, end) if message.is_blank(at)), end)
        end = blank if blank > start + 1 or not message.is_blank(start + 1) else start + 1
    message.mark(start, end, "signature")
    return end - 1


def _is_prose(line: str) -> bool:
    """Whether the author says something again: a signature's lines are short and ask nothing."""
    if "?" in line or len(line) > _LINE_CHARS or _POSTSCRIPT.match(line):
        return True
    words = line.split()
    return len(words) >= _PROSE_WORDS and not _CONTACT.search(line) and line.rstrip().endswith((".", ":", "!", ";"))


def _mark_contact_block(message: MarkedLines) -> None:
    """Mark the last paragraph where half of its lines, two at the least, are contact data."""
    end = len(message)
    while end and (message.is_blank(end - 1) or message.reasons[end - 1] is not None):
        end -= 1
    start = end
    while start and not message.is_blank(start - 1) and message.is_open(start - 1):
        start -= 1
    lines = message.lines[start:end]
    contacts = sum(bool(_CONTACT.search(line[:_LINE_CHARS])) for line in lines)
    if contacts >= 2 and contacts * 2 >= len(lines) and not any(_is_prose(line) for line in lines):
        message.mark(start, end, "signature")
