"""What an index run is to do: which sources it reads, and which there are after it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import IndexRejected, InvalidInput
from app.index.build import Changes, FolderSource
from app.index.catalog import Serving
from app.index.comparison import Cited, Probe
from app.index.readers import Patterns
from app.models.index import Document, Source

_HANDBOOK = "docent-handbook"  # `docs` would be taken, which is what most would call theirs


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """paths: absolute folders or files. rebuild: embed everything anew, of all sources known when no path is given.

    handbook: the paths are Docent's own docs, which give way to the first source that is not.
    force: whatever share of the documents is gone, and whatever the probe questions find.
    """

    paths: tuple[Path, ...]
    base_url: str | None = None
    rebuild: bool = False
    handbook: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """kept: names of the sources after the run. named: those that it reads. put: rows to be written with the switch.
    drop: names of rows to be deleted with it. rebuild: nothing of the serving revision is taken over. full: nothing of
    the named sources is.

    fetched: what the next fetch of a source is handed, by its name. cited: citations to look after in a dry run.
    """

    kept: frozenset[str]
    named: tuple[FolderSource, ...]
    put: tuple[Source, ...] = ()
    drop: frozenset[str] = frozenset()
    fetched: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    rebuild: bool = False
    full: bool = False
    force: bool = False
    dry_run: bool = False
    cited: tuple[Cited, ...] = ()


def plan_paths(request: IndexRequest, serving: Serving, default_base_url: str) -> Plan:
    """Folders that are named become sources, or are those that they are already. Raises InvalidInput."""
    known = {source.location: source for source in serving.sources if source.kind == "folder"}
    kept = [source for source in serving.sources if not (source.handbook and not request.handbook and request.paths)]
    named: list[Source] = []
    for path in dict.fromkeys(request.paths):
        old = known.get(str(path))
        base_url = request.base_url if request.base_url is not None else (old.base_url if old else default_base_url)
        taken = {source.name for source in [*kept, *named] if source.location != str(path)}
        named.append(
            Source(
                name=old.name if old else _HANDBOOK if request.handbook else _free_name(path, taken),
                kind="folder",
                location=str(path),
                base_url=base_url,
                handbook=request.handbook,
                include=old.include if old else [],
                exclude=old.exclude if old else [],
                probes=old.probes if old else [],
            )
        )
    names = {source.name for source in named}
    kept = [source for source in kept if source.name not in names] + named
    read = named
    if request.rebuild:
        read = [source for source in kept if source.kind == "folder"]
        if len(read) < len(kept):
            raise InvalidInput("not every source is a folder of this machine: run `docent reindex --full`")
        for source in read:
            if not Path(source.location).exists():
                raise InvalidInput(
                    f"source {source.name} is gone from {source.location}: put it back, or run "
                    f"`docent source delete {source.name}`"
                )
    if not read:
        raise InvalidInput("nothing to index: name a folder, as in `docent index docs/`")
    return Plan(
        frozenset(source.name for source in kept),
        tuple(folder_of(source, Path(source.location)) for source in read),
        tuple(named),
        frozenset(source.name for source in serving.sources) - {source.name for source in kept},
        probes=probes_of(kept),
        rebuild=request.rebuild,
        force=request.force,
    )


def folder_of(source: Source, root: Path) -> FolderSource:
    """What is read of a source whose documents stand at `root`. Raises InvalidInput for a pattern that is none."""
    if source.kind == "website":  # whose patterns are about its URLs, and were heeded when it was fetched
        return FolderSource(source.name, root, source.base_url)
    return FolderSource(source.name, root, source.base_url, Patterns(source.include or (), source.exclude or ()))


def probes_of(sources: Sequence[Source]) -> tuple[Probe, ...]:
    return tuple(
        Probe(source.name, probe["question"], probe["path"]) for source in sources for probe in source.probes or ()
    )


class SourcesRefused(IndexRejected):
    """sources: names of those because of which a run was not put into service; the others may go on without them."""

    def __init__(self, detail: str, sources: Collection[str]) -> None:
        super().__init__(detail)
        self.sources = frozenset(sources)


class SourceEmpty(InvalidInput):
    """No document could be read in a source, which is in `sources`."""

    def __init__(self, detail: str, source: str) -> None:
        super().__init__(detail)
        self.sources = frozenset({source})


def refuse_empty(named: Sequence[FolderSource], changes: Changes) -> None:
    """A folder without one document is a wrong path or an unmounted disk, never a wish to delete all."""
    filled = {document.source for document in changes.documents}
    for source in named:
        if source.name not in filled:
            reasons = "; ".join(f"{one.path}: {one.reason}" for one in changes.skipped[:3] if one.source == source.name)
            raise SourceEmpty(
                f"no document could be read in {source.root}"
                + (f" ({reasons})" if reasons else "")
                + "; what was indexed before serves on",
                source.name,
            )


def refusals(
    named: Sequence[FolderSource], serving: Sequence[Document], changes: Changes, share: float
) -> dict[str, str]:
    """Sources that would lose more than `share` of their documents: a sentence each."""
    now = {(document.source, document.path) for document in changes.documents}
    found = {}
    for source in named:
        before = {(row.source, row.path) for row in serving if row.source == source.name}
        gone = len(before - now)
        if gone > share * len(before):
            found[source.name] = (
                f"{gone} of the {len(before)} documents of {source.name} would be deleted, more than the share of "
                f"{share:g} that DOCENT_INDEX__MAX_DELETED_SHARE allows"
            )
    return found


def refuse(reasons: Mapping[str, str]) -> None:
    """reasons: by the source that they are about. Raises SourcesRefused where there is one."""
    if reasons:
        raise SourcesRefused(
            "; ".join(reasons.values())
            + ": what was indexed before serves on. See that nothing is missing, or run it with force",
            reasons,
        )


def _free_name(path: Path, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "docs"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
