from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from app.errors import NotFound
from app.index.readers import SourceFile, UnreadableFile, read_sections, scan
from app.index.section import Skipped


def paths_and_reasons(root: Path, max_bytes: int = 100_000) -> tuple[list[str], dict[str, str]]:
    found = list(scan(root, max_bytes))
    files = [each.path for each in found if isinstance(each, SourceFile)]
    return files, {each.path: each.reason for each in found if isinstance(each, Skipped)}


def write(root: Path, name: str, content: str | bytes = "text") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_known_kinds_in_sorted_order(tmp_path: Path) -> None:
    names = ["a.md", "b/c.mdx", "b/d.rst", "e.html", "f.htm", "g.txt", "h.ipynb", "i.markdown", "j.MD"]
    for name in reversed(names):
        write(tmp_path, name)
    write(tmp_path, "logo.png", b"\x89PNG\0")
    assert paths_and_reasons(tmp_path) == (names, {})


def test_content_hash_and_absolute_path(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "hello")
    (file,) = scan(tmp_path, 100)
    assert file == SourceFile("a.md", path, hashlib.sha256(b"hello").hexdigest())


def test_single_file_has_its_folder_as_root(tmp_path: Path) -> None:
    assert paths_and_reasons(write(tmp_path, "docs/a.md")) == (["a.md"], {})
    assert paths_and_reasons(write(tmp_path, "docs/a.exe"))[1] == {
        "a.exe": "'.exe' is not a kind of file that can be read."
    }


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file or folder"):
        list(scan(tmp_path / "none", 100))


def test_skipped_with_reasons(tmp_path: Path) -> None:
    write(tmp_path, "empty.md", b" \n")
    write(tmp_path, "binary.md", b"abc\0def")
    write(tmp_path, "huge.md", b"x" * 101)
    write(tmp_path, "huge.json", b"[" + b"1," * 100 + b"1]")
    files, reasons = paths_and_reasons(tmp_path, max_bytes=100)
    assert files == []
    assert reasons["empty.md"] == "The file is empty."
    assert "NUL bytes" in reasons["binary.md"]
    assert "DOCENT_INDEX__MAX_FILE_BYTES" in reasons["huge.md"]
    assert "limit" in reasons["huge.md"]
    assert set(reasons) == {"empty.md", "binary.md", "huge.md"}


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "secret.md")

    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert paths_and_reasons(tmp_path)[1] == {"secret.md": "The file cannot be read: Permission denied."}


def test_passed_over_silently(tmp_path: Path) -> None:
    hidden = (".git/a.md", ".hidden.md", "node_modules/a.md", "__pycache__/a.txt", "venv/a.md", "x/.cache/a.md")
    for name in (*hidden, "env/lib/a.md"):
        write(tmp_path, name)
    write(tmp_path, "env/pyvenv.cfg")
    assert paths_and_reasons(tmp_path) == ([], {})


def test_only_openapi_among_yaml_and_json(tmp_path: Path) -> None:
    write(tmp_path, "api.yaml", "info: {}\nopenapi: 3.0.0\n")
    write(tmp_path, "old.json", '{"swagger": "2.0"}')
    write(tmp_path, "broken.json", '{"openapi": "3.1.0", ')
    write(tmp_path, "package.json", '{"dependencies": {"swagger": "2.0"}}')
    write(tmp_path, "compose.yml", "services:\n  openapi:\n    image: x\n")
    write(tmp_path, "empty.yaml", "")
    assert paths_and_reasons(tmp_path) == (["api.yaml", "broken.json", "old.json"], {})


def test_links(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/secret.md")
    root = tmp_path / "docs"
    write(root, "..data/real.md")
    write(root, "part/a.md")
    (root / "inside.md").symlink_to(root / "..data/real.md")
    (root / "escape.md").symlink_to(outside)
    (root / "escape").symlink_to(outside.parent)
    (root / "part" / "loop").symlink_to(root)
    (root / "itself.md").symlink_to(root / "itself.md")
    (root / "gone.md").symlink_to(root / "none.md")
    files, reasons = paths_and_reasons(root)
    assert files == ["inside.md", "part/a.md"]
    assert set(reasons) == {"escape", "escape.md", "gone.md", "itself.md"}
    assert "leads out of" in reasons["escape.md"]


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert paths_and_reasons(tmp_path)[1] == {"pipe.md": "It is not a regular file."}


def test_file_that_changes_or_vanishes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", "one")
    (file,) = scan(tmp_path, 100)
    assert isinstance(file, SourceFile)
    path.write_text("two")
    with pytest.raises(UnreadableFile, match="changed while"):
        read_sections(file, "")
    path.unlink()
    with pytest.raises(UnreadableFile, match="cannot be read any more") as caught:
        read_sections(file, "")
    assert caught.value.status == 422
