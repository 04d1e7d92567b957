"""A model handed on: equal parts give equal bytes, they are read again, and nothing else is read."""

import hashlib
import json
import os
import resource
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from corpus.errors import StorageError
from corpus.sections import Training
from train.archive import reading
from train.archive.card import model_card
from train.archive.parts import Parts, model_of
from train.archive.reading import read_archive
from train.archive.writing import archive_bytes, write_archive
from train.model.loaded import Enrolled
from train.open_set.files import enrolled_bytes

NAMED = {"key": "alpha", "name": "Alpha", "make": ["M"], "model": ["A"], "sizes": ["96x96"]}


@pytest.fixture(scope="module")
def archive(parts_once: Parts, enrolled_once: bytes) -> bytes:
    return archive_bytes(replace(parts_once, enrolled=(enrolled_once,)))


@pytest.fixture
def rewritten(archive: bytes, tmp_path: Path) -> Callable[..., Path]:
    """Write the archive with members changed: bytes, or None to leave one out; `told` changes model.json."""

    def write(changes: dict[str, Any] | None = None, told: dict[str, Any] | None = None, **options: Any) -> Path:
        (tmp_path / "whole.zip").write_bytes(archive)
        with zipfile.ZipFile(tmp_path / "whole.zip") as old:
            members: dict[str, Any] = {name: old.read(name) for name in old.namelist()}
        members |= changes or {}
        if told is not None:
            members["model.json"] = json.dumps(json.loads(members["model.json"]) | told).encode()
        target = tmp_path / "model.zip"
        with zipfile.ZipFile(target, "w", **options) as new:
            for name, data in members.items():
                if data is not None:
                    new.writestr(name, data)
        return target

    return write


def test_a_model_is_read_as_it_was_written(parts_once: Parts, enrolled_once: bytes, tmp_path: Path) -> None:
    parts = replace(parts_once, enrolled=(enrolled_once,))
    sha256 = write_archive(parts, tmp_path / "model.zip")
    assert hashlib.sha256((tmp_path / "model.zip").read_bytes()).hexdigest() == sha256
    assert write_archive(parts, tmp_path / "again.zip") == sha256
    read = read_archive(tmp_path / "model.zip", "model.zip")
    assert (read.weights, read.enrolled, read.prototypes) == (parts.weights, parts.enrolled, parts.prototypes)
    model = model_of(read)
    assert model.cameras == ("alpha", "beta", "gamma", "delta-9")
    assert (model.temperature, model.name_of("beta"), model.name_of("delta-9")) == (1.5, "Beta", "Delta 9")
    crops = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    first, second = model.judge_all(crops, [2, 3])
    assert [share for _, share in model.judge(crops[:2]).cameras] == pytest.approx(
        [share for _, share in first.cameras]
    )
    assert model_of(parts).judge_all(crops, [2, 3]) == [first, second]
    assert sum(share for _, share in first.cameras) == pytest.approx(1)


def test_what_concerns_the_machine_that_trained_stays_behind(archive: bytes, rewritten: Callable[..., Path]) -> None:
    assert b"somebody" not in archive
    read = read_archive(rewritten(), "m")
    assert (read.config.train.cache_folder, read.config.train.threads) == (None, 0)
    assert "confusion" not in read.evaluation


def test_a_file_does_not_say_which_folder_is_a_cache_nor_how_much_a_machine_does(
    archive: bytes, rewritten: Callable[..., Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(rewritten()) as opened:
        train = json.loads(opened.read("model.json"))["train"]
    strange = {"cache_folder": "/home", "cache_gb": 0.001, "loaders": 64, "threads": 256, "workers": 9, "weights": "/x"}
    read = read_archive(rewritten(told={"train": train | strange}), "m").config.train
    own = Training()
    assert {key: getattr(read, key) for key in strange} == {key: getattr(own, key) for key in strange}


def test_the_card_says_what_was_measured_and_what_was_not(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(archive)
    with zipfile.ZipFile(tmp_path / "m.zip") as opened:
        card = opened.read("README.md").decode()
    for text in (
        "0001-abc", "| weighted | 0.876 | 0.800–0.930 |", "| unaltered | 0.900 | none |", "## Protocol", "## Limits",
        "Two devices are few.", "| alpha | Alpha | 10 | 2 | 0.900 | 0.700–0.980 | - |",
        "| jpeg_70 | 0.700 | 0.500–0.900 |", "No photograph, and where", "1 cameras were added without training",
    ):  # fmt: skip
        assert text in card


def test_the_card_says_nothing_that_does_not_hold(parts_once: Parts) -> None:
    trained = model_card(replace(parts_once, evaluation=dict(parts_once.evaluation) | {"split": "train"}))
    assert "that the network was trained on" in trained
    assert "No photograph, and where" not in trained
    assert "are calibrated on validation" not in trained
    assert "are calibrated on validation" in model_card(replace(parts_once, calibration={"photos": 9}))
    bare = model_card(replace(parts_once, evaluation={}))
    assert "This run has no evaluation." in bare
    assert "IEEE" not in bare
    assert "threshold" not in bare


def test_a_compressed_member_a_strange_one_and_one_too_many_are_refused(rewritten: Callable[..., Path]) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(StorageError) as caught:
            read_archive(path, "m")
        return str(caught.value)

    assert "compressed" in refused(rewritten(compression=zipfile.ZIP_DEFLATED))
    for name in ("../evil", "weights.pkl", "enrolled/../x.safetensors", "enrolled/A.safetensors", "/model.json"):
        assert "which no model has" in refused(rewritten({name: b"x"}))
    many = {f"enrolled/c{number}.safetensors": b"" for number in range(300)}
    assert "members; a model has at most" in refused(rewritten(many))
    assert "lacks weights.safetensors" in refused(rewritten({"weights.safetensors": None}))
    assert "lacks 'prototypes.safetensors'" in refused(rewritten({"prototypes.safetensors": None}))
    assert "is not what model.json says" in refused(rewritten({"prototypes.safetensors": b"other"}))
    assert "is not JSON" in refused(rewritten({"model.json": b'{"format": 1, '}))
    assert "is not JSON" in refused(rewritten({"model.json": b"[" * 100_000}))


def _with_large_directory(archive: bytes, members: int) -> bytes:
    """Return an archive whose end says that it has few members, and a ZIP64 record before it that it has many."""
    end = archive[-22:]
    first, length = int.from_bytes(end[16:20], "little"), int.from_bytes(end[12:16], "little")
    directory = archive[first : first + length]
    entry = directory[: 46 + int.from_bytes(directory[28:30], "little")]
    directory += entry * members
    record_at = first + len(directory)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, members, members, len(directory), first)
    begin = archive[:first] + directory + record + struct.pack("<4sIQI", b"PK\6\7", 0, record_at, 1)
    return begin + end[:16] + (len(begin) - length).to_bytes(4, "little") + end[20:]  # as if a short one were there


def test_a_directory_that_the_end_does_not_tell_of_is_not_read(
    archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(_with_large_directory(archive, 1000))
    with zipfile.ZipFile(path) as opened:
        assert len(opened.infolist()) > 1000  # the library itself takes it
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory was read"))
    for data in (path.read_bytes(), b"before" + archive, archive[:-22] + b"between" + archive[-22:]):
        path.write_bytes(data)
        with pytest.raises(StorageError, match="is not right before its end"):
            read_archive(path, "m")
    path.write_bytes(archive[:-2] + b"\5\0")
    with pytest.raises(StorageError, match="does not end as an archive"):
        read_archive(path, "m")


def test_a_member_above_its_limit_is_not_read(rewritten: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = rewritten()
    monkeypatch.setitem(reading.SIZE_MAX_BYTES, "weights.safetensors", 1000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("a member was read"))
    with pytest.raises(StorageError, match="at most 1000 are read"):
        read_archive(path, "m")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"format": 2}, "has format 2, this version reads 1"),
        ({"kind": "other"}, "does not say that it is a model"),
        ({"classes": ["alpha"]}, "two or more keys"),
        ({"classes": ["alpha", "alpha", "beta"]}, "each once"),
        ({"classes": ["alpha", "beta", "../x"]}, "keys of cameras"),
        ({"classes": "alpha"}, "a list must be"),
        ({"run": "../../x"}, "no plain name"),
        ({"train": {"network": 5}}, "not one that this version reads"),
        ({"train": {"unknown_key": 5}}, "not one that this version reads"),
        ({"catalogue": [{"key": "A b"}]}, "not one that this version reads"),
        ({"catalogue": [NAMED | {"name": "a\x1b[2J"}]}, "camera alpha is too long, or has characters"),
        ({"catalogue": [NAMED | {"make": ["M\u202e"]}]}, "camera alpha is too long, or has characters"),
        ({"open_set": []}, "no mapping"),
        ({"evaluation": {"open_set": ["x"]}}, "its evaluation is not one that this version reads: open_set"),
        ({"evaluation": {"open_set": {"enrolment": [{"photos": 1}]}}}, r"open_set\.enrolment\.0\.devices"),
        ({"evaluation": {"open_set": {"score": "energy", "unknown": {}}}}, r"open_set\.unknown\.photos"),
        ({"evaluation": {"weighted_accuracy": "high"}}, "weighted_accuracy"),
        ({"evaluation": {"weighted_interval": [0.1]}}, "weighted_interval"),
        ({"evaluation": {"accuracy": {"unaltered": "0.9"}}}, r"accuracy\.unaltered"),
        ({"evaluation": {"cameras": [{}]}}, r"cameras\.0\.camera"),
        ({"evaluation": {"notes": "a note"}}, "notes"),
        ({"calibration": None}, "no mapping"),
    ],
)
def test_a_description_that_is_none_is_refused(
    rewritten: Callable[..., Path], told: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StorageError, match=reason):
        read_archive(rewritten(told=told), "m")


def _enrolled(**changes: str) -> bytes:
    return enrolled_bytes(replace(Enrolled("delta-9", "Delta 9", "M", np.zeros((1, 256)), ("one",)), **changes))


def _prototypes(size: int, **changes: torch.Tensor) -> bytes:
    arrays = {"centre": torch.zeros(size), "projection": torch.eye(size), "means": torch.ones(3, size)}
    arrays |= {"weights": torch.ones(3), "cameras": torch.arange(3)}
    return safetensors.torch.save(arrays | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"calibration": {"temperature": -1}}, "temperature -1 is no number"),
        ({"calibration": {"temperature": "hot"}}, "temperature 'hot'"),
        ({"weights": b"nonsense"}, "no safetensors file"),
        ({"prototypes": b"nonsense"}, "no safetensors file"),
        ({"enrolled": (b"nonsense",)}, "enrolled camera 1"),
        ({"enrolled": (_enrolled(name="a\x1b[2J"),)}, "characters that are not seen"),
        ({"enrolled": (_enrolled(maker="M\u202e"),)}, "characters that are not seen"),
        ({"open_set": None}, "enrolled cameras but no prototypes"),
        ({"prototypes": _prototypes(7)}, "has 7 dimensions, the network 256"),
        ({"prototypes": _prototypes(1)}, "has 1 dimensions, the network 256"),
        ({"prototypes": _prototypes(256, cameras=torch.zeros(3, dtype=torch.bfloat16))}, "holds no prototypes"),
        ({"prototypes": _prototypes(256, cameras=torch.tensor(0))}, "holds no prototypes"),
    ],
)
def test_parts_that_do_not_fit_each_other_make_no_model(
    parts_once: Parts, enrolled_once: bytes, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StorageError, match=reason):
        model_of(replace(parts_once, enrolled=(enrolled_once,), **changes) if "enrolled" not in changes
                 else replace(parts_once, **changes))  # fmt: skip


def test_a_camera_whose_name_cannot_be_shown_is_not_handed_on(parts_once: Parts) -> None:
    odd = parts_once.cameras[0].model_copy(update={"name": "a\u200bb"})
    with pytest.raises(StorageError, match=r"camera alpha .* mend its entry in the catalogue"):
        archive_bytes(replace(parts_once, cameras=(odd,)))


@pytest.mark.parametrize("name", ["confusion", "nearest"])
def test_counts_below_0_are_refused(parts_once: Parts, name: str) -> None:
    assert parts_once.open_set is not None
    open_set = {**parts_once.open_set, name: {"alpha": {"beta": -2}}}
    with pytest.raises(StorageError, match="counts of photographs below 0"):
        model_of(replace(parts_once, open_set=open_set))


def test_a_network_that_its_weights_are_not_of_is_never_built(parts_once: Parts) -> None:
    train = parts_once.config.train.model_copy(update={"network": "vit_7b_patch16_dinov3", "crop_px": 256})
    config = replace(parts_once.config, train=train)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StorageError, match=r"does not fit the network 'vit_7b.*tensors differ, the first: "):
        model_of(replace(parts_once, config=config))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB: 27 GB would be its weights


def test_a_crop_beyond_any_network_is_refused_before_memory_is_asked_for(parts_once: Parts) -> None:
    train = parts_once.config.train.model_copy(update={"crop_px": 100_000})
    with pytest.raises(StorageError, match="100000 px are beyond"):
        model_of(replace(parts_once, config=replace(parts_once.config, train=train)))


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "pipe", "missing", "folder"])
def test_what_is_no_archive_is_refused(archive: bytes, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.zip"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"empty": b"", "cut": archive[:-30], "text": b"text" * 100}[kind])
    with pytest.raises(StorageError, match="m:"):
        read_archive(path, "m")


def test_a_damaged_byte_is_noticed(archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    place = archive.index(b"classifier") + 4000
    path.write_bytes(archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :])
    with pytest.raises(StorageError, match=r"CRC|is not what"):
        read_archive(path, "m")
