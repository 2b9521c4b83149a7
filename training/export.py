"""A checkpoint folder that vLLM loads as it is, GGUF files for the embedded engine, and smaller folders for GPUs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase

from training.chat_template import CHATML, SERVED_CHATML
from training.compressing import calibration_texts, check_compression, compress
from training.errors import SourceError
from training.gguf_writer import check_architecture, check_tokenizer, write_gguf
from training.loading import fit_vocabulary, load_config, load_model, load_tokenizer
from training.preflight.estimate import check_disk, check_holding, weights_of
from training.preflight.finding import Finding
from training.run_folder import RunFolder
from training.schema.stages import ExportRecipe
from training.watching import peak_with_gpu

_BYTES = {"bfloat16": 2.0, "float16": 2.0, "float32": 4.0, "f16": 2.0, "q8_0": 1.07, "fp8": 1.1, "awq": 0.7}
# Largest mean distance of log-probabilities to the source's (nats a token): rounding alone. Small models lose most: of
# SmolLM2's 135 million weights in four bits, 0.14 was seen with next to no calibration.
TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2, "f16": 1e-2, "q8_0": 5e-2, "fp8": 0.1, "awq": 0.5}
_PROBE = (
    "To dim the lamp, run `lumen set --level 40` in a terminal. The level is a number from 0 to 100; a number that "
    "stands in the configuration file is used where none is given. Restart the service after changing the file."
)


def preflight(recipe: ExportRecipe) -> Iterator[Finding]:
    """Reads config and tokenizer only."""
    config = load_config(recipe.model)
    if recipe.gguf:
        specification = json.loads(load_tokenizer(recipe.model).backend_tokenizer.to_str())
        yield from (check_architecture(config), check_tokenizer(specification))
    # In float32 the source, and then each format, is compared; a writer of GGUF holds a file of 16 bits at the most.
    yield check_holding(4 * weights_of(config).total, "comparing the model in 32 bits")
    written = (recipe.dtype, *recipe.gguf, *(recipe.compression.formats if recipe.compression else ()))
    yield check_disk(recipe.output_dir, sum(weights_of(config).total * _BYTES[one] for one in written))
    if recipe.compression:
        yield from check_compression(recipe.compression)
        if texts := calibration_texts(recipe.compression):
            yield Finding("ok", "calibration", f"{len(texts)} rows")


def main(recipe: ExportRecipe, run: RunFolder) -> Mapping[str, Any]:
    """Safetensors, tokenizer, GGUF files and a model card in `run.staging`, each format compared with the source.

    Raises SourceError where one is farther from the source than its tolerance: nothing is finished then.
    """
    tokenizer = load_tokenizer(recipe.model)
    expected = _written(recipe, tokenizer, run.staging)
    if tokenizer.chat_template == CHATML:
        tokenizer.chat_template = SERVED_CHATML
    tokenizer.save_pretrained(run.staging)
    distances: dict[str, float] = {recipe.dtype: _distance(_reloaded(run.staging), tokenizer, expected)}
    for kind in recipe.gguf:
        file = run.staging / f"model-{kind}.gguf"
        write_gguf(run.staging, file, kind)
        distances[kind] = _distance(_reloaded(run.staging, file.name), tokenizer, expected)
    if recipe.compression:
        texts = calibration_texts(recipe.compression)
        for form in recipe.compression.formats:
            distances[form] = compress(run.staging, run.staging / form, form, recipe.compression, texts, _PROBE)
    for name, distance in distances.items():
        if not distance <= TOLERANCE[name]:
            raise SourceError(f"{name} is {distance:.4f} nats a token from its source, over {TOLERANCE[name]:g}")
    (run.staging / "README.md").write_text(_card(recipe, distances), encoding="utf-8")
    named = {f"distance_{kind}": distance for kind, distance in distances.items()}
    return {"metrics": named, "peak_memory_bytes": peak_with_gpu()}


def _written(recipe: ExportRecipe, tokenizer: PreTrainedTokenizerBase, folder: Path) -> torch.Tensor:
    """Write the weights; returns the source's log-probabilities. The model is let go: what follows is as large."""
    model = load_model(recipe.model).eval()
    fit_vocabulary(model, tokenizer)
    expected = log_probabilities(model.float(), tokenizer)
    model.to(getattr(torch, recipe.dtype)).save_pretrained(folder)
    return expected


def log_probabilities(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """Of every token at each place of a fixed text: (places, vocabulary), float32."""
    ids = tokenizer(_PROBE, return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        return torch.log_softmax(model(ids).logits[0].float(), dim=-1)


def _distance(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, expected: torch.Tensor) -> float:
    """Kullback-Leibler divergence of the source from `model`, mean over the places (nats)."""
    found = log_probabilities(model, tokenizer)
    return float(torch.nn.functional.kl_div(found, expected, log_target=True, reduction="batchmean"))


def _reloaded(folder: Path, gguf: str | None = None) -> PreTrainedModel:
    arguments = {"gguf_file": gguf, "quantization_config": GgufConfig(dequantize=True)} if gguf else {}
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **arguments).eval()


def _card(recipe: ExportRecipe, distances: Mapping[str, float]) -> str:
    rows = "\n".join(f"| {kind} | {distance:.2e} | {TOLERANCE[kind]:g} |" for kind, distance in distances.items())
    return (
        f"# A model fine-tuned for documentation support\n\nMade by `docent-train export` from `{recipe.model.name}`. "
        "`manifest.json` has recipe, data hashes, library versions and scores.\n\n"
        "It answers from numbered passages in ChatML, as Docent asks; without passages its answers are guesses.\n\n"
        "    vllm serve .                                      # the folder as it is\n"
        "    DOCENT_ENGINE__MODEL=model-q8_0.gguf docent serve\n\n"
        f"| format | KL divergence from the source (nats a token) | tolerance |\n|---|---|---|\n{rows}\n"
    )
