"""`python -m training` is `docent-train`: `accelerate launch -m training sft …` needs a module."""

from __future__ import annotations

from training.cli import main

if __name__ == "__main__":
    main()
