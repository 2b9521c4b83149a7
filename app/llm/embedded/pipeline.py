"""Loading the converted model, and a request's settings in the pipeline's terms."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from app.llm.embedded.genai import openvino_genai
from app.llm.embedded.spec import EngineSpec

# Prompt tokens of one step. A step holds the GIL, so this bounds how long running streams and HTTP stand still:
# 256 tokens of SmolLM2-135M take 0.25 s on 2 cores. 512 makes the first token 3 % faster, and stalls twice as long.
STEP_TOKENS = 256
_BLOCK_TOKENS = 32  # tokens of a KV block of the CPU plugin

# Weights are 4 bit already; quantising activations to 8 bit on top visibly harms a model of this size.
_PROPERTIES = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to generate. At most one of choice and json_schema; the schema is one that `schema.py` let pass.

    The seed repeats an answer from the second time on, and only while no other request is sampled at the same time:
    a prompt from the cache gives slightly other numbers than a new one, and the pipeline has one generator of random
    numbers, which each new request seeds again.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0  # 0: no limit
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logprobs: bool = False
    prompt_logprobs: bool = False  # of the prompt's tokens, and then of none that is generated
    ignore_eos: bool = False  # go on to max_tokens, as benchmarks want it
    stop: tuple[str, ...] = ()
    choice: tuple[str, ...] = ()
    json_schema: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    pipeline: openvino_genai.ContinuousBatchingPipeline
    tokenizer: openvino_genai.Tokenizer
    context_tokens: int  # the lesser of what is wanted and what the model was made for


def load(folder: Path, spec: EngineSpec, *, prefix_cache: bool = True) -> Loaded:
    """Takes 2 to 3 s and 250 MB. The KV cache grows with use to its limit and stays there, as prefix cache:
    see `_kv_blocks`.
    """
    tokenizer = openvino_genai.Tokenizer(folder)
    context = min(spec.context_tokens, _longest_encoding(tokenizer, spec.context_tokens))
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.max_num_batched_tokens = STEP_TOKENS
    scheduler.max_num_seqs = spec.max_running
    scheduler.dynamic_split_fuse = True
    scheduler.enable_prefix_caching = prefix_cache
    scheduler.num_kv_blocks = _kv_blocks(context, spec.max_running)
    properties = {**_PROPERTIES, "INFERENCE_NUM_THREADS": spec.threads}
    pipeline = openvino_genai.ContinuousBatchingPipeline(folder, tokenizer, scheduler, "CPU", **properties)
    return Loaded(pipeline, tokenizer, context)


def _kv_blocks(context: int, max_running: int) -> int:
    """Room for the whole context of one request, and for half of it of each that runs; more are recomputed in turn.

    The cache grows with use up to this and stays, as prefix cache: 230 MB for SmolLM2-135M at 8 x 4,096 tokens,
    which holds 8 requests of 2,048.
    """
    # One block more each, for contexts that end within a block.
    return max(context, max_running * context // 2) // _BLOCK_TOKENS + max_running + 1


def _longest_encoding(tokenizer: openvino_genai.Tokenizer, wanted: int) -> int:
    # The tokenizer cuts silently at the model's own context, which no other call tells.
    return int(tokenizer.encode("a " * (wanted + 2), add_special_tokens=False).input_ids.shape[1])


def generation_config(sampling: Sampling, base: openvino_genai.GenerationConfig) -> openvino_genai.GenerationConfig:
    """`base`: the pipeline's own config, for its end-of-text tokens. Raises RuntimeError on impossible values."""
    config = openvino_genai.GenerationConfig(
        max_new_tokens=sampling.max_tokens,
        apply_chat_template=False,  # the prompt comes as tokens
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        repetition_penalty=sampling.repetition_penalty,
        logprobs=int(sampling.logprobs or sampling.prompt_logprobs),
        echo=sampling.prompt_logprobs,
        ignore_eos=sampling.ignore_eos,
        stop_token_ids=set(base.stop_token_ids),
    )
    config.set_eos_token_id(base.eos_token_id)
    if sampling.temperature > 0:
        config.do_sample = True
        config.temperature = sampling.temperature
        config.top_p = sampling.top_p
        if sampling.top_k > 0:
            config.top_k = sampling.top_k
        # Without a seed of its own every request would get seed 0, and the same answer.
        seed = random.getrandbits(32) if sampling.seed is None else sampling.seed
        config.rng_seed = seed % 2**32
    _constrain(config, sampling)
    config.validate()
    return config


def _constrain(config: openvino_genai.GenerationConfig, sampling: Sampling) -> None:
    structured = openvino_genai.StructuredOutputConfig
    if sampling.json_schema:
        config.structured_output_config = structured(json_schema=sampling.json_schema)
    elif sampling.choice:
        # A union of one is refused by the pipeline; the same one twice is not.
        choices = sampling.choice if len(sampling.choice) > 1 else sampling.choice * 2
        grammar = structured.Union([structured.ConstString(choice) for choice in choices])
        config.structured_output_config = structured(compound_grammar=grammar)
