"""The demo, small, and the commands of README and guides: what a newcomer types works."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks.preloaded import IMPORTED, Preloaded
from corpus.configuration import read_configuration
from corpus.storage.parts import photos_table
from demo.uploads.upload import read_listing

# one demo for all tests of this file, also in a parallel run
pytestmark = pytest.mark.slow

SMALL = {
    "demo.photos_per_device": 2,
    "demo.overrides.train.network": "shutter_tiny",
    "demo.overrides.train.crop_px": 64,
    "demo.overrides.train.threads": 1,
    "demo.overrides.train.epochs": 1,
    "demo.overrides.train.steps_per_epoch": 4,
    "demo.overrides.train.batch": 8,
    "demo.overrides.train.loaders": 0,
    "demo.overrides.train.test_photos": 5,
    "demo.overrides.train.test_crops": 1,
}
NEEDS = (
    "# needs a key",
    "# needs a cluster",
    "# needs a training",
    "# needs photographs",
    "# needs a web server",
    "# changes your crontab",
    "# needs a list",
)


def demo_command(folder: Path) -> list[str]:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "demo", "--folder", str(folder), *settings]


def files_of(store: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of change of every file of a store; receipts are written anew by every run."""
    found = (path for path in store.rglob("*") if path.is_file() and "receipts" not in path.parts)
    return {str(path.relative_to(store)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder and the output of a small demo."""
    folder = tmp_path_factory.mktemp("demo")
    result = subprocess.run(
        demo_command(folder), cwd=repository, capture_output=True, text=True, check=False, timeout=540
    )
    assert result.returncode == 0, result.stdout + result.stderr
    yield folder, result.stdout
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(700)
def test_the_demo_shows_funnel_training_evaluation_answer_and_reports(demo: tuple[Path, str]) -> None:
    folder, output = demo
    for expected in ("refused by it", "duplicate", "epoch", "unaltered", "jpeg_70", "its EXIF says", "report.html"):
        assert expected in output, output
    for name in ("report.html", "evaluation.html", "evaluation.json"):
        path = Path(next(line.split()[-1] for line in output.splitlines() if line.rstrip().endswith(f"/{name}")))
        assert path.is_relative_to(folder)
        assert path.is_file()


@pytest.mark.timeout(700)
def test_the_demo_enrols_a_camera_that_was_held_out_and_tells_its_figures(demo: tuple[Path, str]) -> None:
    folder, output = demo
    held_out = read_configuration(folder / "pipelines.yaml").train.held_out_cameras
    assert held_out == ("fulmar-one", "fulmar-pro")
    for expected in (
        "fulmar-one (Fulmar One) is enrolled from 4 photographs",
        "of 4 photographs by its other devices get its name",
        "weighted accuracy",
        "calibration error",
        "scenes alone",
        "metadata alone",
        "AUROC",
    ):
        assert expected in output, output


@pytest.mark.timeout(700)
def test_lines_of_ray_and_dask_are_in_files_and_not_on_the_terminal(demo: tuple[Path, str]) -> None:
    folder, output = demo
    assert "succeeded" in (folder / "ray-job.log").read_text()
    assert (folder / "dask.log").is_file()
    strange = re.compile(r"\.py:\d+ -- |distributed\.|Running entrypoint|raylet")
    assert [line for line in output.splitlines() if strange.search(line)] == []


@pytest.mark.timeout(700)
def test_curation_of_the_demo_keeps_every_genuine_photograph_and_nothing_else(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    store = read_configuration(folder / "pipelines.yaml").store
    (generation,) = store.done_names("curated")
    rows = photos_table(store, f"curated/{generation}").to_pylist()
    uploads, _ = read_listing(folder / "uploads")
    assert len(rows) == len(uploads)
    kept = {row["sha256"] for row in rows if row["kept"]}
    genuine = {
        hashlib.sha256((folder / "uploads" / upload.file).read_bytes()).hexdigest()
        for upload in uploads
        if upload.kind == "genuine"
    }
    assert kept == genuine
    sides: dict[str, set[str]] = {}
    for row in rows:
        if row["kept"]:
            sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in sides.values())


@pytest.mark.timeout(700)
def test_run_again_it_crawls_nothing_twice_and_rewrites_no_shard(demo: tuple[Path, str], repository: Path) -> None:
    folder, _ = demo
    before = files_of(folder / "store")
    result = subprocess.run(
        demo_command(folder), cwd=repository, capture_output=True, text=True, check=False, timeout=540
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert files_of(folder / "store") == before


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.timeout(700)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_all_it_started(
    demo: tuple[Path, str], number: signal.Signals, tmp_path: Path, repository: Path
) -> None:
    is_drawing = number == signal.SIGTERM  # the one while photographs are drawn, the other in a stage, with Ray
    if not is_drawing:  # drawing them again would prove nothing more
        shutil.copytree(demo[0] / "uploads", tmp_path / "demo" / "uploads")
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            demo_command(tmp_path / "demo"),
            cwd=repository,
            stdout=output,
            stderr=output,
            # a shell that runs the tests in the background has them ignore ctrl-C, which children inherit
            preexec_fn=_heed_interrupts,
        )
    started: set[psutil.Process] = set()
    while not (any((tmp_path / "demo" / "uploads").glob("*.jpg")) if is_drawing else _is_crawling(started)):
        assert process.poll() is None, (tmp_path / "output").read_text()
        started |= set(psutil.Process(process.pid).children(recursive=True))
        time.sleep(0.2)
    started |= set(psutil.Process(process.pid).children(recursive=True))
    process.send_signal(number)
    assert process.wait(timeout=120) == 130
    assert started
    _, alive = psutil.wait_procs(started, timeout=20)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []


def _is_crawling(processes: Iterable[psutil.Process]) -> bool:
    def is_crawl(process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return "crawl" in process.cmdline()
        return False

    return any(map(is_crawl, processes))


DOCUMENTS = ("README.md", *(f"docs/guides/{name}.md" for name in ("data-set", "predict", "evaluation", "refresh")))


def documented_commands(repository: Path) -> list[tuple[str, str]]:
    """Return the commands of the documents' bash blocks, each once, with the first line of its block."""
    text = "".join((repository / name).read_text().replace("\n.venv/bin/", "\n") for name in DOCUMENTS)
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    found = [
        (block.splitlines()[0], line.split(" #")[0].strip())
        for block in blocks
        for line in block.splitlines()
        if not line.startswith("#") and line.strip()
    ]
    return list({command: (head, command) for head, command in reversed(found)}.values())[::-1]


PROGRAMS = {"shutterprint": "pipelines.shutterprint", "scrapy": "scrapy"}
"""The module that each installed program runs."""


@pytest.fixture
def preloaded() -> Iterator[Preloaded]:
    """Yield a process whose forks run the commands: the imports of thirty commands would take a minute."""
    own = ("pipelines.shutterprint", "train.predict", "train.export", "train.evaluate", "examiner.__main__", "onnx")
    with Preloaded(*IMPORTED["crawl"], *IMPORTED["curation"], *IMPORTED["train"], *own) as process:
        yield process


@pytest.mark.timeout(700)
def test_every_command_of_readme_and_guides_works_or_says_what_it_needs(
    demo: tuple[Path, str], preloaded: Preloaded, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = demo
    photo = next(path for path in sorted((folder / "store" / "originals").rglob("*.jpg")))
    with tarfile.open(next((folder / "store" / "shards" / "tars").glob("*.tar"))) as tar:
        sample = tar.getnames()[0].partition(".")[0]
    (tmp_path / "photos").mkdir()
    shutil.copy(photo, tmp_path / "photos" / "one.jpg")
    shutil.copy(repository / "pipelines.yaml", tmp_path / "pipelines.yaml")
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(tmp_path / "pipelines.yaml"))
    commands = documented_commands(repository)
    assert len(commands) >= 10
    for head, command in commands:
        if head.startswith(NEEDS):
            continue
        if command.startswith("make "):  # this very run, and the demo above: only that the target is there
            subprocess.run([*shlex.split(command), "--dry-run"], cwd=repository, check=True, capture_output=True)
            continue
        for name, real in (
            ("demo-data/pipelines.yaml", str(folder / "pipelines.yaml")),
            ("PHOTO.jpg", str(photo)),
            ("0f3a5b7c9d1e2f40_0", sample),
            ("tile.jpg", str(tmp_path / "tile.jpg")),
            ("PHOTOS", str(tmp_path / "photos")),
            ("/tmp/model.", str(tmp_path / "model.")),
            ("/tmp/data-set.", str(tmp_path / "data-set.")),
        ):
            command = command.replace(name, real)
        program, *words = shlex.split(command)
        if program != "python":
            assert (Path(sys.executable).parent / program).is_file()
            words = ["-m", PROGRAMS[program], *words]
        exit_code = preloaded.start(words, os.environ, tmp_path / "log").wait(300)
        # one photograph of a simulated camera is of no camera in the built-in catalogue: nothing to keep, and said so
        nothing_kept = "curation.run" in command or "shutterprint curate" in command
        assert exit_code == (2 if nothing_kept else 0), f"{command}\n{(tmp_path / 'log').read_text()}"
