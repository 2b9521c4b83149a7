"""How fastembed loads a model here, and what can go wrong meanwhile, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastembed.common.onnx_model import OnnxModel
from loguru import logger
from onnxruntime import SessionOptions  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors  # type: ignore[import-untyped]

from app.errors import ConfigurationError

_FAILURES = (
    ValueError,
    OSError,
    RuntimeError,
    onnxruntime_errors.Fail,
    onnxruntime_errors.InvalidArgument,
    onnxruntime_errors.InvalidGraph,
    onnxruntime_errors.InvalidProtobuf,
    onnxruntime_errors.NoSuchFile,
    onnxruntime_errors.NotImplemented,
    onnxruntime_errors.RuntimeException,
)

_add_options = OnnxModel.add_extra_session_options


def _add_resting_threads(session_options: SessionOptions, extra_options: dict[str, Any]) -> None:
    """The threads of onnxruntime keep a core busy for 45 ms after a question of 5 ms, just when the model reads.

    So they sleep between two tasks: 20 ms less to the first token on two cores, for 2 ms more to embed a question and
    a tenth more to embed a passage. fastembed has no option for it.
    """
    _add_options(session_options, extra_options)
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")


OnnxModel.add_extra_session_options = staticmethod(_add_resting_threads)  # type: ignore[method-assign]


@contextmanager
def loading(model: str, remedy: str) -> Iterator[None]:
    """Turns what fastembed raises in the block into a ConfigurationError; what it logs besides is not shown."""
    logger.disable("fastembed")
    try:
        yield
    except _FAILURES as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(f"{model} could not be loaded: {reason} ({remedy})") from error
