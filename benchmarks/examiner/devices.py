"""How surely a photograph is matched with its device, by references, JPEG quality, crop and scale.

    python -m benchmarks.examiner.devices [--simulated 6] [--references 50] [--tests 8] [--photos ../shared/photos]

Simulated: one device of each of the first models, with references and tests of scenes apart; the false alarms are those
of tests by another device of the same model, and by the devices of the other models. Real: every camera with four
originals of one size and more, each photograph against a fingerprint of those of other sessions (shots less than
30 minutes apart), or, where a camera has one session, of all others; the false alarms are those of photographs by the
next three cameras. Of real photographs the middle 1024×1024 px are compared, at shift 0. Each row says the share of
photographs that are found at 1 % false alarms, and at PCE 60, and the median PCE.
"""

import argparse
import csv
import io
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.places import COLLECTION
from demo.simulation.cameras import MODELS, take_photograph
from demo.simulation.scenes import draw_scene
from examiner.detectors.prnu.correlation import log10_false_alarm, peak_of
from examiner.detectors.prnu.fingerprint import Estimate
from examiner.detectors.prnu.grouping import compared_part, grouped, products
from examiner.detectors.prnu.matching import match
from examiner.detectors.prnu.residual import cleaned, light_weights, noise_residual, signal_of

MIDDLE_PX = 1024
OTHERS = 3
REFERENCES = (5, 10, 20, 50)
Luma = NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", type=int, default=6, help="models of the demo; 0: none")
    parser.add_argument("--references", type=int, default=50)
    parser.add_argument("--tests", type=int, default=8, help="photographs of each device that are judged")
    parser.add_argument("--size", type=int, nargs=2, default=(960, 720), help="of simulated photographs, px")
    parser.add_argument("--photos", type=Path, default=COLLECTION)
    arguments = parser.parse_args()
    if arguments.simulated:
        simulated(arguments.simulated, arguments.references, arguments.tests, tuple(arguments.size))
    if (arguments.photos / "index.csv").exists():
        real(arguments.photos)
    else:
        print(f"no real photographs: {arguments.photos} is missing")


def saved(picture: NDArray[np.uint8], quality: int = 96) -> Luma:
    """Return the luma of a picture that was saved as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def resized(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return a picture in another size."""
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def cut(picture: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Return a square out of a picture, off the grid of its blocks."""
    top, left = (picture.shape[0] - side_px) // 3 | 1, (picture.shape[1] - side_px) // 3 | 1
    return picture[top : top + side_px, left : left + side_px]


CONDITIONS: dict[str, Callable[[NDArray[np.uint8]], Luma]] = {
    "unaltered": saved,
    **{f"saved again at {q}": (lambda p, q=q: saved(opened_again(p), q)) for q in (90, 75, 50)},
    **{f"crop of {s}×{s} px": (lambda p, s=s: saved(cut(opened_again(p), s))) for s in (384, 256)},
    **{f"scaled to {s:.2f}": (lambda p, s=s: saved(resized(opened_again(p), s))) for s in (0.75, 0.5)},
    "turned by 90°": lambda p: saved(np.ascontiguousarray(np.rot90(opened_again(p)))),
}  # fmt: skip


def opened_again(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as its camera's JPEG shows it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=96)
    return np.asarray(Image.open(file).convert("RGB"))


def simulated(models: int, references: int, tests: int, size_px: tuple[int, int]) -> None:
    """Measure on simulated devices and print."""
    print(f"simulated: {models} models, {size_px[0]}×{size_px[1]} px, quality 96, {tests} photographs a device")
    steps = [each for each in REFERENCES if each <= references]
    patterns: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    estimates = [Estimate(size_px) for _ in range(models)]
    for scene_seed in range(max(steps)):
        scene = draw_scene(10_000 + scene_seed, *size_px)
        for number, estimate in enumerate(estimates):
            estimate.add(saved(take_photograph(MODELS[2 * number % 12], 700 + number, scene, scene_seed)))
        if scene_seed + 1 in steps:
            for each in estimates:
                patterns[scene_seed + 1].append(each.fingerprint().pattern)
    own: dict[tuple[str, int], list[float]] = defaultdict(list)
    other: dict[tuple[str, int], list[float]] = defaultdict(list)
    energies: dict[tuple[str, int], list[float]] = defaultdict(list)
    for test in range(tests):
        scene = draw_scene(20_000 + test, *size_px)
        for number in range(models):
            for device_seed, scores in ((700 + number, own), (800 + number, other)):
                picture = take_photograph(MODELS[2 * number % 12], device_seed, scene, 20_000 + test)
                for condition, alter in CONDITIONS.items():
                    signal = signal_of(alter(picture))
                    for step in steps if condition == "unaltered" else steps[-1:]:
                        found = match(signal, patterns[step][number])
                        scores[condition, step].append(-found.log10_false_alarm)
                        if scores is own:
                            energies[condition, step].append(found.pce)
                        elif condition == "unaltered":  # and against every other model
                            for another in range(models):
                                if another != number:
                                    found = match(signal, patterns[step][another])
                                    other[condition, step].append(-found.log10_false_alarm)
    print(f"{'condition':<22}{'references':>11}{'at 1 %':>8}{'PCE 60':>8}{'median PCE':>12}{'photographs':>12}"
          f"{'others':>8}{'highest other (-log10)':>24}")  # fmt: skip
    for key in own:
        row(*key, own[key], other[key], energies[key])
    truth, signals = [], []
    for photograph in range(tests * models):  # each of a scene of its own: one scene in two pictures is a likeness, too
        number = photograph % models
        scene = draw_scene(30_000 + photograph, *size_px)
        picture = take_photograph(MODELS[2 * number % 12], 700 + number, scene, 30_000 + photograph)
        truth.append(number)
        signals.append(compared_part(saved(picture)))
    said_of_groups("simulated", signals, truth)


def row(condition: str, references: int, own: list[float], other: list[float], energies: list[float]) -> None:
    """Print the figures of one condition."""
    threshold = np.quantile(other, 0.99, method="higher")
    found, usual = np.mean(np.array(own) > threshold), np.mean(np.array(energies) >= 60)
    print(f"{condition:<22}{references:>11}{found:>8.2f}{usual:>8.2f}{np.median(energies):>12.0f}{len(own):>12}"
          f"{len(other):>8}{max(other):>24.1f}")  # fmt: skip


def said_of_groups(what: str, signals: list[NDArray[np.int8]], truth: list[int]) -> None:
    """Print how well photographs are grouped."""
    groups = grouped(products(signals), signals[0].size)
    mixed = sum(len({truth[number] for number in group}) > 1 for group in groups)
    pairs = [(a, b) for a in range(len(truth)) for b in range(a) if truth[a] == truth[b]]
    place = {number: index for index, group in enumerate(groups) for number in group}
    together = np.mean([place[a] == place[b] for a, b in pairs])
    print(f"grouping, {what}: {len(signals)} photographs by {len(set(truth))} devices in {len(groups)} groups, "
          f"{mixed} of them mixed; {together:.2f} of the pairs by one device are together")  # fmt: skip


def real(photos: Path) -> None:
    """Measure on real photographs and print."""
    began_s = time.monotonic()
    by_camera: dict[tuple[str, tuple[int, int]], list[tuple[str, Path]]] = defaultdict(list)
    with (photos / "index.csv").open() as file:
        for line in csv.DictReader(file):
            path = photos / line["file"]
            if line["kind"] == "original":
                with Image.open(path) as image:
                    by_camera[path.parent.name, image.size].append((line["session"], path))
    cameras = {key: shots for key, shots in sorted(by_camera.items()) if len(shots) >= 4}
    kept = {}
    for key, shots in cameras.items():
        for session, path in shots:
            with Image.open(path) as image:
                image.draft("L", None)
                luma = middle(np.asarray(image.convert("L")))
            weights = light_weights(luma)
            residual = noise_residual(luma)
            signal = cleaned(residual) * weights
            kept[path] = (key, session, residual * weights, weights**2, signal - signal.mean())
    print(f"\nreal: {sum(map(len, cameras.values()))} photographs by {len(cameras)} cameras, the middle of each")
    print(f"{'camera':<32}{'photographs':>12}{'sessions':>9}{'PCE ≥ 60':>9}{'median PCE':>12}{'least':>9}"
          f"{'other: highest':>16}")  # fmt: skip
    everything: list[float] = []
    against: list[float] = []
    for key, shots in cameras.items():
        sessions = {session for session, _ in shots}
        energies = []
        for session, path in shots:
            rest = [each for each in shots if each[1] != path and (len(sessions) == 1 or each[0] != session)]
            energies.append(peak_of(kept[path][4], pattern_of([kept[each] for _, each in rest]), 0).pce)
        whole = pattern_of([kept[each] for _, each in shots])
        at = list(cameras).index(key)
        foreign = [list(cameras)[(at + 1 + next_) % len(cameras)] for next_ in range(OTHERS)]
        others = [compared(kept[path][4], whole) for other in foreign for _, path in cameras[other]]
        everything += energies if len(sessions) > 1 else []
        against += others
        print(f"{key[0][:30]:<32}{len(shots):>12}{len(sessions):>9}{np.mean(np.array(energies) >= 60):>9.2f}"
              f"{np.median(energies):>12.0f}{min(energies):>9.1f}{max(others):>16.1f}", flush=True)  # fmt: skip
    threshold = float(np.quantile(against, 0.99, method="higher"))
    found, usual = np.mean(np.array(everything) > threshold), np.mean(np.array(everything) >= 60)
    beyond = np.mean([log10_false_alarm(each, 1) < -2 for each in against])
    print(f"cameras with several sessions, {len(everything)} photographs: {found:.2f} at 1 % false alarms (PCE "
          f"{threshold:.1f}), {usual:.2f} at PCE 60")  # fmt: skip
    print(f"{len(against)} photographs against other cameras: {sum(each >= 60 for each in against)} of PCE 60, "
          f"{beyond:.3f} beyond the Gaussian tail of 1 %")  # fmt: skip
    print(f"{time.monotonic() - began_s:.0f} s")


def middle(luma: Luma) -> Luma:
    """Return the middle of a photograph, on the grid of its blocks."""
    top, left = (max(0, (side - MIDDLE_PX) // 2) // 8 * 8 for side in luma.shape)
    return np.ascontiguousarray(luma[top : top + MIDDLE_PX, left : left + MIDDLE_PX])


def pattern_of(parts: list) -> NDArray[np.float32]:
    """Return the cleaned pattern of photographs whose sums these are."""
    products_sum = sum(each[2] for each in parts)
    return cleaned(np.asarray(products_sum / (1 + sum(each[3] for each in parts)), np.float32))


def compared(signal: NDArray[np.float32], pattern: NDArray[np.float32]) -> float:
    """Return the energy of a signal in a pattern of another camera, in what both have."""
    height, width = (min(sides) for sides in zip(signal.shape, pattern.shape, strict=True))
    return peak_of(np.ascontiguousarray(signal[:height, :width]), np.ascontiguousarray(pattern[:height, :width]), 0).pce


if __name__ == "__main__":
    main()
