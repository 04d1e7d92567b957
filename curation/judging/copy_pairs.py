"""Copy pairs: find the pairs of copies by digests and perceptual hashes without comparing all photos with all.

Every photo is put under a few keys: its bytes, its scan, each of the 8 bands of its perceptual hash, and the shot that
its EXIF states; only photos under the same key are compared. Near copies are found where they agree in one band of 32
bits; `forensics.pixels.perceptual_hash` says what share of the pairs within 20 bits that is. Everything is numpy over
plain columns, so that a Dask partition of a million keys takes a second.

Turned and mirrored copies are found like upright ones: of a band, and of the whole hash, the smallest of all eight
orientations is the key, and the distance of two hashes is the least that one has to any orientation of the other.

A crop of 3 % that is scaled back lies 10 to 90 bits from its original, among the shots of one scene. It is found by the
shot where its EXIF was copied: camera, serial number and the second in which it was taken. Up to SHOT_BITS, different
pictures are told apart; frames of a burst are told apart by what `curation.judging.copies` knows beside.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curation.cluster.frames import frame_of
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

KEYS = {"key": np.uint64, "kind": np.int8, "id": np.uint64, **{f"h{word}": np.uint64 for word in range(4)}}
PAIRS = {"first": np.uint64, "second": np.uint64, "kind": np.int8}


def keys_of(
    ids: np.ndarray,
    sha256: Sequence[str | None],
    scans: Sequence[str | None],
    hashes: Sequence[str | None],
    shots: Sequence[int | None],
) -> pd.DataFrame:
    """Return the keys of photos, columns as in KEYS; a digest or hash (hex) or a shot that is None gives no key.

    `shots`: a digest of what EXIF says of the shot; it gives no key without a hash. `hashes` should be None for photos
    that are neither kept nor evidence against others: their near copies need not be found.
    """
    frames = [_exact(ids, sha256, BYTES), _exact(ids, scans, SCAN)]
    there = np.array([text is not None for text in hashes], bool)
    hashed = np.frombuffer(bytes.fromhex("".join(text for text in hashes if text is not None)), np.uint8)
    turned = orientations(hashed.reshape(-1, 32))
    words, ids = turned.view(">u8").astype(np.uint64), ids[there]
    # orientations whose first words are equal are those of a picture that is its own mirror image
    words = words[words[..., 0].argmin(axis=0), np.arange(len(ids))]
    bands = turned.view(">u4").min(axis=0).astype(np.uint64)
    for band in range(BANDS):
        frames.append(_frame(bands[:, band] | np.uint64(band << 32), NEAR, ids, words))
    told = [shot for shot, text in zip(shots, hashes, strict=True) if text is not None]
    stated = np.array([shot is not None for shot in told], bool)
    shot_keys = np.array([shot for shot in told if shot is not None], np.uint64)
    frames.append(_frame(shot_keys, SHOT, ids[stated], words[stated]))
    return pd.concat(frames, ignore_index=True)


def pairs_of(keys: pd.DataFrame, near_bits: int) -> pd.DataFrame:
    """Return the pairs of copies among photos under the same keys, columns as in PAIRS, the smaller id first.

    Each of a set of equal photos is paired with the one of the smallest id; near photos are paired with each other
    where their hashes differ in at most `near_bits` bits, those of one shot where they differ in at most SHOT_BITS.
    """
    found = []
    for kind, words in ((BYTES, ("h0",)), (SCAN, ("h0",)), (HASH, ("h0", "h1", "h2", "h3"))):
        of_kind = keys[keys["kind"].to_numpy() == (NEAR if kind == HASH else kind)]
        found.append(_equal(of_kind, words, kind))
    found.append(_near(keys[keys["kind"].to_numpy() == NEAR], NEAR, near_bits))
    shots = keys[keys["kind"].to_numpy() == SHOT].sort_values("id").drop_duplicates(["key", "h0", "h1", "h2", "h3"])
    shots = shots[shots.groupby("key", sort=False)["id"].transform("size").to_numpy() <= SHOT_CROWD]
    found.append(_near(shots, SHOT, SHOT_BITS))
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


def _near(keys: pd.DataFrame, kind: int, near_bits: int) -> pd.DataFrame:
    """Return the pairs of near hashes among photos with an equal key."""
    shared = keys[keys.duplicated("key", keep=False).to_numpy()]
    order = ["key", "h0", "h1", "h2", "h3"]
    single = shared.sort_values([*order, "id"]).drop_duplicates(order)  # `_equal` pairs equal hashes
    key, ids, words = single["key"].to_numpy(), single["id"].to_numpy(), single[order[1:]].to_numpy()
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


def _pairs(first: np.ndarray, second: np.ndarray, kind: int) -> pd.DataFrame:
    columns = {"first": first, "second": second, "kind": np.full(len(first), kind)}
    return frame_of(columns, PAIRS)
