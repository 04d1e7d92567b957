"""A fingerprint as a file: the same bytes for the same fingerprint, and a sentence for every other file."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import StageError, StorageError
from examiner.detectors.prnu.fingerprint import Fingerprint
from examiner.detectors.prnu.reading import read_fingerprint
from examiner.detectors.prnu.stored import as_npz, fingerprint_of


@pytest.fixture(scope="module")
def fingerprint() -> Fingerprint:
    steps = np.random.default_rng(1).integers(-127, 128, (70, 90)).astype(np.int8)
    return Fingerprint(steps, 12, ("aa", "bb"), ("Maker Model",))


def test_a_fingerprint_is_read_as_it_was_written(fingerprint: Fingerprint) -> None:
    data = as_npz(fingerprint)
    read = fingerprint_of(data, "mine.npz")
    assert np.array_equal(read.steps, fingerprint.steps)
    assert (read.photographs, read.digests, read.claims) == (12, ("aa", "bb"), ("Maker Model",))
    assert (read.name, read.size_px) == ("mine.npz", (90, 70))
    assert as_npz(read) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as numpy_s:
        assert np.array_equal(numpy_s["pattern"], fingerprint.steps)


def test_no_entry_has_the_time_at_which_it_was_written(fingerprint: Fingerprint) -> None:
    with zipfile.ZipFile(io.BytesIO(as_npz(fingerprint))) as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def rewritten(data: bytes, name: str, entry: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w", compression) as new:
        for each in old.namelist():
            new.writestr(each, entry if each == name else old.read(each))
    return changed.getvalue()


def refusal(data: bytes) -> str:
    try:
        fingerprint_of(data, "mine.npz")
    except StorageError as error:
        return str(error)
    return ""


def npy(array: object) -> bytes:
    written = io.BytesIO()
    np.save(written, np.asarray(array), allow_pickle=True)
    return written.getvalue()


def test_other_files_are_refused_with_a_sentence(fingerprint: Fingerprint) -> None:
    data = as_npz(fingerprint)
    header = npy(np.zeros((2, 2), np.int8))[:128]
    others = {
        "nothing": b"",
        "no archive": b"x" * 1000,
        "cut off": data[: len(data) // 2],
        "flipped": data[:500] + bytes([data[500] ^ 1]) + data[501:],
        "objects": rewritten(data, "pattern.npy", npy([{"a": 1}])),
        "floats": rewritten(data, "pattern.npy", npy(np.zeros((70, 90)))),
        "a bomb": rewritten(data, "pattern.npy", npy(np.zeros((9000, 9000), np.int8)), zipfile.ZIP_DEFLATED),
        "more than there is": rewritten(data, "pattern.npy", header.replace(b"(2, 2), }", b"(99999, 99999), }")),
        "tiny": rewritten(data, "pattern.npy", npy(np.zeros((2, 2), np.int8))),
        "another form": rewritten(data, "about.npy", npy(np.frombuffer(b'{"form": "x"}', np.uint8))),
        "no JSON": rewritten(data, "about.npy", npy(np.frombuffer(b"{", np.uint8))),
        "a list": rewritten(data, "about.npy", npy(np.frombuffer(b"[1]", np.uint8))),
        "deep": rewritten(data, "about.npy", npy(np.frombuffer(b"[" * 100_000, np.uint8))),
    }
    for what, other in others.items():
        assert "mine.npz: is no fingerprint of a device" in refusal(other), what


def test_cut_and_flipped_files_give_the_fingerprint_or_a_sentence(fingerprint: Fingerprint) -> None:
    data, random = as_npz(fingerprint), np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(data[: int(random.integers(1, len(data) + 1))] if random.random() < 0.3 else data)
        for at in random.integers(0, len(changed), 3):
            changed[at] = int(random.integers(0, 256))
        assert refusal(bytes(changed)) == "" or "mine.npz" in refusal(bytes(changed))


def test_a_file_that_is_not_there_is_a_sentence_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="there is no such file; `shutterprint device build -o"):
        read_fingerprint(tmp_path / "none.npz")
