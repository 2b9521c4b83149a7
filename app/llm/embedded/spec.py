"""What the parent tells the engine's process: one line of JSON on its standard input."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

HOST = "127.0.0.1"  # the engine never listens on anything else

EXIT_CRASHED = 70  # a step of the pipeline failed; a new process is the cure
EXIT_CONFIGURATION = 78  # the model file cannot be used; a new process would fail in the same way


class EngineSpec(BaseModel):
    """The key travels here, because arguments and environment are readable by other processes of the user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gguf: Path
    models_dir: Path  # converted models live here
    port: int
    api_key: str
    threads: int
    context_tokens: int
    max_running: int
    max_queue: int
