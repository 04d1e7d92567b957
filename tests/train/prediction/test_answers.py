"""Answers for many files: in order, in loaders or not, turned pictures turned back, each fault the file's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from corpus.cameras.catalogue import Catalogue
from corpus.configuration import read_configuration
from corpus.errors import StageError
from train.archive.loading import load_model
from train.data.crops import decode
from train.model.loaded import Model
from train.prediction import answers as module
from train.prediction.answers import Answer, answers
from train.prediction.finding import Found
from train.prediction.photographs import Photographs


@pytest.fixture(scope="module")
def catalogue(trained: Path) -> Catalogue:
    return read_configuration(trained).whole_catalogue


@pytest.fixture(scope="module")
def model(trained: Path, catalogue: Catalogue) -> Model:
    return load_model(read_configuration(trained).store, "latest", catalogue)


@pytest.fixture
def judged(model: Model, catalogue: Catalogue) -> Callable[..., list[Answer]]:
    return lambda *paths, loaders=0: list(answers(model, catalogue, [Found(str(path)) for path in paths], loaders))


@pytest.fixture(scope="module")
def striped(photo: Callable[..., bytes]) -> np.ndarray:
    """Return a wide photograph of the camera whose lines are of two levels."""
    return np.ascontiguousarray(decode(photo("striped", 7, edge_px=128))[:96])


def test_a_tall_picture_counts_as_turned_where_its_traces_say_so(
    judged: Callable[..., list[Answer]], striped: np.ndarray, saved: Callable[..., bytes], tmp_path: Path
) -> None:
    for name, picture in {
        "wide": striped,
        "right": cv2.rotate(striped, cv2.ROTATE_90_CLOCKWISE),
        "left": cv2.rotate(striped, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }.items():
        (tmp_path / f"{name}.jpg").write_bytes(saved(picture, "JPEG", quality=97, subsampling=0))
    wide, right, left = judged(*(tmp_path / f"{name}.jpg" for name in ("wide", "right", "left")))
    assert [each.cameras[0][0] for each in (wide, right, left)] == ["striped"] * 3
    assert wide.turned is None
    # lines of two levels look alike from both sides, so only the axis is sure
    for turned in (right, left):
        assert str(turned.turned).startswith("turned by 90°")
        assert turned.turned in turned.notes


def test_a_network_trained_on_turned_crops_is_asked_once(
    model: Model, catalogue: Catalogue, striped: np.ndarray, saved: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "p.jpg").write_bytes(saved(cv2.rotate(striped, cv2.ROTATE_90_CLOCKWISE), "JPEG", quality=97))
    flipped = replace(model, settings=model.settings.model_copy(update={"flips": "d4"}))
    [answer] = answers(flipped, catalogue, [Found(str(tmp_path / "p.jpg"))], 0)
    assert answer.turned is None


def test_exif_turns_nothing_but_is_told(
    judged: Callable[..., list[Answer]], photo: Callable[..., bytes], saved: Callable[..., bytes], tmp_path: Path
) -> None:
    picture = decode(photo("grainy", 27))
    for orientation in (1, 6):
        (tmp_path / f"{orientation}.jpg").write_bytes(saved(picture, "JPEG", orientation, quality=97))
    plain, tagged = judged(tmp_path / "1.jpg", tmp_path / "6.jpg")
    assert (plain.orientation, tagged.orientation) == (1, 6)
    assert tagged.cameras == plain.cameras
    assert (tagged.claim, tagged.verdict, tagged.phase, tagged.phase_source) == ("grainy", "agrees", (0, 0), "own")


def test_other_formats_are_judged_with_a_note_on_what_is_lost(
    judged: Callable[..., list[Answer]], photo: Callable[..., bytes], saved: Callable[..., bytes], tmp_path: Path
) -> None:
    picture = decode(photo("grainy", 27))
    kinds = ("PNG", "TIFF", "WebP")
    for kind in kinds:
        (tmp_path / kind).write_bytes(saved(picture, kind, 1, **({"quality": 95} if kind == "WebP" else {})))
    found = judged(*(tmp_path / kind for kind in kinds))
    assert [(each.kind, each.cameras[0][0], each.verdict) for each in found] == [
        (kind, "grainy", "agrees") for kind in kinds
    ]
    assert all(any("no tables" in note or "compressed it again" in note for note in each.notes) for each in found)


@pytest.mark.slow
def test_loaders_answer_as_one_process_does_in_the_order_of_the_files(
    judged: Callable[..., list[Answer]], photo: Callable[..., bytes], tmp_path: Path, model: Model, catalogue: Catalogue
) -> None:
    cameras = ["grainy", "smooth", "striped"] * 4
    for number, camera in enumerate(cameras):
        (tmp_path / f"{number:02d}.jpg").write_bytes(photo(camera, number))
    (tmp_path / "05.jpg").write_bytes(b"no photograph")
    files = [*(Found(str(path)) for path in sorted(tmp_path.iterdir())), Found("x.zip", "is an archive")]
    parallel = list(answers(model, catalogue, files, 2))
    assert [each.file for each in parallel] == [each.path for each in files]
    assert [each.error is None for each in parallel] == [number not in (5, 12) for number in range(13)]
    assert parallel[12].error == "is an archive"
    alone = list(answers(model, catalogue, files, 0))
    assert [each.cameras for each in parallel] == [each.cameras for each in alone]


DEADLY = """
import os, signal
from train.prediction.photographs import Photographs

class Deadly(Photographs):
    def __getitems__(self, paths):
        if any(" deadly" in path for path in paths):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitems__(paths)
"""


@pytest.mark.slow
def test_a_file_that_ends_its_loader_is_the_only_one_without_an_answer(
    photo: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_photographs.py").write_text(DEADLY)  # where loaders can import it, too
    monkeypatch.syspath_prepend(tmp_path)
    from deadly_photographs import Deadly  # type: ignore[import-not-found]

    for number in range(4):
        (tmp_path / f"{number}{' deadly' if number == 2 else ''}.jpg").write_bytes(photo("grainy", number))
    paths = [str(path) for path in sorted(tmp_path.glob("*.jpg"))]
    found = list(module._loaded(Deadly(32, 2), paths, 1))
    assert [each.path for each in found] == paths
    assert [each.error is None for each in found] == [number != 2 for number in range(4)]
    assert "ends the process" in str(found[2].error)


def test_loaders_that_end_whatever_they_decode_stop_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise StageError("a loader process was killed")

    monkeypatch.setattr(module, "load", ended)
    with pytest.raises(StageError, match="was killed"):
        list(module._loaded(Photographs(32, 2), [f"{number}.jpg" for number in range(100)], 2))
