"""One tree of errors. Each knows its HTTP status and its exit code, and its text says what to do."""

from __future__ import annotations


class DocentError(Exception):
    """Base of every error a user may see. `str(error)` is one line that says what to do.

    status: the HTTP status of its problem document (RFC 9457).
    kind: the last part of the problem's `type` URI, stable for programs.
    members: further members of the problem document.
    """

    status = 500
    kind = "internal"
    title = "Internal error"

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after  # seconds, sent as Retry-After
        self.members: dict[str, str] = {}


class InvalidInput(DocentError):
    status = 422
    kind = "invalid-input"
    title = "Invalid input"


class Unauthorized(DocentError):
    status = 401
    kind = "unauthorized"
    title = "No valid token"


class NotFound(DocentError):
    status = 404
    kind = "not-found"
    title = "Not found"


class Forbidden(DocentError):
    status = 403
    kind = "forbidden"
    title = "Forbidden"


class Overloaded(DocentError):
    status = 429
    kind = "overloaded"
    title = "Too many questions at once"


class ConfigurationError(DocentError):
    kind = "configuration"
    title = "Wrong configuration"


class IndexLocked(DocentError):
    status = 409
    kind = "index-locked"
    title = "Another indexer is running"


class IndexMissing(DocentError):
    status = 503
    kind = "index-missing"
    title = "Nothing is indexed"


class NotReady(DocentError):
    status = 503
    kind = "not-ready"
    title = "Not ready yet"


class IndexMismatch(DocentError):
    status = 503
    kind = "index-mismatch"
    title = "The index was built with other settings"


class IndexRejected(DocentError):
    status = 409
    kind = "index-rejected"
    title = "The new index was not put into service"


class DatabaseUnavailable(DocentError):
    status = 503
    kind = "database-unavailable"
    title = "The database does not answer"


class EngineUnavailable(DocentError):
    status = 503
    kind = "engine-unavailable"
    title = "The model is not available"


class PromptTooLong(DocentError):
    status = 400
    kind = "prompt-too-long"
    title = "The prompt does not fit the model"
