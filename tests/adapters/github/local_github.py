"""GitHub's API as far as Docent calls it, held to its documentation (REST version 2022-11-28, GraphQL)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.adapters.local_api import Answer, Request, violation

TOKEN = "github_pat_11LUMEN"  # noqa: S105
NODE_ID = "D_kwDO300005"
_ISSUE = re.compile(r"/repos/lumen/lamp/issues/12(/comments|/labels)?")
_PAGE_OF_GRAPHQL = 2  # in place of 100, so that a test has pages


@dataclass
class LocalGitHub:
    """issue: as GET gives it. comments: of the issue or of the discussion. failing: answers given first, in order."""

    issue: dict[str, Any] = field(default_factory=lambda: {"state": "open", "locked": False, "assignees": []})
    discussion: dict[str, Any] = field(default_factory=lambda: {"closed": False, "locked": False, "isAnswered": False})
    comments: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    failing: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST" and request.path != "/graphql"]

    def says(self, body: str, at: str = "2026-11-03T12:30:15Z") -> None:
        self.comments.append({"body": body, "created_at": at, "id": 500_000 + len(self.comments)})

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        wrong = self._wrong_headers(request)
        if wrong or self.failing:
            return violation(wrong) if wrong else self.failing.pop(0)
        if request.path == "/graphql":
            return self._graphql(request)
        found = _ISSUE.fullmatch(request.path)
        if found is None:
            return Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})
        known = {
            ("GET", None): lambda _: Answer(200, {"number": 12, "node_id": "I_600012", **self.issue}),
            ("GET", "/comments"): self._list,
            ("POST", "/comments"): self._comment,
            ("POST", "/labels"): self._label,
        }
        return known.get((request.method, found[1]), lambda _: violation("method"))(request)

    def _wrong_headers(self, request: Request) -> str:
        wanted = {
            "authorization": f"Bearer {TOKEN}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }
        wrong = [name for name, value in wanted.items() if request.headers.get(name) != value]
        if not request.headers.get("user-agent"):
            wrong.append("user-agent")
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            wrong.append("content-type")
        return ", ".join(wrong)

    def _list(self, request: Request) -> Answer:
        unknown = set(request.query) - {"since", "per_page", "page"}
        since = request.query.get("since", "")
        if unknown or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", since):
            return violation(f"query {request.query}")
        page, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 30))
        if size > 100:
            return violation("per_page")
        kept = [comment for comment in self.comments if comment["created_at"] >= since]
        shown = [self._shown(comment) for comment in kept[(page - 1) * size : page * size]]
        more = len(kept) > page * size
        link = f'<http://elsewhere.example{request.path}?per_page={size}&page={page + 1}>; rel="next"'
        return Answer(200, shown, {"link": link} if more else {})

    def _shown(self, comment: dict[str, Any]) -> dict[str, Any]:
        url = f"https://github.com/lumen/lamp/issues/12#issuecomment-{comment['id']}"
        return {**comment, "html_url": url, "author_association": "NONE"}

    def _comment(self, request: Request) -> Answer:
        if set(request.body) != {"body"} or not isinstance(request.body["body"], str) or not request.body["body"]:
            return violation(f"body {request.body}")
        self.says(request.body["body"], "2026-11-03T12:31:00Z")
        return Answer(201, self._shown(self.comments[-1]))

    def _label(self, request: Request) -> Answer:
        names = request.body.get("labels")
        if set(request.body) != {"labels"} or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            return violation(f"body {request.body}")
        self.labels += [name for name in names if name not in self.labels]
        return Answer(200, [{"name": name} for name in self.labels])

    def _graphql(self, request: Request) -> Answer:
        if request.method != "POST" or set(request.body) != {"query", "variables"}:
            return violation(f"GraphQL {request.method} {request.body}")
        query, variables = request.body["query"], request.body["variables"]
        if variables["id"] != NODE_ID:
            error = {"type": "NOT_FOUND", "path": ["node"], "message": "Could not resolve to a node with the global id"}
            return Answer(200, {"data": {"node": None}, "errors": [error]})
        if "addDiscussionComment(input: {discussionId: $id, body: $body})" in query:
            if set(variables) != {"id", "body"} or "mutation($id: ID!, $body: String!)" not in query:
                return violation(f"variables {variables}")
            self.says(variables["body"], "2026-11-03T12:31:00Z")
            comment = {"comment": {"url": self._discussed(self.comments[-1])["url"]}}
            return Answer(200, {"data": {"addDiscussionComment": comment}})
        start = int(variables["cursor"] or 0)
        end = start + _PAGE_OF_GRAPHQL
        page_info = {"hasNextPage": end < len(self.comments), "endCursor": str(end)}
        nodes = [self._discussed(comment) for comment in self.comments[start:end]]
        node = {**self.discussion, "comments": {"nodes": nodes, "pageInfo": page_info}}
        return Answer(200, {"data": {"node": node}})

    def _discussed(self, comment: dict[str, Any]) -> dict[str, Any]:
        url = f"https://github.com/lumen/lamp/discussions/5#discussioncomment-{comment['id']}"
        replies = [{"url": url, "body": body, "createdAt": at} for body, at in comment.get("replies", [])]
        return {
            "url": url,
            "body": comment["body"],
            "createdAt": comment["created_at"],
            "replies": {"nodes": replies[-1:]},
        }
