"""Benchmark: writes the calibration that is shipped: as many originals of real cameras as photographs of the demo's.

    python -m benchmarks.examiner.defaults CONFIG [--photos ../shared/photos/originals] [--planted 12] [--jobs 2]
        [--out examiner/calibration/default.json]

CONFIG: pipelines.yaml of a finished demo. Simulated cameras alone make a bad default: of 101 originals of real cameras
every one is then called unusual or doubtful, because real thumbnails, clocks and in-camera resizing are not simulated.
Originals count alike with photographs of the demo, so that of neither more than one in a hundred is called unusual by
one test. Each folder of originals is taken for one device. What is planted is planted in the simulated photographs
alone. What the file has of pages of text (`benchmarks.examiner.documents`) stays. Skips (exit code 0) where the
collection is missing.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from corpus.configuration import read_configuration
from curation.generations import generation_named
from examiner.calibrate import compact
from examiner.calibration.gathered import Part, gathered
from examiner.calibration.measured import calibration_of, completed
from examiner.examination import FINDINGS
from examiner.knowledge import Knowledge, read_corpus
from examiner.trials.genuine import ALL, genuine_photographs
from examiner.trials.measuring import Work, measured_part, scores_of, works_for


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos/originals"))
    parser.add_argument("--planted", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("examiner/calibration/default.json"))
    arguments = parser.parse_args()
    originals = sorted(arguments.photos.glob("*/*.jpg"))
    if not originals:
        print(f"{arguments.photos}: no originals of real cameras are here; nothing is measured")
        sys.exit(0)
    store = read_configuration(arguments.config).store
    generation = generation_named(store, "latest")
    simulated = genuine_photographs(store, generation, ALL, photos=len(originals))
    works = works_for(simulated, arguments.planted)
    parts: list[Part] = []
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
        asked = [pool.submit(_real, str(path)) for path in originals]
        asked += [pool.submit(_simulated, arguments.config, generation, work) for work in works]
        for number, each in enumerate(asked, start=1):
            parts.append(each.result())
            if number % 10 == 0:
                print(f"{number} of {len(asked)}", flush=True)
    cameras = len({path.parent.name for path in originals})
    origin = f"{len(originals)} originals of {cameras} cameras and {len(simulated)} photographs of simulated cameras"
    calibration = gathered(parts, origin)
    if arguments.out.is_file():
        calibration = completed(calibration, calibration_of(arguments.out.read_bytes(), arguments.out.name))
    arguments.out.write_bytes(compact(calibration))
    print(f"written: {arguments.out}")


def _real(path: str) -> Part:
    data = Path(path).read_bytes()
    return Part(Path(path).stem, Path(path).parent.name, scores_of(data, (each for _, each in FINDINGS), Knowledge()))


def _simulated(config: str, generation: str, work: Work) -> Part:
    return measured_part(work, read_configuration(config).store, _knowledge(config, generation))


@cache
def _knowledge(config: str, generation: str) -> Knowledge:
    configuration = read_configuration(config)
    corpus = read_corpus(configuration.store, generation, configuration.whole_catalogue)
    return Knowledge(corpus, None, corpus.catalogue)


if __name__ == "__main__":
    main()
