"""Recipes in the terms of transformers, trl and peft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import PreTrainedModel

from training.schema.lora import Lora
from training.schema.optimisation import Optimisation

_INIT: dict[str, bool | str] = {"default": True, "gaussian": "gaussian", "pissa": "pissa", "olora": "olora"}


def trainer_arguments(how: Optimisation, checkpoints: Path, seed: int) -> dict[str, Any]:
    """For SFTConfig and DPOConfig alike. Bars and metrics are ours (`training.watching`), not the trainer's."""
    on_gpu = torch.cuda.is_available()
    bf16 = how.precision == "bf16" or (how.precision == "auto" and (on_gpu or _processor_has_bf16()))
    return {
        "output_dir": str(checkpoints),
        "seed": seed,
        "data_seed": seed,
        "num_train_epochs": how.epochs,
        "max_steps": how.max_steps or -1,
        "learning_rate": how.learning_rate,
        "lr_scheduler_type": how.schedule,
        "warmup_steps": how.warmup,  # below 1 a share: transformers 5 has no warmup_ratio
        "per_device_train_batch_size": how.batch_size,
        "per_device_eval_batch_size": how.batch_size,
        "gradient_accumulation_steps": how.gradient_accumulation,
        "weight_decay": how.weight_decay,
        "max_grad_norm": how.max_grad_norm,
        "optim": how.optimizer,
        "bf16": bf16,
        "use_cpu": not on_gpu,
        "activation_checkpointing": how.gradient_checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False} if how.gradient_checkpointing else None,
        "max_length": how.max_length,
        "logging_steps": how.log_steps,
        "eval_strategy": "steps",
        "eval_steps": how.eval_steps,
        "save_strategy": "steps",
        "save_steps": how.save_steps,
        "save_total_limit": how.keep_checkpoints,
        "load_best_model_at_end": how.patience > 0,
        "metric_for_best_model": "eval_loss",
        "include_num_input_tokens_seen": "non_padding",
        "dataloader_pin_memory": on_gpu,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _processor_has_bf16() -> bool:
    """Whether it multiplies bf16 by itself: a step of SmolLM2's layers then takes two thirds of its time in fp32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def lora_config(lora: Lora, model: PreTrainedModel, new_tokens: Sequence[int]) -> LoraConfig:
    """new_tokens: ids whose embeddings are trained beside the adapter, for they mean nothing yet."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        init_lora_weights=_INIT[lora.init],
        modules_to_save=lora.modules_to_save or None,
        trainable_token_indices=_token_rows(model, new_tokens, lora.modules_to_save),
        bias="none",
    )


def _token_rows(model: PreTrainedModel, ids: Sequence[int], whole: Sequence[str]) -> dict[str, list[int]] | None:
    """By layer; none of a layer that is trained whole, where peft refuses both."""
    if not ids:
        return None
    layers = {"embed_tokens": list(ids)}
    if not model.config.tie_word_embeddings:
        layers["lm_head"] = list(ids)
    return {name: rows for name, rows in layers.items() if name not in whole} or None
