"""engine.source: which pjproject is built."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from engine.source import EngineError, Source, check_version, find_source, hash_tree


def make_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def version_mak(major: str, minor: str) -> dict[str, str]:
    return {"version.mak": f"# version\nexport PJ_VERSION_MAJOR  := {major}\nexport PJ_VERSION_MINOR:={minor}\n"}


@pytest.mark.parametrize(("major", "minor"), [("2", "17"), ("2", "18"), ("3", "0")])
def test_a_new_enough_tree_is_taken(tmp_path: Path, major: str, minor: str) -> None:
    """2.17 or later."""
    check_version(make_tree(tmp_path, version_mak(major, minor)))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "no version.mak"),
        (version_mak("2", "16"), r"is pjproject 2\.16; 2\.17 or newer is needed"),
        (version_mak("1", "99"), r"is pjproject 1\.99"),
        ({"version.mak": "nothing"}, r"is pjproject 0\.0"),
    ],
)
def test_any_other_tree_is_refused_with_the_reason(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    """Too old, or not pjproject at all."""
    with pytest.raises(EngineError, match=complaint):
        check_version(make_tree(tmp_path, files))


FILES = {"a.c": "one", "folder/b.c": "two"}


def test_equal_trees_have_equal_hashes(tmp_path: Path) -> None:
    """Wherever they are, and in whatever order they were made."""
    first = make_tree(tmp_path / "first", FILES)
    second = make_tree(tmp_path / "elsewhere", dict(reversed(FILES.items())))
    assert hash_tree(first) == hash_tree(second)


@pytest.mark.parametrize(
    "change",
    [
        {"a.c": "another"},
        {"new.c": ""},
        {"folder/new.c": "one"},
        {"folder/b.h": "two"},
        {"a.c": "onefolder/b.c\0two", "folder/b.c": None},
    ],
    ids=["content", "new and empty", "new and a copy", "name", "a name inside a content"],
)
def test_trees_that_differ_have_different_hashes(tmp_path: Path, change: dict[str, str | None]) -> None:
    """By one content or one name."""
    changed = {name: content for name, content in {**FILES, **change}.items() if content is not None}
    assert hash_tree(make_tree(tmp_path / "first", FILES)) != hash_tree(make_tree(tmp_path / "second", changed))


@pytest.mark.parametrize("name", [".git/HEAD", "a.o", "lib/libpj.a", "lib/libpj.so", "build/.pjlib-x86_64.depend"])
def test_what_git_and_builds_leave_behind_does_not_count(tmp_path: Path, name: str) -> None:
    """A tree that was built is the same source."""
    tree = make_tree(tmp_path, FILES)
    before = hash_tree(tree)
    make_tree(tree, {name: "x"})
    assert hash_tree(tree) == before


def test_a_dangling_link_does_not_stop_the_hash(tmp_path: Path) -> None:
    """It has no content to count."""
    tree = make_tree(tmp_path, FILES)
    before = hash_tree(tree)
    (tree / "dangling").symlink_to("nowhere")
    assert hash_tree(tree) == before


def test_a_tree_that_is_named_is_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PJPROJECT_SRC goes before everything else, and is checked."""
    tree = make_tree(tmp_path / "tree", version_mak("2", "17"))
    monkeypatch.setenv("PJPROJECT_SRC", str(tree))
    assert find_source(tmp_path) == Source(tree, f"tree {hash_tree(tree)}", f"{tree} (PJPROJECT_SRC)")
    make_tree(tree, version_mak("2", "1"))
    with pytest.raises(EngineError, match=r"2\.1;"):
        find_source(tmp_path)


def test_an_archive_in_the_store_is_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest by name, known by its hash; unpacked, its one folder is the tree."""
    monkeypatch.delenv("PJPROJECT_SRC", raising=False)
    make_tree(tmp_path / "content" / "pjproject-2.17", version_mak("2", "17"))
    archive = tmp_path / "asterisk_22.0.orig-Xpjproject.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", tmp_path / "content", "pjproject-2.17"], check=True)
    (tmp_path / "asterisk_21.0.orig-Xpjproject.tar.gz").write_bytes(b"older")
    source = find_source(tmp_path)
    assert source.path == archive
    assert source.identity == f"archive {hashlib.sha256(archive.read_bytes()).hexdigest()}"
    assert source.unpack(tmp_path / "unpacked") == tmp_path / "unpacked" / "pjproject-2.17"


def test_a_tree_is_copied_without_its_history(tmp_path: Path) -> None:
    """The original stays as it was."""
    tree = make_tree(tmp_path / "tree", {**version_mak("2", "17"), ".git/HEAD": "x", "a.c": "one"})
    copy = Source(tree, "", "").unpack(tmp_path / "copy")
    assert (copy / "a.c").read_text() == "one"
    assert not (copy / ".git").exists()
    assert (tree / ".git").exists()
