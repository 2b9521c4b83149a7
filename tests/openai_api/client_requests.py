"""Bodies as clients of OpenAI's protocol send them, each by the page or file that says so."""

from __future__ import annotations

from typing import Any

SYSTEM = {"role": "system", "content": "You are a pirate. Answer in rhymes and never cite anything."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def jan(question: str) -> dict[str, Any]:
    """A chat with a custom provider, an assistant's parameters set and a tool server connected.

    jan.ai/docs/desktop/remote-models/custom-endpoint; github.com/janhq/jan, web-app/src/lib/model-factory.ts: the body
    of the AI SDK's openai-compatible provider with includeUsage, and the assistant's parameters merged into it.
    """
    tool = {"name": "list_files", "description": "Lists files.", "parameters": {"type": "object", "properties": {}}}
    return {
        "model": "docent",
        "temperature": 0.7,
        "top_p": 0.95,
        "top_k": 2,
        "max_tokens": 2048,
        "frequency_penalty": 0.7,
        "presence_penalty": 0.7,
        "repeat_penalty": 1.12,
        "messages": [SYSTEM, user(question)],
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def earlier_jan(question: str) -> dict[str, Any]:
    """The same of a version that sends parameters by Jan's own names (predefinedParams.ts), with parts as content."""
    return {
        "model": "docent",
        "messages": [{"role": "user", "content": [{"type": "text", "text": question}]}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_output_tokens": 2048,
        "ctx_len": 8192,
        "temperature": 0.7,
        "top_k": 2,
    }


def open_webui(question: str) -> dict[str, Any]:
    """A chat with advanced parameters set, and the usage capability of the model on.

    docs.openwebui.com, Starting with OpenAI-Compatible Servers; github.com/open-webui/open-webui,
    backend/open_webui/utils/payload.py: parameters without a name of OpenAI's are passed on as they are.
    """
    return {
        "stream": True,
        "model": "docent",
        "messages": [SYSTEM, user(question)],
        "stream_options": {"include_usage": True},
        "temperature": 0.8,
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "num_ctx": 4096,
        "keep_alive": "5m",
        "stop": ["<|eot|>"],
        "reasoning_effort": "low",
    }


def open_webui_title(question: str) -> dict[str, Any]:
    """The task that asks the chat's own model for a title: backend/open_webui/routers/tasks.py, title/completions.

    Tags and follow-ups are asked for in the same way, without max_completion_tokens. The metadata stays at home.
    """
    task = f"### Task:\nSuggest a title for the chat, as JSON.\n<chat_history>\nUSER: {question}\n</chat_history>"
    return {"model": "docent", "messages": [user(task)], "stream": False, "max_completion_tokens": 1000}


def vllm(question: str) -> dict[str, Any]:
    """With extra_body, as docs.vllm.ai (OpenAI-Compatible Server) shows it."""
    return {
        "model": "docent",
        "messages": [user(question)],
        "repetition_penalty": 1.05,
        "min_tokens": 1,
        "skip_special_tokens": True,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def llama_cpp(question: str) -> dict[str, Any]:
    """What llama-server's own page sends: tools/server/README.md of github.com/ggml-org/llama.cpp."""
    return {
        "model": "docent",
        "messages": [user(question)],
        "samplers": ["top_k", "temperature"],
        "dynatemp_range": 0,
        "mirostat": 0,
        "dry_multiplier": 0,
        "xtc_probability": 0,
        "cache_prompt": True,
        "timings_per_token": True,
        "n_predict": -1,
        "max_tokens": 512,
    }


def openai_defaults(question: str) -> dict[str, Any]:
    """Every parameter without effect: platform.openai.com/docs/api-reference/chat/create."""
    return {
        "model": "docent",
        "messages": [{"role": "developer", "content": "Be brief."}, user(question)],
        "audio": None,
        "frequency_penalty": 0,
        "function_call": "auto",
        "functions": [{"name": "f"}],
        "logit_bias": {"50256": -100},
        "logprobs": False,
        "max_completion_tokens": None,
        "max_tokens": None,
        "metadata": {"ticket": "7"},
        "modalities": ["text"],
        "moderation": None,
        "n": 1,
        "parallel_tool_calls": True,
        "prediction": None,
        "presence_penalty": -2,
        "prompt_cache_key": "k",
        "prompt_cache_options": None,
        "prompt_cache_retention": "24h",
        "reasoning_effort": "low",
        "response_format": {"type": "text"},
        "safety_identifier": "s",
        "seed": 7,
        "service_tier": "auto",
        "stop": None,
        "store": True,
        "stream": False,
        "stream_options": None,
        "temperature": 2,
        "tool_choice": "none",
        "tools": [],
        "top_logprobs": None,
        "top_p": 1,
        "user": "u",
        "verbosity": "low",
        "web_search_options": None,
    }
