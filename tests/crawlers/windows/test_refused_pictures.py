"""Thumbnails of refused photos: a few of each reason, the same in any order, without metadata."""

import base64
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from corpus.storage import Store, open_store
from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto
from crawlers.windows.refused_pictures import PICTURE_MAX_BYTES, PICTURES, RefusedPictures, remove_pictures
from forensics.header import read_facts


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "data"))


def small_jpeg(comment: bytes = b"", size: tuple[int, int] = (16, 12), quality: int = 75) -> bytes:
    noise = Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=quality, comment=comment)
    return file.getvalue()


@pytest.fixture
def photo_with(thumbnailed: Callable[[bytes, bytes | None], bytes]) -> Callable[[bytes | None], bytes]:
    """Return a function: thumbnail -> a photo with it."""
    return lambda thumbnail: thumbnailed(small_jpeg(size=(64, 48)), thumbnail)


def keep(store: Store, number: int, data: bytes, *reasons: str) -> None:
    refused = Refused(reasons or ("not_native_size",), read_facts(data, whole=True))
    RefusedPictures(store, "flickr").keep(ListedPhoto(f"flickr:{number}", "flickr", "v"), refused, data[: 1 << 15])


def kept(store: Store, reason: str = "not_native_size") -> dict[str, bytes]:
    folder = f"refused-pictures/flickr/{reason}"
    values = [store.read_json(f"{folder}/{name}") for name in store.names(folder)]
    return {value["photo"]: base64.b64decode(value["jpeg"]) for value in values}


def test_a_few_of_each_reason_are_kept_the_same_in_any_order(
    store: Store, tmp_path: Path, photo_with: Callable[[bytes | None], bytes]
) -> None:
    data = photo_with(small_jpeg())
    numbers = list(range(40))
    for number in numbers:
        keep(store, number, data, "not_native_size", "truncated")
    assert len(kept(store)) == PICTURES
    assert kept(store) == kept(store, "truncated")
    turned = open_store(str(tmp_path / "other"))
    for number in random.Random(2).sample(numbers, len(numbers)):
        keep(turned, number, data)
    assert kept(turned) == kept(store)


def test_nothing_but_the_picture_is_kept(store: Store, photo_with: Callable[[bytes | None], bytes]) -> None:
    plain = small_jpeg()
    keep(store, 1, photo_with(small_jpeg(b"52 N 13 E")))
    (picture,) = kept(store).values()
    assert b"52 N" not in picture
    assert b"JFIF" not in picture
    assert Image.open(io.BytesIO(picture)).tobytes() == Image.open(io.BytesIO(plain)).tobytes()


@pytest.mark.parametrize(
    "thumbnail", [None, b"no picture", small_jpeg()[:200], small_jpeg(size=(200, 150), quality=100)],
    ids=["none", "garbage", "cut off", "too large"],
)  # fmt: skip
def test_a_thumbnail_that_cannot_be_shown_is_not_kept(
    store: Store, thumbnail: bytes | None, photo_with: Callable[[bytes | None], bytes]
) -> None:
    assert len(small_jpeg(size=(200, 150), quality=100)) > PICTURE_MAX_BYTES
    keep(store, 1, photo_with(thumbnail))
    assert store.names("refused-pictures") == []


def test_a_forgotten_photos_thumbnails_are_removed_whatever_it_was_refused_for(
    store: Store, photo_with: Callable[[bytes | None], bytes]
) -> None:
    for number in (1, 2):
        keep(store, number, photo_with(small_jpeg()), "not_native_size", "truncated")
    remove_pictures(store, ["flickr:1", "wikimedia:9"])
    assert list(kept(store)) == list(kept(store, "truncated")) == ["flickr:2"]
