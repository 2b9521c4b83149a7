"""Nodes of docutils as markdown."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes

from app.index.readers.markdown_text import code_span, fence, indented, pipe_table

_WITHOUT_TEXT = (
    nodes.comment,
    nodes.image,
    nodes.raw,
    nodes.substitution_definition,
    nodes.target,
    nodes.transition,
    nodes.pending,
    nodes.decoration,
)
_SPECIFIC = (nodes.note, nodes.tip, nodes.hint, nodes.important, nodes.warning, nodes.caution, nodes.danger)
_BODIES = (nodes.definition, nodes.field_body, nodes.description)
_ADMONITIONS = (*_SPECIFIC, nodes.attention, nodes.error, nodes.admonition, nodes.topic, nodes.sidebar)


def blocks_of(node: nodes.Node) -> Iterator[str]:
    """The blocks of markdown that a body element makes, none of them empty."""
    if isinstance(node, _WITHOUT_TEXT):
        return
    if isinstance(node, nodes.system_message):
        # What could not be parsed, a malformed table for example, stands in it as it was written.
        yield from (fence(literal.astext()) for literal in node.findall(nodes.literal_block))
    elif isinstance(node, nodes.literal_block | nodes.doctest_block | nodes.math_block):
        yield fence(node.astext(), _language(node))
    elif isinstance(node, _ADMONITIONS):
        yield from _admonition(node)
    elif isinstance(node, nodes.Element):
        block = _single_block(node)
        if block is None:
            for child in node.children:
                yield from blocks_of(child)
        elif block:
            yield block


def _single_block(node: nodes.Element) -> str | None:
    """The block that an element makes as a whole, None for one that only holds others."""
    if isinstance(node, nodes.table):
        return _table(node)
    if isinstance(node, nodes.bullet_list | nodes.enumerated_list):
        return _list(node)
    if isinstance(node, nodes.definition_list | nodes.field_list | nodes.option_list):
        return "\n".join(_terms(node))
    if isinstance(node, nodes.block_quote):
        return "\n".join(f"> {line}".rstrip() for line in _joined(node).split("\n"))
    return inline_of(node).strip() if isinstance(node, nodes.TextElement) else None


def inline_of(node: nodes.Node, *, plain: bool = False) -> str:
    """Text of inline nodes as markdown, or without any markup."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.image | nodes.raw | nodes.target | nodes.footnote_reference):
        return ""
    if isinstance(node, nodes.literal) and not plain:
        return code_span(node.astext())
    text = "".join(inline_of(child, plain=plain) for child in node.children)
    return text if plain or not text else _marked_up(node, text)


def _marked_up(node: nodes.Node, text: str) -> str:
    if isinstance(node, nodes.strong):
        return f"**{text}**"
    if isinstance(node, nodes.emphasis):
        return f"*{text}*"
    if isinstance(node, nodes.reference) and node.get("refuri") and node["refuri"] != text:
        return f"[{text}]({node['refuri']})"
    return text


def _joined(node: nodes.Element) -> str:
    return "\n\n".join(block for child in node.children for block in blocks_of(child))


def _language(node: nodes.Element) -> str:
    classes: list[str] = node.get("classes", [])
    names = [name for name in classes if name not in {"code", "none", "text", "default"}]
    if isinstance(node, nodes.doctest_block):
        return "python"
    return names[0] if names else ""


def _admonition(node: nodes.Element) -> Iterator[str]:
    kind = type(node).__name__ if not isinstance(node, nodes.admonition) else ""
    title = next((inline_of(child, plain=True) for child in node.children if isinstance(child, nodes.title)), "")
    if isinstance(node, nodes.topic | nodes.sidebar):
        kind = ""
    name = ": ".join(filter(None, (kind.capitalize(), title)))
    if name:
        yield f"**{name}**"
    for child in node.children:
        if not isinstance(child, nodes.title):
            yield from blocks_of(child)


def _list(node: nodes.Element) -> str:
    items = []
    start = int(node.get("start", 1))
    for number, item in enumerate((child for child in node.children if isinstance(child, nodes.Element)), start):
        marker = f"{number}. " if isinstance(node, nodes.enumerated_list) else "- "
        blocks = [block for child in item.children for block in blocks_of(child)]
        tight = all(block.startswith(("- ", "1. ")) for block in blocks[1:])
        body = ("\n" if tight else "\n\n").join(blocks)
        items.append(marker + indented(body, " " * len(marker)).lstrip())
    return "\n".join(items)


def _terms(node: nodes.Element) -> Iterator[str]:
    """Definitions, fields and options as a list: the term in bold, what it means after it."""
    for item in node.children:
        if not isinstance(item, nodes.Element):
            continue
        bodies = [child for child in item.children if isinstance(child, _BODIES)]
        terms = [child for child in item.children if isinstance(child, nodes.Element) and child not in bodies]
        name = ", ".join(inline_of(term) or term.astext() for term in terms)
        shown = name if "`" in name or "**" in name else f"**{name}**"
        body = "\n\n".join(_joined(child) for child in bodies)
        yield f"- {shown}: {indented(body, '  ').lstrip()}".rstrip(": ")


def _table(node: nodes.Element) -> str:
    rows = [
        [" ".join(_joined(entry).split()) for entry in row.children if isinstance(entry, nodes.entry)]
        for row in node.findall(nodes.row)
    ]
    title = next((inline_of(child) for child in node.children if isinstance(child, nodes.title)), "")
    return "\n\n".join(filter(None, (title, pipe_table(rows))))
