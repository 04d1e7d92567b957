"""`python -m train.predict`: every photograph gets its row, whatever is wrong with it."""

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from corpus.command_line import exit_with
from corpus.configuration import read_configuration
from train.archive.loading import load_model
from train.predict import main
from train.prediction.answers import Answer, answers
from train.prediction.finding import Found

Judge = Callable[[Path], Answer]


@pytest.fixture(scope="module")
def judge(trained: Path) -> Judge:
    """Return what answers for one file."""
    configuration = read_configuration(trained)
    catalogue = configuration.whole_catalogue
    model = load_model(configuration.store, "latest", catalogue)
    return lambda file: next(answers(model, catalogue, [Found(str(file))], 0))


@pytest.fixture
def picture(tmp_path: Path, photo: Callable[..., bytes]) -> Callable[..., Path]:
    """Write a photograph, with an EXIF claim where a model is given."""

    def write(camera: str, model: str | None = None, name: str = "p.jpg") -> Path:
        data = photo(camera, 27)  # of which the tiny network is sure
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
    judge: Judge, picture: Callable[..., Path], model: str | None, claim: str | None, verdict: str
) -> None:
    answer = judge(picture("grainy", model))
    assert answer.error is None
    assert answer.cameras[0][0] == "grainy"
    assert sum(share for _, share in answer.cameras) == pytest.approx(1.0)
    assert (answer.claim, answer.verdict) == (claim, verdict)


def test_the_oddities_of_some_cameras_change_no_answer_and_excuse_no_damage(
    judge: Judge,
    picture: Callable[..., Path],
    odd: Callable[[bytes], bytes],
    damage: Callable[[bytes], bytes],
) -> None:
    file = picture("grainy", "GRAINY")
    plain, expected = file.read_bytes(), judge(file)
    file.write_bytes(odd(plain))
    assert judge(file) == expected
    for broken in (damage(plain), odd(damage(plain))):
        file.write_bytes(broken)
        assert "does not decode" in str(judge(file).error)


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


def test_a_folder_is_judged_and_written_as_the_challenges_submission(
    trained: Path,
    picture: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(12):
        picture("grainy" if number % 2 else "smooth", name=f"img_{number:02d}.jpg")
    (tmp_path / "img_05.jpg").write_bytes(b"no photograph")
    (tmp_path / "more.zip").write_bytes(b"PK")
    (tmp_path / "notes.txt").write_bytes(b"")
    settings = ["--set", "train.loaders=0", "--csv"]
    monkeypatch.setattr(sys, "argv", ["train.predict", "--config", str(trained), *settings, "latest", str(tmp_path)])
    assert main() == 1
    written, said = capsys.readouterr()
    lines = written.splitlines()
    assert lines[0] == "fname,camera"
    assert lines[1:3] == ["img_00.jpg,smooth", "img_01.jpg,grainy"]
    assert (lines[6], lines[-1], len(lines)) == ("img_05.jpg,", "more.zip,", 14)
    assert "1 other file passed over" in said
    assert "img_05.jpg: is no JPEG" in said
    assert "more.zip: is an archive; unpack it" in said
    assert "judging: 13 of 13 photographs" in said
