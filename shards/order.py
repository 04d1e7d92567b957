"""Order: says which tile each sample of a run is, by arithmetic alone.

The samples of a run are numbered 0, 1, 2 …; which tile number g is depends on (seed, g) and on the selection of tiles
alone. Nothing is drawn in turn, so no state need be kept: ranks and loaders share the numbers in any way, and a run
goes on from any number with any other count of ranks and loaders.

Orders are made of keyed permutations (`permute`), each a bijection of the numbers below some size. Small ones are
ranks of hashes, and every order of them is equally likely. Large ones are Feistel networks over mixed radices with
cycle walking (Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). Hashes are the finaliser of
SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). All work is vectorised over the numbers.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError
from shards.index.selection import Selection

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Sampling = Literal["natural", "balanced"]

SMALL = 12
"""Largest size whose permutations are ranks of hashes; their time grows with the size, a Feistel network's does not."""
ROUNDS = 10
"""Rounds of the Feistel network: with 8, distances between two numbers of a few dozen still show a bias over 40,000
keys, with 10 they do not."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ROUNDS = np.arange(1, ROUNDS + 1, dtype=np.uint64) * np.uint64(0xD1342543DE82EF95)
_HALF = np.uint64(32)


def mix(words: Words) -> Words:
    """Return a hash of each 64-bit word, a bijection: the finaliser of SplitMix64."""
    mixed = words ^ (words >> np.uint64(30))
    mixed *= _MULTIPLIERS[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MULTIPLIERS[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def permute(keys: Words, numbers: Words, sizes: Words) -> Words:
    """Return where each number goes in the permutation of the numbers below its size that its key names.

    All three have one length. Raises ValueError for a number that is not below its size.
    """
    if np.any(numbers >= sizes):
        raise ValueError("a number to be permuted is not below its size")
    small = sizes <= SMALL
    if small.all():
        return _ranked(keys, numbers, sizes)
    if not small.any():
        return _walked(keys, numbers, sizes)
    result = np.empty_like(numbers)
    large = ~small
    result[small] = _ranked(keys[small], numbers[small], sizes[small])
    result[large] = _walked(keys[large], numbers[large], sizes[large])
    return result


def _ranked(keys: Words, numbers: Words, sizes: Words) -> Words:
    """Permute by the rank of a number's hash among the hashes of all numbers below its size; no two are equal."""
    own = mix(keys + numbers * _GOLDEN)
    ranks = np.zeros_like(numbers)
    for other in range(int(sizes.max(initial=0))):
        step = np.uint64(other * int(_GOLDEN) % 2**64)
        ranks += (mix(keys + step) < own) & (np.uint64(other) < sizes)
    return ranks


def _walked(keys: Words, numbers: Words, sizes: Words) -> Words:
    """Permute by a Feistel network over a slightly larger range, again and again until the result is below the size."""
    rows = np.ceil(np.sqrt(sizes.astype(np.float64))).astype(np.uint64)
    columns = (sizes + rows - np.uint64(1)) // rows
    result = _network(keys, numbers, rows, columns)
    while len(outside := np.flatnonzero(result >= sizes)):
        result[outside] = _network(keys[outside], result[outside], rows[outside], columns[outside])
    return result


def _network(keys: Words, numbers: Words, rows: Words, columns: Words) -> Words:
    """Permute the numbers below rows × columns: each round turns one coordinate by a hash of the other."""
    row, column = numbers // columns, numbers % columns
    for number, round_keys in enumerate(keys + _ROUNDS[:, None]):
        if number % 2 == 0:
            row = _turned(row, round_keys + column * _GOLDEN, rows)
        else:
            column = _turned(column, round_keys + row * _GOLDEN, columns)
    return row * columns + column


def _turned(coordinates: Words, words: Words, sizes: Words) -> Words:
    """Return the coordinates turned by a hash of the words, modulo the sizes."""
    words ^= words >> _HALF
    words *= _MULTIPLIERS[0]
    words >>= _HALF
    words *= sizes
    words >>= _HALF  # a number below the size
    words += coordinates
    turned: Words = np.minimum(words, words - sizes)  # the difference wraps to a large number where it is negative
    return turned


@dataclass(frozen=True)
class Order:
    """The endless sequence of tiles of a selection for one seed; plain data, which can be sent to loaders.

    `natural`: each tile exactly once in every `epoch` numbers, each epoch in an order of its own.

    `balanced`: each class once in as many numbers as there are classes; what a class gives is each of its groups once
    a round, a group each of its photographs, a photograph each of its tiles. Every round has an order of its own.
    """

    selection: Selection
    seed: int
    sampling: Sampling = "balanced"

    def __post_init__(self) -> None:
        if self.sampling not in ("natural", "balanced"):
            raise ValueError(f"sampling {self.sampling!r} is neither natural nor balanced")

    @property
    def epoch(self) -> int:
        """Number of samples in an epoch: the selection's tiles."""
        return self.selection.tiles

    def rows(self, numbers: Numbers) -> Numbers:
        """Return the rows of `tiles.arrow` that these numbers of the run stand for.

        Raises StageError where the selection has no tile, ValueError for negative numbers.
        """
        if self.selection.tiles == 0:
            raise StageError(f"{self.selection.name} has no tile; crawl more, then curate again")
        numbers = np.asarray(numbers, np.int64)
        if np.any(numbers < 0):
            raise ValueError("the samples of a run are numbered from 0")
        return self._natural(numbers) if self.sampling == "natural" else self._balanced(numbers)

    def _natural(self, numbers: Numbers) -> Numbers:
        _, place = self._drawn("tiles", np.zeros_like(numbers), numbers, np.full_like(numbers, self.selection.tiles))
        return self.selection.tile_rows(place)

    def _balanced(self, numbers: Numbers) -> Numbers:
        selection = self.selection
        count = np.full_like(numbers, len(selection.labels))
        numbers, of_class = self._drawn("class", np.zeros_like(numbers), numbers, count)
        first, count = selection.first_group[of_class], selection.groups_of_class[of_class]
        numbers, group = self._drawn("group", of_class, numbers, count)
        group += first
        numbers, photo = self._drawn("photo", group, numbers, selection.photos_of_group[group])
        photo_row = selection.photo_rows(group, photo)
        first, count = selection.tiles_of_photos(photo_row)
        _, tile = self._drawn("tile", photo_row, numbers, count)
        return first + tile

    def _drawn(self, level: str, of: Numbers, numbers: Numbers, sizes: Numbers) -> tuple[Numbers, Numbers]:
        """Return, for draw `numbers` from the sets `of`, each set's round and which of its members is drawn.

        The round is also how often that member was drawn before, since every round draws each member once.
        """
        rounds, places = np.divmod(numbers, sizes)
        keys = mix(np.uint64(_word(self.seed, level)) + of.view(np.uint64) * _GOLDEN)
        keys = mix(keys + rounds.view(np.uint64) * _GOLDEN)
        return rounds, permute(keys, places.view(np.uint64), sizes.view(np.uint64)).view(np.int64)


def numbers_of(start: int, batch: int, rank: int, ranks: int, end: int | None = None) -> Numbers:
    """Return the numbers of one rank's next batch, where all ranks together have taken those below `start`.

    Rank r of R takes the numbers g ≡ r (mod R), so that the batches of all ranks together are the next `batch` × R
    numbers. From `end` on there are none: the last batches are shorter.
    """
    if not 0 <= rank < ranks:
        raise ValueError(f"rank {rank} is not one of {ranks}")
    first = start + (rank - start) % ranks
    numbers = first + ranks * np.arange(batch, dtype=np.int64)
    return numbers if end is None else numbers[numbers < end]


def batches_of(start: int, batch: int, rank: int, ranks: int, end: int | None = None) -> Iterator[list[int]]:
    """Yield the numbers of one rank's batches from `start` on, endlessly or up to `end`; empty ones are left out."""
    while end is None or start < end:
        numbers = numbers_of(start, batch, rank, ranks, end)
        if len(numbers):
            yield numbers.tolist()
        start += batch * ranks


def generator(seed: int, number: int, purpose: str) -> np.random.Generator:
    """Return the random numbers of one sample for one purpose; those of other samples and purposes differ.

    Counter-based: Philox 4×64 with the key (seed, purpose), started at counter `number` × 2^128 (Salmon et al.,
    Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011).
    """
    key = np.array([seed % 2**64, _word(0, purpose)], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, number, 0], np.uint64)))


@lru_cache(maxsize=1024)
def _word(seed: int, purpose: str) -> int:
    digest = hashlib.blake2b(purpose.encode(), digest_size=8, key=(seed % 2**64).to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")
