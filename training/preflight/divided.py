"""What cannot be done to weights that DeepSpeed's ZeRO-3 divides among processes while they are read."""

from __future__ import annotations

from training.errors import SourceError
from training.model_source import Located
from training.schema.lora import Lora

_ELSE = "or take training/accelerate/fsdp.yaml"


def check_divided(located: Located, lora: Lora | None, rows: int, tokens: int) -> None:
    """rows: of the model's embedding. tokens: of its tokenizer with ChatML. Raises SourceError."""
    name = located.source.name
    if lora is not None and lora.quantize == "nf4":
        raise SourceError("ZeRO-3 divides no 4-bit weights: set lora.quantize to none, or take ddp.yaml")
    if located.kind == "adapter":
        raise SourceError(f"ZeRO-3 cannot merge the adapter {name} into weights that it divides: export it, {_ELSE}")
    if tokens > rows:
        text = "merge it with `chat_template: chatml`, which adds them"
        raise SourceError(f"{name} lacks ChatML's tokens, and ZeRO-3 cannot add rows: {text}, {_ELSE}")
