"""Mutated files, and the loop of the benchmarks that read them: what came out, how long it took, what raised."""

import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

TROUBLES_SHOWN = 5


@dataclass
class Tried:
    """What came of so many mutations."""

    outcomes: Counter[str] = field(default_factory=Counter)
    troubles: int = 0
    """Mutations whose check raised."""
    checking_s: float = 0.0
    """CPU time of the checks."""
    slowest_ms: float = 0.0
    slowest: int = 0
    """Number of the slowest mutation."""
    slow: list[int] = field(default_factory=list)
    """Numbers of those that took more than the time allowed."""


Mutation = Callable[[bytearray, list[bytes], random.Random], None]
"""Changes the bytes of a file in place, given the other files and a source of chance."""


def mutated(seed: int, index: int, originals: list[bytes], mutations: Sequence[Mutation]) -> bytes:
    """Return the mutated bytes of a seed and an index."""
    chance = random.Random(f"{seed}:{index}")
    data = bytearray(chance.choice(originals))
    for mutation in chance.choices(mutations, k=chance.choice((1, 1, 1, 2, 3))):
        if len(data) > 8:
            mutation(data, originals, chance)
    return bytes(data)


def tried(
    count: int,
    mutated: Callable[[int], bytes],
    check: Callable[[bytes], str],
    *,
    slow_ms: float,
    again: str,
    after: Callable[[int], None] = lambda _: None,
) -> Tried:
    """Check `count` mutations, whatever they raise; `again`: the command that repeats one, before its number."""
    found = Tried()
    for index in range(count):
        data = mutated(index)
        before_s = time.process_time()
        try:
            found.outcomes[check(data)] += 1
        except Exception:  # noqa: BLE001 - the benchmarks look for any exception
            found.troubles += 1
            if found.troubles <= TROUBLES_SHOWN:
                traceback.print_exc()
                print(f"again: {again} --only {index}", file=sys.stderr)
        took_ms = 1000 * (time.process_time() - before_s)
        found.checking_s += took_ms / 1000
        if took_ms > found.slowest_ms:
            found.slowest_ms, found.slowest = took_ms, index
        if took_ms > slow_ms:
            found.slow.append(index)
        after(index)
    return found
