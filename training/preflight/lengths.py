"""How long the rows are, against what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence

from training.preflight.finding import Finding, Level

Sides = Sequence[tuple[str, Sequence[int]]]


def check_lengths(lengths: Sequence[int], max_length: int, positions: int | None) -> list[Finding]:
    """lengths: tokens of each row, template included. positions: what the model was made for."""
    findings = []
    if positions is not None and max_length > positions:
        findings.append(
            Finding("error", "context", f"max_length {max_length} is over the model's {positions} positions")
        )
    cut = sum(length > max_length for length in lengths)
    ordered = sorted(lengths)
    longest, usual = ordered[-1], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    text = f"{len(lengths)} rows, 95 % up to {usual} tokens, longest {longest}"
    if not cut:
        return [*findings, Finding("ok", "lengths", f"{text}: all fit in {max_length}")]
    # What is cut off is the end of the answer, and with it the token that ends it.
    level: Level = "warning" if cut > len(lengths) // 100 else "note"
    return [*findings, Finding(level, "lengths", f"{text}: {cut} are cut at max_length {max_length}")]


def check_prompts(sides: Sides, max_length: int) -> list[Finding]:
    """Rows of which the prompt alone fills `max_length` teach nothing: no token of their answer is left.

    sides: a name, as `held-out rows`, with the tokens of each prompt.
    """
    findings = []
    for name, lengths in sides:
        filled = sum(length >= max_length for length in lengths)
        if filled == len(lengths):
            text = f"every prompt fills max_length {max_length}: no answer would be left of the {name}; raise it"
            findings.append(Finding("error", "prompts", text))
        elif filled:
            text = f"of {filled} {name} the prompt fills max_length {max_length}: nothing is learnt from them"
            findings.append(Finding("warning", "prompts", text))
    return findings or [Finding("ok", "prompts", f"every prompt leaves room for its answer in max_length {max_length}")]
