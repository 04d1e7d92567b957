"""Newcomer: shows what a run does with a camera that it was not trained on, before and after its enrolment."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.storage.parts import photos_table
from demo.summary import ENROLLED_FROM


def photos_of(configuration: Configuration, generation: str, camera: str) -> tuple[list[str], list[str]]:
    """Return the paths of a camera's kept photographs: up to 20 to enrol it from, and those by its other devices."""
    columns = ["split", "camera", "original", "sha256"]
    photos = photos_table(configuration.store, f"curated/{generation}", columns)
    own = photos.filter(pc.equal(photos["camera"], camera)).sort_by("sha256").to_pylist()
    paths = [(row["split"], configuration.store.path(row["original"])) for row in own if row["split"]]
    offered = [path for split, path in paths if split == "train"]
    return offered[:ENROLLED_FROM], [path for split, path in paths if split != "train"]


def enrol(configuration: Configuration, run: str, camera: str, photos: Sequence[str]) -> None:
    """Enrol a camera in a run, unless it is; raises StageError where the command fails."""
    if configuration.store.exists(f"runs/{run}/enrolled/{camera}.safetensors"):
        return
    command = [sys.executable, "-m", "train.enrol", "--config", str(configuration.file), "--run", run, camera, *photos]
    if subprocess.run(command, check=False).returncode != 0:
        raise StageError("the enrolment failed, see above")


def tell_recognised(
    configuration: Configuration, run: str, camera: str, photos: Sequence[str], say: Callable[[str], None]
) -> None:
    """Say how many of these photographs a run says are by the camera; raises StageError where it answers nothing."""
    command = [sys.executable, "-m", "train.predict", "--config", str(configuration.file), run, "--json", *photos]
    answered = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if answered.returncode != 0:
        raise StageError("the prediction failed, see above")
    answers = json.loads(answered.stdout)
    named, refused = recognised(answers, camera)
    say(
        f"{named} of {len(answers)} photographs by its other devices get its name"
        + (f"; for {refused} the answer is none of these" if refused else "")
    )


def recognised(answers: Sequence[Mapping[str, Any]], camera: str) -> tuple[int, int]:
    """Return how many answers of `predict --json` name a camera, and how many are "none of these".

    The likeliest camera of a photograph that is none of these is not named.
    """
    refused = [bool(answer.get("none_of_these")) for answer in answers]
    likeliest = [answer["cameras"][0][0] if answer["cameras"] else None for answer in answers]
    return sum(key == camera and not is_none for key, is_none in zip(likeliest, refused, strict=True)), sum(refused)
