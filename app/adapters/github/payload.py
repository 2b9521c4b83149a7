"""What is read of GitHub's webhook payloads. Source: docs.github.com, Webhook events and payloads."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, StringConstraints

Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$", max_length=150)]


class Account(BaseModel):
    login: str
    id: int
    type: str = "User"  # or Bot, Organization, Mannequin


class Named(BaseModel):
    name: str


class RepositoryOf(BaseModel):
    full_name: Repository


class Thread(BaseModel):
    """An issue or a discussion. user: None where the account was deleted."""

    number: int
    node_id: str
    title: str
    body: str | None = None
    user: Account | None = None
    labels: list[Named] = []
    assignees: list[Account] = []  # a discussion has none
    pull_request: dict[str, object] | None = None  # only where the issue is a pull request


class Comment(BaseModel):
    id: int
    body: str | None = None
    user: Account | None = None
    author_association: str = "NONE"


class Payload(BaseModel):
    """Common to the four events: `issue` or `discussion` is set, and `comment` with the two comment events."""

    action: str
    sender: Account | None = None
    repository: RepositoryOf
    issue: Thread | None = None
    discussion: Thread | None = None
    comment: Comment | None = None
