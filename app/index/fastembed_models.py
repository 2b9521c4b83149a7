"""What can go wrong while fastembed loads a model, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger
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


@contextmanager
def loading(model: str, remedy: str) -> Iterator[None]:
    """Turns what fastembed raises in the block into a ConfigurationError; what it logs besides is not shown."""
    logger.disable("fastembed")
    try:
        yield
    except _FAILURES as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(f"{model} could not be loaded: {reason} ({remedy})") from error
