"""Files below a folder: which entries there are, and how each is read."""

import os
import shutil
import socket

import pytest

from crawlers.folder.files import NO_STATE, FileRefused, fits, read_file, walk

MANY_BYTES = 1 << 20


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "below").mkdir(parents=True)
    (tmp_path / "root" / "below" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.jpg").write_bytes(b"not yours")
    return (tmp_path / "root").resolve()


def entries(root, without=None):
    return {entry.address: entry.state for entry in walk(root, without)}


def test_files_are_found_with_size_and_time_of_change(root):
    status = (root / "below" / "a.jpg").stat()
    assert entries(root) == {"below/a.jpg": [5, status.st_mtime_ns]}
    assert read_file(root, "below/a.jpg", MANY_BYTES).data == b"photo"


def test_the_excluded_folder_is_left_out(root):
    (root / "b.jpg").touch()
    assert list(entries(root, root / "below")) == ["b.jpg"]


@pytest.mark.parametrize(
    "name", [b"caf\xe9 #1%20.jpg", b"line\nbreak", b"x" * 255, b"\xff" * 255, b"-rf", "ü".encode()]
)
def test_any_bytes_in_a_name_survive(root, name):
    (root / "below" / os.fsdecode(name)).write_bytes(name)
    assert sorted(read_file(root, address, MANY_BYTES).data for address in entries(root)) == sorted([b"photo", name])


def test_a_link_within_the_folder_is_read_as_the_file_it_leads_to(root):
    (root / "alias.jpg").symlink_to("below/a.jpg")
    found = entries(root)
    assert found["alias.jpg"] == found["below/a.jpg"]
    file = read_file(root, "alias.jpg", MANY_BYTES)
    assert (file.data, file.path) == (b"photo", root / "below" / "a.jpg")


def test_a_link_to_a_folder_within_has_no_entry_since_its_files_have_theirs(root):
    (root / "again").symlink_to("below")
    (root / "below" / "round").symlink_to("..")
    assert list(entries(root)) == ["below/a.jpg"]


@pytest.mark.parametrize(
    ("name", "target", "entry"),
    [("file.jpg", "../outside/secret.jpg", "file.jpg"), ("more", "../outside", "more/"), ("all", "/", "all/")],
)
def test_links_that_lead_out_have_an_entry_and_are_not_followed(root, name, target, entry):
    (root / name).symlink_to(target)
    assert entries(root)[entry] == NO_STATE
    with pytest.raises(FileRefused, match="leads out of the folder"):
        read_file(root, entry, MANY_BYTES)


def test_a_path_through_a_link_that_leads_out_is_not_read(root):
    (root / "more").symlink_to("../outside")
    for address in ("more/secret.jpg", "../outside/secret.jpg", "below/%2e%2e/%2e%2e/outside/secret.jpg"):
        with pytest.raises(FileRefused, match="leads out of the folder"):
            read_file(root, address, MANY_BYTES)


@pytest.mark.parametrize(("target", "error"), [("nowhere", "No such file"), ("link.jpg", "Too many levels")])
def test_links_to_nothing_and_to_themselves_have_an_entry_and_cannot_be_read(root, target, error):
    (root / "link.jpg").symlink_to(target)
    assert entries(root)["link.jpg"] == NO_STATE
    with pytest.raises(OSError, match=error):
        read_file(root, "link.jpg", MANY_BYTES)


def test_pipes_and_sockets_have_an_entry_and_reading_them_does_not_block(root):
    os.mkfifo(root / "pipe.jpg")
    (root / "to a pipe.jpg").symlink_to("pipe.jpg")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(root / "socket.jpg"))
    found = entries(root)
    for name in ("pipe.jpg", "to%20a%20pipe.jpg", "socket.jpg"):
        assert found[name] == NO_STATE
        with pytest.raises(FileRefused, match="a pipe, a socket or a device"):
            read_file(root, name, MANY_BYTES)


def test_a_folder_that_cannot_be_listed_has_its_own_entry(root):
    # works without special rights and even for root: its path is longer than a path may be
    inside = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=inside)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = deeper
    os.close(inside)
    try:
        found = entries(root)
        (unlisted,) = [address for address in found if address.endswith("/")]
        assert found == {"below/a.jpg": found["below/a.jpg"], unlisted: NO_STATE}
        with pytest.raises(OSError, match="File name too long"):
            read_file(root, unlisted, MANY_BYTES)
    finally:
        shutil.rmtree(root / ("x" * 250))


def test_a_tree_deeper_than_calls_may_nest_is_walked_to_its_end(root):
    deep = root
    for _ in range(1500):
        deep /= "d"
        deep.mkdir()
    (deep / "z.jpg").touch()
    assert sorted(entries(root)) == ["below/a.jpg", "d/" * 1500 + "z.jpg"]
    (deep / "z.jpg").unlink()
    for folder in [deep, *deep.parents[:1499]]:  # rmtree would nest as deep
        folder.rmdir()


def test_a_file_larger_than_the_limit_is_not_read(root):
    assert read_file(root, "below/a.jpg", 5).data == b"photo"
    file = read_file(root, "below/a.jpg", 4)
    assert (file.data, file.status.st_size) == (b"", 5)


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("**/*", ["a", "a/b", ".hidden/x y"], []),
        ("*.jpg", ["a.jpg", "line\nbreak.jpg"], ["a.JPG", "b/a.jpg"]),
        ("**/*.[jJ][pP]*[gG]", ["a.jpg", "b/c/a.JPEG", "x.jpg"], ["a.png", "a.jpg/b"]),
        ("*/**/*", ["a/b", "a/b/c"], ["a"]),
        ("**/images/*at/*", ["images/nat/x", "D01/images/flat/x"], ["D01/images/natWA/x", "images/nat/x/y"]),
        ("train/**", ["train/a", "train/a/b"], ["test/a", "a/train/b"]),
        ("**/a/**/b", ["a/b", "x/a/y/z/b", "a/a/b/b"], ["b", "a", "b/a"]),
    ],
)
def test_patterns_are_globs_of_whole_paths(pattern, fitting, others):
    assert [path for path in [*fitting, *others] if fits(pattern, path)] == fitting


def test_a_pattern_designed_to_be_slow_is_matched_fast():
    assert not fits("**/" * 40 + "x", "/".join("a" * 2000))
