"""What is wrong with a request, said as OpenAI's API says it: message, param and code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from app.openai_api.errors import ModelNotFound, RequestRefused
from app.openai_api.schemas import MODEL, ChatCompletionRequest

_JSON_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "list": "an array",
    "dict": "an object",
    "NoneType": "null",
}
# By the type of pydantic's error.
_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a decimal",
    "bool_type": "a boolean",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_BOUNDS = {"less_than_equal": ("le", "above", "<="), "greater_than_equal": ("ge", "below", ">=")}
_EXTREMES = {"above": "maximum", "below": "minimum"}


def refusal_of(error: RequestValidationError) -> RequestRefused:
    """The first thing that is wrong; parameters nobody knows come before all else, and all at once."""
    errors: Sequence[Mapping[str, Any]] = error.errors()
    unknown = sorted(str(one["loc"][-1]) for one in errors if one["type"] == "extra_forbidden")
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        return RequestRefused(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")
    first = errors[0]
    if first["type"] == "json_invalid" or first["loc"] == ("body",):
        return RequestRefused(
            "We could not parse the JSON body of your request: send a JSON object with Content-Type application/json"
        )
    return _refusal(first, _param(first["loc"]))


def _param(location: Sequence[str | int]) -> str:
    """As in messages[0].content[1].type."""
    name = ""
    for part in location[1:]:
        if isinstance(part, int):
            name += f"[{part}]"
        elif not part.startswith("<"):  # the tag of a union
            name += f".{part}" if name else part
    return name


def _refusal(error: Mapping[str, Any], param: str) -> RequestRefused:
    kind = error["type"]
    if kind == "missing":
        message, code = f"Missing required parameter: '{param}'.", "missing_required_parameter"
    elif kind in _EXPECTED:
        got = _JSON_NAMES.get(type(error["input"]).__name__, "something else")
        message = f"Invalid type for '{param}': expected {_EXPECTED[kind]}, but got {got} instead."
        code = "invalid_type"
    elif kind in _BOUNDS:
        message, code = _out_of_bounds(kind, error["input"], error["ctx"], param)
    elif kind == "literal_error":
        supported = error["ctx"]["expected"]
        message, code = f"Invalid value: '{error['input']}'. Supported values are: {supported}.", "invalid_value"
    elif kind == "too_long":
        limit = error["ctx"]["max_length"]
        message = f"Invalid '{param}': array too long. Expected an array with maximum length {limit}."
        code = "array_above_max_length"
    elif kind in {"too_short", "string_too_short"}:
        what = "array" if kind == "too_short" else "string"
        message, code = f"Invalid '{param}': empty {what}.", f"empty_{what}"
    else:
        message, code = f"Invalid '{param}': {error['msg']}.", "invalid_value"
    return RequestRefused(message, param=param, code=code)


def _out_of_bounds(kind: str, given: object, context: Mapping[str, Any], param: str) -> tuple[str, str]:
    bound, where, sign = _BOUNDS[kind]
    number = "integer" if isinstance(given, int) and isinstance(context[bound], int) else "decimal"
    message = (
        f"Invalid '{param}': {number} {where} {_EXTREMES[where]} value. "
        f"Expected a value {sign} {context[bound]:g}, but got {given} instead."
    )
    return message, f"{number}_{where}_{_EXTREMES[where][:3]}_value"


def check_model(model: str) -> None:
    """Raises ModelNotFound for any model but the one."""
    if model != MODEL:
        raise ModelNotFound(
            f"The model `{model}` does not exist; this is `{MODEL}`.", param="model", code="model_not_found"
        )


def check_supported(request: ChatCompletionRequest) -> None:
    """Raises RequestRefused for what is known and cannot be done here, and ModelNotFound for another model."""
    check_model(request.model)
    _check_tools(request)
    if request.n not in {None, 1}:
        raise _unsupported_value("n", request.n, "Only the default (1) value is supported.")
    if request.response_format is not None and request.response_format.type != "text":
        raise _unsupported_value(
            "response_format", f"'{request.response_format.type}'", "Answers are Markdown: only 'text' is supported."
        )
    if request.modalities is not None and "audio" in request.modalities:
        raise _unsupported_value("modalities", "'audio'", "Only 'text' is supported.")
    wanted = {
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "audio": request.audio,
        "web_search_options": request.web_search_options is not None,
    }
    for param, value in wanted.items():
        if value:
            raise RequestRefused(
                f"Unsupported parameter: '{param}' is not supported with this model.",
                param=param,
                code="unsupported_parameter",
            )


def _check_tools(request: ChatCompletionRequest) -> None:
    """Tools may be offered; the answer calls none. What demands a call is refused."""
    for param, choice in (("tool_choice", request.tool_choice), ("function_call", request.function_call)):
        if choice not in (None, "none", "auto"):
            shown = "a named function" if isinstance(choice, dict) else f"'{choice}'"
            raise _unsupported_value(param, shown, "This model calls no tools: 'none' and 'auto' are supported.")


def _unsupported_value(param: str, value: object, supported: str) -> RequestRefused:
    message = f"Unsupported value: '{param}' does not support {value} with this model. {supported}"
    return RequestRefused(message, param=param, code="unsupported_value")
