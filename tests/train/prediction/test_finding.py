"""Files, folders and patterns become the files to judge; what cannot be judged keeps its row."""

import os
from pathlib import Path

import pytest

from corpus.errors import StageError
from train.prediction import finding
from train.prediction.finding import find_photos


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "deep/er/c.webp", "deep/d.zip", "deep/e.NEF", "empty/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def names(tree: Path, *wanted: str) -> list[str]:
    return [str(Path(each.path).relative_to(tree)) for each in find_photos(str(tree / name) for name in wanted).files]


def test_a_folder_stands_for_the_photographs_in_it_and_below_it_in_the_order_of_their_paths(tree: Path) -> None:
    assert names(tree, ".") == ["a.png", "b.JPG", "deep/d.zip", "deep/e.NEF", "deep/er/c.webp"]
    assert find_photos([str(tree)]).passed_over == 2


def test_archives_and_raw_files_are_refused_by_name_with_what_to_do(tree: Path) -> None:
    faults = {Path(each.path).name: each.fault for each in find_photos([str(tree)]).files}
    assert faults["a.png"] is None
    assert "unpack it" in str(faults["d.zip"])
    assert "give the JPEG" in str(faults["e.NEF"])
    assert "unpack it" in str(find_photos(["anything.tar"]).files[0].fault)
    wanted = {Path(each.path).name: each.fault for each in find_photos([str(tree)], raws=True).files}
    assert wanted == faults | {"e.NEF": None}


def test_a_pattern_is_looked_at_where_no_file_has_its_name(tree: Path) -> None:
    (tree / "[x].jpg").write_bytes(b"")
    assert names(tree, "[x].jpg") == ["[x].jpg"]
    assert names(tree, "*.[jp]*") == ["[x].jpg", "a.png"]
    assert names(tree, "**/*.webp") == ["deep/er/c.webp"]
    assert names(tree, "d*") == ["deep/d.zip", "deep/e.NEF", "deep/er/c.webp"]
    [nothing] = find_photos([str(tree / "*.gif")]).files
    assert "none matches" in str(nothing.fault)


def test_each_file_is_judged_once_and_one_that_is_missing_has_its_row(tree: Path) -> None:
    found = names(tree, "a.png", ".", "a.png", "missing.jpg")
    assert found.count("a.png") == 1
    assert found[-1] == "missing.jpg"


def test_a_folder_without_photographs_says_so(tree: Path) -> None:
    [row] = find_photos([str(tree / "empty")]).files
    assert "no photograph" in str(row.fault)


def test_links_to_folders_are_not_followed_so_a_circle_ends(tree: Path) -> None:
    (tree / "deep" / "circle").symlink_to(tree)
    (tree / "link.jpg").symlink_to(tree / "b.JPG")
    assert names(tree, ".") == ["a.png", "b.JPG", "deep/d.zip", "deep/e.NEF", "deep/er/c.webp", "link.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_folder_has_a_row(tree: Path) -> None:
    (tree / "deep").chmod(0)
    try:
        assert "cannot be listed" in str(find_photos([str(tree)]).files[2].fault)
    finally:
        (tree / "deep").chmod(0o700)


def test_depth_and_number_of_files_are_bounded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "DEPTH_MAX", 1)
    assert "folders deep" in str(find_photos([str(tree)]).files[4].fault)
    monkeypatch.setattr(finding, "FILES_MAX", 3)
    with pytest.raises(StageError, match="more than 3 files"):
        find_photos([str(tree)])
