"""The torture corpus: originals of real and simulated cameras, and what the manipulations make of them, as folders.

`genuine_photographs` gives the originals; `written` writes two folders: `beside`, where every manipulated file lies
beside its original among all originals, and `alone`, the manipulated files without
their originals (one genuine photograph of another scene lies with them). Equal arguments give
equal folders where the programs' versions are equal. A real camera's
originals are divided among OWNERS folders; each simulated device has its own.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from benchmarks.curation.manipulations.every import MANIPULATIONS
from benchmarks.curation.manipulations.subject import NotApplicableError, Subject, program
from demo.simulation.cameras import MODELS
from demo.uploads.make import capture
from demo.uploads.planning import DEVICES_PER_CAMERA, plan_uploads
from demo.uploads.spoiling import genuine

OWNERS = 3
SEED = 11
BESIDE, ALONE = "beside", "alone"


@dataclass(frozen=True)
class Original:
    """A genuine photograph: its camera's folder name, its place below the corpus without the ending, its bytes."""

    camera: str
    path: str
    data: bytes


@dataclass(frozen=True)
class Made:
    """A manipulated file: its path below the corpus, which manipulation made it, from which original."""

    path: str
    manipulation: str
    original: str


def genuine_photographs(photos: Path | None, simulated: int, workers: int) -> list[Original]:
    """Return all originals: files below `photos/originals`, `simulated` photographs of each simulated device."""
    found = []
    for folder in sorted((photos / "originals").iterdir()) if photos is not None else []:
        for number, file in enumerate(sorted(folder.iterdir())):
            path = f"{folder.name}-{number % OWNERS}/{file.stem}"
            found.append(Original(folder.name, path, file.read_bytes()))
    if simulated:
        devices = DEVICES_PER_CAMERA * len(MODELS)
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            found += chain.from_iterable(pool.map(_simulated, range(devices), [simulated] * devices))
    return found


def written(folder: Path, originals: Sequence[Original], each: int, workers: int) -> list[Made]:
    """Write both folders and return the manipulated files, in the order of the manipulations.

    `each`: photographs, of different cameras, that every manipulation is applied to; 0: one of every camera.
    """
    for original in originals:
        _write(folder / BESIDE / f"{original.path}.jpg", original.data)
    by_camera: dict[str, list[Original]] = defaultdict(list)
    for original in originals:
        by_camera[original.camera].append(original)
    cameras = _spread(sorted(by_camera))
    made = []
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = []
        for number, manipulation in enumerate(MANIPULATIONS):
            if manipulation.program is not None and program(manipulation.program) is None:
                continue
            start = number * each % len(cameras)
            for place in range(each or len(cameras)):
                own = by_camera[cameras[(start + place) % len(cameras)]]
                other = by_camera[cameras[(start + place + 1) % len(cameras)]][0]
                original = own[number % len(own)]
                jobs.append((number, original, pool.submit(_applied, number, original.data, other.data)))
        for number, original, job in jobs:
            data = job.result()
            if data is None:
                continue
            name = MANIPULATIONS[number].name
            path = f"{original.path}--{re.sub(r'[^a-z0-9]+', '-', name.casefold())}.jpg"
            for mode in (BESIDE, ALONE):
                _write(folder / mode / path, data)
            made.append(Made(path, name, f"{original.path}.jpg"))
    # curation publishes nothing where it keeps nothing, as it should of `alone`
    unused = next((one for one in originals if f"{one.path}.jpg" not in {each.original for each in made}), originals[0])
    _write(folder / ALONE / f"{unused.path}.jpg", unused.data)
    return made


def _spread(cameras: list[str]) -> list[str]:
    """Return cameras in an order in which makers are mixed."""
    return sorted(cameras, key=lambda camera: hashlib.sha256(camera.encode()).hexdigest())


def _applied(number: int, data: bytes, donor: bytes) -> bytes | None:
    """Return the manipulated file, None where a photograph cannot be treated so or comes out as it was."""
    try:
        made = MANIPULATIONS[number].apply(Subject(data, donor))
    except NotApplicableError:
        return None
    return made if made != data else None


def _simulated(device: int, photos: int) -> list[Original]:
    return list(_of_device(device, photos))


def _of_device(device: int, photos: int) -> Iterator[Original]:
    plans = [plan for plan in plan_uploads(max(2, photos), SEED, MODELS) if plan.spoiling.kind == "genuine"]
    own = [plan for plan in plans if plan.device.number == device][:photos]
    for number, plan in enumerate(own):
        path = f"{plan.device.name}/{number}"
        yield Original(plan.device.camera.key, path, genuine(capture(plan, SEED)))


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
