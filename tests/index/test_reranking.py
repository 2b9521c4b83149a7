"""A cross-encoder reorders what fusion found. The one here is real, if small: it counts the tokens both texts share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.answering.trace import explain
from app.config import RetrievalSettings, Settings
from app.errors import ConfigurationError
from app.index.indexer import IndexRequest
from app.index.packaged import packaged_model_folder
from app.index.reranking import Reranker
from app.runtime import Core, open_core

MODEL = "Xenova/ms-marco-MiniLM-L-6-v2"
LAST_SPECIAL_TOKEN = 999  # BERT's words begin after it


def overlap_model() -> onnx.ModelProto:
    """Score of a pair: how many tokens of the second text stand in the first, minus a hundredth of its length."""
    ids, types = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "token_type_ids")
    )
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    constants = {
        "last_special": np.array(LAST_SPECIAL_TOKEN, dtype=np.int64),
        "one": np.array(1, dtype=np.int64),
        "row": np.array([1], dtype=np.int64),
        "column": np.array([2], dtype=np.int64),
        "hundredth": np.array(0.01, dtype=np.float32),
    }
    nodes = [
        ("Greater", ["input_ids", "last_special"], "is_word", {}),
        ("Equal", ["token_type_ids", "one"], "is_second", {}),
        ("Not", ["is_second"], "is_first", {}),
        ("And", ["is_word", "is_first"], "first", {}),
        ("And", ["is_word", "is_second"], "second", {}),
        ("Unsqueeze", ["input_ids", "row"], "ids_row", {}),
        ("Unsqueeze", ["input_ids", "column"], "ids_column", {}),
        ("Equal", ["ids_row", "ids_column"], "same", {}),
        ("Unsqueeze", ["first", "row"], "first_row", {}),
        ("Unsqueeze", ["second", "column"], "second_column", {}),
        ("And", ["first_row", "second_column"], "across", {}),
        ("And", ["same", "across"], "shared", {}),
        ("Cast", ["shared"], "shared_counts", {"to": TensorProto.FLOAT}),
        ("ReduceMax", ["shared_counts", "column"], "in_first", {"keepdims": 0}),
        ("ReduceSum", ["in_first", "row"], "overlap", {"keepdims": 1}),
        ("Cast", ["second"], "second_counts", {"to": TensorProto.FLOAT}),
        ("ReduceSum", ["second_counts", "row"], "length", {"keepdims": 1}),
        ("Mul", ["length", "hundredth"], "penalty", {}),
        ("Sub", ["overlap", "penalty"], "logits", {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in nodes],
        "overlap",
        [ids, types],
        [logits],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "reranker"
    (folder / "onnx").mkdir(parents=True)
    model = overlap_model()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "onnx" / "model.onnx")
    for path in packaged_model_folder(tmp_path).glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def retrieval(model_folder: Path) -> RetrievalSettings:
    return RetrievalSettings(reranker_model=MODEL, reranker_path=model_folder)


@pytest.fixture
async def reranked(settings: Settings, retrieval: RetrievalSettings, docs: Path) -> AsyncIterator[Core]:
    """The index of the docs, searched with the reranker."""
    async with open_core(settings.model_copy(update={"retrieval": retrieval})) as core:
        await core.indexer.index(IndexRequest((docs,)), lambda _: None)
        yield core


def test_the_model_scores_each_text_by_itself(retrieval: RetrievalSettings, tmp_path: Path) -> None:
    reranker = Reranker(retrieval, tmp_path, threads=1)

    scores = reranker.score("wall plug", ["Plug the cable into the wall plug.", "A wall.", "Warm white."])

    # shared tokens (plug, wall, plug), minus a hundredth of all (with the full stop outside the words)
    assert scores == pytest.approx([3 - 0.07, 1 - 0.02, 0 - 0.02], abs=0.011)
    assert reranker.score("wall plug", []) == []
    assert reranker.name == MODEL


async def test_the_reranker_changes_the_order_and_is_traced(reranked: Core) -> None:
    """It counts stop words, too, which vectors and BM25 make little of."""
    result = await reranked.library.search("daylight in kelvin, and the a of to is by its")

    assert set(result.timings_ms) == {"embed", "dense", "sparse", "fuse", "rerank"}
    by_rerank = [one.rerank_score for one in result.candidates]
    assert None not in by_rerank
    assert by_rerank == sorted(by_rerank, reverse=True)  # type: ignore[type-var]
    assert [one.score for one in result.candidates] == by_rerank
    by_fusion = sorted(result.candidates, key=lambda one: -one.fused_score)
    assert by_fusion != list(result.candidates)
    shown = explain(result.candidates[0])
    assert shown["rerank"] == round(by_rerank[0], 4)  # type: ignore[arg-type]
    assert shown["fused"] == round(result.candidates[0].fused_score, 6)


async def test_few_results_are_chosen_after_reranking(reranked: Core) -> None:
    question = "the hub, the cable, the plug and the lamp"
    every = (await reranked.library.search(question)).candidates

    best = (await reranked.library.search(question, 2)).candidates

    assert [one.chunk.id for one in best] == [one.chunk.id for one in every[:2]]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    wanted = RetrievalSettings(reranker_model=MODEL, reranker_path=tmp_path / "nowhere")

    with pytest.raises(ConfigurationError, match=r"DOCENT_RETRIEVAL__RERANKER_PATH: there is no folder .*nowhere"):
        Reranker(wanted, tmp_path, threads=1)


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    wanted = RetrievalSettings(reranker_model=MODEL, reranker_path=tmp_path)

    with pytest.raises(ConfigurationError, match=rf"reranker {MODEL} could not be loaded: .*or unset DOCENT") as caught:
        Reranker(wanted, tmp_path, threads=1)
    assert "\n" not in caught.value.detail


def test_a_model_that_nobody_knows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"reranker nobody/nothing could not be loaded: .*not supported"):
        Reranker(RetrievalSettings(reranker_model="nobody/nothing"), tmp_path, threads=1)
