"""Genuine photographs are chosen by device, trials spread over them, and a calibration is measured on a generation."""

import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from corpus.errors import StageError
from corpus.storage import Store, open_store
from examiner import calibrate
from examiner.calibration.gathered import gathered, part_bytes, part_of
from examiner.calibration.measured import calibration_of
from examiner.knowledge import Knowledge
from examiner.trials.genuine import genuine_photographs
from examiner.trials.measuring import measured_part, works_for
from examiner.trials.planted import TRIALS

SPLITS = ("test", "test", "train")


def jpeg(seed: int) -> bytes:
    saved, random = io.BytesIO(), np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (20, 20, 3), np.uint8)).resize((320, 320), 3)
    pixels = np.asarray(coarse) + random.normal(0, 4, (320, 320, 3))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(saved, "JPEG", quality=95)
    return saved.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a generation: photographs by three devices, of which one is in the training split; one refused."""
    root = tmp_path_factory.mktemp("store")
    store, rows = open_store(str(root)), []
    for number in range(9):
        data, device = jpeg(number), number % 3
        path = f"originals/folder/{number}.jpg"
        store.publish(path, data)
        rows.append({
            "photo": f"folder:{number}", "version": "1", "kept": number != 7, "split": SPLITS[device], "fold": device,
            "group": f"device-{device}", "original": path, "sha256": hashlib.sha256(data).hexdigest(),
        })  # fmt: skip
    store.publish_table("curated/0001-abcdef/photos.parquet", pa.Table.from_pylist(rows))
    store.publish_json("curated/0001-abcdef/natives.json", [])
    store.mark_done("curated/0001-abcdef", {})
    return root


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store(str(folder))


def test_kept_photographs_of_the_split_are_chosen_device_by_device(store: Store) -> None:
    found = genuine_photographs(store, "0001-abcdef", "test")
    assert [each.device for each in found] == ["device-0", "device-1", "device-0", "device-1", "device-0"]
    assert "folder:7" not in {each.photo for each in found}
    assert genuine_photographs(store, "0001-abcdef", "test", photos=2) == found[:2]
    assert len(genuine_photographs(store, "0001-abcdef", "all")) == 8
    assert {each.device for each in genuine_photographs(store, "0001-abcdef", "test", fold=2)} == {"device-2"}
    with pytest.raises(StageError, match="kept no photograph in the split validation"):
        genuine_photographs(store, "0001-abcdef", "validation")


def test_each_trial_is_spread_over_as_many_photographs_as_wanted(store: Store) -> None:
    found = genuine_photographs(store, "0001-abcdef", "all")
    works = works_for(found, 3)
    assert set(Counter(trial for work in works for trial in work.trials).items()) == {
        (t, 3) for t in range(len(TRIALS))
    }
    assert all(work.other.device != work.genuine.device for work in works)
    assert all(len(work.trials) == len(TRIALS) for work in works_for(found, 100))


def test_a_photograph_is_measured_alike_each_time(store: Store) -> None:
    works = works_for(genuine_photographs(store, "0001-abcdef", "test", photos=2), 2)
    place = next(place for place, trial in enumerate(TRIALS) if trial.what == "saved at 60, cropped, saved at 90")
    work = type(works[0])(works[0].genuine, works[0].other, (place,))
    part = measured_part(work, store, Knowledge())
    assert part_bytes(part) == part_bytes(measured_part(work, store, Knowledge()))
    (planted,) = part.planted
    assert planted.score is not None
    assert planted.score > part.genuine["shifted_grid"] + 3


@pytest.mark.slow
def test_the_command_writes_a_calibration_and_goes_on_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "pipelines.yaml", tmp_path / "measured.json"
    config.write_text(f"storage: {folder}\n")
    command = [
        "calibrate",
        "--config",
        str(config),
        "--photos",
        "3",
        "--planted",
        "1",
        "--jobs",
        "1",
        "--out",
        str(out),
    ]
    monkeypatch.setattr("sys.argv", [*command, "--origin", "photographs of a test"])
    monkeypatch.setattr(calibrate, "gathered", interrupted)
    with pytest.raises(KeyboardInterrupt):
        calibrate.main()
    parts = tmp_path / "measured.json.parts"
    assert len(list(parts.iterdir())) == 3
    planted = [one.finding for each in parts.iterdir() for one in part_of(each.read_bytes(), each.name).planted]
    assert planted.count("shifted_grid") == sum(t.finding == "shifted_grid" for t in TRIALS)
    next(parts.iterdir()).unlink()
    monkeypatch.setattr(calibrate, "gathered", gathered)
    assert calibrate.main() == 0
    calibration = calibration_of(out.read_bytes(), out.name)
    assert calibration.origin == "photographs of a test"
    assert len(calibration.findings["shifted_grid"].scores) == 3
    assert calibration.findings["shifted_grid"].devices == 2
    assert calibration.findings["shifted_grid"].detection == ()  # three photographs make nothing unusual
    assert not parts.exists()
    said = capsys.readouterr().out
    assert "measuring: 3 of 3" in said
    assert "with fewer than 99 nothing is ever unusual" in said


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt
