"""The takedown list: a photo on it is on it for good, and nothing but its key is kept of it."""

from pathlib import Path

import pytest

from corpus.errors import StorageError
from corpus.records import RECORD
from corpus.storage import Store, open_store
from corpus.takedowns import (
    apply_takedowns,
    forgotten_row,
    is_taken_down,
    page_digest,
    takedown,
    takedowns,
    taken_down,
)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-{request.node.name}")


def test_a_photo_taken_down_is_on_the_list_and_others_are_not(store: Store) -> None:
    assert taken_down(store) == frozenset()
    assert takedown(store, "flickr:4711")
    assert takedown(store, "folder:a/b\n é.jpg")
    assert taken_down(store) == {"flickr:4711", "folder:a/b\n é.jpg"}
    assert is_taken_down(store, "folder:a/b\n é.jpg")
    assert not is_taken_down(store, "flickr:471")


def test_taken_down_again_it_keeps_its_date_and_gains_pages(store: Store) -> None:
    takedown(store, "flickr:1", ["p1"])
    (name,) = store.names("takedowns")
    long_ago = store.read_json(f"takedowns/{name}") | {"at": "2020-01-01T00:00:00Z"}
    store.publish_json(f"takedowns/{name}", long_ago)
    assert not takedown(store, "flickr:1", ["p2"])
    (after,) = takedowns(store)
    assert (after.at, after.pages) == ("2020-01-01T00:00:00Z", {"p1", "p2"})


def test_the_list_is_told_the_oldest_first(store: Store) -> None:
    for photo, at in (("flickr:1", "2026-02-01T00:00:00Z"), ("flickr:2", "2026-01-01T00:00:00Z")):
        takedown(store, photo)
        (name,) = (name for name in store.names("takedowns") if photo in store.read(f"takedowns/{name}").decode())
        store.publish_json(f"takedowns/{name}", {"photo": photo, "at": at})
    assert [one.photo for one in takedowns(store)] == ["flickr:2", "flickr:1"]


@pytest.mark.parametrize("damage", [b"{", b"[]", b"{}", b'{"photo": "flickr:2", "at": "2026-01-01T00:00:00Z"}'])
def test_a_damaged_takedown_lets_nothing_in_and_naming_its_photo_again_mends_it(store: Store, damage: bytes) -> None:
    takedown(store, "flickr:1")
    (name,) = store.names("takedowns")
    store.publish(f"takedowns/{name}", damage)
    with pytest.raises(StorageError, match=name):
        taken_down(store)
    assert is_taken_down(store, "flickr:1")
    takedown(store, "flickr:1")
    assert taken_down(store) == {"flickr:1"}


def test_of_a_page_the_list_keeps_a_digest_alone(store: Store) -> None:
    takedown(store, "wikimedia:1", [page_digest("commons.example/wiki/File:Ann_at_home.jpg")])
    (name,) = store.names("takedowns")
    assert b"Ann" not in store.read(f"takedowns/{name}")


def test_of_a_forgotten_row_nothing_but_its_key_stays() -> None:
    full = {name: f"any {name}" for name in RECORD.names} | {"photo": "flickr:1", "version": "v", "source": "flickr"}
    row = forgotten_row(full)
    assert list(row) == RECORD.names
    assert {name: value for name, value in row.items() if value is not None} == {
        "photo": "flickr:1", "version": "v", "source": "flickr", "state": "refused", "reasons": ["forgotten"]
    }  # fmt: skip
    other = full | {"photo": "flickr:2"}
    assert apply_takedowns([full, other], {"flickr:1"}) == [row, other]
