"""Tests of `training`. Those below `with_torch` need its environment, and are not collected without it."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("trl") else ["with_torch/*"]
