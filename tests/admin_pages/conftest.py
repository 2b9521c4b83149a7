from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup

from tests.admin_pages.seeding import seed
from tests.answering.scripted_model import ScriptedModel
from tests.chat.visiting import GOOD, VisitedService, on_database
from tests.service.fixtures import indexed
from tests.service.serving import PATIENCE

__all__ = ["indexed"]

TRIES = 12  # an hour, to sign in from one address
_ADDRESSES = itertools.count(1)
SignIn = Callable[..., "Browser"]


class Browser(httpx.Client):
    """A browser at an address of its own, which follows no redirects, and sends forms as the pages hold them."""

    def __init__(self, service: VisitedService, **headers: str) -> None:
        address = f"192.0.2.{next(_ADDRESSES)}"
        super().__init__(
            base_url=service.url,
            headers={"X-Forwarded-For": address, "Origin": service.url, "Accept": "text/html", **headers},
            timeout=PATIENCE,
            trust_env=False,
        )

    def page(self, path: str, status: int = 200) -> BeautifulSoup:
        return parsed(self.get(path), status)

    def token(self) -> str:
        field = self.page("/admin").select_one("[name=form_token]")
        assert field is not None
        return str(field["value"])

    def submit(self, path: str, **fields: str) -> httpx.Response:
        return self.post(path, data={"form_token": self.token(), **fields})


def parsed(response: httpx.Response, status: int = 200) -> BeautifulSoup:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return BeautifulSoup(response.text, "html.parser")


def main_text(page: BeautifulSoup) -> str:
    found = page.select_one("main")
    assert found is not None
    return " ".join(found.get_text(" ").split())


@pytest.fixture(scope="package")
def service(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedService]:
    """A service behind a proxy of this machine, with rows for every page."""
    with ScriptedModel() as model:
        model.respond = lambda _: GOOD
        settings: dict[str, Any] = {
            "LLM__BASE_URL": model.base_url,
            "LIMITS__REQUESTS_PER_ADDRESS": f"{TRIES}/hour",
            "SERVER__TRUSTED_PROXIES": "127.0.0.1",
        }
        made = VisitedService(tmp_path_factory.mktemp("admin"), indexed, **settings)
        on_database(made.data_dir, seed)
        with made as started:
            yield started


@pytest.fixture
def sign_in(service: VisitedService) -> Iterator[SignIn]:
    """Signs a browser in, with the service's admin key where none is given."""
    opened: list[Browser] = []

    def signed_in(key: str = "", **headers: str) -> Browser:
        opened.append(Browser(service, **headers))
        response = opened[-1].post("/admin/sign-in", data={"key": key or service.keys["admin"].token})
        assert response.status_code == 303, response.text
        return opened[-1]

    yield signed_in
    for browser in opened:
        browser.close()


@pytest.fixture
def operator(sign_in: SignIn) -> Browser:
    return sign_in()
