"""Pictures that were altered and saved again, as files: which of a set is kept, whatever they are called."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from corpus.sections import Rules
from curation.facts.examine import examine_bytes
from forensics.photo_facts import facts_of_row

WITHOUT_SIZES = Rules(native_size=False)
"""Pictures of a camera's native size would take seconds."""
SIZE = (640, 480)
Transpose = Image.Transpose


def taken(seed, second=0, **changes):
    """Return a photograph as a camera writes it, at quality 96: no JFIF, a thumbnail, EXIF first."""
    random = np.random.default_rng(seed)
    total = np.full((SIZE[1], SIZE[0], 3), 120.0)
    for cells in (4, 8, 16, 32, 64):
        coarse = random.normal(0, 150 / cells, (cells, cells, 3))
        layers = [Image.fromarray(coarse[..., colour].astype(np.float32)) for colour in range(3)]
        total += np.stack([np.asarray(layer.resize(SIZE, Image.Resampling.BICUBIC)) for layer in layers], -1)
    return written(Image.fromarray(total.clip(0, 255).astype(np.uint8)), second=second, **changes)


def written(picture, *, second=0, quality=96, model="Nexus 5X", software="bullhead-user 6.0.1"):
    exif = Image.Exif()
    when = f"2016:05:01 10:11:{second:02d}"
    for tag, value in ((271, "LGE"), (272, model), (305, software), (306, when)):
        exif[tag] = value
    exif._ifds[0x8769] = {0x9003: when}
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, exif=exif.tobytes())
    data = file.getvalue()
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]  # without JFIF


def altered(data, alter=lambda picture: picture, quality=98):
    """Return a copy as a program writes it, with all of the original's EXIF."""
    with Image.open(io.BytesIO(data)) as opened:
        exif, picture = opened.info["exif"], alter(opened.convert("RGB"))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()


def brightened(picture):
    return ImageEnhance.Brightness(picture).enhance(1.1)


def cropped(share):
    """Return what cuts a share off each side and scales the rest back."""

    def crop(picture):
        x, y = round(picture.width * share), round(picture.height * share)
        return picture.crop((x, y, picture.width - x, picture.height - y)).resize(picture.size)

    return crop


ALTERATIONS = {
    "saved again": lambda picture: picture,
    "brightened": brightened,
    "turned by -90 degrees": lambda picture: picture.transpose(Transpose.ROTATE_270),
    "turned by 180 degrees": lambda picture: picture.transpose(Transpose.ROTATE_180),
    "mirrored": lambda picture: picture.transpose(Transpose.FLIP_LEFT_RIGHT),
    "turned and brightened": lambda picture: brightened(picture.transpose(Transpose.ROTATE_90)),
    "3 % cut off and scaled back": cropped(0.015),
    "3 % cut off each side and scaled back": cropped(0.03),
    "cropped and turned": lambda picture: cropped(0.015)(picture).transpose(Transpose.ROTATE_90),
}


@pytest.fixture
def judged(corpus):
    """Return what judges files by their names: their reasons and what they are copies of, by name."""

    def judge_it(**files):
        for name, data in files.items():
            columns = {}
            if isinstance(data, tuple):
                data, columns = data
            found = examine_bytes(data, "decoded")
            assert found["perceptual_hash"]
            corpus.photo(name, facts_of_row(found["facts"]), seen=found["perceptual_hash"], owner_id=name, **columns)
        rows = corpus.rows(rules=WITHOUT_SIZES)
        return {name: (row["reasons"], row["duplicate_of"]) for name, row in rows.items()}

    return judge_it


KEPT = ([], None)


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_the_original_is_kept_and_a_copy_of_it_is_not_whatever_they_are_called(judged, alter):
    original = taken(1)
    copy = altered(original, alter)
    assert judged(a=copy, b=original) == {"a": (["duplicate"], "flickr:b"), "b": KEPT}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_no_copy_is_kept_in_the_stead_of_an_original_that_was_refused_for_its_quality(judged, alter):
    original = taken(1, quality=90)
    copy = altered(original, alter)
    assert judged(a=copy, b=original) == {
        "a": (["copy_of_refused"], "flickr:b"), "b": (["low_quality_factor"], None)
    }  # fmt: skip


@pytest.mark.parametrize("columns", [{"labelled_camera": "iphone-6"}, {"state": "deleted"}], ids=str)
def test_nor_in_the_stead_of_one_that_its_label_or_its_deletion_refused(judged, columns):
    original = taken(1)
    found = judged(a=altered(original, brightened), b=(original, columns))
    assert found["a"] == (["copy_of_refused"], "flickr:b")
    assert found["b"][0]


@pytest.mark.parametrize("alter", [brightened, lambda picture: picture.transpose(Transpose.ROTATE_90)])
@pytest.mark.parametrize("spoil", [{"software": "Adobe Photoshop CS5 Windows"}, {"quality": 80}])
def test_an_original_is_kept_though_somebody_edited_a_copy_of_it(judged, alter, spoil):
    original = taken(1)
    with Image.open(io.BytesIO(original)) as opened:
        edited = written(alter(opened.convert("RGB")), **spoil)
    found = judged(a=edited, b=original)
    assert found["b"] == KEPT
    assert found["a"][0]


def test_a_photo_is_kept_though_the_one_taken_with_it_was_refused(judged):
    first = taken(1)
    with Image.open(io.BytesIO(first)) as opened:
        picture = opened.convert("RGB")
    second = written(Image.fromarray(np.roll(np.asarray(picture), 1, axis=1)), second=1)
    found = judged(a=second, b=(first, {"labelled_camera": "iphone-6"}))
    assert (found["a"], found["b"]) == (KEPT, (["label_disagrees", "software_not_firmware"], None))


def test_different_pictures_are_both_kept_in_any_orientation(judged):
    assert judged(a=taken(1), b=altered(taken(2, second=1), ALTERATIONS["turned by 180 degrees"])) == {
        "a": KEPT, "b": KEPT
    }  # fmt: skip
