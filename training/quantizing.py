"""Bases in 4 bits for QLoRA, whatever form their weights come in."""

from __future__ import annotations

import shutil
from pathlib import Path

from accelerate import PartialState
from transformers import PreTrainedModel

from training.loading import load_model
from training.model_source import find
from training.schema.base import ModelSource


def load_quantized(source: ModelSource, work: Path) -> PreTrainedModel:
    """The weights in NF4 on this process's GPU. work: for a folder of those that cannot be quantised as they are read.

    Call it when the process knows its device. Raises SourceError where there is none.
    """
    read_as_they_are = find(source).kind in {"hub", "folder"}
    return load_model(source if read_as_they_are else unpacked(source, work), nf4=True)


def unpacked(source: ModelSource, work: Path) -> ModelSource:
    """The source as a folder of safetensors: an adapter merged into its base, a GGUF file with its blocks unpacked.

    The first process makes it, whole or not at all, and the others wait; a run that goes on finds it there.
    """
    state = PartialState()
    if state.is_main_process and not work.exists():
        aside = work.with_name(f".{work.name}")
        shutil.rmtree(aside, ignore_errors=True)
        load_model(source).save_pretrained(aside)
        aside.replace(work)
    state.wait_for_everyone()
    return ModelSource(name=str(work), dtype=source.dtype, attention=source.attention)
