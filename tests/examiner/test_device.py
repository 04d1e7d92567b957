"""`shutterprint device` and `examine --device`: what they print, their exit codes, and the bytes of a fingerprint."""

import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.detectors.prnu.reading import read_fingerprint
from examiner.device import main


def photograph(device: int, scene: int) -> bytes:
    """Return a PNG of a smooth scene, with the device's pattern of 2 %."""
    pattern = np.random.default_rng((1, device)).normal(1, 0.02, (192, 256, 1))
    random = np.random.default_rng((2, scene))
    light = cv2.resize(random.uniform(60, 230, (6, 8, 3)), (256, 192), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(light * pattern + random.normal(0, 2, (192, 256, 1)), 0, 255).round().astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(picture).save(saved, "PNG")
    return saved.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photographs by two devices: ten each as references, two each to judge."""
    folder = tmp_path_factory.mktemp("photographs")
    for device in (1, 2):
        for scene in range(12):
            place = folder / ("references" if scene < 10 else "judged") / f"{device}" / f"{scene:02}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(photograph(device, 100 * device + scene))
    return folder


@pytest.fixture(scope="module")
def devices(folder: Path) -> tuple[Path, Path]:
    """Return the files of two fingerprints."""
    made = folder / "one.npz", folder / "two.npz"
    for number, file in enumerate(made, 1):
        sys.argv = ["shutterprint device", "build", str(folder / "references" / str(number)), "-o", str(file)]
        assert main() == 0
    return made


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["shutterprint device", *map(str, words)])
    return main()


def test_the_same_photographs_give_the_same_bytes_in_whatever_order(
    folder: Path,
    devices: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    references = sorted((folder / "references" / "1").iterdir(), reverse=True)
    assert run(monkeypatch, "build", *references) == 0
    said = capsysbinary.readouterr()
    assert said.out == devices[0].read_bytes()
    assert b"256\xc3\x97192 px from 10 photographs" in said.err
    assert b"of 20 photographs and more" in said.err


def test_a_photograph_matches_its_own_device_only(
    folder: Path, devices: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "match", "--json", devices[0], folder / "judged") == 0
    answers = json.loads(capsys.readouterr().out)["photographs"]
    assert [each["matches"] for each in answers] == [True, True, False, False]
    assert run(monkeypatch, "match", devices[0], folder / "judged" / "1") == 0
    shown = capsys.readouterr().out
    assert "The sensor's pattern of one.npz is in this photograph (peak-to-correlation energy" in shown
    assert "HDR, night mode" in shown


def test_a_reference_is_no_match(
    folder: Path, devices: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "match", devices[0], folder / "references" / "1" / "03.png") == 0
    assert "is one of the 10 from which the fingerprint one.npz was made" in capsys.readouterr().out


def test_fingerprints_are_compared(
    folder: Path,
    devices: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    again = tmp_path / "again.npz"
    assert run(monkeypatch, "build", folder / "judged" / "1", "-o", again) == 0
    assert run(monkeypatch, "compare", devices[0], again) == 0
    assert "are of one device" in capsys.readouterr().out
    assert run(monkeypatch, "compare", *devices) == 0
    assert "do not match" in capsys.readouterr().out
    assert run(monkeypatch, "compare", devices[0], devices[0]) == 0
    assert "10 photographs went into both" in capsys.readouterr().out


def test_a_folder_is_sorted_by_device(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "group", "--json", folder) == 0
    groups = [each["photographs"] for each in json.loads(capsys.readouterr().out)["groups"]]
    assert [{Path(path).parent.name for path in group} for group in groups] == [{"1"}, {"2"}]
    assert [len(group) for group in groups] == [12, 12]
    assert run(monkeypatch, "group", folder / "judged") == 0
    assert "device 2: 2 photographs of 256×192 px" in capsys.readouterr().out


def test_files_that_cannot_be_used_are_named_and_the_exit_code_is_1(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Image.new("RGB", (300, 300)).save(tmp_path / "other.png")
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(photograph(1, 100))  # the same file counts once
    (tmp_path / "c.png").write_bytes(photograph(1, 101))
    assert run(monkeypatch, "build", tmp_path, "-o", tmp_path / "one.npz") == 1
    said = capsys.readouterr().err
    assert "text.jpg: is no JPEG" in said
    assert "cut.jpg: " in said
    assert "other.png: is 300×300 px, and most are 256×192 px; left out" in said
    assert read_fingerprint(tmp_path / "one.npz").photographs == 2


def test_an_examination_says_whether_a_device_took_the_photograph(folder: Path, devices: tuple[Path, Path]) -> None:
    fingerprints = [read_fingerprint(each) for each in devices]
    data = (folder / "judged" / "2" / "11.png").read_bytes()
    report = examiner.examine(data, devices=fingerprints)
    said = [each.statement for each in report.findings if each.group == "device"]
    assert said[0].startswith("The sensor's pattern of one.npz is not seen in this photograph")
    assert said[1].startswith("The sensor's pattern of two.npz is in this photograph")
    assert not [each for each in examiner.examine(data).findings if each.group == "device"]
    small = io.BytesIO()
    Image.new("RGB", (40, 40)).save(small, "PNG")
    (finding,) = (each for each in examiner.examine(small.getvalue(), devices=fingerprints[:1]).findings
                  if each.group == "device")  # fmt: skip
    assert finding.level == "none"
