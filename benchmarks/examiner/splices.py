"""Benchmark: splices found by the examiner, and by methods of the literature that need no training, in one run.

    python -m benchmarks.examiner.splices STORE [--run latest] [--photos 40] [--sizes 64 128 320 512] [--hows foreign …]
        [--qualities png 95 90 80 70] [--genuine 200] [--without-baselines] [--real FOLDER] [--network STORE]

Hosts are photographs of the newest generation's test split, by cameras of the network, spread over the devices. Into
each a square is pasted, at a random place: of another camera (`foreign`), or of another photograph by its camera as it
is (`same`), resized (`resized`) or saved before at 60 to 80 (`recompressed`), so that these show only what was done
to it. Each host has one square of each size; the ways take turns from host to host. The result is saved as PNG, or as
JPEG of a quality, and so is the host alone.

With `-` for STORE, hosts are the middle 1024×1024 px of photographs of the folder `--real` (default
`../shared/photos/originals` beside the repository), one folder for each camera; `--network` names a store with a run,
which knows none of these cameras. The spread that `shutterprint calibrate` keeps beside a run is used where it is
there.

Shown: pixel AUROC (mean over pictures); F1 of pixels with the best threshold for each picture, as is usual in the
literature; AUROC of pictures by score (for baselines the mean of their nine strongest cells); how many splices are
found, and how many genuine photographs raise an alarm, where a score is one that at most 1 % of the genuine photographs
of all other devices have, on all qualities together. Up to `--genuine` photographs by devices that trained nothing
(test and validation split) serve for this: of 20 photographs one in 21 is the largest, so fewer than 100 tell no 1 %.
"""

import argparse
import io
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.examiner.splice_baselines import noise_map, splicebuster_map, zero_map
from benchmarks.places import ORIGINALS
from corpus.errors import ShutterprintError
from corpus.storage import Store
from curation.generations import batches_of, generation_named
from examiner.calibration.measured import unusual_above
from examiner.detectors.splices.consistency import REGION_CELLS, as_pixels, consistency_of
from examiner.detectors.splices.windows import windows_of
from examiner.knowledge import TrainedRun, built_in, read_run
from examiner.trials.splices import How, spliced
from train.estimation.ranking import auroc

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
HOWS: dict[str, How] = {"foreign": "as it is", "same": "as it is", "resized": "resized", "recompressed": "recompressed"}
REAL_PX = 1024
STEP_PX = 4  # of the pixels that are compared
SPLITS = ("test", "validation")
FURTHER = "genuine, no host"
_COLUMNS = ["photo", "camera", "group", "split", "kept", "original"]


@dataclass(frozen=True)
class Host:
    """A genuine photograph."""

    name: str
    camera: str
    device: str
    picture: Image.Image


@dataclass(frozen=True)
class Result:
    """What a method says of one picture; size 0: it is genuine."""

    method: str
    device: str
    how: str
    size_px: int
    quality: str
    score: float
    pixel_auroc: float = float("nan")
    f1: float = float("nan")
    seconds: float = 0.0


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="URL of a store, or - for real photographs")
    parser.add_argument("--network", help="URL of the store with the run (default: the same)")
    parser.add_argument("--run", default="latest")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 320, 512])
    parser.add_argument("--hows", nargs="+", default=list(HOWS), choices=list(HOWS))
    parser.add_argument("--qualities", nargs="+", default=["png", "95", "90", "80", "70"])
    parser.add_argument("--genuine", type=int, default=200)
    parser.add_argument("--without-baselines", action="store_true")
    parser.add_argument("--real", type=Path, default=ORIGINALS)
    arguments = parser.parse_args()
    is_real = arguments.store == "-"
    if is_real and not arguments.real.is_dir():
        print(f"skipped: there is no {arguments.real}")
        return 0
    network = arguments.network or (None if is_real else arguments.store)
    run = None if network is None else read_run(Store(network), arguments.run, built_in())
    most = max(arguments.photos, arguments.genuine)
    genuine = _real_hosts(arguments.real, most) if is_real else _hosts(Store(arguments.store), run, most)
    hosts = genuine[: arguments.photos]
    methods = _methods(run, not arguments.without_baselines)
    results: list[Result] = []
    for number, host in enumerate(hosts):
        for quality in arguments.qualities:
            results += _judged(methods, saved(host.picture, quality), None, host, "genuine", 0, quality)
        for turn, size_px in enumerate(arguments.sizes):
            how = arguments.hows[(number + turn) % len(arguments.hows)]
            random = np.random.default_rng(zlib.crc32(f"{host.name} {size_px} {how}".encode()))
            donor = _donor(hosts, host, how, random)
            if donor is None:
                continue
            splice = spliced(host.picture, donor.picture, size_px, HOWS[how], random)
            for quality in arguments.qualities:
                picture = saved(splice.picture, quality)
                results += _judged(methods, picture, splice.mask, host, how, size_px, quality)
        print(f"{number + 1} of {len(hosts)} photographs", file=sys.stderr, flush=True)
    for number, further in enumerate(genuine[len(hosts) :]):
        for quality in arguments.qualities:
            results += _judged(methods, saved(further.picture, quality), None, further, FURTHER, 0, quality)
        print(f"{number + 1} of {len(genuine) - len(hosts)} genuine photographs more", file=sys.stderr, flush=True)
    print(f"squares in {len(hosts)} photographs by {len({each.device for each in hosts})} devices; alarms on "
          f"{len(genuine)} genuine photographs by {len({each.device for each in genuine})}\n")  # fmt: skip
    _print(results, arguments.qualities)
    return 0


def _hosts(store: Store, run: TrainedRun | None, photos: int) -> list[Host]:
    known = None if run is None else set(run.model.classes)
    generation = generation_named(store, "latest")
    rows = [row for batch in batches_of(store, generation, _COLUMNS) for row in batch.to_pylist()]
    chosen = [
        (str(row["group"]), str(row["photo"]), row) for row in rows
        if row["kept"] and row["split"] in SPLITS and (known is None or row["camera"] in known)
    ]  # fmt: skip
    by_split = [[(device, photo) for device, photo, row in chosen if row["split"] == split] for split in SPLITS]
    taken = [each for some in by_split for each in _in_turns(some)][:photos]
    by_photo = {photo: row for _, photo, row in chosen}
    return [
        Host(photo, by_photo[photo]["camera"], device, opened(store.read(by_photo[photo]["original"])))
        for device, photo in taken
    ]


def _real_hosts(folder: Path, photos: int) -> list[Host]:
    """Return the middles of real photographs, with their corners on the grid of blocks."""
    paths = [(camera.name, str(path)) for camera in folder.iterdir() if camera.is_dir() for path in camera.glob("*")]
    hosts: list[Host] = []
    for camera, path in _in_turns(paths):
        picture = Image.open(path).convert("RGB")
        if min(picture.size) >= REAL_PX:
            left, top = ((each - REAL_PX) // 16 * 8 for each in picture.size)
            hosts.append(Host(path, camera, camera, picture.crop((left, top, left + REAL_PX, top + REAL_PX))))
        if len(hosts) == photos:
            break
    return hosts


def _in_turns(named: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return pairs of a device and a photograph so that each device has had its first before any has its second."""
    by_device: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in sorted(named):
        by_device[each[0]].append(each)
    return [some[turn] for turn in range(len(named)) for some in by_device.values() if turn < len(some)]


def _donor(hosts: Sequence[Host], host: Host, how: str, random: np.random.Generator) -> Host | None:
    others = [each for each in hosts if each.name != host.name and (each.camera == host.camera) == (how != "foreign")]
    return others[int(random.integers(len(others)))] if others else None


def _methods(run: TrainedRun | None, with_baselines: bool) -> dict[str, Callable[[Pixels], tuple[Floats, float]]]:
    def ours(picture: Pixels) -> tuple[Floats, float]:
        assert run is not None
        found = consistency_of(_luma(picture), windows_of(run.model, picture, run.spread), run.spread)
        return found.joined, 0.0 if found.score is None else found.score

    def without_network(picture: Pixels) -> tuple[Floats, float]:
        found = consistency_of(_luma(picture), None)
        return found.joined, 0.0 if found.score is None else found.score

    def of_baseline(values: Callable[[Pixels], Floats]) -> Callable[[Pixels], tuple[Floats, float]]:
        def asked(picture: Pixels) -> tuple[Floats, float]:
            cells = values(_luma(picture))
            return cells, float(np.sort(cells, axis=None)[-REGION_CELLS:].mean())

        return asked

    methods = {} if run is None else {"examiner": ours}
    methods |= {"examiner, no network": without_network}
    if with_baselines:
        methods |= {
            "ZERO": of_baseline(zero_map),
            "noise level": of_baseline(noise_map),
            "Splicebuster": of_baseline(splicebuster_map),
        }
    return methods


def _judged(
    methods: dict[str, Callable[[Pixels], tuple[Floats, float]]], picture: Pixels, mask: NDArray[np.bool_] | None,
    host: Host, how: str, size_px: int, quality: str,
) -> Iterator[Result]:  # fmt: skip
    for name, method in methods.items():
        started = time.perf_counter()
        cells, score = method(picture)
        seconds = time.perf_counter() - started
        if mask is None:
            yield Result(name, host.device, how, size_px, quality, score, seconds=seconds)
            continue
        pixels = as_pixels(cells, picture.shape[1], picture.shape[0])[::STEP_PX, ::STEP_PX]
        there = mask[::STEP_PX, ::STEP_PX]
        yield Result(
            name, host.device, how, size_px, quality, score, auroc(pixels[there], pixels[~there]),
            best_f1(pixels.ravel(), there.ravel()), seconds,
        )  # fmt: skip


def best_f1(values: Floats, there: NDArray[np.bool_]) -> float:
    """Return the largest F1 of all thresholds."""
    order = np.argsort(-values, kind="stable")
    right = np.cumsum(there[order])
    return float((2 * right / (np.arange(1, len(values) + 1) + there.sum())).max())


def saved(picture: Image.Image, quality: str) -> Pixels:
    """Return the pixels of a picture saved as PNG or as a JPEG of a quality."""
    if quality == "png":
        return np.asarray(picture)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=int(quality))
    return np.asarray(Image.open(stream))


def opened(data: bytes) -> Image.Image:
    """Return the pixels of a photograph as they are stored."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def _luma(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _print(results: Sequence[Result], qualities: Sequence[str]) -> None:
    methods = list(dict.fromkeys(each.method for each in results))
    kinds = sorted({(each.how, each.size_px) for each in results if each.size_px})
    whole = [("all", 0), *kinds, *((how, 0) for how in sorted({how for how, _ in kinds})),
             *(("all", size_px) for size_px in sorted({size_px for _, size_px in kinds}))]  # fmt: skip
    for method in methods:
        own = [each for each in results if each.method == method]
        genuine = [each for each in own if not each.size_px]
        thresholds, alarms = alarms_of(genuine)
        milliseconds = 1000 * np.median([each.seconds for each in own])
        print(f"{method}: {milliseconds:.0f} ms a picture; genuine that raise an alarm: {alarms:.1%} of {len(genuine)}")
        print(f"{'splice':<20}{'saved':>6}{'n':>5}{'pixel AUROC':>13}{'F1':>7}{'image AUROC':>13}{'found':>7}")
        for how, size_px in dict.fromkeys(whole):
            for quality in qualities:
                chosen = [
                    each for each in own
                    if each.size_px and each.quality == quality and how in ("all", each.how)
                    and size_px in (0, each.size_px)
                ]  # fmt: skip
                if not chosen:
                    continue
                alone = np.array([each.score for each in genuine if each.quality == quality and each.how != FURTHER])
                image = auroc(np.array([each.score for each in chosen]), alone)
                found = np.mean([each.score > thresholds[each.device] for each in chosen])
                pixel, f1 = (np.mean([getattr(each, name) for each in chosen]) for name in ("pixel_auroc", "f1"))
                label = f"{how} {size_px or ''}"
                print(f"{label:<20}{quality:>6}{len(chosen):>5}{pixel:>13.3f}{f1:>7.2f}{image:>13.3f}{found:>7.0%}")
        print()


def alarms_of(genuine: Sequence[Result]) -> tuple[dict[str, float], float]:
    """Return each device's threshold, which all other devices give, and the share of alarms.

    A threshold is what a calibration would call unusual.
    """
    thresholds: dict[str, float] = {}
    for device in {each.device for each in genuine}:
        scores = sorted(each.score for each in genuine if each.device != device)
        limit = unusual_above(scores)
        thresholds[device] = float("inf") if limit is None else limit
    return thresholds, float(np.mean([each.score > thresholds[each.device] for each in genuine]))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ShutterprintError as error:
        sys.exit(str(error))
