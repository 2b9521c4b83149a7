"""YAML of strangers: only plain data, and no aliases that unfold to gigabytes."""

from __future__ import annotations

import yaml
from yaml import MappingNode, Node, SequenceNode

_MAX_NODES = 500_000  # of the document with its aliases written out; 5 MB of plain YAML hold about 400,000
_MAX_DEPTH = 100


class TooLarge(Exception):
    """The document is nested too deeply, or grows too large when its aliases are written out."""


def load_yaml(text: str) -> object:
    """The document as plain Python data. Raises yaml.YAMLError or TooLarge."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded_size(node, {}, depth=0) > _MAX_NODES:
            raise TooLarge("its aliases unfold to too many values")
        return loader.construct_document(node)
    except RecursionError as error:
        raise TooLarge("it is nested too deeply") from error
    except (ValueError, OverflowError) as error:  # such as a date of the 31st of February
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def _unfolded_size(node: Node, known: dict[int, int], depth: int) -> int:
    """Number of values below `node`, an alias counted as often as it is used."""
    if id(node) in known:
        size = known[id(node)]
        if size == 0:
            raise TooLarge("an alias holds itself")
        return size
    if depth > _MAX_DEPTH:
        raise TooLarge(f"it is nested more than {_MAX_DEPTH} levels deep")
    known[id(node)] = 0
    size = 1
    if isinstance(node, SequenceNode):
        size += sum(_unfolded_size(child, known, depth + 1) for child in node.value)
    elif isinstance(node, MappingNode):
        size += sum(_unfolded_size(child, known, depth + 1) for pair in node.value for child in pair)
    known[id(node)] = size
    return size
