"""Changes of a tree: what of a directory is read again and what is gone, from windows and states alone."""

import pytest

from crawlers.folder.changes import (
    Directory,
    Tree,
    are_too_many_gone,
    changes,
    former_rows,
    is_of,
    kept_rows,
    new_files,
)

READING = {"layout": "exif", "owner": None, "link": False}
TREE = Tree("root", READING)
A, B, C = [1, 1], [2, 2], [3, 3]


def window(files, gone=(), **more):
    return {"directory": "d", "files": files, **READING, "root": "root", "gone": list(gone), **more}


def changed(windows, files, left_out=(), **more):
    """Return what is (read, rewritten, gone, removed), and which names the window has then, by window."""
    found = changes(windows, Directory(files, set(left_out)), TREE, **more)
    return {
        name: (
            *("".join(sorted(names)) for names in (each.read, each.rewritten, each.gone, each.removed)),
            "".join(each.details["files"]),
            "".join(each.details["gone"]),
        )
        for name, each in found.items()
    }


def test_what_is_as_it_was_is_no_change():
    assert changed({"w": window({"a": A, "b": B})}, {"a": A, "b": B}) == {}


def test_a_file_with_another_state_is_read_again_in_its_window():
    assert changed({"w": window({"a": A, "b": B})}, {"a": C, "b": B}) == {"w": ("a", "a", "", "", "ab", "")}


def test_a_file_that_is_not_there_is_gone_once():
    assert changed({"w": window({"a": A, "b": B})}, {"b": B}) == {"w": ("", "", "a", "", "b", "a")}
    assert changed({"w": window({"b": B}, gone="a")}, {"b": B}) == {}


def test_a_file_that_is_back_is_read_again_and_is_not_new():
    windows = {"w": window({"b": B}, gone="a")}
    assert changed(windows, {"a": A, "b": B}) == {"w": ("a", "a", "", "", "ba", "")}
    assert new_files(windows, Directory({"a": A, "b": B, "c": C})) == {"c": C}


def test_a_file_that_the_pattern_leaves_out_is_not_gone_and_leaves_when_the_layout_changes():
    assert changed({"w": window({"a": A, "b": B})}, {"b": B}, left_out="a") == {}
    assert changed({"w": window({"a": A, "b": B}, layout="vision")}, {"b": B}, left_out="a") == {
        "w": ("b", "", "", "a", "b", "")
    }


@pytest.mark.parametrize("key", [{"owner": 1}, {"owner": "(?P<owner>a)"}, {"link": True}])
def test_a_file_that_the_pattern_leaves_out_stays_when_the_owner_or_the_link_changes_and_is_read_when_it_is_taken(key):
    (change,) = changes({"w": window({"a": A, "b": B}, **key)}, Directory({"b": B}, {"a"}), TREE).values()
    assert (change.read, change.gone, change.removed) == ({"b"}, set(), set())
    assert changed({"w": change.details}, {"b": B}, left_out="a") == {}
    assert changed({"w": change.details}, {"a": A, "b": B}) == {"w": ("a", "a", "", "", "ab", "")}


@pytest.mark.parametrize("key", [{"layout": "folders"}, {"owner": 1}, {"owner": "(?P<owner>a)"}, {"link": True}])
def test_files_that_were_read_otherwise_are_read_again(key):
    assert changed({"w": window({"a": A}, **key)}, {"a": A}) == {"w": ("a", "", "", "", "a", "")}


def test_files_of_a_version_that_knew_no_owners_are_read_again():
    assert changed({"w": {"directory": "d", "files": {"a": A}, "layout": "exif"}}, {"a": A}) == {
        "w": ("a", "", "", "", "a", "")
    }


def test_a_directory_that_cannot_be_listed_has_lost_nothing():
    assert changes({"w": window({"a": A})}, None, TREE) == {}


def test_a_name_of_two_windows_is_read_where_its_state_is_and_leaves_the_other_last():
    assert list(changed({"v": window({"a": B}), "w": window({"a": A, "b": B})}, {"a": A, "b": B}).items()) == [
        ("w", ("a", "a", "", "", "ab", "")),
        ("v", ("", "", "", "a", "", "")),
    ]


def test_a_file_whose_original_is_damaged_is_read_again():
    assert changed({"w": window({"a": A, "b": B})}, {"a": A, "b": B}, damaged={"a"}) == {
        "w": ("a", "a", "", "", "ab", "")
    }


@pytest.mark.parametrize(
    ("details", "files", "expected"),
    [
        (window({"a": A}), {}, True),
        (window({"a": A, "b": B}, root="other"), {"a": A}, True),  # mounted elsewhere
        (window({"a": A, "b": B, "c": C}, root="other"), {"a": A}, False),
        (window({"a": A}, root="other"), {"a": B}, False),  # another tree with the same name in it
        ({"directory": "d", "files": {"a": A}, "layout": "exif"}, {"a": B}, True),  # of an earlier version
        ({"directory": "d", "files": {"a": A}, "layout": "exif"}, {}, False),
    ],
)
def test_a_window_is_of_the_tree_it_names_or_of_the_one_its_files_lie_in(details, files, expected):
    assert is_of(details, TREE, Directory(files)) is expected


def test_windows_that_name_no_tree_are_taken_for_this_ones_on_request():
    unknown = {"directory": "d", "files": {"a": A}, "layout": "exif"}
    accepting = Tree("root", READING, takes_unknown=True)
    assert is_of(unknown, accepting, Directory())
    assert not is_of(window({"a": A}, root="other"), accepting, Directory())


def test_windows_of_a_tree_that_was_moved_here_are_this_ones():
    here = Tree("root", READING, moved=frozenset({"other"}))
    assert is_of(window({"a": A}, root="other"), here, Directory())
    assert not is_of(window({"a": A}, root="third"), here, Directory())


@pytest.mark.parametrize(
    ("gone", "known", "new", "expected"),
    [(9, 9, 0, False), (10, 10, 0, True), (10, 20, 0, False), (11, 20, 0, True), (11, 20, 2, False)],
)
def test_more_than_half_of_ten_files_or_more_are_too_many_unless_they_were_moved(gone, known, new, expected):
    states = [[number, number] for number in range(gone)]
    assert are_too_many_gone(states, known, states[:new]) is expected


def row(name, state="stored", version="1"):
    return {"photo": name, "state": state, "version": version}


def kept(rows, strays=(), **names):
    """Return (photo, state, version) of the rows that stay where these names are read, rewritten, gone or removed."""
    (change,) = changes({"w": window({}, root="other")}, Directory(), TREE).values()
    for kind, of in names.items():
        getattr(change, kind).update(of)
    keys = {name: name for name in "abcd"}
    return [(each["photo"], each["state"], each["version"]) for each in kept_rows(rows, strays, change, keys)]


def test_rows_of_files_that_are_gone_or_rewritten_become_deleted_and_others_stay():
    rows = [row("a"), row("b", "refused"), row("c"), row("d", "failed", None)]
    assert kept(rows, read="b", rewritten="b", gone="ad") == [
        ("a", "deleted", "1"), ("b", "deleted", "1"), ("c", "stored", "1"), ("d", "deleted", None),
    ]  # fmt: skip


def test_rows_of_files_that_are_read_by_another_layout_go_but_not_what_was_deleted_before():
    assert kept([row("a"), row("a", "deleted", "0")], read="a") == [("a", "deleted", "0")]


def test_an_attempt_without_a_version_goes_when_its_file_is_read():
    assert kept([row("a", "failed", None), row("b", "deleted", None)], read="ab", rewritten="ab") == []


def test_rows_of_names_that_another_window_has_leave_and_come_as_deleted():
    assert kept([row("a"), row("b")], removed="a") == [("b", "stored", "1")]
    assert kept([row("a", version="2")], [row("a"), row("a", version="2"), row("b")], read="a", rewritten="a") == [
        ("a", "deleted", "2"),
        ("a", "deleted", "1"),
    ]


def test_stored_rows_of_unchanged_files_are_at_hand_where_their_files_cannot_be_read_again():
    (change,) = changes({"w": window({"a": A, "b": B, "c": C}, owner=1)}, Directory({"a": A, "b": C}), TREE).values()
    rows = [row("a"), row("a", "deleted", "0"), row("a", "failed", None), row("b"), row("c")]
    assert former_rows(rows, change, {name: name for name in "abc"}) == [row("a")]
