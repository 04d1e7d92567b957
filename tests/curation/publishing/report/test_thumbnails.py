"""Thumbnails: small, without EXIF, the same for the same bytes; whatever the bytes are, never an exception."""

import base64
import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from corpus.records import CURATED
from corpus.storage import open_store
from curation.generations import Past
from curation.judging.counts import sample_of
from curation.publishing.report.thumbnails import EDGE_PX, RefusedPictures, thumbnail, thumbnails


def picture(data):
    return Image.open(io.BytesIO(data))


def sized(data, width_px, height_px):
    """Return a JPEG file whose header states another size."""
    place = next(place for marker in (b"\xff\xc0", b"\xff\xc2") if (place := data.find(marker)) > 0)
    return data[: place + 5] + struct.pack(">HH", height_px, width_px) + data[place + 9 :]


def saved(mode="RGB", size=(640, 480), **options):
    pixels = np.random.default_rng(1).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def test_the_longer_edge_is_144_pixels_and_nothing_of_the_exif_is_left(jpeg):
    small = thumbnail(jpeg(size=(1600, 1200), serial_number="SN-1234"))
    assert small is not None
    assert picture(small).size == (EDGE_PX, 108)
    assert b"Exif" not in small
    assert b"SN-1234" not in small
    assert len(small) < 20_000


def test_a_picture_smaller_than_a_thumbnail_stays_as_small(jpeg):
    assert picture(thumbnail(jpeg(size=(40, 30)))).size == (40, 30)


def test_a_panorama_is_decoded_at_a_reduced_scale_too(monkeypatch):
    import simplejpeg

    decoded, decode = [], simplejpeg.decode_jpeg

    def watched(*arguments, **options):
        decoded.append(decode(*arguments, **options))
        return decoded[-1]

    monkeypatch.setattr(simplejpeg, "decode_jpeg", watched)
    for size in ((4000, 100), (100, 4000)):
        assert max(picture(thumbnail(saved(size=size))).size) == EDGE_PX
        assert max(decoded[-1].shape) <= 500


def test_the_thumbnail_shows_the_picture_as_it_is_stored():
    pixels = np.zeros((400, 800, 3), np.uint8)
    pixels[:, 400:, 0] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    small = np.asarray(picture(thumbnail(file.getvalue())).convert("RGB"))
    assert small[:, :60].max() < 20
    assert small[:, 84:, 0].min() > 230


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_kind_of_jpeg_has_a_thumbnail_in_colour(mode, progressive):
    assert picture(thumbnail(saved(mode, progressive=progressive))).mode == "RGB"


def test_the_same_bytes_give_the_same_thumbnail(jpeg):
    assert thumbnail(jpeg(3)) == thumbnail(jpeg(3))
    assert thumbnail(jpeg(3)) != thumbnail(jpeg(4))


def test_a_truncated_picture_is_shown_as_far_as_it_goes(jpeg):
    whole = jpeg(size=(1600, 1200))
    small = thumbnail(whole[: len(whole) * 2 // 3])
    assert picture(small).size == (EDGE_PX, 108)


def test_more_than_200_megapixels_are_refused_by_what_the_header_states(jpeg):
    assert thumbnail(sized(jpeg(), 20_000, 10_001)) is None


def test_a_bomb_of_scans_is_refused_before_it_is_decoded():
    data = saved(progressive=True)
    scans = data.count(b"\xff\xda")
    assert thumbnail(sized(data, 60_000, 3_000 * 10 // scans)) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"<!doctype html>", b"\x89PNG\r\n\x1a\n" * 9])
def test_bytes_without_a_picture_have_no_thumbnail(data):
    assert thumbnail(data) is None


def test_damaged_bytes_never_raise(jpeg):
    whole, random = bytearray(jpeg()), np.random.default_rng(5)
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(2, len(data), 6):
            data[place] = random.integers(256)
        small = thumbnail(bytes(data[: random.integers(2, len(data))]))
        assert small is None or max(picture(small).size) <= EDGE_PX


def test_samples_become_tiles_and_those_without_bytes_have_no_picture(tmp_path, jpeg):
    store = open_store("data", tmp_path)
    store.publish("originals/flickr/aa/1-v.jpg", jpeg())
    store.publish("originals/flickr/aa/2-v.jpg", b"not a picture")
    samples = {
        "truncated": [
            {"photo": f"flickr:{number}", "version": "v", "original": original, "page_url": url, "value": value}
            for number, original, url, value in (
                (1, "originals/flickr/aa/1-v.jpg", "https://a.example/1", "ends early"),
                (2, "originals/flickr/aa/2-v.jpg", None, ""),
                (3, "originals/flickr/aa/3-v.jpg", None, "taken down"),
                (4, None, None, "never stored"),
            )
        ]
    }
    shown, *others = thumbnails(store, samples)["truncated"]
    address, caption, url, _ = shown
    head, _, encoded = address.partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(encoded) == thumbnail(jpeg())
    assert (caption, url) == ("flickr:1: ends early", "https://a.example/1")
    assert [tile.picture for tile in others] == [None, None, None]
    assert [tile.caption for tile in others] == ["flickr:2", "flickr:3: taken down", "flickr:4: never stored"]


def test_a_picture_with_a_cameras_oddities_is_drawn_as_without_them(odd):
    assert thumbnail(odd(saved(quality=95))) == thumbnail(saved(quality=95))


def test_of_a_photo_refused_at_the_door_the_thumbnail_that_the_crawl_kept_is_shown(jpeg, tmp_path):
    store = open_store(str(tmp_path))
    rows = [
        dict.fromkeys(CURATED.names)
        | {"photo": f"flickr:{number:02d}", "version": "v", "kept": False, "group": "g", "reasons": ["truncated"]}
        for number in range(20)
    ]
    rows[19]["reasons"] = ["truncated", "not_colour"]
    rows[18] |= {"version": "w"}
    rows[17] |= {"reasons": ["forgotten"]}
    store.publish_table("curated/0001-a/photos.parquet", pa.Table.from_pylist(rows, CURATED))
    small = jpeg(size=(40, 30), serial_number="SN-1234")
    for number in (17, 18, 19):
        value = {"photo": f"flickr:{number:02d}", "version": "v", "jpeg": base64.b64encode(small).decode()}
        store.publish_json(f"refused-pictures/flickr/truncated/{number}.json", value)
    store.publish("refused-pictures/flickr/truncated/damaged.json", b"{")
    pictures = RefusedPictures.read(store)
    samples = {"truncated": [sample_of(row) for row in rows[:6]], "not_colour": [sample_of(rows[19])]}
    found = pictures.samples(Past(store, "0001-a"), samples)
    assert [one["photo"] for one in found["truncated"]] == ["flickr:19", *(f"flickr:0{number}" for number in range(5))]
    tiles = thumbnails(store, found, pictures)
    assert [tile.picture is not None for tile in tiles["truncated"]] == [True] + [False] * 5
    assert b"SN-1234" not in base64.b64decode(tiles["not_colour"][0].picture.partition(",")[2])
    assert RefusedPictures({}).samples(Past(store, "0001-a"), samples) == samples
