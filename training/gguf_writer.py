"""A folder of safetensors as one GGUF file, for models of Llama's architecture with a byte-level BPE tokenizer.

Names, key order and the turning of query and key rows are those of llama.cpp's converter, whose format it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import torch
from safetensors import safe_open

from training.errors import SourceError
from training.preflight.finding import Finding

Kind = Literal["f16", "q8_0"]
_TYPES = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
_FILE_TYPES = {"f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
_BLOCK = 32  # weights of a Q8_0 block; rows that are no multiple stay F16

_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def check_architecture(config: Mapping[str, Any]) -> Finding:
    """Mistral's tensors are Llama's, so it is written as one, as llama.cpp does."""
    family = config.get("model_type")
    if family in {"llama", "mistral"} and not config.get("attention_bias"):
        return Finding("ok", "gguf", f"{family} is written as llama")
    return Finding("error", "gguf", f"only llama and mistral can be written as GGUF, not {family}: set gguf to []")


def check_tokenizer(specification: Mapping[str, Any]) -> Finding:
    """specification: what stands in tokenizer.json."""
    name = pre_tokenizer(specification)
    if name is None:
        kind = "one of SentencePiece's make (Mistral 7B's, Llama 2's)" if _falls_back(specification) else "another one"
        text = f"this tokenizer is {kind}, and only byte-level BPE can be written as GGUF"
        return Finding("error", "gguf tokenizer", f"{text}: set gguf to [], and serve the folder with vLLM")
    return Finding("ok", "gguf tokenizer", f"byte-level BPE, cut as {name} does")


def _falls_back(specification: Mapping[str, Any]) -> bool:
    """Whether it spells unknown characters as bytes, as SentencePiece does: OpenVINO reads no GGUF file of the kind."""
    return bool((specification.get("model") or {}).get("byte_fallback"))


def pre_tokenizer(specification: Mapping[str, Any]) -> str | None:
    """llama.cpp's name of how a text is cut before BPE; None: not one that is known here."""
    steps = specification.get("pre_tokenizer") or {}
    kinds = [step["type"] for step in steps.get("pretokenizers", [steps]) if "type" in step]
    if specification.get("model", {}).get("type") != "BPE":
        return None
    return {("ByteLevel",): "gpt-2", ("Digits", "ByteLevel"): "smollm"}.get(tuple(kinds))


def write_gguf(folder: Path, target: Path, kind: Kind) -> None:
    """Raises SourceError where a tensor or the tokenizer has no place in the format."""
    config = json.loads((folder / "config.json").read_text())
    specification = json.loads((folder / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(str(target), "llama")
    _add_shape(writer, config, kind)
    _add_tokenizer(writer, specification, json.loads((folder / "tokenizer_config.json").read_text()), config)
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text(encoding="utf-8"))
    for name, weight in _tensors(folder, config):
        _add_tensor(writer, name, weight, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: Mapping[str, Any], kind: Kind) -> None:
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(
    writer: gguf.GGUFWriter, specification: Mapping[str, Any], settings: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    name = pre_tokenizer(specification)
    if name is None:
        raise SourceError(check_tokenizer(specification).text)
    ids: dict[str, int] = dict(specification["model"]["vocab"])
    types = dict.fromkeys(ids.values(), gguf.TokenType.NORMAL)
    for token in specification["added_tokens"]:
        ids[token["content"]] = token["id"]
        types[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    spelled = {at: text for text, at in ids.items()}
    places = range(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    # A model may have more rows than tokens, rounded up for speed: they get names that no text spells.
    writer.add_token_list([spelled.get(at, f"[PAD{at}]") for at in places])
    writer.add_token_types([types.get(at, gguf.TokenType.UNUSED) for at in places])
    merges = specification["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_add_bos_token(value=False)  # ChatML's template writes every control token itself
    writer.add_add_space_prefix(value=False)
    for role, add in (
        ("bos", writer.add_bos_token_id),
        ("eos", writer.add_eos_token_id),
        ("unk", writer.add_unk_token_id),
        ("pad", writer.add_pad_token_id),
    ):
        token = settings.get(f"{role}_token")
        text = token["content"] if isinstance(token, dict) else token
        if text in ids:
            add(ids[text])


def _tensors(folder: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in float32 under its GGUF name, in the order of the files."""
    heads = config["num_attention_heads"]
    keys = config.get("num_key_value_heads") or heads
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (it is no mapping)
                weight = tensors.get_tensor(name).float()
                if name.endswith("q_proj.weight"):
                    weight = turned(weight, heads)
                elif name.endswith("k_proj.weight"):
                    weight = turned(weight, keys)
                yield gguf_name(name), weight


def gguf_name(name: str) -> str:
    """`blk.3.attn_q.weight` of `model.layers.3.self_attn.q_proj.weight`. Raises SourceError for others."""
    if name in _WHOLE:
        return _WHOLE[name]
    parts = name.split(".")
    part = _IN_LAYER.get(".".join(parts[3:-1])) if parts[:2] == ["model", "layers"] and parts[-1] == "weight" else None
    if part is None:
        raise SourceError(f"{name} has no place in a GGUF file of Llama's architecture")
    return f"blk.{parts[2]}.{part}.weight"


def turned(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head from transformers' order (first halves, then second) to GGUF's (pairs), for the rotation."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def _add_tensor(writer: gguf.GGUFWriter, name: str, weight: torch.Tensor, kind: Kind) -> None:
    values = weight.numpy()
    if values.ndim == 1:  # norms stay in float32: 0.01 % of the weights
        writer.add_tensor(name, values.astype(np.float32))
        return
    chosen = _TYPES[kind] if values.shape[1] % _BLOCK == 0 else _TYPES["f16"]
    writer.add_tensor(name, gguf.quants.quantize(values, chosen), raw_dtype=chosen)
