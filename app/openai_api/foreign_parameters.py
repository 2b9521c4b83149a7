"""Parameters that OpenAI's API does not know and that clients send to every server. They are ignored here.

None of them changes what a correct answer is. Those that constrain the form of the text (guided_json, grammar, ...)
are not among them: to ignore one would give a wrong result in silence, so they are refused as unknown.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# docs.vllm.ai, OpenAI-Compatible Server: sampling parameters and extra parameters of the Chat API.
VLLM = _names("""
    use_beam_search best_of top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output
    ignore_eos min_tokens skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens allowed_token_ids
    bad_words echo add_generation_prompt continue_final_message add_special_tokens documents chat_template
    chat_template_kwargs mm_processor_kwargs priority request_id cache_salt include_reasoning
""")

# github.com/ggml-org/llama.cpp, tools/server/README.md: POST /completion and POST /v1/chat/completions.
LLAMA_CPP = _names("""
    repeat_penalty repeat_last_n typical_p tfs_z dynatemp_range dynatemp_exponent mirostat mirostat_tau mirostat_eta
    xtc_probability xtc_threshold dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers
    samplers cache_prompt n_predict n_keep min_keep id_slot timings_per_token return_progress reasoning_format
""")

# github.com/janhq/jan, web-app/src/lib/predefinedParams.ts and model-factory.ts: parameters of an assistant, which
# versions before the renaming to max_tokens and stop send by Jan's own names.
JAN = _names("ctx_len max_output_tokens stop_sequences")

# github.com/open-webui/open-webui, backend/open_webui/utils/payload.py: what is set as an advanced parameter goes to
# every connection, those of Ollama too; and the ids that filters put in.
OPEN_WEBUI = _names("""
    num_ctx num_batch num_keep num_thread num_gpu use_mmap use_mlock keep_alive think chat_id session_id
""")

FOREIGN_PARAMETERS = VLLM | LLAMA_CPP | JAN | OPEN_WEBUI
