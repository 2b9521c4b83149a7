"""Sources from the form to the index and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.admin_pages.source_form import change_of, fields_of
from app.errors import InvalidInput
from app.sources.specification import SourceResponse
from tests.admin_pages.conftest import Browser, main_text, parsed
from tests.admin_pages.seeding import HOSTILE
from tests.service.serving import until

NEW = "/admin/sources/new"


def ended(operator: Browser, path: str) -> str:
    """What the page of a job says at its end."""
    until(lambda: operator.page(path).select_one("[data-live=over]") is not None)
    return main_text(operator.page(path))


def queued(operator: Browser, path: str, **fields: str) -> str:
    """The page of the job that a form has queued."""
    response = operator.submit(path, **fields)
    assert response.status_code == 303, response.text
    job, _, said = response.headers["location"].partition("?")
    assert said == "said=queued"
    return str(job)


def serving(operator: Browser) -> str:
    return operator.page("/admin/revisions").select("tr:has(.serves) th code")[0].text


def run_anyway(operator: Browser, path: str) -> None:
    """Press the button of a refused job."""
    form = operator.page(path).select_one("form[action='/admin/sources/reindex']")
    assert form is not None
    fields = {str(field["name"]): str(field["value"]) for field in form.select("input[name!=form_token]")}
    assert "What the run did" in ended(operator, queued(operator, "/admin/sources/reindex", **fields))


def test_from_the_form_to_the_index_and_back(operator: Browser, tmp_path: Path) -> None:
    (tmp_path / "moon.md").write_text("# Moon\n\nThe moonlight mode is switched on with `lumen moon`.\n")
    fields = {
        "name": "moon",
        "kind": "folder",
        "location": str(tmp_path),
        "probes": "What is moonlight mode? | moon.md",
    }

    tested = parsed(operator.submit(NEW, **fields, do="test"))
    assert "The test found 1 document. Nothing is saved yet." in main_text(tested)
    assert tested.select_one("[name=location]")["value"] == str(tmp_path)  # type: ignore[index]
    assert operator.get("/admin/sources/moon/edit").status_code == 404

    assert operator.submit(NEW, **fields, do="save").headers["location"] == "/admin/sources?said=saved"
    assert "another" in main_text(parsed(operator.submit(NEW, **fields, do="save"), 409))
    before = serving(operator)

    dry = ended(operator, queued(operator, "/admin/sources/reindex", source="moon", run="dry"))
    assert "What would change" in dry
    assert "Added: 1" in dry
    assert serving(operator) == before

    done = ended(operator, queued(operator, "/admin/sources/reindex", source="moon", run="changes"))
    assert "What the run did" in done
    assert "Embedded 1" in done
    after = serving(operator)
    assert after != before

    (tmp_path / "night.md").write_text("# Night\n\nThe moonlight mode is described here now.\n")
    (tmp_path / "moon.md").unlink()
    path = queued(operator, "/admin/sources/reindex", source="moon", run="changes")
    assert "failed" in ended(operator, path)
    assert serving(operator) == after
    run_anyway(operator, path)
    after = serving(operator)

    edited = operator.submit("/admin/sources/moon/edit", location=str(tmp_path), schedule="0 3 * * *", do="save")
    assert edited.status_code == 303
    assert "0 3 * * *" in main_text(operator.page("/admin/sources"))

    confirm = operator.page(f"/admin/revisions/{before}/rollback")
    assert f"Roll back to {before}?" in main_text(confirm)
    assert (
        operator.submit(f"/admin/revisions/{before}/rollback").headers["location"]
        == "/admin/revisions?said=rolled-back"
    )
    assert serving(operator) == before
    assert operator.submit(f"/admin/revisions/{after}/rollback").status_code == 303

    assert "Its 1 document leaves the index" in main_text(operator.page("/admin/sources/moon/delete"))
    ended(operator, queued(operator, "/admin/sources/moon/delete"))
    assert operator.get("/admin/sources/moon/edit").status_code == 404
    assert (tmp_path / "night.md").exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "Not A Name"}, "Name:"),
        ({"location": "docs"}, "absolute path"),
        ({"kind": "website"}, "https://"),
        ({"kind": HOSTILE}, "Kind:"),
        ({"schedule": "at night"}, "five fields"),
        ({"probes": "Which port?"}, "| install.md"),
        ({"base_url": "docs.example.org"}, "base URL"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(operator: Browser, fields: dict[str, str], wrong: str) -> None:
    given = {"name": "guide", "kind": "folder", "location": "/srv/docs", "exclude": f"{HOSTILE}\nb/", **fields}
    page = parsed(operator.submit(NEW, **given, do="save"), 422)
    alert = page.select_one("[role=alert]")
    assert alert is not None
    assert wrong in alert.text
    assert page.select_one("[name=exclude]").text.strip() == f"{HOSTILE}\nb/"  # type: ignore[union-attr]
    assert page.select_one("[name=location]")["value"] == given["location"]  # type: ignore[index]


def test_test_says_what_is_wrong_with_a_folder(operator: Browser, tmp_path: Path) -> None:
    given = {"name": "guide", "kind": "folder", "location": str(tmp_path / "none"), "do": "test"}
    response = operator.submit(NEW, **given)
    assert response.status_code >= 400
    assert str(tmp_path / "none") in parsed(response, response.status_code).select("[role=alert]")[0].text


def _source(**values: object) -> SourceResponse:
    fields: dict[str, object] = dict.fromkeys(
        ("branch", "subfolder", "base_url", "product_version", "schedule", "error", "push_url"), ""
    )
    fields |= {"name": "api", "kind": "git", "location": "https://***@git.example.org/docs.git"}
    fields |= {"include": ["a/", "b/"], "exclude": [], "documents": 1, "handbook": False, "synced_at": None}
    return SourceResponse.model_validate({**fields, "probes": [{"question": "A | B?", "path": "a.md"}], **values})


def test_only_what_was_changed_is_sent_on() -> None:
    source = _source()
    shown = fields_of(source)
    assert change_of(shown, source).model_dump(exclude_none=True) == {}
    changed = change_of({**shown, "branch": "next", "include": "a/\n\n c/ "}, source)
    assert changed.model_dump(exclude_none=True) == {"branch": "next", "include": ["a/", "c/"]}
    cleared = change_of({**shown, "probes": "", "include": ""}, source)
    assert cleared.model_dump(exclude_none=True) == {"probes": [], "include": []}


def test_a_login_that_is_not_shown_is_not_saved_as_stars() -> None:
    source = _source()
    with pytest.raises(InvalidInput, match="type the login"):
        change_of({**fields_of(source), "location": "https://***@git.example.org/other.git"}, source)
