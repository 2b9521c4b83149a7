"""The packaged model, prefixes of other families, and models that are not to be had."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from app.config import EmbeddingSettings, Settings
from app.errors import ConfigurationError
from app.index.embedding import _PASSAGE_PREFIXES, _QUERY_PREFIXES, Embedder, _prefix
from app.index.packaged import packaged_model_folder

Docent = Callable[..., "CompletedProcess[str]"]
BGE_QUERY = "Represent this sentence for searching relevant passages: "


@pytest.fixture
def embedder(settings: Settings) -> Embedder:
    return Embedder(settings.embedding, settings.data_dir)


def test_vectors_have_unit_length_and_mean_something(embedder: Embedder) -> None:
    query = embedder.embed_query("How do I dim the lamp?")
    near, far = embedder.embed_passages(["Lower the brightness of the light.", "Invoices are due in thirty days."])

    assert query.shape == near.shape == (embedder.dimension,) == (384,)
    assert query.dtype == near.dtype == np.float32
    assert np.linalg.norm(near) == pytest.approx(1, abs=1e-4)
    assert query @ near > query @ far + 0.2


def test_passages_are_embedded_lazily_and_in_order(embedder: Embedder) -> None:
    asked: list[str] = []

    def texts() -> list[str]:
        return ["one lamp", "two kettles", "three doors"]

    def noting() -> object:
        for text in texts():
            asked.append(text)
            yield text

    vectors = embedder.embed_passages(noting())  # type: ignore[arg-type]
    first = next(vectors)
    assert len(asked) < 3
    rest = list(vectors)
    assert np.allclose(first, embedder.embed_query("one lamp"), atol=1e-6)
    assert np.allclose(rest[1], embedder.embed_query("three doors"), atol=1e-6)


def test_tokens_are_counted_without_limit_and_without_special_ones(embedder: Embedder) -> None:
    assert embedder.count_tokens("") == 0
    assert embedder.count_tokens("lamp") == 1
    assert embedder.count_tokens("lamp " * 2000) == 2000


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", "", ""),
        ("BAAI/bge-small-en-v1.5", BGE_QUERY, ""),
        ("BAAI/bge-base-en-v1.5", BGE_QUERY, ""),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("mixedbread-ai/mxbai-embed-large-v1", BGE_QUERY, ""),
    ],
)
def test_the_prefixes_are_those_of_the_models_cards(model: str, query: str, passage: str) -> None:
    assert _prefix(_QUERY_PREFIXES, model) == query
    assert _prefix(_PASSAGE_PREFIXES, model) == passage


def test_a_prefix_changes_the_vector_of_the_question_only(embedder: Embedder) -> None:
    plain = embedder.embed_query("dim the lamp")
    embedder.query_prefix = BGE_QUERY

    assert np.allclose(
        embedder.embed_query("dim the lamp"), next(embedder.embed_passages([BGE_QUERY + "dim the lamp"]))
    )
    assert np.allclose(next(embedder.embed_passages(["dim the lamp"])), plain)


def test_the_packaged_model_is_assembled_once(tmp_path: Path) -> None:
    folder = packaged_model_folder(tmp_path)
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}

    assert packaged_model_folder(tmp_path) == folder
    assert {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} == before
    assert set(before) == {
        "model.onnx",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    }


def test_several_may_assemble_it_at_once(tmp_path: Path) -> None:
    start = threading.Barrier(6)
    folders: list[Path] = []

    def assemble() -> None:
        start.wait()
        folders.append(packaged_model_folder(tmp_path))

    threads = [threading.Thread(target=assemble) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(folders) == 6
    assert len(set(folders)) == 1
    assert {path.name for path in folders[0].parent.iterdir()} == {folders[0].name}  # no half-made ones left
    assert Embedder(EmbeddingSettings(threads=1), tmp_path).dimension == 384


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = EmbeddingSettings(path=tmp_path / "nowhere")

    with pytest.raises(ConfigurationError, match=r"DOCENT_EMBEDDING__PATH: there is no folder .*nowhere"):
        Embedder(settings, tmp_path)


@pytest.mark.parametrize("broken", ["", "tokenizer_config.json", "model.onnx"])
def test_a_folder_without_a_model_is_one_line(tmp_path: Path, broken: str) -> None:
    """broken: the file that is no good; all are missing when there is none."""
    folder = tmp_path / "model"
    folder.mkdir()
    if broken:
        for path in packaged_model_folder(tmp_path / "good").iterdir():
            (folder / path.name).write_bytes(b"{]" if path.name == broken else path.read_bytes())

    with pytest.raises(ConfigurationError, match=r"could not be loaded: .*set DOCENT_EMBEDDING__PATH") as caught:
        Embedder(EmbeddingSettings(path=folder), tmp_path)
    assert "\n" not in caught.value.detail
    assert str(folder) in caught.value.detail


def test_a_model_that_nobody_knows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"embedding model nobody/nothing .* is not supported") as caught:
        Embedder(EmbeddingSettings(model="nobody/nothing"), tmp_path)
    assert "\n" not in caught.value.detail


def test_a_model_of_the_hub_is_one_line_when_offline(docent: Docent) -> None:
    """In a process of its own: what the libraries log besides must not show, either."""
    done = docent("search", "lamp", HF_HUB_OFFLINE="1", DOCENT_EMBEDDING__MODEL="BAAI/bge-small-en-v1.5")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("docent: embedding model BAAI/bge-small-en-v1.5 from the hub (offline: 1) could not")
    assert done.stderr.count("\n") == 1
