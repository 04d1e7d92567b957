"""Trees: whose word counts where two have the same upload, and which was moved."""

import pytest

from crawlers.folder.trees import moved_trees, not_overruled, present


def row(photo, state, version="1"):
    return {"photo": photo, "state": state, "version": version}


def test_an_upload_that_is_not_deleted_is_present_whatever_became_of_it():
    rows = [row("a", "stored"), row("b", "refused"), row("c", "failed", None), row("d", "deleted")]
    assert present(rows) == {("a", "1"), ("b", "1"), ("c", None)}


def test_no_upload_is_called_deleted_that_another_tree_has():
    rows = [row("a", "deleted"), row("a", "stored", "2"), row("b", "deleted"), row("c", "stored")]
    assert not_overruled(rows, {("a", "1"), ("a", "2"), ("c", "1")}) == [rows[1], rows[2], rows[3]]


@pytest.mark.parametrize(
    ("theirs", "expected"), [("ab", {"old"}), ("abc", {"old"}), ("acd", set()), ("cd", set()), ("", set())]
)
def test_a_tree_was_moved_here_if_half_of_its_uploads_are_here(theirs, expected):
    here = {("a", "1"), ("b", "1"), ("x", "1")}
    assert moved_trees({"old": {(name, "1") for name in theirs}, "new": here}, "new") == expected


def test_no_tree_was_moved_to_one_that_was_never_crawled():
    assert moved_trees({"old": {("a", "1")}}, "new") == frozenset()
