"""`docent-train`, also as `python -m training`: `accelerate launch -m training sft …` needs a module."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Set the environment, then run the command line: libraries read theirs when they are imported."""
    _set_environment()
    from training.cli import main as run  # noqa: PLC0415  (see above)

    run()


def _set_environment() -> None:
    """No telemetry, and of the libraries' bars only what a terminal wants. Variables that are set stay as they are."""
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",  # four bars a file of rows, each of seconds
    }
    if not sys.stderr.isatty():
        quiet |= {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    main()
