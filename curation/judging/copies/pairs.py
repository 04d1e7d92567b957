"""Copy pairs: find the pairs of copies by digests and perceptual hashes without comparing all photos with all.

Every photo is put under a few keys: its bytes, its scan, each of the 8 bands of its perceptual hash, and the shot that
its EXIF states; only photos under the same key are compared. Near copies are found where they agree in one band of 32
bits; `forensics.pixels.perceptual_hash` says what share of the pairs within 20 bits that is. Everything is numpy over
plain columns: a million keys take half a second.

Turned and mirrored copies are found like upright ones: of a band, and of the whole hash, the smallest of all eight
orientations is the key, and the distance of two hashes is the least that one has to any orientation of the other.

A crop of 3 % that is scaled back lies 10 to 90 bits from its original, among the shots of one scene. It is found by the
shot where its EXIF was copied: camera, serial number and the second in which it was taken. Up to SHOT_BITS, different
pictures are told apart; frames of a burst are told apart by what `curation.judging.copies.decision` knows beside.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judging.learning import differs
from forensics.pixels.perceptual_hash import orientations

BYTES, SCAN, HASH, NEAR, SHOT = 0, 1, 2, 3, 4
"""Kinds of pairs: equal files, equal scans under other metadata, equal perceptual hashes, near perceptual hashes, equal
shots by EXIF with perceptual hashes that do not exclude it."""
BANDS = 8
CROWD = 256
"""Up to so many photos under one key are all compared; of more, each with the CROWD / 8 next in order of hashes."""
SHOT_CROWD = 16
"""A shot that more pictures state is none: the camera's clock was not set."""
SHOT_BITS = 90
"""Most bits in which two versions of one shot may differ: crops of 3 % differ by 90 at most. Two random hashes are as
near in one of 100,000 pairs."""

_WORDS = ("h0", "h1", "h2", "h3")
KEYS = pa.schema(
    [("key", pa.uint64()), ("kind", pa.int8()), ("id", pa.uint64()), *((word, pa.uint64()) for word in _WORDS)]
)
PAIRS = pa.schema([("first", pa.uint64()), ("second", pa.uint64()), ("kind", pa.int8())])

Texts: TypeAlias = Sequence[str | None] | pa.Array


def keys_of(
    ids: np.ndarray, sha256: Texts, scans: Texts, hashes: Texts, shots: Sequence[int | None] | pa.Array
) -> pa.Table:
    """Return the keys of photos, columns as in KEYS; a digest or hash (hex) or a shot that is None gives no key.

    `shots`: a digest of what EXIF says of the shot; it gives no key without a hash. `hashes` should be None for photos
    that are neither kept nor evidence against others: their near copies need not be found.
    """
    tables = [_exact(ids, sha256, BYTES), _exact(ids, scans, SCAN)]
    seen = _texts(hashes)
    there = pc.indices_nonzero(seen.is_valid())
    hashed = np.frombuffer(bytes.fromhex("".join(seen.drop_null().to_pylist())), np.uint8)
    turned = orientations(hashed.reshape(-1, 32))
    words, ids = turned.view(">u8").astype(np.uint64), ids[there.to_numpy()]
    # orientations whose first words are equal are those of a picture that is its own mirror image
    words = words[words[..., 0].argmin(axis=0), np.arange(len(ids))]
    bands = turned.view(">u4").min(axis=0).astype(np.uint64)
    for band in range(BANDS):
        tables.append(_keys(bands[:, band] | np.uint64(band << 32), NEAR, ids, words))
    shot = (shots if isinstance(shots, pa.Array) else pa.array(shots, pa.uint64())).take(there)
    stated = shot.is_valid().to_numpy(zero_copy_only=False)
    tables.append(_keys(shot.drop_null().to_numpy(), SHOT, ids[stated], words[stated]))
    return pa.concat_tables(tables)


def pairs_of(keys: pa.Table, near_bits: int) -> pa.Table:
    """Return the pairs of copies among photos under the same keys, columns as in PAIRS, the smaller id first.

    Each of a set of equal photos is paired with the one of the smallest id; near photos are paired with each other
    where their hashes differ in at most `near_bits` bits, those of one shot where they differ in at most SHOT_BITS.
    """
    found = []
    shared = _shared(keys)
    for kind, words in ((BYTES, 1), (SCAN, 1), (HASH, len(_WORDS))):
        found.append(_equal(shared[NEAR if kind == HASH else kind], words, kind))
    found.append(_near(shared[NEAR], NEAR, near_bits))
    shots = _without_equals(shared[SHOT])
    _, places, crowd = np.unique(shots.key, return_inverse=True, return_counts=True)
    found.append(_near(shots.of(crowd[places] <= SHOT_CROWD), SHOT, SHOT_BITS))
    return distinct_pairs(pa.concat_tables(found))


def distinct_pairs(pairs: pa.Table) -> pa.Table:
    """Return pairs (columns as in PAIRS) without repetitions, ordered by ids."""
    first, second, kind = (pairs[name].to_numpy() for name in PAIRS.names)
    order = np.lexsort((kind, second, first))
    is_new = differs(first[order], second[order], kind[order])
    return pairs.take(pa.array(order[is_new])).combine_chunks()


class _Rows(NamedTuple):
    """Keys of one kind."""

    key: np.ndarray
    ids: np.ndarray
    words: np.ndarray
    """(n, 4)."""

    def of(self, rows: np.ndarray) -> "_Rows":
        """Return some rows, by number or by mask."""
        return _Rows(self.key[rows], self.ids[rows], self.words[rows])


def _shared(keys: pa.Table) -> dict[int, _Rows]:
    """Return by kind the rows whose key stands in several rows: nearly all pictures have no copy."""
    key, kind, ids = (keys[name].to_numpy() for name in ("key", "kind", "id"))
    found = {}
    for one in (BYTES, SCAN, NEAR, SHOT):
        rows = np.flatnonzero(kind == one)
        rows = rows[np.argsort(key[rows], kind="stable")]
        equal = key[rows][:-1] == key[rows][1:]
        is_shared = np.zeros(len(rows), bool)
        is_shared[:-1] |= equal
        is_shared[1:] |= equal
        rows = rows[is_shared]
        taken = keys.select(_WORDS).take(pa.array(rows))
        words = np.column_stack([taken[word].to_numpy() for word in _WORDS])
        found[one] = _Rows(key[rows], ids[rows], words)
    return found


def _exact(ids: np.ndarray, digests: Texts, kind: int) -> pa.Table:
    texts = _texts(digests)
    there = texts.is_valid().to_numpy(zero_copy_only=False)
    halves = [_hexadecimal(pc.utf8_slice_codeunits(texts.drop_null(), *place)) for place in ((0, 16), (16, 32))]
    words = np.zeros((len(halves[0]), len(_WORDS)), np.uint64)
    words[:, 0] = halves[1]
    return _keys(halves[0], kind, ids[there], words)


def _hexadecimal(texts: pa.Array) -> np.ndarray:
    """Return texts of hex digits as numbers of 64 bits."""
    if pc.all(pc.equal(pc.binary_length(texts), 16), min_count=0).as_py():
        return np.frombuffer(bytes.fromhex("".join(texts.to_pylist())), ">u8").astype(np.uint64)
    return np.array([int(text, 16) for text in texts.to_pylist()], np.uint64)


def _texts(texts: Texts) -> pa.Array:
    return texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())


def _keys(key: np.ndarray, kind: int, ids: np.ndarray, words: np.ndarray) -> pa.Table:
    columns = [key, np.full(len(ids), kind, np.int8), ids, *(words[:, at] for at in range(len(_WORDS)))]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=KEYS)


def _equal(rows: _Rows, words: int, kind: int) -> pa.Table:
    """Return each photo of a set of equal photos with the smallest id of the set; `words`: how many tell them."""
    told = [rows.words[:, at] for at in range(words)]
    order = np.lexsort((rows.ids, *told, rows.key))
    ids = rows.ids[order]
    is_first = differs(rows.key[order], *(word[order] for word in told))
    smallest = ids[is_first][np.cumsum(is_first) - 1]
    other = smallest != ids
    return _pairs(smallest[other], ids[other], kind)


def _without_equals(rows: _Rows) -> _Rows:
    """Return rows ordered by key and hash, of equal ones the one with the smallest id: `_equal` pairs the others."""
    words = [rows.words[:, at] for at in range(len(_WORDS))]
    ordered = rows.of(np.lexsort((rows.ids, *reversed(words), rows.key)))
    return ordered.of(differs(ordered.key, *(ordered.words[:, at] for at in range(len(_WORDS)))))


def _near(rows: _Rows, kind: int, near_bits: int) -> pa.Table:
    """Return the pairs of near hashes among photos with an equal key."""
    key, ids, words = _without_equals(rows)
    turned = _turned(words)
    crowd = np.unique(key, return_counts=True)[1]
    ahead = np.repeat(np.where(crowd <= CROWD, crowd - 1, CROWD // 8), crowd)
    firsts, seconds = [ids[:0]], [ids[:0]]
    at, step = np.flatnonzero(ahead), 1
    while len(at):  # in all crowds at once, compare each photo with the one `step` behind it; most crowds are pairs
        at = at[at + step < len(key)]
        at = at[key[at] == key[at + step]]
        bits = np.bitwise_count(words[at] ^ turned[:, at + step]).sum(axis=-1, dtype=np.uint16)
        close = at[bits.min(axis=0) <= near_bits]
        firsts.append(ids[close])
        seconds.append(ids[close + step])
        step += 1
        at = at[ahead[at] >= step]
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    return _pairs(np.minimum(first, second), np.maximum(first, second), kind)


def _turned(words: np.ndarray) -> np.ndarray:
    """Return the words (8, n, 4) of hashes in every orientation."""
    hashed = np.ascontiguousarray(words.astype(">u8")).view(np.uint8).reshape(-1, 32)
    turned: np.ndarray = orientations(hashed).view(">u8").astype(np.uint64)
    return turned


def _pairs(first: np.ndarray, second: np.ndarray, kind: int) -> pa.Table:
    columns = (first, second, np.full(len(first), kind, np.int8))
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=PAIRS)
