"""Benchmark: CPU time to cut photographs into tiles, compared with libturbojpeg's lossless crops.

    python -m benchmarks.shards.cutting [FOLDER] [--photos 40] [--tile-px 1024] [--rounds 5]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files, of which evenly chosen
ones that are large enough are cut. Each photograph is cut by every program in turn, in one process, into the same up
to four tiles, and the fastest round counts: user and system CPU time, without reading the file. PyTurboJPEG
(`pip install 'PyTurboJPEG<2'`) calls the system's libturbojpeg (Debian: libturbojpeg0) once a photograph for all of
its tiles. It keeps neither Huffman tables optimised nor says that a file is damaged. Exit code 1: the ratio wanted is
missed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.places import ORIGINALS
from forensics.coefficients import read_coefficients
from shards.tiles import Cut, cut_tiles

TILES_PER_PHOTO = 4
RESTART_MCUS = 8
RATIO_MAX = 2.5


def turbo_crops() -> Callable[[bytes, list[Cut]], list[bytes]] | None:
    """Return libturbojpeg's lossless multi-crop; None, with the reason on the terminal, where it is missing."""
    try:
        import turbojpeg

        turbo = turbojpeg.TurboJPEG()
    except (ImportError, OSError, RuntimeError) as error:
        print(f"libturbojpeg is left out: {error}")
        return None

    def crops(jpeg: bytes, cuts: list[Cut]) -> list[bytes]:
        boxes = [(cut.x_px, cut.y_px, cut.width_px, cut.height_px) for cut in cuts]
        return turbo.crop_multiple(jpeg, boxes, copynone=True)

    return crops


def fastest_ms(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU time of several calls."""
    times = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return 1000 * min(times)


def main() -> None:
    """Cut, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--tile-px", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    photos = []
    for path in sorted(arguments.folder.rglob("*.jpg")):
        jpeg = path.read_bytes()
        frame = read_coefficients(jpeg).frame
        if min(frame.width_px, frame.height_px) >= arguments.tile_px:
            photos.append((jpeg, frame))
    photos = photos[:: max(1, len(photos) // arguments.photos)][: arguments.photos]
    if not photos:
        sys.exit(f"no photographs of {arguments.tile_px} px and more below {arguments.folder}")
    turbo = turbo_crops()
    names = ("read", "cut", f"cut, restart markers every {RESTART_MCUS} MCUs", "libturbojpeg's multi-crop")
    times: dict[str, list[float]] = {name: [] for name in names}
    bytes_of = dict.fromkeys(names, 0)
    tiles = 0
    for jpeg, _ in photos:

        def cut(jpeg: bytes = jpeg, restart_mcus: int = 0) -> list[Cut]:
            return cut_tiles(
                jpeg, tile_px=arguments.tile_px, tiles_per_photo=TILES_PER_PHOTO, restart_mcus=restart_mcus
            )

        plain, marked = cut(), cut(restart_mcus=RESTART_MCUS)
        tiles += len(plain)
        times[names[0]].append(fastest_ms(lambda jpeg=jpeg: read_coefficients(jpeg), arguments.rounds))
        times[names[1]].append(fastest_ms(cut, arguments.rounds))
        times[names[2]].append(fastest_ms(lambda cut=cut: cut(restart_mcus=RESTART_MCUS), arguments.rounds))
        bytes_of[names[1]] += sum(len(tile.jpeg) for tile in plain)
        bytes_of[names[2]] += sum(len(tile.jpeg) for tile in marked)
        if turbo is not None:
            times[names[3]].append(
                fastest_ms(lambda jpeg=jpeg, plain=plain, turbo=turbo: turbo(jpeg, plain), arguments.rounds)
            )
            bytes_of[names[3]] += sum(map(len, turbo(jpeg, plain)))
    megapixels = statistics.mean(frame.width_px * frame.height_px for _, frame in photos) / 1e6
    print(f"{len(photos)} photographs of {megapixels:.1f} megapixels, {tiles} tiles of {arguments.tile_px} px")
    means = {name: statistics.mean(of) for name, of in times.items() if of}
    for name, mean in means.items():
        size = f"{bytes_of[name] / tiles / 1000:8.1f} kB a tile" if bytes_of[name] else ""
        print(f"{mean:8.1f} ms a photograph  {size:20} {name}")
    if turbo is None:
        return
    for name in names[1:3]:
        ratio = means[name] / means[names[3]]
        print(f"{ratio:8.2f} x libturbojpeg's multi-crop: {name} ({'met' if ratio <= RATIO_MAX else 'MISSED'}: "
              f"{RATIO_MAX})")  # fmt: skip
    sys.exit(1 if means[names[1]] > RATIO_MAX * means[names[3]] else 0)


if __name__ == "__main__":
    main()
