"""Legal notices, virus scanners' advertisements and mailing lists' footers, paragraph by paragraph."""

from __future__ import annotations

import re

from app.tickets.text.marking import MarkedLines

_BEGINNING = 600  # characters of a paragraph that are looked at
_MOST_LINES = 25

_NOTICE = re.compile(
    # English
    r"\bthis (?:e-?mail|message|communication)\b.{0,120}\b(?:confidential|privileged|intended (?:solely|only)"
    r"|proprietary)"
    r"|\bif you (?:are not|have received|received) (?:the intended|this).{0,60}\b(?:recipient|in error|by mistake)"
    r"|\bintended (?:solely|only|exclusively) for (?:the|use)|\bplease consider the environment"
    r"|^\W*(?:confidentiality notice|disclaimer|legal notice|privileged and confidential)\b"
    r"|^\W*(?:caution|warning|external)\b.{0,20}\b(?:external|originated (?:from )?outside|outside (?:of )?(?:the"
    r"|your|our))"
    r"|\bvirus-free\.|\bscanned (?:by|for viruses)\b.{0,80}$|^\W*(?:company )?registered (?:in|office)\b"
    # German
    r"|\bdiese (?:e-?mail|nachricht)\b.{0,120}\b(?:vertraulich|rechtlich geschützt|ausschließlich für)"
    r"|\bnicht der (?:richtige|vorgesehene|beabsichtigte) (?:adressat|empfänger)|\bvertrauliche.{0,30}informationen"
    r"|\b(?:geschäftsführer|amtsgericht|handelsregister|registergericht|ust-?id)\b.{0,60}[:\d]"
    r"|\bdenken sie an die umwelt"
    # French
    r"|\bce (?:message|courriel|mail)\b.{0,120}\b(?:confidentiel|exclusi[fv]|destinataire)"
    r"|\bsi vous n.êtes pas le destinataire|\bsi vous avez reçu ce (?:message|courriel).{0,20} par erreur"
    r"|\bpensez à l.environnement|\bavant d.imprimer"
    # Spanish
    r"|\beste (?:correo|mensaje|e-?mail)\b.{0,120}\b(?:confidencial|exclusivamente|destinatario)"
    r"|\bsi (?:usted )?no es el destinatario|\bantes de imprimir|\b(?:ha )?recibido este (?:correo"
    r"|mensaje).{0,20} por error"
    # Lists and notifications
    r"|\byou (?:received|are receiving) this (?:message|e-?mail)?\s?because\b|\bto unsubscribe from\b"
    r"|\bview it on github\b"
    r"|^_{20,}\s.{0,80}\bmailing list\b",
    re.IGNORECASE | re.DOTALL,
)


def mark_disclaimers(message: MarkedLines) -> None:
    """Mark each paragraph that is a notice. A question in it keeps it: a notice asks nothing."""
    index = 0
    while (index := message.next_text(index)) < len(message):
        end = index
        while end < len(message) and not message.is_blank(end):
            end += 1
        lines = message.lines[index:end]
        if all(message.is_open(at) for at in range(index, end)) and len(lines) <= _MOST_LINES:
            beginning = " ".join(lines)[:_BEGINNING]
            if "?" not in beginning and _NOTICE.search(beginning):
                message.mark(index, end, "disclaimer")
        index = end
