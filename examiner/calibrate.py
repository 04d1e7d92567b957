"""Calibrate: measures what the findings' scores are in genuine photographs, and how often each finds what was planted.

`python -m examiner.calibrate`, `shutterprint calibrate`. The result is `examiner.json` beside a run, which
`examine --run` uses, or a file of its own.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console, progress
from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError, StageError
from corpus.storage import Store, open_store
from corpus.text import count, escaped
from curation.generations import generation_named
from examiner.calibration.gathered import Part, gathered, part_bytes, part_of
from examiner.calibration.measured import UNUSUAL, Calibration, Measured, as_dict, is_weak, unusual_above
from examiner.knowledge import CALIBRATION, Knowledge, read_corpus, read_run
from examiner.trials.genuine import ALL, genuine_photographs
from examiner.trials.measuring import Work, measured_part, works_for

if TYPE_CHECKING:  # it needs torch, and a calibration without a run does not
    from train.runs.run import Run

_DESCRIPTION = """Measure what the examiner's findings are worth, on photographs that curation has found genuine.

Each photograph of a generation's test split is examined, and the scores are kept: a later finding says in how many of
these photographs there is as much. Then things are planted in them (crops, montages, second compressions …), and what
share of these has a score that at most 1 % of the genuine ones have is kept as well.

With --run the network is used as well, and the result is stored beside the run, where `examine --run` finds it. A
calibration that was interrupted goes on where it was.

Exit codes: 0 done, 2 nothing could be done."""

_LEAST = round(1 / UNUSUAL) - 1
"""With fewer photographs nothing is rarer than 1 % of them."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_prepared: tuple[Store, Knowledge] | None = None
"""Of one worker process: made once, when it starts."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m examiner.calibrate", _DESCRIPTION)
    parser.add_argument("--run", metavar="RUN", help="a run's name, the path of its folder, or `latest`")
    parser.add_argument("--generation", metavar="NAME", help="a generation (default: the run's, else the latest)")
    parser.add_argument("--split", choices=["test", "validation", "train", ALL], default="test",
                        help="which photographs (default: test; others may have trained the network)")  # fmt: skip
    parser.add_argument("--photos", metavar="N", type=int, help="measure on N photographs (default: on all)")
    each = "photographs in which each thing is planted (default: 60)"
    parser.add_argument("--planted", metavar="N", type=int, default=60, help=each)
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="processes (default: CPUs)")
    out = "write the calibration into this file (default: examiner.json beside the run)"
    parser.add_argument("--out", metavar="FILE", type=Path, help=out)
    parser.add_argument("--origin", metavar="TEXT", help="what the photographs are called in reports")
    arguments = parser.parse_args()
    if arguments.run is None and arguments.out is None:
        parser.error("name a --run, beside which the calibration is stored, or a file with --out")
    if min(arguments.photos or 1, arguments.jobs) < 1 or arguments.planted < 0:
        parser.error("--photos and --jobs must be positive, and --planted must not be negative")
    _calibrate(configuration_of(arguments), arguments)
    return 0


def _calibrate(configuration: Configuration, arguments: argparse.Namespace) -> None:
    store, console = configuration.store, plain_console()
    run = _found(store, arguments.run) if arguments.run else None
    config = None if run is None else run.config()
    wanted = arguments.generation or (config.generation if config else "latest")
    generation = generation_named(store, wanted)
    fold = config.train.fold if config else None
    photographs = genuine_photographs(store, generation, arguments.split, fold=fold, photos=arguments.photos)
    if len(photographs) < _LEAST:
        console.print(f"{count(len(photographs), 'photograph')}: with fewer than {_LEAST} nothing is ever unusual")
    if run is not None:
        _fit_spread(configuration, run, generation, fold)
    works = works_for(photographs, arguments.planted)
    there, path = _destination(arguments.out, run)
    names = [path, generation, run.name if run else ""]
    trained = None if run is None else f"{run.store.url}/{run.directory}" if run.store != store else run.name
    settings = (configuration.file, arguments.overrides, generation, trained)
    parts = _measured(works, there, f"{path}.parts", " ".join(names), settings, arguments.jobs)
    split = "photographs" if arguments.split == ALL else f"{arguments.split} split"
    origin = arguments.origin or f"the {split} of generation {generation}"
    calibration = gathered(parts, origin)
    there.publish(path, compact(calibration))
    there.remove(f"{path}.parts")
    for line in table(calibration):
        console.print(line, soft_wrap=True)
    console.print(f"written: {escaped(there.path(path))}", soft_wrap=True)


def _fit_spread(configuration: Configuration, run: "Run", generation: str, fold: int | None) -> None:
    """Publish beside a run how windows of its training photographs scatter in its embedding, unless it is there."""
    from examiner.detectors.splices.spread_file import SPREAD, spread_bytes
    from examiner.trials.spread import PHOTOGRAPHS, fitted_spread
    from train.archive.loading import run_parts
    from train.archive.parts import model_of

    path, console = f"{run.directory}/{SPREAD}", plain_console()
    if run.store.exists(path):
        return
    console.print(f"measuring how windows of {PHOTOGRAPHS} training photographs scatter, for maps of splices")
    store = configuration.store
    try:
        photographs = genuine_photographs(store, generation, "train", fold=fold)
    except StageError:  # a generation may have no training photographs
        photographs = []
    model = model_of(run_parts(run, configuration.whole_catalogue))
    spread = fitted_spread(model, store, photographs)
    if spread is None:
        console.print("they are too few, or the network has no map of places: splices are looked for without")
    else:
        run.store.publish(path, spread_bytes(spread))


def _found(store: Store, name: str) -> "Run":
    from train.runs.run import find_run

    return find_run(store, name)


def _destination(out: Path | None, run: "Run | None") -> tuple[Store, str]:
    """Return the store and the path of the calibration."""
    if out is not None:
        if not out.absolute().parent.is_dir():
            raise ConfigurationError(f"--out {out}: its folder does not exist")
        return open_store(str(out.absolute().parent)), out.name
    assert run is not None  # noqa: S101 - the command line refuses to have neither
    return run.store, f"{run.directory}/{CALIBRATION}"


def _measured(works: Sequence[Work], there: Store, folder: str, knowledge: str, settings: Any, jobs: int) -> list[Part]:
    """Return the parts of all works; those that were measured before are read."""
    named = {f"{work.digest(knowledge)}.json": work for work in works}
    found = {name: part_of(there.read(f"{folder}/{name}"), f"{folder}/{name}")
             for name in there.names(folder) if name in named}  # fmt: skip
    left = {name: work for name, work in named.items() if name not in found}
    with progress(plain_console(), "measuring", len(named), "photographs") as advance:
        advance(len(found))
        for name, part in _in_processes(left, settings, min(jobs, max(1, len(left)))):
            there.publish(f"{folder}/{name}", part_bytes(part))
            found[name] = part
            advance(1)
    return [found[name] for name in named]


def _in_processes(works: dict[str, Work], settings: Any, jobs: int) -> Iterator[tuple[str, Part]]:
    if not works:
        return
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # the processes are the parallelism
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, settings) as pool:
            futures = {pool.submit(_work, work): name for name, work in works.items()}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool as error:
        raise StageError(
            "a process that measures was ended: by this machine's want of memory (give fewer --jobs), or by a "
            "photograph; the same command goes on from here"
        ) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _prepare(file: str | None, overrides: Sequence[str], generation: str, run: str | None) -> None:
    global _prepared
    import cv2

    cv2.setNumThreads(1)
    configuration = read_configuration(file, overrides)
    store, catalogue = configuration.store, configuration.whole_catalogue
    corpus = read_corpus(store, generation, catalogue)
    trained = None if run is None else read_run(store, run, catalogue)
    _prepared = store, Knowledge(corpus, trained, corpus.catalogue)


def _work(work: Work) -> Part:
    assert _prepared is not None  # noqa: S101 - each process begins with `_prepare`
    return measured_part(work, *_prepared)


def compact(calibration: Calibration) -> bytes:
    """Return a calibration as JSON with a line for each finding, so that two of them can be compared."""
    import json

    plain = as_dict(calibration)
    lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in plain["findings"].items()]
    return (
        f'{{"origin": {json.dumps(plain["origin"])}, "findings": {{\n'.encode() + ",\n".join(lines).encode() + b"\n}}\n"
    )


def table(calibration: Calibration) -> list[str]:
    """Return what was measured, a line for each finding, as people read it."""
    lines = [f"{'finding':28} {'photographs':>11} {'devices':>7} {'unusual above':>13}  found of what was planted"]
    for name, each in sorted(calibration.findings.items()):
        number = len(each.scores)
        limit = unusual_above(each.scores)
        above, found = (
            ("never", f"fewer than {_LEAST} photographs: cannot be told")
            if limit is None
            else (f"{limit:.4g}", _found_text(each))
        )
        lines.append(f"{name:28} {number:11,} {each.devices:7,} {above:>13}  {found}")
    return lines


def _found_text(measured: Measured) -> str:
    """Return what share of the planted is found, of files saved with loss and without it."""
    said = []
    for lossless, how in ((False, ""), (True, " without loss")):
        planted = tuple(one for one in measured.detection if one.lossless == lossless)
        if planted:
            share = sum(one.share for one in planted) / len(planted)
            said.append(f"{share:.2f} of {count(len(planted), 'kind')}{how}{' (weak)' if is_weak(planted) else ''}")
    return ", ".join(said) or "nothing planted"


if __name__ == "__main__":
    exit_with(main)
