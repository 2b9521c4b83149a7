"""Sources as they are given and shown."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from croniter import CroniterError, croniter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.db import utc_now
from app.errors import InvalidInput
from app.index.readers import Patterns

Kind = Literal["folder", "git", "website"]
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"  # it is part of paths and URLs
_HTTP = re.compile(r"https?://[^\s/]")
_CRON = re.compile(
    r"(?:[0-9*,/\s-]|\b(?:MON|TUE|WED|THU|FRI|SAT|SUN|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\b)+"
)
_GIT_SCHEMES = frozenset({"http", "https", "ssh", "file"})  # those that app.fetching.git_location takes
_MASKED = "***@"


def _sound(value: str) -> str:
    """JSON can spell control characters and half a surrogate pair, which no path and no URL holds."""
    if any(char < " " or "\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("it holds a character that no path and no URL can hold")
    return value


def _patterns(values: list[str]) -> list[str]:
    try:
        Patterns(values)
    except InvalidInput as error:
        raise ValueError(error.detail) from error
    return values


def _schedule(value: str) -> str:
    if not value:
        return value
    try:
        sound = len(value.split()) == 5 and _CRON.fullmatch(value.upper()) and croniter(value, utc_now()).get_next()
    except (CroniterError, ValueError):  # such as the 31st of February
        sound = None
    if not sound:
        raise ValueError(
            "it is no schedule: five fields as cron has them, such as `0 3 * * *` for each day at 3:00 UTC"
        )
    return value


def _base_url(value: str) -> str:
    if value and not _HTTP.match(value):
        raise ValueError("it is no base URL: it begins with https:// or http://")
    return value


Text = Annotated[str, Field(max_length=2000), AfterValidator(_sound)]
PatternList = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_sound)]],
    Field(max_length=100),
    AfterValidator(_patterns),
]
Schedule = Annotated[str, Field(max_length=100), AfterValidator(_sound), AfterValidator(_schedule)]
BaseUrl = Annotated[Text, AfterValidator(_base_url)]


def _check_git(location: str) -> None:
    """Refuse what would hold a login where it is not seen as one, and so would be shown. Raises ValueError."""
    if _MASKED in location:
        raise ValueError("the login of the location is left out: write it whole")
    if "://" in location:
        try:
            parts = urlsplit(location)
            sound = parts.scheme in _GIT_SCHEMES and parts.port != 0 and not parts.query and not parts.fragment
        except ValueError:
            sound = False
    else:
        sound = not re.match(r"[^/\s@]*:[^\s@]*@|[A-Za-z]+:/|[A-Za-z0-9+-]+::", location)
    if not sound:
        raise ValueError(
            "it is no address of a git repository: https://NAME:TOKEN@HOST/PATH, with / and @ in a token written as "
            "%2F and %40, and without ? and #; or user@host:path; or a folder"
        )


class ProbeQuestion(BaseModel):
    """A question that has to find a page of the source, or a run is not put into service."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_sound)]
    path: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_sound)] = Field(
        description="As `docent search --json` prints it."
    )


Probes = Annotated[list[ProbeQuestion], Field(max_length=100)]


class SourceBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "handbook",
                    "kind": "git",
                    "location": "https://git.example.org/lamp/docs.git",
                    "branch": "main",
                    "subfolder": "docs",
                    "exclude": ["drafts/"],
                    "base_url": "https://docs.example.org/",
                    "schedule": "0 3 * * *",
                    "probes": [{"question": "Where are the log files?", "path": "logs.md"}],
                }
            ]
        },
    )

    name: str = Field(pattern=NAME, description="Lower-case letters, digits and dashes.")
    kind: Kind
    location: Text = Field(
        min_length=1,
        description="folder: absolute path. git: URL, or path of a repository. website: its sitemap, or a start page.",
    )
    branch: Text = Field("", description="Of a git repository; its default branch without.")
    subfolder: Text = Field("", description="Of a git repository: only this folder is read.")
    include: PatternList = Field(default_factory=list, description="What is read, as in .gitignore; all without.")
    exclude: PatternList = Field(default_factory=list, description="What of it is left out, as in .gitignore.")
    base_url: BaseUrl = Field("", description="URL of the docs' root, for links. Pages of a website have their own.")
    product_version: Annotated[str, Field(max_length=100), AfterValidator(_sound)] = Field(
        "", description="The version of the product that the docs are of."
    )
    schedule: Schedule = Field("", description="When it is synced: five fields of cron, in UTC; never without.")
    probes: Probes = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> SourceBody:
        if self.kind == "website" and not _HTTP.match(self.location):
            raise ValueError("the location of a website is a URL that begins with https:// or http://")
        if self.kind == "website" and "@" in self.location.split("/")[2]:
            raise ValueError("a website is read without a login: write its URL without one")
        if self.kind == "git":
            _check_git(self.location)
        if self.kind == "folder" and not Path(self.location).is_absolute():
            raise ValueError("the location of a folder is an absolute path")
        if self.kind != "git" and (self.branch or self.subfolder):
            raise ValueError("`branch` and `subfolder` are for git repositories")
        return self


class SourceChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"schedule": "*/30 * * * *", "exclude": ["drafts/"]}]}
    )

    location: Text | None = Field(None, min_length=1)
    branch: Text | None = None
    subfolder: Text | None = None
    include: PatternList | None = None
    exclude: PatternList | None = None
    base_url: BaseUrl | None = None
    product_version: Annotated[str, Field(max_length=100), AfterValidator(_sound)] | None = None
    schedule: Schedule | None = None
    probes: Probes | None = None


class SourceResponse(BaseModel):
    """error: of the latest sync, '' where it went well. push_url: where a webhook of pushes goes, of a git source."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: Kind
    location: str = Field(description="Without the credentials that it may hold.")
    branch: str
    subfolder: str
    include: list[str]
    exclude: list[str]
    base_url: str
    product_version: str
    schedule: str
    probes: list[ProbeQuestion]
    documents: int
    handbook: bool
    synced_at: datetime | None
    error: str
    push_url: str


class UntouchedPage(BaseModel):
    path: str
    reason: str


class SourceTest(BaseModel):
    """What a source would give. documents: as far as is known without reading it all. first: some of them."""

    documents: int
    first: list[str]
    failed: list[UntouchedPage]


class PushSecret(BaseModel):
    """What pushes are signed with: paste both where the repository is hosted."""

    push_url: str
    secret: str


class ReindexBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"sources": ["handbook"], "dry_run": True}]}
    )

    sources: list[Annotated[str, Field(pattern=NAME)]] | None = Field(
        None, min_length=1, max_length=200, description="Names; all sources without."
    )
    full: bool = Field(False, description="Read and embed everything anew.")
    dry_run: bool = Field(False, description="Change nothing, and say what would change.")
    force: bool = Field(
        False, description="Delete whatever share of the documents is gone, and whatever the probe questions find."
    )
