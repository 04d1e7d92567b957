"""`shutterprint examine`: its forms, and what it says of a user's mistakes."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from corpus.errors import ShutterprintError
from examiner import __main__ as command
from tests.conftest import noisy_image


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(2):
        noisy_image(160, 120, number).save(folder / f"photo {number}.jpg", quality=90)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "pipelines.yaml").write_text(yaml.safe_dump({"storage": "data"}))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, photos: Path, *words: str | Path) -> int:
    arguments = ["examine", "--config", str(photos / "pipelines.yaml"), *map(str, words)]
    monkeypatch.setattr("sys.argv", arguments)
    return command.main()


@pytest.mark.slow
def test_one_photograph_as_text_page_and_pdf(
    monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, document = tmp_path / "r.html", tmp_path / "r.pdf"
    assert run(monkeypatch, photos, photos / "photo 0.jpg", "--html", page, "--pdf", document) == 0
    assert "photo 0.jpg" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    assert document.read_bytes().startswith(b"%PDF-")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["r.html", "r.pdf"]


@pytest.mark.slow
def test_json_is_one_list_also_where_a_file_could_not_be_examined(
    monkeypatch: pytest.MonkeyPatch, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, photos, photos, "--json") == 1
    read = json.loads(capsys.readouterr().out)
    assert [Path(each["name"]).name for each in read] == ["broken.jpg", "photo 0.jpg", "photo 1.jpg"]
    assert [each["error"] is None for each in read] == [False, True, True]


@pytest.mark.slow
def test_a_case_has_every_file(
    monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, photos, photos, "--case", tmp_path / "case") == 1
    with (tmp_path / "case" / "photographs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    assert "1 file could not be examined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "a.html"), "--html writes the report of one photograph, and these are 3"),
        (("--pdf", "a.pdf"), "for many, give --case FOLDER"),
        (("--case", "c", "--json"), "--case makes pages and a CSV of its own"),
        (("--case", "."), "is there already"),
    ],
)
def test_forms_that_do_not_go_together_are_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, photos: Path, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(photos)
    with pytest.raises(ShutterprintError, match=message):
        run(monkeypatch, photos, photos, *words)


def test_a_report_that_could_not_be_written_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path
) -> None:
    for option in ("--html", "--pdf"):
        with pytest.raises(ShutterprintError, match="nowhere/a: there is no folder"):
            run(monkeypatch, photos, photos / "photo 0.jpg", option, tmp_path / "nowhere" / "a")
