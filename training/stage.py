"""The stages by name. Their modules import torch, so each is imported when it is its turn."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar, cast

from pydantic import BaseModel

from training.fingerprint import data_hash
from training.model_source import identity
from training.preflight.finding import Finding
from training.rows import located_docs, rows_hash
from training.run_folder import RunFolder
from training.schema.base import ModelSource, Recipe
from training.schema.data import Rows
from training.schema.docs import Docs
from training.schema.stages import as_inputs

SectionT = TypeVar("SectionT", bound=BaseModel)

MODULES = {
    "generate": "training.generate",
    "prepare": "training.prepare",
    "merge": "training.merge",
    "sft": "training.sft",
    "dpo": "training.dpo",
    "export": "training.export",
}


class Stage(Protocol):
    """What a stage's module has."""

    def preflight(self, recipe: Any) -> Iterable[Finding]:  # noqa: ANN401
        """What is found, until all is looked at; raises SourceError at a model or file that cannot be used."""
        ...

    def main(self, recipe: Any, run: RunFolder) -> Mapping[str, Any]:  # noqa: ANN401
        """Make the result in `run.staging`; what is returned goes into the manifest."""
        ...


def load_stage(name: str) -> Stage:
    return cast("Stage", importlib.import_module(MODULES[name]))


def run_folder(stage: str, recipe: Recipe) -> RunFolder:
    """The recipe's output folder, with hashes of every model and file that the recipe names."""
    sources = [
        {"name": one.name, "revision": one.revision, "identity": identity(one)} for one in named(recipe, ModelSource)
    ]
    data = {rows.path: rows_hash(rows) for rows in named(recipe, Rows)}
    data |= {docs.root: data_hash(located_docs(docs)) for docs in named(recipe, Docs)}
    return RunFolder(recipe.output_dir, {"stage": stage, "recipe": as_inputs(recipe), "models": sources, "data": data})


def named(node: object, kind: type[SectionT]) -> list[SectionT]:
    """Every section of a kind in a recipe, in the order of its keys."""
    if isinstance(node, kind):
        return [node]
    if isinstance(node, BaseModel):
        node = list(dict(node).values())
    return [found for one in node for found in named(one, kind)] if isinstance(node, list) else []
