"""The only import of OpenVINO GenAI, made so that it does not call home."""

from __future__ import annotations

import sys

# `import openvino` reports to Google Analytics through this package; None makes its import fail, which is handled.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402
import openvino_genai  # noqa: E402

__all__ = ["openvino", "openvino_genai"]
