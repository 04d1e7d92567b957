"""Device: fingerprints of devices by their sensors' patterns: build, match, compare, and group without references.

`shutterprint device …`, `python -m examiner.device …`. A file that cannot be used gets a sentence with the reason, and
the exit code is 1.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.command_line import command_parser, exit_with
from corpus.errors import StageError
from corpus.storage import open_store
from corpus.text import count, escaped
from examiner.detectors.prnu.computational import GENERAL, known_trouble
from examiner.detectors.prnu.fingerprint import REFERENCES_ADVISED, Estimate, Fingerprint
from examiner.detectors.prnu.grouping import PHOTOGRAPHS_MAX, compared_part, grouped, products
from examiner.detectors.prnu.matching import match
from examiner.detectors.prnu.reading import read_fingerprint
from examiner.detectors.prnu.residual import signal_of
from examiner.detectors.prnu.stored import as_npz
from examiner.findings.device import is_match, sentence
from examiner.sandbox.decoder import Decoder
from examiner.sandbox.photographs import Photographs

_DESCRIPTION = """Say which device took a photograph, by the pattern that its sensor leaves in all photographs.

build estimates a device's pattern from photographs by it, as they came from the camera: 20 and more of ordinary scenes,
or some ten of a bright, even wall. match looks for it in other photographs, turned, scaled or cropped as they may be.
compare says whether two fingerprints are of one device, and group sorts a folder's photographs by device.

A separate process decodes photographs, with 60 s and 4 GiB for each; one that takes more, or ends it, gets a sentence.

Exit codes: 0 everything was read (whatever was found), 1 some files could not be used, 2 nothing could be done."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m examiner.device", _DESCRIPTION, overridable=False)
    commands = parser.add_subparsers(metavar="build | match | compare | group", required=True)
    build = _command(commands, "build", "estimate a device's fingerprint from photographs by it", _build)
    build.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders, or patterns in quotes")
    build.add_argument("-o", "--out", metavar="FILE", type=Path, help="the file to write (default: standard output)")
    matched = _command(commands, "match", "look for a device's pattern in photographs", _match)
    matched.add_argument("device", metavar="DEVICE.npz", type=Path, help="what `build` has written")
    matched.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders, or patterns in quotes")
    compared = _command(commands, "compare", "say whether two fingerprints are of one device", _compare)
    compared.add_argument("devices", metavar="DEVICE.npz", type=Path, nargs=2, help="what `build` has written")
    group = _command(commands, "group", "sort photographs by device, without references", _group)
    group.add_argument("photos", metavar="FOLDER", nargs="+", help="folders, files, or patterns in quotes")
    for each in (matched, compared, group):
        each.add_argument("--json", action="store_true", help="print JSON instead of text")
    arguments = parser.parse_args()
    code: int = arguments.run(arguments)
    return code


def _command(
    commands: Any, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser.set_defaults(run=run)
    return parser


def _build(arguments: argparse.Namespace) -> int:
    if arguments.out is None and sys.stdout.isatty():
        raise StageError("a fingerprint is no text for a terminal: name a file with -o, or redirect the output")
    with Decoder() as decoder:
        photographs = Photographs(arguments.photos, decoder)
        fingerprint = _built(photographs)
    if arguments.out is None:
        sys.stdout.buffer.write(as_npz(fingerprint))
    else:
        open_store(str(arguments.out.resolve().parent)).publish(arguments.out.name, as_npz(fingerprint))
    for line in _said_of(fingerprint):
        print(escaped(line), file=sys.stderr)
    return photographs.code


def _built(photographs: Photographs) -> Fingerprint:
    read = {path: (each.sha256, each.decoded.size_px) for path, each in photographs.opened(luma=False)}
    if not read:
        raise StageError("no photograph could be read, so there is no fingerprint")
    sizes = Counter(size_px for _, size_px in read.values())
    size_px = min(sizes, key=lambda each: (-sizes[each], each))  # the commonest, and of equals the smallest
    estimate, digests, claims = Estimate(size_px), set[str](), set[str]()
    # in the order of their digests, so that the order of the names changes no sum; the same file counts once
    for path in sorted(read, key=lambda each: (read[each][0], each)):
        sha256, (width, height) = read[path]
        if (width, height) != size_px:
            photographs.refuse(path, f"is {width}×{height} px, and most are {size_px[0]}×{size_px[1]} px; left out")
        elif sha256 not in digests and (photograph := photographs.open(path)) is not None:
            try:
                estimate.add(photograph.luma)
            except ValueError as error:
                photographs.refuse(path, str(error))
                continue
            digests.add(photograph.sha256)
            claims.add(photograph.decoded.claim)
    try:
        return estimate.fingerprint(tuple(digests), tuple(claims - {""}))
    except ValueError as error:
        raise StageError(str(error)) from error


def _said_of(fingerprint: Fingerprint) -> Iterator[str]:
    width, height = fingerprint.size_px
    yield f"fingerprint of {width}×{height} px from {count(fingerprint.photographs, 'photograph')}"
    if fingerprint.photographs < REFERENCES_ADVISED:
        yield f"note: of {REFERENCES_ADVISED} photographs and more it would be surer"
    if len(fingerprint.claims) > 1:
        yield f"warning: their EXIF names several cameras: {', '.join(fingerprint.claims)}"
    for trouble in sorted({each for each in map(known_trouble, fingerprint.claims) if each}):
        yield f"warning: {trouble}"


def _match(arguments: argparse.Namespace) -> int:
    device = read_fingerprint(arguments.device)
    pattern, answers = device.pattern, []
    with Decoder() as decoder:
        photographs = Photographs(arguments.photos, decoder)
        for path, photograph in photographs.opened():
            try:
                found = match(signal_of(photograph.luma), pattern)
            except ValueError as error:
                photographs.refuse(path, str(error))
                continue
            known = photograph.sha256 in device.digests
            answers.append(
                {"photograph": path, "matches": is_match(found) and not known, "reference": known} | asdict(found)
            )
            if not arguments.json:
                print(escaped(f"{path}\n  {sentence(found, device, photograph.sha256)}"))
                if trouble := known_trouble(photograph.decoded.claim):
                    print(escaped(f"  {trouble}."))
    if arguments.json:
        print(json.dumps({"device": device.name, "photographs": answers, "not_judged": photographs.faults}, indent=1))
    elif answers:
        print(f"\n{GENERAL}")
    return photographs.code


def _compare(arguments: argparse.Namespace) -> int:
    first, second = (read_fingerprint(path) for path in arguments.devices)
    smaller, larger = sorted((first, second), key=lambda each: (each.steps.size, each is second))
    try:
        found = match(smaller.pattern, larger.pattern)
    except ValueError as error:
        raise StageError(f"{smaller.name}: {error}, the size of {larger.name}") from error
    common = len(set(first.digests) & set(second.digests))
    if arguments.json:
        same = is_match(found) and not common
        print(json.dumps({"same_device": same, "photographs_in_common": common} | asdict(found), indent=1))
        return 0
    figures = f"peak-to-correlation energy {found.pce:,.0f}, chance 10^{found.log10_false_alarm:.0f}, {found.turn}"
    if common:
        print(f"Nothing can be said: {count(common, 'photograph')} went into both fingerprints ({figures}).")
    else:
        print(f"The two fingerprints {'are of one device' if is_match(found) else 'do not match'} ({figures}).")
    for trouble in sorted({each for each in map(known_trouble, first.claims + second.claims) if each}):
        print(escaped(f"  {trouble}."))
    return 0


def _group(arguments: argparse.Namespace) -> int:
    by_size: dict[tuple[int, int], dict[str, NDArray[np.int8]]] = {}
    with Decoder() as decoder:
        photographs = Photographs(arguments.photos, decoder)
        for path, photograph in photographs.opened():
            size_px = photograph.decoded.size_px
            of_size = by_size.get(size_px, {})
            if len(of_size) == PHOTOGRAPHS_MAX:
                photographs.refuse(path, f"more than {PHOTOGRAPHS_MAX} photographs of one size; group fewer at once")
                continue
            try:
                by_size[size_px] = of_size | {path: compared_part(photograph.luma)}
            except ValueError as error:
                photographs.refuse(path, str(error))
    groups = []
    for size_px, signals in sorted(by_size.items()):
        paths, rows = list(signals), list(signals.values())
        groups += [(size_px, [paths[number] for number in group]) for group in grouped(products(rows), rows[0].size)]
    if arguments.json:
        listed = [{"size_px": size_px, "photographs": paths} for size_px, paths in groups]
        print(json.dumps({"groups": listed, "not_judged": photographs.faults}, indent=1))
    else:
        print("\n".join(escaped(line) for line in _lines_of(groups)))
    return photographs.code


def _lines_of(groups: list[tuple[tuple[int, int], list[str]]]) -> Iterator[str]:
    together = [each for each in groups if len(each[1]) > 1]
    for number, ((width, height), paths) in enumerate(together, 1):
        yield f"device {number}: {count(len(paths), 'photograph')} of {width}×{height} px"
        yield from (f"  {path}" for path in paths)
    alone = [path for _, paths in groups if len(paths) == 1 for path in paths]
    if alone:
        yield f"with no other: {count(len(alone), 'photograph')}"
        yield from (f"  {path}" for path in alone)
    yield ""
    yield "Only photographs of one size are compared, and as they are stored: crops and turned copies stand alone."


if __name__ == "__main__":
    exit_with(main)
