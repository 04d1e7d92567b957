"""A decoder gives pixels of strangers' files, and a sentence where one hangs it, ends it or takes too much."""

import io
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import examiner.device
from examiner.detectors.prnu.fingerprint import Estimate
from examiner.detectors.prnu.stored import as_npz
from examiner.photograph.opened import Photograph
from examiner.sandbox.confined import NextFrame
from examiner.sandbox.decoder import Decoder, _decoded

_FAULTY_DECODER = """
import os, time
import PIL.PngImagePlugin as png

def load(self, real=png.PngImageFile.load):
    if self.info.get("harm") == "hangs":
        time.sleep(3600)
    if self.info.get("harm") == "kills":
        os.abort()
    return real(self)

png.PngImageFile.load = load
"""


def png(harm: str = "", width_px: int = 256, height_px: int = 192) -> bytes:
    """Return a PNG; `harm`: what a decoder with a fault does when it decodes it."""
    from PIL.PngImagePlugin import PngInfo

    noise = np.random.default_rng(5).integers(0, 256, (height_px, width_px, 3), np.uint8)
    saved, said = io.BytesIO(), PngInfo()
    said.add_text("harm", harm)
    Image.fromarray(noise).save(saved, "PNG", pnginfo=said)
    return saved.getvalue()


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every Python that starts from here on a decoder of PNG with a fault; this process keeps a sound one."""
    place = tmp_path / "faulty"
    place.mkdir()
    (place / "sitecustomize.py").write_text(_FAULTY_DECODER)
    monkeypatch.setenv("PYTHONPATH", str(place))


def test_pixels_size_and_claim_are_those_of_the_file() -> None:
    saved = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Garnet", "V1"
    Image.open(io.BytesIO(png())).save(saved, "JPEG", quality=90, exif=exif)
    with Decoder() as decoder:
        for data, claim in ((saved.getvalue(), "Garnet V1"), (png(), "")):
            decoded = decoder.decode(data)
            assert decoded.luma is not None
            assert np.array_equal(decoded.luma, Photograph(data).luma)
            assert (decoded.size_px, decoded.claim) == ((256, 192), claim)
            assert decoder.decode(data, luma=False).luma is None
        with pytest.raises(ValueError, match="is a GIF"):
            decoder.decode(b"GIF89a")


@pytest.mark.usefixtures("faulty")
def test_a_file_that_ends_the_decoder_gets_a_sentence_and_the_next_one_its_pixels() -> None:
    with Decoder() as decoder:
        decoder.decode(png())
        with pytest.raises(ValueError, match=r"^ends the process that decodes it \(SIGABRT\)$"):
            decoder.decode(png("kills"))
        assert decoder.decode(png()).luma is not None


@pytest.mark.usefixtures("faulty")
def test_a_file_that_hangs_the_decoder_gets_a_sentence_and_its_process_ends() -> None:
    with Decoder(timeout_s=0.5) as hasty:
        with pytest.raises(ValueError, match="takes longer than 0 s"):
            hasty.decode(png("hangs"))
        assert hasty._process is None


def test_a_file_that_takes_too_much_memory_gets_a_sentence() -> None:
    wide = io.BytesIO()
    Image.new("RGB", (12_000, 10_000)).save(wide, "PNG", compress_level=1)
    with Decoder(memory_bytes=200 << 20) as small, pytest.raises(ValueError, match="memory"):
        small.decode(wide.getvalue())


def no_frame(most_bytes: int) -> bytes:
    raise AssertionError("asked for a frame")


@pytest.mark.parametrize(
    "changed",
    [{"width_px": 1 << 40}, {"height_px": 0}, {"width_px": "64"}, {"claim": "x" * 2000}, {"claim": None}],
)
def test_an_answer_that_is_none_is_refused_before_its_pixels_are_read(changed: dict[str, object]) -> None:
    answer = {"fault": None, "width_px": 64, "height_px": 64, "claim": "", "luma": True}
    with pytest.raises((ValueError, TypeError)):
        _decoded(answer | changed, no_frame)


def test_pixels_that_are_too_few_are_refused() -> None:
    few: NextFrame = lambda most_bytes: bytes(most_bytes - 1)  # noqa: E731
    with pytest.raises(ValueError, match="reshape"):
        _decoded({"fault": None, "width_px": 64, "height_px": 64, "claim": "", "luma": True}, few)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a fingerprint, two files that harm a faulty decoder, and a sound one."""
    random = np.random.default_rng(3)
    estimate = Estimate((256, 192))
    estimate.add(random.integers(80, 170, (192, 256)).astype(np.uint8))
    (tmp_path / "one.npz").write_bytes(as_npz(estimate.fingerprint()))
    for harm in ("hangs", "kills"):
        (tmp_path / f"{harm}.png").write_bytes(png(harm))
    Image.open(io.BytesIO(png())).save(tmp_path / "sound.jpg")
    return tmp_path


@pytest.mark.usefixtures("faulty")
def test_device_names_the_files_that_harm_its_decoder_and_judges_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examiner.device, "Decoder", partial(Decoder, timeout_s=3))
    files = [str(folder / name) for name in ("hangs.png", "kills.png", "sound.jpg")]
    monkeypatch.setattr(sys, "argv", ["shutterprint device", "match", str(folder / "one.npz"), *files])
    assert examiner.device.main() == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"{files[0]}: takes longer than 3 s",
        f"{files[1]}: ends the process that decodes it (SIGABRT)",
    ]
    assert files[2] in said.out


@pytest.mark.slow
@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("command", [["build", "-o", "{folder}/out.npz"], ["group"]], ids=["build", "group"])
def test_so_do_build_and_group(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    words = [each.format(folder=folder) for each in command]
    files = [str(folder / name) for name in ("kills.png", "sound.jpg")]
    monkeypatch.setattr(sys, "argv", ["shutterprint device", *words, *files])
    assert examiner.device.main() == 1
    err = capsys.readouterr().err
    assert f"{files[0]}: ends the process that decodes it (SIGABRT)" in err
    assert "sound.jpg:" not in err
