"""Run by the interpreter of `.venv-compress`: llm-compressor pins other versions than training does.

    python llm_compressor_run.py SPECIFICATION.json

Imports nothing of this project. The specification names `model`, `target`, `kind` (fp8 or awq), `texts` (awq: what its
scales are found on), `max_length` and `probe`. The last line on stdout is a JSON object with `divergence`: of the
compressed model from the given one on `probe`, mean over its places, in nats.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_GROUPS = (128, 64, 32)  # weights that share a scale; the largest that divides every row


def compress(given: dict[str, Any]) -> dict[str, float]:
    import torch  # noqa: PLC0415
    from llmcompressor import oneshot  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(given["model"])
    model = AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.bfloat16)
    expected = _log_probabilities(model, tokenizer, given["probe"])
    arguments: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "recipe": _recipe(given["kind"], model)}
    if given["kind"] == "awq":
        import datasets  # noqa: PLC0415

        arguments |= {
            "dataset": datasets.Dataset.from_list([{"text": text} for text in given["texts"]]),
            "num_calibration_samples": len(given["texts"]),
            "max_seq_length": given["max_length"],
        }
    oneshot(**arguments)
    model.save_pretrained(given["target"], save_compressed=True)
    tokenizer.save_pretrained(given["target"])
    found = _log_probabilities(AutoModelForCausalLM.from_pretrained(given["target"]), tokenizer, given["probe"])
    return {"divergence": float(torch.nn.functional.kl_div(found, expected, log_target=True, reduction="batchmean"))}


def _recipe(kind: str, model: Any) -> Any:  # noqa: ANN401
    """For every linear layer but the last. FP8: W8A8, scaled by token. AWQ (2306.00978): 4 bits a weight, in groups."""
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme  # noqa: PLC0415
    from llmcompressor.modifiers.quantization import QuantizationModifier  # noqa: PLC0415
    from llmcompressor.modifiers.transform.awq import AWQModifier  # noqa: PLC0415

    if kind == "fp8":
        return QuantizationModifier(targets="Linear", scheme="FP8_DYNAMIC", ignore=["lm_head"])
    rows = {layer.in_features for layer in model.modules() if hasattr(layer, "in_features")}
    group = next((size for size in _GROUPS if all(row % size == 0 for row in rows)), None)
    if group is None:
        raise SystemExit(f"no group of {_GROUPS} weights divides every row of this model: {sorted(rows)}")
    weights = QuantizationArgs(num_bits=4, type="int", symmetric=False, strategy="group", group_size=group)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    return [AWQModifier(), QuantizationModifier(config_groups={"group_0": scheme}, ignore=["lm_head"])]


def _log_probabilities(model: Any, tokenizer: Any, text: str) -> Any:  # noqa: ANN401
    """(places, vocabulary), float32."""
    import torch  # noqa: PLC0415

    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"].to(model.device)
    with torch.inference_mode():
        return torch.log_softmax(model.eval()(ids).logits[0].float().cpu(), dim=-1)


if __name__ == "__main__":
    print(json.dumps(compress(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))  # noqa: T201
