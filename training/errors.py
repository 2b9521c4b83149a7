"""The errors of training, one line each, in the tree that the service's commands print from."""

from __future__ import annotations

from pathlib import Path

from app.errors import DocentError


class RecipeError(DocentError):
    """A recipe, a `--set` or a run file that cannot be used. The text names the file and the key."""

    status = 422
    kind = "recipe"
    title = "Wrong recipe"


class SourceError(DocentError):
    """A model or data file that is missing, unfinished or of the wrong kind."""

    status = 422
    kind = "training-source"
    title = "A model or data file cannot be used"


class SourceMissing(SourceError):
    """A file or folder that is not there; an earlier step of a chain may make it."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(detail)
        self.path = path


class RunConflict(DocentError):
    """An output folder that is in use, or that holds what other inputs made."""

    status = 409
    kind = "training-run"
    title = "The output folder cannot be used"


class PreflightFailed(DocentError):
    """Preflight found that the stage cannot work. The text is the first finding."""

    status = 422
    kind = "preflight"
    title = "The stage would fail"


class LeakageFound(DocentError):
    """Something that is held out is trained on, too. The text is the first of it."""

    status = 409
    kind = "leakage"
    title = "Held-out data is trained on"


class ResultRefused(DocentError):
    """What a stage made is worse than its recipe allows. The text has the figures."""

    status = 422
    kind = "result"
    title = "The result is refused"
