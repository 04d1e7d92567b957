"""`python -m demo`: runs the whole product on one machine, from a simulated photo site to a camera model's name.

Everything is written below the demo's folder: a copy of pipelines.yaml with the keys of its `demo.overrides` changed,
the uploads and the store. Run again, it continues with what is there.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from corpus.cameras.catalogue import read_catalogue
from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration, read_configuration
from corpus.errors import StageError
from corpus.strict_yaml import yaml_text
from demo.doctored import make_doctored
from demo.held_out import held_out_photos
from demo.local_configuration import CAMERAS, write_configuration
from demo.newcomer import enrol, photos_of, tell_recognised
from demo.photo_site.server.site import PhotoSite
from demo.ray_head import ray_head
from demo.summary import summary
from demo.uploads.make import make_uploads
from demo.uploads.upload import Upload
from pipelines.run import run_pipeline

_KEY = "d" * 32
"""The simulated site accepts any well-formed key, so a real one from the environment is never sent to it."""

_DESCRIPTION = """Show the whole product at work on this machine alone.

Simulated cameras take photographs and upload them to a photo site on this machine, mixed with spoilt files as real
sites hold them. The pipeline `demo` of pipelines.yaml crawls the site, curates, packs and trains; then the network
names the camera of a photograph that it never saw. Takes about ten minutes on two cores. Run again, it continues
with what is there; delete the folder to start over."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m demo", _DESCRIPTION)
    parser.add_argument("--folder", default="demo-data", help="where everything is written (default: demo-data)")
    arguments = parser.parse_args()
    # SIGTERM is handled like ctrl-C, so that the demo stops everything it started
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_demo(configuration_of(arguments), Path(arguments.folder).resolve(), Console())
    return 0


def run_demo(real: Configuration, folder: Path, console: Console) -> None:
    """Run the demo on a copy of the configuration `real`, below `folder`; raises ShutterprintError where it fails."""
    began_s = time.monotonic()
    os.environ["FLICKR_API_KEY"] = _KEY
    folder.mkdir(parents=True, exist_ok=True)
    console.rule("photographs")
    uploads = _uploads(folder / "uploads", real, console)
    with PhotoSite(folder / "uploads", read_catalogue(CAMERAS)) as site, ray_head(folder / "ray.log") as dashboard:
        file = write_configuration(real, folder, site.flickr_api_url, site.wikimedia_api_url, dashboard, uploads)
        configuration = read_configuration(file)
        console.print(f"photo site {site.url}, Ray {dashboard}, configuration {file}", soft_wrap=True, highlight=False)
        console.rule("pipeline")
        os.environ["DASK_CONFIG"] = str(_dask_log(folder))
        receipts = run_pipeline(
            configuration,
            "demo",
            lambda line: console.print(line, style="bold", markup=False, soft_wrap=True),
            ray_log=folder / "ray-job.log",
        )
        run = str(receipts[-1]["run"])
        generation = str(receipts[-2]["generation"])
    console.rule("answer")
    photo = _held_out_photo(configuration, generation)
    console.print(f"a photograph of a device that nobody trained on: {photo}", soft_wrap=True, highlight=False)
    newcomer = next(iter(configuration.train.held_out_cameras), None)
    offered, asked = photos_of(configuration, generation, newcomer) if newcomer else ([], [])
    if asked:
        console.print(f"and one by {newcomer}, a camera that was held out: {asked[0]}", soft_wrap=True, highlight=False)
    _predict(configuration, run, [photo, *asked[:1]])
    if newcomer and offered and asked:
        console.rule("a new camera")
        enrol(configuration, run, newcomer, offered)
        tell_recognised(
            configuration, run, newcomer, asked, lambda line: console.print(line, soft_wrap=True, highlight=False)
        )
    doctored = make_doctored(configuration, generation, folder)
    if doctored is not None:
        console.rule("examine")
        console.print(
            f"a photograph with a piece of another camera's in it: {doctored}", soft_wrap=True, highlight=False
        )
        command = f"shutterprint examine --config {file} --run latest --generation latest {doctored}"
        console.print(command, soft_wrap=True, highlight=False)
    console.rule("figures")
    for line in summary(configuration.store.read_json(f"runs/{run}/evaluation.json")):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.rule("reports")
    for name, path in (
        ("curation", f"curated/{generation}/report.html"),
        ("evaluation", f"runs/{run}/evaluation.html"),
        ("figures", f"runs/{run}/evaluation.json"),
    ):
        console.print(f"{name:<12}{configuration.store.path(path)}", soft_wrap=True, highlight=False)
    console.print(f"{(time.monotonic() - began_s) / 60:.1f} minutes in all")


def _uploads(folder: Path, real: Configuration, console: Console) -> list[Upload]:
    began_s = time.monotonic()
    with console.status("simulated cameras take and upload photographs …"):
        uploads = make_uploads(folder, real.demo.photos_per_device, real.demo.seed, real.curation.workers)
    genuine = sum(upload.kind == "genuine" for upload in uploads)
    console.print(
        f"{len(uploads)} uploads, {genuine} of them genuine and {len(uploads) - genuine} spoilt or copied, "
        f"in {time.monotonic() - began_s:.0f} s"
    )
    return uploads


def _held_out_photo(configuration: Configuration, generation: str) -> str:
    """Return the path of the first test photograph by a camera that was trained on, in the order of its digest."""
    held_out = held_out_photos(configuration, generation)
    if not held_out:
        raise StageError(f"curated/{generation}: no photograph is held out for testing; raise demo.photos_per_device")
    return configuration.store.path(held_out[0]["original"])


def _predict(configuration: Configuration, run: str, photos: list[str]) -> None:
    command = [sys.executable, "-m", "train.predict", "--config", str(configuration.file), run, *photos]
    if subprocess.run(command, check=False).returncode != 0:
        raise StageError("the prediction failed, see above")


def _dask_log(folder: Path) -> Path:
    """Write Dask's configuration, by which its own messages go to a file in the demo's folder; return its path."""
    handler = {"class": "logging.FileHandler", "filename": str(folder / "dask.log"), "formatter": "dated"}
    logging = {
        "version": 1,
        "formatters": {"dated": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"file": handler},
        "loggers": {"distributed": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    file = folder / "dask.yaml"
    file.write_text(yaml_text({"logging": logging}), encoding="utf-8")
    return file


if __name__ == "__main__":
    exit_with(main)
