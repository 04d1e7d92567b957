"""`python -m train.predict`: every photograph gets its row, whatever is wrong with it."""

import io
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corpus.command_line import exit_with
from corpus.configuration import read_configuration
from corpus.errors import StorageError
from corpus.sections import Training
from corpus.storage import open_store
from train.fit.runs import RunConfig, find_run, open_run
from train.predict import Predictor, load_predictor, main


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    configuration = read_configuration(trained)
    return load_predictor(find_run(configuration.store, "latest"), configuration.whole_catalogue)


@pytest.fixture
def picture(tmp_path: Path, photo: Callable[..., bytes]) -> Callable[..., Path]:
    """Write a photograph, with an EXIF claim where a model is given."""

    def write(camera: str, model: str | None = None, name: str = "p.jpg") -> Path:
        data = photo(camera, 99)
        if model:
            exif = Image.Exif()
            exif[0x010F], exif[0x0110] = "Maker", model
            body = exif.tobytes()
            data = data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("model", "claim", "verdict"),
    [
        ("GRAINY", "grainy", "agrees"),
        ("SMOOTH", "smooth", "contradicts"),
        (None, None, "no claim"),
        ("OTHER", "other", "not a camera this network knows"),
        ("Never heard of", None, "not a camera this network knows"),
    ],
)
def test_what_the_pixels_say_is_compared_with_what_the_exif_claims(
    predictor: Predictor, picture: Callable[..., Path], model: str | None, claim: str | None, verdict: str
) -> None:
    answer = predictor.answer(picture("grainy", model))
    assert answer.error is None
    assert answer.cameras[0][0] == "grainy"
    assert sum(share for _, share in answer.cameras) == pytest.approx(1.0)
    assert (answer.claim, answer.verdict) == (claim, verdict)


def _png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (96, 96)).save(stream, "PNG")
    return stream.getvalue()


def _small() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (31, 96)).save(stream, "JPEG")
    return stream.getvalue()


def _huge() -> bytes:
    """A small picture whose header says that it has 900 megapixels."""
    data = bytearray(_small())
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = (30000).to_bytes(2, "big") * 2
    return bytes(data)


def _truncated() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()[:3000]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_png(), "is not a readable JPEG"),
        (b"", "is not a readable JPEG"),
        (_small(), "31×96 is smaller than the network's crop of 32 px"),
        (_huge(), "30000×30000 is beyond 200 megapixels"),
        (_truncated(), "does not decode"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["png", "empty", "small", "huge", "truncated", "missing"],
)
def test_a_file_that_cannot_be_judged_has_its_reason(
    predictor: Predictor, tmp_path: Path, data: bytes | None, reason: str
) -> None:
    file = tmp_path / "f.jpg"
    if data is not None:
        file.write_bytes(data)
    answer = predictor.answer(file)
    assert answer.error is not None
    assert reason in answer.error
    assert answer.cameras == ()


def test_the_oddities_of_some_cameras_change_no_answer_and_excuse_no_damage(
    predictor: Predictor,
    picture: Callable[..., Path],
    odd: Callable[[bytes], bytes],
    damage: Callable[[bytes], bytes],
) -> None:
    file = picture("grainy", "GRAINY")
    plain, expected = file.read_bytes(), predictor.answer(file)
    file.write_bytes(odd(plain))
    assert predictor.answer(file) == expected
    for broken in (damage(plain), odd(damage(plain))):
        file.write_bytes(broken)
        assert "does not decode" in str(predictor.answer(file).error)


def test_command_prints_a_row_a_photograph_and_fails_where_one_could_not_be_judged(
    trained: Path,
    picture: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = picture("grainy", "GRAINY", "good.jpg"), tmp_path / "bad-name-that-is-long.jpg"
    bad.write_bytes(b"no photograph")

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["train.predict", "--config", str(trained), *map(str, arguments)])
        return main(), capsys.readouterr().out

    code, table = run("latest", good, bad)
    assert code == 1
    header, first, second = table.splitlines()
    assert re.match(r"good.jpg +The grainy one [01]\.\d\d, .* The grainy one  agrees$", first)
    assert first.index("The grainy") == header.index("likeliest cameras") == second.index("could not be judged")
    code, answers = run("latest", good, "--json")
    assert code == 0
    [answer] = json.loads(answers)
    assert (answer["cameras"][0][0], answer["verdict"], answer["error"]) == ("grainy", "agrees", None)


def test_one_name_that_is_not_utf_8_loses_no_answer_and_none_steers_the_terminal(
    trained: Path, picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9\x1b[2J\n.jpg")
    picture("grainy", "GRAINY\x1b[2J", "good.jpg").rename(odd)
    bad = tmp_path / os.fsdecode(b"\xff.jpg")
    files = [str(odd), str(picture("grainy", "GRAINY", "good.jpg")), str(bad)]

    def run(*options: str) -> list[str]:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8", errors="strict"))
        monkeypatch.setattr(sys, "argv", ["train.predict", "--config", str(trained), "latest", *files, *options])
        with pytest.raises(SystemExit) as caught:
            exit_with(main)
        assert caught.value.code == 1
        sys.stdout.flush()
        return written.getvalue().decode().splitlines()

    _, first, second, third = run()
    assert first.startswith(r"caf\xe9\x1b[2J\n.jpg  The grainy one")
    assert second.startswith("good.jpg")
    assert third.startswith(r"\xff.jpg")
    assert [answer["file"] for answer in json.loads("\n".join(run("--json")))] == files


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_refused_at_once(predictor: Predictor, tmp_path: Path, kind: str) -> None:
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
    answer = predictor.answer(file)
    assert re.search("is a pipe, a socket or a device|Is a directory|No such device", answer.error or "")


def test_weights_that_are_not_the_runs_are_refused(
    settings: Callable[..., Training], tmp_path: Path, trained: Path
) -> None:
    run = open_run(open_store(str(tmp_path)), RunConfig("0001-abc", ("a", "b"), settings()))
    run.store.publish(f"{run.directory}/weights.safetensors", b"nonsense")
    with pytest.raises(StorageError, match=r"weights.safetensors does not fit the network"):
        load_predictor(run, read_configuration(trained).whole_catalogue)
