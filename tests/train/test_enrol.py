"""`shutterprint enrol` and `shutterprint export`: a camera is added without training, and a model is handed on."""

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from corpus.errors import ShutterprintError
from train import enrol, evaluate, export
from train.archive.loading import load_model
from train.prediction.photographs import photograph

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; returns its exit code and what it printed."""

    def run(main: Callable[[], int], file: Path, *arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["command", "--config", str(file), *map(str, arguments)])
        return main(), capsys.readouterr().out

    return run


@pytest.fixture
def own(held_out: Path, tmp_path: Path) -> Path:
    """Return the configuration of a copy of the run that `striped` was held out of."""
    return shutil.copytree(held_out.parent, tmp_path / "own") / held_out.name


@pytest.fixture
def striped(tmp_path: Path, photo: Callable[..., bytes]) -> Path:
    """Return a folder with twelve photographs of the camera that was held out."""
    folder = tmp_path / "striped"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.jpg").write_bytes(photo("striped", 500 + number))
    return folder


def _states(folder: Path) -> dict[Path, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _answers(file: Path, where: str, folder: Path, camera: str, photo: Callable[..., bytes]) -> list[str]:
    configuration = read_configuration(file)
    model = load_model(configuration.store, where, configuration.whole_catalogue)
    answers = []
    for seed in range(900, 908):
        path = folder.parent / "asked.jpg"
        path.write_bytes(photo(camera, seed))
        crops = photograph(str(path), 32, 2).crops
        assert crops is not None
        answers.append(model.judge(crops).likeliest)
    return answers


def test_an_enrolled_camera_is_named_known_ones_keep_their_names_and_no_published_file_changes(
    own: Path, striped: Path, command: Command, photo: Callable[..., bytes]
) -> None:
    before = _states(own.parent)
    code, text = command(enrol.main, own, "striped", striped, "--run", "latest")
    assert code == 0
    assert "striped (The striped one) is enrolled from 12 photographs: runs/" in text
    assert re.search(r"(\d+) of 12 of its photographs are named right, each by an enrolment from the others", text)
    assert "note: all of them are by one device" in text
    assert re.search(
        r"for comparison: cameras held out .* by \d devices? were named right in \d+% of the photographs", text
    )
    after = _states(own.parent)
    assert {path: after[path] for path in before} == before
    [new] = set(after) - set(before)
    assert new.parts[-2:] == ("enrolled", "striped.safetensors")
    assert _answers(own, "latest", striped, "striped", photo).count("striped") >= 7
    for camera in ("grainy", "smooth"):
        assert _answers(own, "latest", striped, camera, photo).count(camera) >= 6


def test_a_model_is_handed_on_enrolled_in_and_handed_on_again(
    own: Path, striped: Path, command: Command, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    code, text = command(export.main, own, "latest", tmp_path / "model.zip")
    sha256 = hashlib.sha256((tmp_path / "model.zip").read_bytes()).hexdigest()
    assert (code, f"2 cameras, sha256={sha256}" in text) == (0, True)
    assert "agrees with what" in command(evaluate.main, own, tmp_path / "model.zip")[1]
    before = _states(own.parent)
    arguments = ("stripes-2", striped, "--name", "Two stripes", "--run", tmp_path / "model.zip")
    with pytest.raises(ShutterprintError, match="name a new one with --out"):
        command(enrol.main, own, *arguments)
    with pytest.raises(ShutterprintError, match="its folder does not exist"):
        command(enrol.main, own, *arguments, "--out", tmp_path / "none" / "new.zip")
    code, text = command(enrol.main, own, *arguments, "--out", tmp_path / "new.zip")
    assert (code, "stripes-2 (Two stripes) is enrolled" in text) == (0, True)
    assert _states(own.parent) == before
    assert hashlib.sha256((tmp_path / "model.zip").read_bytes()).hexdigest() == sha256
    command(export.main, own, tmp_path / "new.zip", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "new.zip").read_bytes()
    answers = _answers(own, str(tmp_path / "again.zip"), striped, "striped", photo)
    assert answers.count("stripes-2") >= 7


def test_photographs_that_cannot_be_used_are_named_and_too_few_are_refused(
    own: Path, striped: Path, command: Command
) -> None:
    (striped / "bad.jpg").write_bytes(b"no photograph")
    shutil.copy(striped / "03.jpg", striped / "twin.jpg")
    code, text = command(enrol.main, own, "striped", striped)
    assert code == 1
    assert re.search(r"bad\.jpg: .*\n", text)
    assert re.search(r"twin\.jpg: is the same file as .*03\.jpg", text)
    assert "from 12 photographs" in text
    for camera, photos, reason in (
        ("striped", [striped / "00.jpg", striped / "bad.jpg"], "1 readable photographs; 3 to 1000"),
        ("grainy", [striped], "was trained on this camera"),
        ("Not A Key", [striped], "is no camera's key"),
        ("new", [striped, "--name", "a\x1b[2J"], "--name .* has characters that are not seen"),
    ):
        with pytest.raises(ShutterprintError, match=reason):
            command(enrol.main, own, camera, *photos)


def test_an_export_names_what_it_cannot_do(own: Path, command: Command, tmp_path: Path) -> None:
    with pytest.raises(ShutterprintError, match=r"ends in \.zip"):
        command(export.main, own, "latest", tmp_path / "model.tar")
    with pytest.raises(ShutterprintError, match="its folder does not exist"):
        command(export.main, own, "latest", tmp_path / "none" / "model.zip")
    with pytest.raises(SystemExit):
        command(export.main, own, "latest")


def test_a_run_without_prototypes_answers_and_enrols_nothing(own: Path, striped: Path, command: Command) -> None:
    store = read_configuration(own).store
    [name] = store.names("runs")
    store.remove(f"runs/{name}/open_set.json")
    model = load_model(store, name)
    assert (model.open_set, model.prototypes) == (None, None)
    with pytest.raises(ShutterprintError, match="has no prototypes"):
        command(enrol.main, own, "striped", striped)
