"""The tutorial: it shows the output of a demo with the cameras, photographs and epochs that the demo has."""

import re
from pathlib import Path

import pytest

from corpus.cameras.catalogue import read_catalogue
from corpus.configuration import read_configuration
from corpus.sections.recipes import built_in
from demo.local_configuration import CAMERAS


@pytest.fixture(scope="module")
def tutorial(repository: Path) -> str:
    return (repository / "docs" / "tutorial.md").read_text()


def test_it_counts_the_photographs_that_the_demo_draws(tutorial: str, repository: Path) -> None:
    demo = read_configuration(repository / "pipelines.yaml").demo
    cameras = [camera.key for camera in read_catalogue(CAMERAS).cameras]
    devices = 4 * len(cameras)
    genuine = devices * demo.photos_per_device
    assert len(cameras) == 12
    assert "twelve simulated camera models, four devices of each" in tutorial
    assert f"{genuine + genuine // 3} uploads, {genuine} of them genuine" in tutorial
    assert f"{genuine} of {genuine + genuine // 3} photos kept" in tutorial
    assert f"The {genuine} that are kept are exactly the genuine ones." in tutorial
    kept = dict(re.findall(r"^ ([\w-]+) +\d+ +(\d+) +4 +\d+ +\d+ +\d+", tutorial, re.MULTILINE))
    assert kept == dict.fromkeys(cameras, str(genuine // len(cameras)))


def test_it_shows_the_epochs_and_the_cameras_of_the_demos_training(tutorial: str, repository: Path) -> None:
    train = read_configuration(repository / "pipelines.yaml").demo.overrides["train"]
    settings = built_in()[train["recipe"]].train | train
    epochs = re.findall(r"^epoch +(\d+)/(\d+) ", tutorial, re.MULTILINE)
    assert epochs == [(str(number + 1), str(settings["epochs"])) for number in range(settings["epochs"])]
    known = [camera.key for camera in read_catalogue(CAMERAS).cameras if camera.key not in train["held_out_cameras"]]
    assert f": {settings['network']} on {len(known)} cameras," in tutorial
    assert f"chance {1 / len(known):.3f}\n" in tutorial
    tested = re.findall(r"^([\w-]+) +\d+ +1 +[\d.]+ +- ", tutorial, re.MULTILINE)
    assert sorted(tested) == sorted(known)
