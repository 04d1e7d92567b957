"""Copy pairs: find the pairs of copies by digests and perceptual hashes without comparing all photos with all.

Every photo is put under a few keys: its bytes, its scan, and each of the 8 bands of its perceptual hash; only photos
under the same key are compared. Near copies are found where they agree in one band of 32 bits;
`forensics.pixels.perceptual_hash` says what share of the pairs within 20 bits that is. Everything is numpy over plain
columns, so that a Dask partition of a million keys takes a second.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curation.cluster.frames import frame_of

BYTES, SCAN, HASH, NEAR = 0, 1, 2, 3
"""Kinds of pairs: equal files, equal scans under other metadata, equal perceptual hashes, near perceptual hashes."""
BANDS = 8
CROWD = 256
"""Up to so many photos under one key are all compared; of more, each with the CROWD / 8 next in order of hashes."""

KEYS = {"key": np.uint64, "kind": np.int8, "id": np.uint64, **{f"h{word}": np.uint64 for word in range(4)}}
PAIRS = {"first": np.uint64, "second": np.uint64, "kind": np.int8}


def keys_of(
    ids: np.ndarray, sha256: Sequence[str | None], scans: Sequence[str | None], hashes: Sequence[str | None]
) -> pd.DataFrame:
    """Return the keys of photos, columns as in KEYS; a digest or hash (hex) that is None gives no key.

    `hashes` should be None for photos that are refused anyway: their near copies need not be found.
    """
    frames = [_exact(ids, sha256, BYTES), _exact(ids, scans, SCAN)]
    there = np.array([text is not None for text in hashes], bool)
    words = np.frombuffer(bytes.fromhex("".join(text for text in hashes if text is not None)), ">u8")
    words = words.astype(np.uint64).reshape(-1, 4)
    for band in range(BANDS):
        half = np.uint64(32 * (1 - band % 2))
        key = (words[:, band // 2] >> half) & np.uint64(0xFFFFFFFF) | np.uint64(band << 32)
        frames.append(_frame(key, NEAR, ids[there], words))
    return pd.concat(frames, ignore_index=True)


def pairs_of(keys: pd.DataFrame, near_bits: int) -> pd.DataFrame:
    """Return the pairs of copies among photos under the same keys, columns as in PAIRS, the smaller id first.

    Each of a set of equal photos is paired with the one of the smallest id; near photos are paired with each other
    where their hashes differ in at most `near_bits` bits.
    """
    found = []
    for kind, words in ((BYTES, ("h0",)), (SCAN, ("h0",)), (HASH, ("h0", "h1", "h2", "h3"))):
        of_kind = keys[keys["kind"].to_numpy() == (NEAR if kind == HASH else kind)]
        found.append(_equal(of_kind, words, kind))
    found.append(_near(keys[keys["kind"].to_numpy() == NEAR], near_bits))
    return pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)


def _exact(ids: np.ndarray, digests: Sequence[str | None], kind: int) -> pd.DataFrame:
    there = np.array([text is not None for text in digests], bool)
    halves = np.array(
        [(int(text[:16], 16), int(text[16:32], 16)) for text in digests if text is not None], np.uint64
    ).reshape(-1, 2)
    words = np.zeros((len(halves), 4), np.uint64)
    words[:, 0] = halves[:, 1]
    return _frame(halves[:, 0], kind, ids[there], words)


def _frame(key: np.ndarray, kind: int, ids: np.ndarray, words: np.ndarray) -> pd.DataFrame:
    columns = {"key": key, "kind": np.full(len(ids), kind), "id": ids, **{f"h{at}": words[:, at] for at in range(4)}}
    return frame_of(columns, KEYS)


def _equal(keys: pd.DataFrame, words: tuple[str, ...], kind: int) -> pd.DataFrame:
    """Return each photo of a set of equal photos with the smallest id of the set."""
    smallest = keys.groupby(["key", *words], sort=False)["id"].transform("min").to_numpy()
    ids = keys["id"].to_numpy()
    other = smallest != ids
    return _pairs(smallest[other], ids[other], kind)


def _near(keys: pd.DataFrame, near_bits: int) -> pd.DataFrame:
    """Return the pairs of near hashes among photos with an equal band."""
    order = ["key", "h0", "h1", "h2", "h3"]
    single = keys.sort_values([*order, "id"]).drop_duplicates(order)  # `_equal` pairs equal hashes
    key, ids, words = single["key"].to_numpy(), single["id"].to_numpy(), single[order[1:]].to_numpy()
    crowd = np.unique(key, return_counts=True)[1]
    ahead = np.repeat(np.where(crowd <= CROWD, crowd - 1, CROWD // 8), crowd)
    firsts, seconds = [ids[:0]], [ids[:0]]
    at, step = np.flatnonzero(ahead), 1
    while len(at):  # in all crowds at once, compare each photo with the one `step` behind it; most crowds are pairs
        at = at[at + step < len(key)]
        at = at[key[at] == key[at + step]]
        close = at[np.bitwise_count(words[at] ^ words[at + step]).sum(axis=1) <= near_bits]
        firsts.append(ids[close])
        seconds.append(ids[close + step])
        step += 1
        at = at[ahead[at] >= step]
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    return _pairs(np.minimum(first, second), np.maximum(first, second), NEAR)


def _pairs(first: np.ndarray, second: np.ndarray, kind: int) -> pd.DataFrame:
    columns = {"first": first, "second": second, "kind": np.full(len(first), kind)}
    return frame_of(columns, PAIRS)
