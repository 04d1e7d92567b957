"""Benchmark: reads mutated headers of real photographs; each must give facts or a JpegError, fast, in constant memory.

    python -m benchmarks.forensics.header_mutations [FOLDER] [--count 200000] [--seed 1] [--only INDEX]

FOLDER (default `../shared/photos` beside the repository) is searched for .jpg files. The header and the first bytes of
the scan of each are mutated: bits are flipped, bytes overwritten, deleted and inserted, lengths of segments and entries
attacked, files cut and spliced. A mutation depends on seed and index alone: `--only INDEX` with the same seed repeats
it. Exit code 1: something other than a JpegError was raised.
"""

import argparse
import random
import resource
import sys
from dataclasses import fields
from pathlib import Path

from benchmarks.forensics.mutation_loop import mutated, tried
from benchmarks.places import COLLECTION
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.hints import hints
from forensics.photo_facts import PhotoFacts, facts_of_row

SLOW_MS = 50.0
SCAN_BYTES_KEPT = 256
HEADER_BYTES_MAX = 256 * 1024
EDGES = (b"\0", b"\1", b"\x7f", b"\x80", b"\xfe", b"\xff")


def flip(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Flip single bits."""
    for _ in range(chance.randint(1, 16)):
        data[place(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Overwrite bytes with random ones or with a run of one extreme byte."""
    for _ in range(chance.randint(1, 4)):
        at, length = place(data, chance), chance.choice((1, 2, 4, 12, 64, 500))
        new = chance.randbytes(length) if chance.random() < 0.5 else chance.choice(EDGES) * length
        data[at : at + length] = new[: len(data) - at]


def delete(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Delete bytes."""
    for _ in range(chance.randint(1, 4)):
        at = place(data, chance)
        del data[at : min(at + chance.choice((1, 2, 3, 16, 1000)), len(data) - 1)]


def insert(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Insert random bytes or a part of the same file."""
    for _ in range(chance.randint(1, 4)):
        at, length = place(data, chance), chance.choice((1, 2, 12, 100, 5000))
        source = place(data, chance)
        data[at:at] = chance.randbytes(length) if chance.random() < 0.5 else data[source : source + length]


def attack_segment_lengths(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Overwrite the lengths of segments."""
    markers = [at for at in range(2, len(data) - 4) if data[at] == 0xFF and 0xC0 <= data[at + 1] <= 0xFE]
    for at in chance.sample(markers, min(len(markers), chance.randint(1, 3))):
        length = chance.choice((0, 1, 2, 3, 8, 0x7FFF, 0xFFFF, chance.randrange(65536)))
        data[at + 2 : at + 4] = length.to_bytes(2)


def attack_numbers(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Overwrite numbers of 2 and 4 bytes (counts, types, offsets) in the first directories."""
    block = data.find(chance.choice((b"II*\0", b"MM\0*")))
    start = block if block >= 0 else 2
    for _ in range(chance.randint(1, 6)):
        size = chance.choice((2, 4))
        at = min(start + chance.randrange(1200), max(0, len(data) - size))
        value = chance.choice((0, 1, 2, 8, 0x7F, 1000, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, chance.randrange(70000)))
        data[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, chance.choice(("little", "big")))


def cut(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Cut off the end."""
    del data[place(data, chance) :]


def splice(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Replace the end by that of another file."""
    other = chance.choice(others)
    data[place(data, chance) :] = other[chance.randrange(len(other)) :]


MUTATIONS = (flip, overwrite, delete, insert, attack_segment_lengths, attack_numbers, cut, splice)


def place(data: bytearray, chance: random.Random) -> int:
    """Return a place in the data, half the time within the first 2,000 bytes, which matter most."""
    return chance.randrange(min(len(data), 2000) if chance.random() < 0.5 else len(data))


def check(data: bytes) -> str:
    """Read the bytes both ways, use the facts in every way the product does, and return the outcome."""
    outcome = ""
    for whole in (True, False):
        try:
            facts = read_facts(data, whole=whole)
        except JpegError as error:
            outcome = outcome or type(error).__name__
            continue
        outcome = "facts"
        hints(facts)
        names = [field.name for field in fields(PhotoFacts)]
        row = {name: as_list(getattr(facts, name)) for name in names}
        if facts_of_row(row) != facts:
            raise AssertionError("the facts changed on their way through a row")
    return outcome


def as_list(value: object) -> object:
    """Return a value as a table returns it, with lists for tuples."""
    return [as_list(each) for each in value] if isinstance(value, tuple) else value


def header_of(path: Path) -> bytes:
    """Return the header of a file and the first bytes of its scan."""
    data = path.read_bytes()
    end = read_facts(data, whole=True).scan_offset_bytes + SCAN_BYTES_KEPT
    return data[: min(end, HEADER_BYTES_MAX)]


def rss_mb() -> float:
    """Return this process's memory in MB: the current value on Linux, else the peak."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Mutate, read, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=COLLECTION)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="repeat the mutation of this index alone and let it raise")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.rglob("*.jpg"))
    if not paths:
        sys.exit(f"no .jpg files below {arguments.folder}: name a folder that has some")
    originals = [header_of(path) for path in paths]
    if arguments.only is not None:
        print(check(mutated(arguments.seed, arguments.only, originals, MUTATIONS)))
        return
    print(f"{arguments.count} mutations of {len(originals)} headers, seed {arguments.seed}")
    steps = {arguments.count * tenth // 10: tenth for tenth in range(1, 11)}

    def tell_memory(index: int) -> None:
        if index + 1 in steps:
            print(f"{10 * steps[index + 1]:>4} %  {rss_mb():8.1f} MB", flush=True)

    found = tried(
        arguments.count,
        lambda index: mutated(arguments.seed, index, originals, MUTATIONS),
        check,
        slow_ms=SLOW_MS,
        again=f"python -m benchmarks.forensics.header_mutations --seed {arguments.seed}",
        after=tell_memory,
    )
    print(", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.most_common()))
    rate = arguments.count / found.checking_s
    print(f"{rate:.0f} a CPU second, each read both ways, as a whole file and as a prefix")
    print(f"slowest: {found.slowest_ms:.1f} ms, index {found.slowest}; over {SLOW_MS:.0f} ms: {len(found.slow)} "
          f"{found.slow[:10] or ''} ({'met' if not found.slow else 'MISSED'})")  # fmt: skip
    print(f"unexpected exceptions: {found.troubles} ({'met' if not found.troubles else 'MISSED'})")
    sys.exit(1 if found.troubles else 0)


if __name__ == "__main__":
    main()
