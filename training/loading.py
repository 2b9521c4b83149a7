"""Models, tokenizers and configs of a source, by transformers and peft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from training.errors import SourceError
from training.model_source import Located, base_of, find
from training.preflight.layers import Layers
from training.preflight.shapes import PUBLISHED
from training.schema.base import ModelSource
from training.tiny import tiny_config, tiny_model, tiny_tokenizer
from training.weight_files import check_weight_files

# What transformers and peft raise for a name that no hub, cache or folder has, and for files that they cannot read.
_MISSING = (OSError, ValueError, SafetensorError)


def load_config(source: ModelSource) -> Mapping[str, Any]:
    """The model's config as a mapping. Of the study's models the shapes stand here, so that no hub is asked.

    Raises SourceError where a folder's files are damaged or lack weights.
    """
    located = find(source)
    if located.kind in {"adapter", "folder"}:
        assert located.path is not None  # noqa: S101
        check_weight_files(located.path)
    if located.kind == "tiny":
        return tiny_config().to_dict()
    if located.kind == "adapter":
        return load_config(base_of(located))
    if source.name in PUBLISHED:
        return PUBLISHED[source.name]
    try:
        return AutoConfig.from_pretrained(**located.arguments).to_dict()
    except _MISSING as error:
        raise _not_loaded(located, error) from error


def layers_of(config: Mapping[str, Any]) -> Layers:
    """Of a model of that config, as transformers builds it; no weight is made."""
    settings = {key: value for key, value in config.items() if key != "model_type"}
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **settings))
    except (KeyError, ValueError) as error:
        raise SourceError(f"transformers knows no model of this config: {str(error).splitlines()[0]}") from error
    named = {name: module for name, module in model.named_modules() if name}
    adaptable = [name for name, module in named.items() if isinstance(module, torch.nn.Linear | torch.nn.Embedding)]
    return Layers(list(named), adaptable)


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """The source's own; an adapter's folder has the one it was trained with."""
    located = find(source)
    if located.kind == "tiny":
        assert located.path is not None  # noqa: S101
        return tiny_tokenizer(located.path)
    try:
        return AutoTokenizer.from_pretrained(**located.arguments)
    except _MISSING as error:
        raise _not_loaded(located, error) from error


def load_model(source: ModelSource, *, nf4: bool = False) -> PreTrainedModel:
    """The weights, on the CPU. An adapter is merged into its base; GGUF weights are unpacked: blocks cannot be trained.

    nf4: in 4 bits on this process's GPU, of the hub or a folder of safetensors; `quantizing` makes one of the others.
    """
    located = find(source)
    dtype = getattr(torch, source.dtype)
    if located.kind == "tiny":
        return tiny_model().to(dtype)
    if located.kind == "adapter":
        return _merged(located)
    arguments = {**located.arguments, "dtype": dtype, "attn_implementation": source.attention}
    if located.kind == "gguf":
        arguments["quantization_config"] = GgufConfig(dequantize=True)
    if nf4:
        arguments |= _nf4()
    try:
        return AutoModelForCausalLM.from_pretrained(**arguments)
    except _MISSING as error:
        raise _not_loaded(located, error) from error


def fit_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the model a row for each token that is new; it begins as the mean of the others."""
    known = model.get_input_embeddings().num_embeddings  # of the weight ZeRO-3 leaves a part, or none
    if len(tokenizer) > known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
                layer.weight[known:] = layer.weight[:known].mean(dim=0)
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id


def _merged(located: Located) -> PreTrainedModel:
    assert located.path is not None  # noqa: S101
    base = load_model(base_of(located))
    fit_vocabulary(base, load_tokenizer(located.source))
    try:
        return PeftModel.from_pretrained(base, str(located.path)).merge_and_unload()
    except (*_MISSING, KeyError, RuntimeError, TypeError) as error:  # settings or shapes that are not of this base
        raise _not_loaded(located, error) from error


def _nf4() -> dict[str, Any]:
    """QLoRA's way (2305.14314): NF4 with double quantisation, computing in bf16."""
    if not torch.cuda.is_available():
        raise SourceError("lora.quantize: nf4 needs a CUDA device: set it to none here")
    how = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": how, "device_map": {"": torch.cuda.current_device()}}


def _not_loaded(located: Located, error: Exception) -> SourceError:
    reason = (str(error).strip().splitlines() or ["unknown reason"])[0]
    if located.kind == "hub":
        return SourceError(f"there is no folder {located.source.name}, and the hub does not give it: {reason}")
    return SourceError(f"{Path(located.arguments['pretrained_model_name_or_path'])} cannot be loaded: {reason}")
