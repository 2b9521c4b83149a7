from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient
from starlette.types import Message

from app.handbook.endpoints import STARTER_QUESTIONS
from tests.handbook.conftest import BROWSER, handbook_app


def soup(client: TestClient, path: str, status: int = 200) -> BeautifulSoup:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == status
    return BeautifulSoup(response.text, "html.parser")


def test_start_page_shows_the_index_below_the_questions(client: TestClient) -> None:
    page = soup(client, "/")
    assert page.title is not None
    assert page.title.text == "Lamp"
    assert len(page.select("h1")) == 1
    assert [button["data-ask"] for button in page.select("[data-starters][hidden] button")] == STARTER_QUESTIONS
    assert page.select_one(".prose a[href='/handbook/how-to/set-up']") is not None
    assert page.select_one("script[src='/widget.js'][data-site='site_0123'][async]") is not None


def test_page_has_title_description_navigation_and_neighbours(client: TestClient) -> None:
    page = soup(client, "/handbook/how-to/set-up")
    assert page.title is not None
    assert page.title.text == "Set up · Docent handbook"
    assert [meta["content"] for meta in page.select("meta[name=description]")] == ["First steps."]
    assert [link["href"] for link in page.select("[aria-current=page]")] == ["/handbook/how-to/set-up"]
    assert [link["href"] for link in page.select(".turning a")] == ["/", "/handbook/reference/codes"]
    assert page.select("[data-starters]") == []
    assert page.select_one("a[href='#page.text']") is not None
    assert "First steps" not in page.select_one("main").text  # type: ignore[union-attr]


def test_sections_are_listed_from_three_on(guide: Path) -> None:
    (guide / "two.md").write_text("# Two\n\n## A\n\n## B\n")
    (guide / "three.md").write_text("# Three\n\n## A\n\n## B\n\n### b\n\n## C\n")
    with TestClient(handbook_app(guide)) as client:
        assert soup(client, "/handbook/two").select(".sections") == []
        links = soup(client, "/handbook/three").select(".sections a")
        assert [link["href"] for link in links] == ["#a", "#b", "#c"]


def test_without_a_site_there_is_no_script(guide: Path) -> None:
    with TestClient(handbook_app(guide, site_key="")) as client:
        page = soup(client, "/")
    assert page.select("script, [data-ask]") == []


def test_questions_about_the_handbook_go_when_other_docs_are_answered_from(guide: Path) -> None:
    with TestClient(handbook_app(guide, own_docs=True)) as client:
        page = soup(client, "/")
    assert page.select("[data-ask], script[src='/static/handbook.js']") == []
    assert page.select_one("script[src='/widget.js']") is not None


@pytest.mark.parametrize(("waiting", "shown"), [(("index",), True), ((), False)])
def test_start_page_says_when_the_service_is_not_ready(guide: Path, waiting: tuple[str, ...], shown: bool) -> None:
    with TestClient(handbook_app(guide, waiting=waiting)) as client:
        assert ("Still getting ready" in client.get("/").text) is shown
        assert "Still getting ready" not in client.get("/handbook/how-to/clean").text


def test_pages_keep_to_the_policy(client: TestClient) -> None:
    for path in ("/", "/handbook/how-to/set-up", "/handbook/none"):
        response = client.get(path, headers=BROWSER)
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
        page = BeautifulSoup(response.text, "html.parser")
        assert page.select("style, [style]") == []
        assert all(script["src"] and not script.text for script in page.select("script"))
        assert not [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/handbook/", "/"),
        ("/handbook/how-to/set-up/", "/handbook/how-to/set-up"),
        ("/handbook/how-to/set-up.md", "/handbook/how-to/set-up"),
    ],
)
def test_other_paths_of_a_page_lead_to_it(client: TestClient, path: str, leads_to: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["location"]) == (307, leads_to)


def test_unknown_page_is_a_problem_for_programs_and_a_page_for_browsers(client: TestClient) -> None:
    response = client.get("/handbook/none")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:docent:problem:not-found"
    page = soup(client, "/handbook/none", status=404)
    assert page.h1 is not None
    assert page.h1.text == "There is no such page"
    assert page.select_one("nav a[href='/handbook/how-to/clean']") is not None


@pytest.mark.parametrize(
    "path",
    [
        "/handbook/../secret",
        "/handbook/%2e%2e/secret",
        "/handbook/%2e%2e%2fsecret",
        "/handbook/..%2fsecret.md",
        "/handbook/how-to/..%2f..%2f..%2fsecret",
        "/handbook/how-to/../../../secret.md",
        "/handbook//etc/passwd",
        "/handbook/%2fetc%2fpasswd",
        "/handbook/..%5csecret",
        "/handbook/how-to%00/clean",
        "/handbook/images/..%2findex.md",
        "/handbook/images/../../secret.md",
        "/handbook/images/%2e%2e%2f%2e%2e%2fsecret.md",
        "/handbook/images/notes.txt",
        "/handbook/images/",
        "/handbook/%2e%2e%2f%2e%2e%2fapp%2fmain.py",
        "/handbook/%ff%fe",
    ],
)
def test_paths_that_lead_elsewhere_are_not_found(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "hidden words" not in response.text


@pytest.mark.parametrize(
    "path", ["../secret", "./how-to/../../secret", "how-to/./clean", "how-to//clean", "..\\secret"]
)
async def test_dot_segments_that_a_server_passes_on_are_not_found(guide: Path, path: str) -> None:
    """The client of the other tests would shorten them."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": f"/handbook/{path}", "query_string": b"", "headers": []}
    await handbook_app(guide)(scope, receive, send)
    assert sent[0]["status"] == 404


def test_images_are_served(client: TestClient) -> None:
    response = client.get("/handbook/images/lamp.svg")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("image/svg+xml")
    assert response.headers["content-security-policy"].startswith("default-src 'self';")


@pytest.mark.parametrize("path", ["/", "/handbook/how-to/clean", "/handbook/images/lamp.svg"])
def test_head_is_answered(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == 200


def test_pages_do_not_stand_in_the_openapi_description(client: TestClient) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if path.startswith(("/handbook", "/{"))]
