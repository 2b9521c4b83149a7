"""What the earlier steps of a chain have yet to make, and what stands in for it while a dry run looks on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from pydantic import BaseModel

from training.manifest import MANIFEST
from training.schema.base import ModelSource, Recipe
from training.schema.stages import DpoRecipe, ExportRecipe, MergeRecipe, SftRecipe

RecipeT = TypeVar("RecipeT", bound=Recipe)


@dataclass(frozen=True, slots=True)
class Pending:
    """Folders of earlier steps, each with the model whose shape and tokenizer its result has; None: no model."""

    folders: Mapping[str, ModelSource | None] = field(default_factory=dict)

    def after(self, recipe: Recipe) -> Pending:
        """With the folder that `recipe` makes."""
        return Pending({**self.folders, str(recipe.output_dir): _shaped_like(recipe)})

    def makes(self, path: Path) -> bool:
        """Whether an earlier step will have made `path`."""
        return any(path.absolute().is_relative_to(folder.absolute()) for folder in map(Path, self.folders))

    def replaced(self, recipe: RecipeT) -> tuple[RecipeT, dict[str, str]]:
        """The recipe with models in place that are there, and their names by those they stand for."""
        stand_ins: dict[str, str] = {}
        return cast("RecipeT", self._replaced(recipe, stand_ins)), stand_ins

    def _replaced(self, node: object, stand_ins: dict[str, str]) -> object:
        if isinstance(node, ModelSource):
            return self._stand_in(node, stand_ins)
        if isinstance(node, BaseModel):
            return node.model_copy(update={key: self._replaced(value, stand_ins) for key, value in dict(node).items()})
        return [self._replaced(one, stand_ins) for one in node] if isinstance(node, list) else node

    def _stand_in(self, source: ModelSource, stand_ins: dict[str, str]) -> ModelSource:
        found = source
        while (origin := self.folders.get(found.name)) is not None and not (Path(found.name) / MANIFEST).is_file():
            found = origin
        if found is source:
            return source
        stand_ins[source.name] = found.name
        return found.model_copy(update={"dtype": source.dtype, "attention": source.attention})


def _shaped_like(recipe: Recipe) -> ModelSource | None:
    if isinstance(recipe, SftRecipe | DpoRecipe | ExportRecipe):
        return recipe.model
    return recipe.base if isinstance(recipe, MergeRecipe) else None
