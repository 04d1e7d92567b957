"""Measures manipulations in batches of torch against the loaders' way, crop by crop, in one process.

`python -m benchmarks.batched_manipulations [--device cpu|cuda] [--crop-px 112] [--batch 32] [--threads 1]`. Crops are
noise, whose JPEGs have more to code than those of photographs: this favours the batches. Prints crops a second, the
best of five rounds.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from train.batched import bicubic, gamma, jpeg
from train.data import manipulations


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
    pictures = list(np.clip(rng.normal(128, 12, (count, edge_px, edge_px, 3)), 0, 255).astype(np.uint8))
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(arguments.device)
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        f"jpeg_{factor}": (
            lambda factor=factor: [manipulations.compress(each, factor) for each in pictures],
            lambda factor=factor: jpeg.compress(batch, [factor] * count),
        )
        for factor in (70, 90)
    }
    ways |= {
        f"scale_{scale:g}": (
            lambda scale=scale: [manipulations.resize(each, scale) for each in pictures],
            lambda scale=scale: bicubic.resize(batch, scale),
        )
        for scale in (0.5, 0.8, 1.5, 2.0)
    }
    ways["gamma_0.8"] = (
        lambda: [manipulations.correct_gamma(each, 0.8) for each in pictures],
        lambda: gamma.correct_gamma(batch, [0.8] * count),
    )
    print(f"{count} crops of {edge_px} px, {arguments.device}, {arguments.threads} thread(s): crops a second")
    for name, (single, together) in ways.items():
        rates = crops_a_second(single, count, "cpu"), crops_a_second(together, count, arguments.device)
        print(f"{name:<10} loaders {rates[0]:9,.0f}   batched {rates[1]:9,.0f}   ratio {rates[1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
