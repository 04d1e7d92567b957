"""Benchmark: photographs judged in a second, compared with the plain way.

    python -m benchmarks.train.predict [FOLDER] [--photos 200] [--megapixels 11 13] [--crop 112] [--loaders 2]

The photographs of FOLDER (default `../shared/photos/originals` beside the repository) within these sizes are judged
again and again, `--photos` of them in all, by an untrained `shutter_small`: its answers mean nothing, its speed does.
Ours is `train.prediction.answers`, as the command calls it, in two ways. `one view`: the network counts as one that was
trained on flips, which needs no other view, and the photographs are wide; so the work is that of the plain way, a
PyTorch DataLoader with as many processes, in which Pillow decodes each photograph whole, and the same network called
once a photograph: no grid is looked for. `as set`: the default of `train.flips`, on wide photographs and on tall ones
where there are any; tall ones are judged in three views and wide ones in four, since an untrained network is never
sure. That is the most that the command does; where a network is sure of wide photographs, it is as with one view. Ours
without its search for grids is timed too. The ways take turns, `--rounds` times; of each the fastest counts, without
the start of its processes: from the first answers on. The crops, and so the answers, of the plain way and of ours with
one view must be equal. Exit code 1: they are not, or one of our two ways is below 20 photographs a second.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.places import ORIGINALS
from corpus.cameras.catalogue import Catalogue
from corpus.sections import Training
from forensics.header import read_facts
from train.data.crops import fixed_crops, to_tensor
from train.data.loading import use_one_opencv_thread
from train.model.loaded import Model
from train.model.network import build_network
from train.prediction import photographs
from train.prediction.answers import answers
from train.prediction.finding import Found
from train.prediction.phase import OWN

FLOOR = 20.0
CLASSES = 10


class Plain(Dataset[Any]):
    """Photographs decoded whole by Pillow and cut."""

    def __init__(self, paths: list[str], crop_px: int, crops: int) -> None:
        self.paths, self.crop_px, self.crops = paths, crop_px, crops

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        with Image.open(self.paths[number]) as image:
            picture = np.asarray(image.convert("RGB"))
        return to_tensor(fixed_crops(picture, self.crop_px, self.crops))


def plain_way(model: Model, paths: list[str], loaders: int) -> Iterator[tuple[tuple[str, float], ...]]:
    """Yield the answers of the plain way."""
    data = Plain(paths, model.settings.crop_px, model.settings.test_crops)
    for crops in DataLoader(data, batch_size=None, num_workers=loaders, multiprocessing_context="forkserver"):
        yield model.judge(crops).cameras


def ours(model: Model, paths: list[str], loaders: int) -> Iterator[tuple[tuple[str, float], ...]]:
    """Yield those of the command."""
    for answer in answers(model, Catalogue(cameras=()), [Found(path) for path in paths], loaders):
        assert answer.error is None, answer
        yield answer.cameras


def timed(way: Callable[..., Iterator[Any]], *arguments: Any) -> tuple[float, list[Any]]:
    """Return photographs a second from the first answers on, and the answers."""
    found, first_s, at_first = [], 0.0, 0
    for answer in way(*arguments):
        found.append(answer)
        if not at_first and len(found) >= 32:  # answers come a batch at a time
            first_s, at_first = time.perf_counter(), len(found)
    return (len(found) - at_first) / (time.perf_counter() - first_s), found


def cpu_ms(paths: list[str], crop_px: int, crops: int) -> tuple[float, float, float]:
    """Return the CPU time of one process for a photograph's crops: ours, ours without grids, Pillow's."""
    whole = Plain(paths, crop_px, crops)

    def mean(make: Callable[[int], object]) -> float:
        make(0)
        began_s = time.process_time()
        for number in range(len(paths)):
            make(number)
        return (time.process_time() - began_s) / len(paths) * 1000

    looked = mean(lambda number: photographs.photograph(paths[number], crop_px, crops))
    with mock.patch.object(photographs, "phase_of_jpeg", return_value=OWN):
        blind = mean(lambda number: photographs.photograph(paths[number], crop_px, crops))
    return looked, blind, mean(lambda number: whole[number])


def main() -> int:
    """Print what was measured; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--megapixels", type=float, nargs=2, default=(11, 13))
    parser.add_argument("--crop", type=int, default=112)
    parser.add_argument("--loaders", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    low, high = arguments.megapixels
    photos, tall = [], []
    for path in sorted(arguments.folder.rglob("*.jpg")):
        facts = read_facts(path.read_bytes(), whole=False)
        if low <= facts.width_px * facts.height_px / 1e6 <= high:
            (tall if facts.height_px > facts.width_px else photos).append(str(path))
    if not photos:
        sys.exit(f"{arguments.folder}: no wide JPEG of {low:g} to {high:g} megapixels")
    paths, of_both = (
        (each * -(-arguments.photos // len(each)))[: arguments.photos] for each in (photos, sorted(photos + tall))
    )
    crop_px = arguments.crop
    settings = Training(network="shutter_small", crop_px=crop_px, outer_crop_px=max(224, 2 * crop_px))
    torch.manual_seed(0)
    network = build_network(settings, CLASSES)
    classes = tuple(f"camera-{number}" for number in range(CLASSES))
    as_set = Model("benchmark", "0001", network, torch.device("cpu"), classes, settings, Catalogue(cameras=()))
    one_view = replace(as_set, settings=settings.model_copy(update={"flips": "d4"}))
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(max(1, cores - arguments.loaders))
    use_one_opencv_thread()
    mb = np.mean([Path(path).stat().st_size for path in photos]) / 1e6
    print(
        f"{len(photos)} wide photographs of {low:g} to {high:g} megapixels, {mb:.1f} MB each, "
        f"judged {len(paths)} times, as set also {len(tall)} tall ones;"
    )
    print(f"shutter_small, {settings.test_crops} crops of {crop_px} px; {arguments.loaders} loaders on {cores} cores")
    looked, blind, pillow = cpu_ms(photos, crop_px, settings.test_crops)
    print(
        f"CPU ms for the crops of one: ours {looked:.0f}, of which its grid {looked - blind:.0f}; Pillow {pillow:.0f}"
    )
    ways: dict[str, tuple[Any, ...]] = {
        "one view": (ours, one_view, paths), "plain": (plain_way, one_view, paths), "as set": (ours, as_set, of_both),
    }  # fmt: skip
    best, said = dict.fromkeys(ways, 0.0), dict[str, list[Any]]()
    for _ in range(arguments.rounds):
        for name, (way, model, photos_of_way) in ways.items():
            rate, said[name] = timed(way, model, photos_of_way, arguments.loaders)
            best[name] = max(best[name], rate)
    equal = all(
        dict(one).keys() == dict(other).keys()
        and np.allclose([dict(one)[k] for k in classes], [dict(other)[k] for k in classes], atol=0.02)
        for one, other in zip(said["one view"], said["plain"], strict=True)
    )
    print(f"{best['one view']:8.1f} photographs/s  ours, one view (floor {FLOOR:g})")
    print(f"{best['plain']:8.1f} photographs/s  Pillow decodes whole, one photograph at a time")
    print(f"{best['as set']:8.1f} photographs/s  ours as set, in three or four views each (floor {FLOOR:g})")
    print(f"{best['one view'] / best['plain']:8.2f} x the plain way; answers {'equal' if equal else 'DIFFER'}")
    return 0 if equal and min(best["one view"], best["as set"]) >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
