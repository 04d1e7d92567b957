"""A file becomes the crops that a network judges; whatever is wrong with it becomes its error."""

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.jpeg.frame import DECODED_MAX_PX
from train.data.crops import decode, fixed_rectangles
from train.prediction.photographs import Photograph, photograph

Files = Callable[[str, bytes], str]


@pytest.fixture
def written(tmp_path: Path) -> Files:
    def write(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def places(one: Photograph, picture: np.ndarray, phase: tuple[int, int] | None) -> bool:
    """Whether its crops are those of `picture` at the fixed places of a phase."""
    assert one.crops is not None
    found = [crop.permute(1, 2, 0).numpy() for crop in one.crops]
    wanted = fixed_rectangles(picture.shape[1], picture.shape[0], 32, 5, phase)
    return all(
        np.array_equal(crop, picture[y : y + 32, x : x + 32]) for crop, (x, y, _, _) in zip(found, wanted, strict=True)
    )


def test_crops_of_a_whole_jpeg_are_those_of_evaluation(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], written: Files
) -> None:
    data = saved(textured(456, 400), "JPEG", 6, quality=90)
    one = photograph(written("p.jpg", data), 32, 5)
    assert places(one, decode(data), (0, 0))
    assert (one.kind, one.width_px, one.height_px, one.orientation, one.make) == ("JPEG", 456, 400, 6, "Maker")


def test_crops_of_a_cropped_photograph_begin_on_the_grid_of_its_camera(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], written: Files
) -> None:
    first = decode(saved(textured(456, 400), "JPEG", quality=85))[5:, 3:]
    data = saved(first, "JPEG", quality=95)
    again = photograph(written("p.jpg", data), 32, 5)
    assert again.phase is not None
    assert again.phase.source == "earlier"
    assert places(again, decode(data), (5, 3))
    png = photograph(written("p.png", saved(first, "PNG")), 32, 5)
    assert png.phase is not None
    assert png.phase.source == "estimated"
    assert places(png, first, (5, 3))


def test_crops_of_a_picture_without_a_grid_are_anywhere(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], written: Files
) -> None:
    picture = textured(201, 153)
    one = photograph(written("a name that lies.jpg", saved(picture, "PNG")), 32, 5)
    assert (one.kind, one.error) == ("PNG", None)
    assert places(one, picture, None)


def _huge(data: bytes) -> bytes:
    changed = bytearray(data)
    place = data.index(b"\xff\xc0")
    changed[place + 5 : place + 9] = (30000).to_bytes(2, "big") * 2
    return bytes(changed)


def test_a_file_that_cannot_be_judged_has_its_reason(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], written: Files
) -> None:
    jpeg = saved(textured(96, 96), "JPEG", quality=95)
    bad = {
        b"": "is empty",
        b"PK\3\4": "is an archive",
        b"\xff\xd8": "is not a readable JPEG",
        jpeg[:3000]: "does not decode",
        _huge(jpeg): f"30000×30000 is beyond {DECODED_MAX_PX // 1_000_000} megapixels",
        saved(textured(31, 96), "JPEG"): "31×96 is smaller than the network's crop of 32 px",
        saved(textured(31, 96), "PNG"): "31×96 is smaller than the network's crop of 32 px",
        saved(textured(96, 96), "PNG")[:3000]: "does not decode",
    }
    for data, reason in bad.items():
        one = photograph(written("f", data), 32, 5)
        assert one.crops is None
        assert reason in str(one.error)
    assert photograph("missing.jpg", 32, 5).error == "cannot be read: No such file or directory"


def test_a_decoder_short_of_memory_is_an_error_of_that_file(written: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("train.prediction.photographs.decode_stored", short)
    stream = io.BytesIO()
    Image.new("RGB", (96, 96)).save(stream, "PNG")
    assert "more memory" in str(photograph(written("p.png", stream.getvalue()), 32, 5).error)


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "f.jpg"
    if kind == "folder":
        file.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(str(file))
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        os.mkfifo(file)
        if kind != "pipe":
            (tmp_path / "link.jpg").symlink_to(file)
            file = tmp_path / "link.jpg"
    error = str(photograph(str(file), 32, 5).error)
    assert any(word in error for word in ("is a pipe, a socket or a device", "Is a directory", "No such device"))
