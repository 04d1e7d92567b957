"""Measures manipulations of whole batches on a device against the loaders' way, crop by crop, in one process.

`python -m benchmarks.train.batched_manipulations [--device cpu|cuda] [--crop-px 112] [--batch 32] [--threads 1]`. Crops
are noise, whose JPEGs have more to code than those of photographs: this favours the batches. Prints crops a second, the
best of five rounds: `loaders` one after the other on one core; `device` from pixels in this process's memory, their
copy included; `left to it`, what a loader has left to do where the device manipulates. The last line is of batches as a
training draws them, half manipulated, and says what is sent to the device: the pixels of the windows, beside those of
finished crops, and of windows all padded to the largest possible one.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from train.batched.finishing import finish
from train.data.crops import CropPlan, Finish, Geometry, plan_crop
from train.data.finishes import unfinished
from train.data.manipulations import MANIPULATIONS, Picture


def crops_a_second(way: Callable[[], object], crops: int, device: str) -> float:
    """Return the rate of the best of five rounds, after one that is not counted."""
    best_s = float("inf")
    for round_ in range(6):
        began_s = time.perf_counter()
        way()
        if device == "cuda":
            torch.cuda.synchronize()
        if round_:
            best_s = min(best_s, time.perf_counter() - began_s)
    return crops / best_s


def compare(name: str, windows: list[Picture], finishes: list[Finish], device: str) -> None:
    """Measure one set of windows and print a line."""
    pixels, numbered = unfinished(windows, finishes)
    if device == "cuda":
        pixels = pixels.pin_memory()
    where, crops = torch.device(device), len(windows)
    loaders = crops_a_second(lambda: [each(window) for each, window in zip(finishes, windows, strict=True)], crops, "")
    batched = crops_a_second(lambda: finish(pixels.to(where, non_blocking=True), numbered.to(where)), crops, device)
    left = crops_a_second(lambda: unfinished(windows, finishes), crops, "")
    print(
        f"{name:<10} loaders {loaders:9,.0f}   device {batched:9,.0f}   ratio {batched / loaders:5.2f}   "
        f"left to it {left:9,.0f}"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--crop-px", type=int, default=112)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    count, edge_px = arguments.batch, arguments.crop_px
    rng = np.random.default_rng(0)

    def noise(height_px: int, width_px: int) -> Picture:
        return np.clip(rng.normal(128, 12, (height_px, width_px, 3)), 0, 255).astype(np.uint8)

    print(f"{count} crops of {edge_px} px, {arguments.device}, {arguments.threads} thread(s): crops a second")
    for name, manipulation in MANIPULATIONS.items():
        window_px = manipulation.window_px(edge_px)
        each = Finish(manipulation, (0, 0, edge_px), 0, False)
        compare(name, [noise(window_px, window_px) for _ in range(count)], [each] * count, arguments.device)
    outer_px = 2 * edge_px
    geometry = Geometry(outer_px, edge_px, 0.5, "none", 0.25)
    plans: list[CropPlan] = [plan_crop(rng, geometry, 2 * outer_px, 2 * outer_px) for _ in range(count)]
    windows = [noise(plan.rectangle[3], plan.rectangle[2]) for plan in plans]
    compare("training's", windows, [plan.finish for plan in plans], arguments.device)
    sent = sum(window.size for window in windows) / 1e6
    print(f"sent {sent:.2f} MB; finished crops {count * 3 * edge_px**2 / 1e6:.2f} MB; "
          f"padded to the outer crop {count * 3 * outer_px**2 / 1e6:.2f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
