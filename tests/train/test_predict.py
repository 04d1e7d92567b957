"""`python -m train.predict`: every photograph gets its row, whatever is wrong with it."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from corpus.configuration import read_configuration
from corpus.errors import StorageError
from corpus.sections import Training
from corpus.storage import open_store
from shards.index import Index
from train.fit.runs import RunConfig, find_run, open_run
from train.main import train
from train.predict import Predictor, load_predictor

CATALOGUE = {
    key: {"name": f"The {key} one", "make": ["Maker"], "model": [key.upper()], "sizes": ["96x96"]}
    for key in ("grainy", "smooth", "striped", "other")
}


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, fill: Callable[..., Index], configure: Callable[..., Path]
) -> Path:
    """Return the configuration of a store with a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    file = configure(folder, epochs=3, steps_per_epoch=10)
    fill(read_configuration(file).store, {"train": 6, "test": 2})
    train(read_configuration(file), without_ray=True)
    (folder / "cameras.yaml").write_text(yaml.safe_dump(CATALOGUE))
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"catalogue": "cameras.yaml"}))
    return file


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


def test_command_prints_a_row_a_photograph_and_fails_where_one_could_not_be_judged(
    trained: Path, picture: Callable[..., Path], tmp_path: Path
) -> None:
    good, bad = picture("grainy", "GRAINY", "good.jpg"), tmp_path / "bad-name-that-is-long.jpg"
    bad.write_bytes(b"no photograph")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "train.predict", "--config", trained, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    table = run("latest", good, bad)
    assert table.returncode == 1, table.stderr
    header, first, second = table.stdout.splitlines()
    assert re.match(r"good.jpg +The grainy one [01]\.\d\d, .* The grainy one  agrees$", first)
    assert first.index("The grainy") == header.index("likeliest cameras") == second.index("could not be judged")
    answers = run("latest", good, "--json")
    assert answers.returncode == 0, answers.stderr
    [answer] = json.loads(answers.stdout)
    assert (answer["cameras"][0][0], answer["verdict"], answer["error"]) == ("grainy", "agrees", None)


def test_weights_that_are_not_the_runs_are_refused(
    settings: Callable[..., Training], tmp_path: Path, trained: Path
) -> None:
    run = open_run(open_store(str(tmp_path)), RunConfig("0001-abc", ("a", "b"), settings()))
    run.store.publish(f"{run.directory}/weights.safetensors", b"nonsense")
    with pytest.raises(StorageError, match=r"weights.safetensors does not fit the network"):
        load_predictor(run, read_configuration(trained).whole_catalogue)
