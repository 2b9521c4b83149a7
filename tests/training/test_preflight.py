from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.errors import SourceError
from training.preflight.adapter import check_adapter
from training.preflight.equipment import Equipment, check_equipment
from training.preflight.estimate import (
    CPU_CORE,
    Device,
    check_disk,
    check_memory,
    lora_weights,
    training_bytes,
    training_seconds,
    weights_of,
)
from training.preflight.layers import Layers, check_layers
from training.preflight.lengths import check_lengths, check_prompts
from training.preflight.shapes import PUBLISHED, compare_shapes
from training.schema.base import ModelSource
from training.schema.lora import Lora
from training.schema.optimisation import Optimisation

MISTRAL = {**PUBLISHED["mistralai/Mistral-7B-v0.1"], "vocab_size": 32_000}
SMOLLM2 = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49_152,
    "tie_word_embeddings": True,
}


def published(name: str) -> tuple[str, dict[str, object]]:
    return name, dict(PUBLISHED[name])


def test_the_python_wizardcoder_is_named_as_no_mistral() -> None:
    base = published("mistralai/Mistral-7B-v0.1")
    (finding,) = compare_shapes(base, published("WizardLMTeam/WizardCoder-Python-7B-V1.0"))
    assert finding.level == "error"
    assert "intermediate_size 11008 instead of 14336" in finding.text
    assert "num_key_value_heads 32 instead of 8" in finding.text
    assert "WizardCoder-Python is a CodeLlama, not a Mistral" in finding.text


def test_models_of_one_shape_can_be_merged() -> None:
    (finding,) = compare_shapes(published("mistralai/Mistral-7B-v0.1"), published("jan-hq/trinity-v1"))
    assert finding.level == "ok"


def test_another_vocabulary_is_a_warning() -> None:
    (finding,) = compare_shapes(("a", MISTRAL), ("b", {**MISTRAL, "vocab_size": 32_001}))
    assert (finding.level, finding.check) == ("warning", "vocabulary")


def test_a_config_may_leave_out_what_follows_from_the_rest() -> None:
    explicit = {**SMOLLM2, "head_dim": 64}
    assert compare_shapes(("a", SMOLLM2), ("b", explicit))[0].level == "ok"


@pytest.mark.parametrize(
    ("lora", "level", "text"),
    [
        (Lora(rank=256, alpha=512), "ok", "scaled by 2 (alpha 512 / r 256)"),
        (
            Lora(rank=256, alpha=512, rslora=True),
            "error",
            "scale 32 (alpha 512 / sqrt(r 256)): with rslora take alpha 16",
        ),
        (Lora(rank=256, alpha=32, rslora=True), "ok", "scaled by 2 (alpha 32 / sqrt(r 256))"),
        (Lora(rank=8, alpha=512), "warning", "scale 64 (alpha 512 / r 8): take alpha 8 to 16"),
    ],
)
def test_the_scale_of_an_adapter(lora: Lora, level: str, text: str) -> None:
    scale = check_adapter(lora)[0]
    assert scale.level == level
    assert text in scale.text


@pytest.mark.parametrize(
    ("lora", "level", "text"),
    [
        (Lora(rank=16), "ok", "loads this adapter with --enable-lora"),
        (Lora(rank=256), "note", "--max-lora-rank 256"),
        (Lora(rank=257), "note", "--max-lora-rank 320"),
        (Lora(rank=513), "warning", "its rank is over 512"),
        (Lora(dora=True), "warning", "it is DoRA"),
        (Lora(init="pissa"), "warning", "PiSSA changes the base"),
        (Lora(modules_to_save=["lm_head"]), "warning", "it saves whole layers (lm_head)"),
    ],
)
def test_whether_vllm_loads_an_adapter(lora: Lora, level: str, text: str) -> None:
    serving = check_adapter(lora)[1]
    assert serving.level == level
    assert text in serving.text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"new_tokens": ["<|im_start|>", "<|im_end|>"]}, "it holds rows of new tokens (<|im_start|>, <|im_end|>)"),
        ({"on_adapter": True}, "its base is one into which another adapter was merged"),
    ],
)
def test_vllm_loads_matrices_on_a_published_base_only(given: dict[str, Any], text: str) -> None:
    serving = check_adapter(Lora(rank=16), **given)[1]
    assert serving.level == "warning"
    assert f"{text}. `export` merges it" in serving.text


def test_weights_are_counted_as_the_models_say() -> None:
    assert weights_of(SMOLLM2).total == 134_515_008  # as transformers counts them
    assert weights_of(MISTRAL).total == 7_241_732_096  # Mistral 7B's published count


def test_a_config_of_another_make_is_told() -> None:
    with pytest.raises(SourceError, match=r"config\.json has no hidden_size: only models made as Llama"):
        weights_of({"model_type": "gpt2", "n_embd": 768})


def test_an_adapter_of_rank_256_on_all_linear_layers() -> None:
    assert lora_weights(SMOLLM2, 256) == 30 * 256 * (2 * 1152 + 2 * 768 + 3 * 2112)


def test_memory_falls_with_quantisation_and_checkpointing() -> None:
    plain = training_bytes(MISTRAL, Lora(rank=256), "bfloat16", Optimisation(batch_size=4, max_length=2048))
    sparing = Optimisation(batch_size=4, max_length=2048, gradient_checkpointing=True)
    checkpointed = training_bytes(MISTRAL, Lora(rank=256), "bfloat16", sparing)
    quantised = training_bytes(MISTRAL, Lora(rank=256, quantize="nf4"), "bfloat16", sparing)
    everything = training_bytes(MISTRAL, None, "bfloat16", sparing)
    assert quantised < checkpointed < plain < everything
    assert 10e9 < quantised < 24e9  # the study trained so on cards of 24 GB
    assert check_memory(quantised, Device("4090", 2, 24 * 10**9, 1e14)).level == "ok"
    assert check_memory(everything, Device("4090", 2, 24 * 10**9, 1e14)).level == "warning"


def test_time_grows_with_tokens_and_adapter() -> None:
    device = Device("CPU", 1, 10**10, 4e10)
    few = training_seconds(SMOLLM2, None, 1000, device, checkpointing=False)
    assert training_seconds(SMOLLM2, None, 2000, device, checkpointing=False) == pytest.approx(2 * few)
    assert training_seconds(SMOLLM2, Lora(rank=256), 1000, device, checkpointing=False) > few
    assert few == pytest.approx(6 * 134_515_008 * 1000 / 4e10)


@pytest.mark.parametrize(("tokens", "least", "most"), [(27_437, 4, 6), (303_983, 40, 60)])
def test_time_on_two_cores_is_as_it_was_seen(tokens: int, least: float, most: float) -> None:
    """SmolLM2-135M, LoRA of rank 256 in float32: about 5 and 45 minutes."""
    device = Device("CPU, 2 cores", 1, 10**10, 2 * CPU_CORE)
    minutes = training_seconds(SMOLLM2, Lora(rank=256), tokens, device, checkpointing=False) / 60
    assert least < minutes < most


def test_frozen_weights_cost_less_time_than_trained_ones() -> None:
    device = Device("GPU", 1, 10**10, 1e14)
    frozen, everything = (
        training_seconds(MISTRAL, lora, 1000, device, checkpointing=False) for lora in (Lora(rank=1), None)
    )
    assert frozen == pytest.approx(everything * 4 / 6, rel=0.01)


def test_memory_that_is_kept_is_told() -> None:
    assert "up to" not in check_memory(8.3e9, Device("CPU", 1, 20 * 10**9, 1e11)).text
    keeping = check_memory(8.3e9, Device("CPU", 1, 20 * 10**9, 1e11, keeps=True))
    assert (keeping.level, "up to 14.7 GB" in keeping.text) == ("ok", True)


def test_too_little_disk_is_an_error(tmp_path: Path) -> None:
    assert check_disk(tmp_path / "not" / "yet", 1).level == "ok"
    assert check_disk(tmp_path, 1e18).level == "error"


def test_lengths_against_what_is_kept() -> None:
    assert check_lengths([10] * 50, 20, 512)[0].level == "ok"
    cut = check_lengths([10] * 40 + [30] * 10, 20, 512)[0]
    assert (cut.level, "10 are cut" in cut.text) == ("warning", True)
    assert check_lengths([10], 1024, 512)[0].check == "context"


LAYERS = Layers(
    ["model.embed_tokens", "model.layers.0.self_attn.q_proj", "model.layers.0.input_layernorm", "lm_head"],
    ["model.embed_tokens", "model.layers.0.self_attn.q_proj", "lm_head"],
)


@pytest.mark.parametrize(
    "lora",
    [
        Lora(),
        Lora(target=["q_proj"]),
        Lora(target=["self_attn.q_proj", "lm_head"]),
        Lora(target=r".*\.q_proj"),
        Lora(modules_to_save=["lm_head", "input_layernorm"]),
    ],
)
def test_layers_that_the_model_has(lora: Lora) -> None:
    assert [finding.level for finding in check_layers(lora, LAYERS)] == ["ok"]


@pytest.mark.parametrize(
    ("lora", "text"),
    [
        (
            Lora(target=["q_proj", "query"]),
            "lora.target: the model has no layer query; it has embed_tokens, lm_",
        ),
        (Lora(target=["proj"]), "no layer proj;"),
        (Lora(target=["input_layernorm"]), "lora.target: the model has no layer input_layernorm"),
        (Lora(target=[]), "lora.target: the model has no layer (none)"),
        (Lora(target="all_linear"), "no layer that fits all_linear"),
        (Lora(target="q_proj"), "no layer that fits q_proj"),
        (Lora(target="(q"), "(q is no regular expression"),
        (Lora(modules_to_save=["head"]), "lora.modules_to_save: the model has no layer head"),
    ],
)
def test_layers_that_it_has_not(lora: Lora, text: str) -> None:
    (finding,) = check_layers(lora, LAYERS)
    assert finding.level == "error"
    assert text in finding.text


def test_prompts_that_leave_no_room() -> None:
    assert check_prompts([("rows", [5, 9]), ("held-out rows", [3])], 10)[0].level == "ok"
    some, none = check_prompts([("rows", [5, 10, 11]), ("held-out rows", [10])], 10)
    assert (some.level, "of 2 rows the prompt fills max_length 10" in some.text) == ("warning", True)
    assert (none.level, "no answer would be left of the held-out rows" in none.text) == ("error", True)


FLASH, PLAIN = (ModelSource(name="a", attention=kind) for kind in ("flash_attention_2", "sdpa"))
NF4 = Lora(quantize="nf4")


def lacking(has: Equipment, model: ModelSource, lora: Lora | None = None, optimizer: str = "adamw_torch") -> list[str]:
    found = check_equipment(model, lora, Optimisation.model_validate({"optimizer": optimizer}), has)
    assert all(finding.level == "error" for finding in found)
    return [finding.text for finding in found]


def test_what_a_machine_lacks_is_told_with_what_to_do() -> None:
    processor, bare = Equipment(cuda=False, packages=frozenset()), Equipment(cuda=True, packages=frozenset())
    assert lacking(processor, PLAIN, Lora()) == []
    nowhere = "needs a CUDA device, and there is none: run the stage where there is one, or set it to"
    rest = "here. The rest is checked for this machine"
    assert lacking(processor, FLASH, NF4, "adamw_bnb_8bit") == [
        f"lora.quantize: nf4 {nowhere} none {rest}",
        f"model.attention: flash_attention_2 {nowhere} sdpa {rest}",
        f"optimisation.optimizer: adamw_bnb_8bit {nowhere} adamw_torch_fused {rest}",
    ]
    nf4, flash, paged = lacking(bare, FLASH, NF4, "paged_adamw_8bit")
    assert "needs bitsandbytes, which is not installed: run pip install --editable '.[training-gpu]'" in nf4
    assert "needs flash_attn, which is not installed" in flash
    assert paged.startswith("optimisation.optimizer: paged_adamw_8bit needs bitsandbytes")


def test_what_is_installed_is_taken() -> None:
    for packages in ({"bitsandbytes", "flash_attn"}, {"bitsandbytes", "kernels"}):
        assert lacking(Equipment(cuda=True, packages=frozenset(packages)), FLASH, NF4, "lion_8bit") == []
