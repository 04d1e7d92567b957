"""Copies are found by bytes, by scan and by perceptual hash, without comparing all photos with all."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.judging.copies.pairs import (
    BANDS,
    BYTES,
    CROWD,
    HASH,
    KEYS,
    NEAR,
    PAIRS,
    SCAN,
    SHOT,
    SHOT_BITS,
    SHOT_CROWD,
    distinct_pairs,
    keys_of,
    pairs_of,
)  # fmt: skip
from forensics.pixels.perceptual_hash import ORIENTATIONS, orientations

BITS = 20


def keys(photos):
    """Return the keys of photos: id to (sha256, scan, hash, shot), each None where it has none, the shot left out."""
    ids = np.array(list(photos), np.uint64)
    told = [(*known, None)[:4] for known in photos.values()]
    return keys_of(ids, *zip(*told, strict=True)) if photos else keys_of(ids, [], [], [], [])


def pairs(photos, near_bits=BITS):
    """Return the pairs among photos as (first, second, kind), ordered."""
    found = pairs_of(keys(photos), near_bits)
    assert found.schema == PAIRS
    return rows_of(found)


def rows_of(table):
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))


def seen(*bits, of=0):
    """Return the hash of a scene with some of its bits changed, counted from the least frequent one."""
    number = int.from_bytes(np.random.default_rng(of).bytes(32))
    for bit in bits:
        number ^= 1 << bit
    return f"{number:064x}"


def turned(hashed, way):
    """Return the hash of a picture in one of the eight orientations."""
    return orientations(np.frombuffer(bytes.fromhex(hashed), np.uint8)[None])[way, 0].tobytes().hex()


def test_equal_files_are_pairs_whatever_else_is_known(digest):
    photos = {1: (digest("a"), None, None), 2: (digest("b"), None, None), 3: (digest("a"), None, None)}
    assert pairs(photos) == [(1, 3, BYTES)]


def test_equal_scans_under_other_metadata_are_pairs(digest):
    photos = {4: (digest("a"), digest("scan", 32), None), 3: (digest("b"), digest("scan", 32), None)}
    assert pairs(photos) == [(3, 4, SCAN)]


def test_digests_that_begin_alike_are_none_of_one_another(digest):
    half = digest("a", 16)
    photos = {1: (half + "0" * 48, None, None), 2: (half + "1" * 48, None, None), 3: (None, half + "2" * 16, None)}
    assert pairs(photos) == []


def test_equal_hashes_and_near_ones_are_pairs():
    photos = {1: (None, None, seen()), 2: (None, None, seen()), 3: (None, None, seen(1, 2, 3))}
    assert pairs(photos) == [(1, 2, HASH), (1, 3, NEAR)]


@pytest.mark.parametrize("near_bits", [0, 1, 5, 20])
def test_hashes_are_near_within_the_bits_that_are_asked_for_and_not_beyond(near_bits):
    # all bits changed stand in the last band, so that others agree
    within = {1: (None, None, seen()), 2: (None, None, seen(*range(near_bits)))}
    beyond = {1: (None, None, seen()), 2: (None, None, seen(*range(near_bits + 1)))}
    assert pairs(within, near_bits) == [(1, 2, NEAR if near_bits else HASH)]
    assert pairs(beyond, near_bits) == []


@pytest.mark.parametrize("band", range(BANDS))
def test_one_band_that_agrees_is_enough_to_be_compared(band):
    changed = [32 * other for other in range(BANDS) if other != band]
    assert pairs({1: (None, None, seen()), 2: (None, None, seen(*changed))}) == [(1, 2, NEAR)]


def test_photos_near_each_other_that_agree_in_no_band_are_not_found():
    assert pairs({1: (None, None, seen()), 2: (None, None, seen(*range(0, 256, 32)))}) == []


@pytest.mark.parametrize("way", range(1, ORIENTATIONS))
def test_turned_and_mirrored_copies_are_found_as_upright_ones_are(way):
    assert pairs({1: (None, None, seen()), 2: (None, None, turned(seen(), way))}) == [(1, 2, HASH)]
    changed = turned(seen(*range(BITS)), way)
    assert pairs({1: (None, None, seen()), 2: (None, None, changed)}) == [(1, 2, NEAR)]
    assert pairs({1: (None, None, seen()), 2: (None, None, turned(seen(*range(BITS + 1)), way))}) == []


@pytest.mark.parametrize("band", range(BANDS))
def test_one_band_that_agrees_is_enough_for_turned_copies_too(band):
    changed = turned(seen(*(32 * other for other in range(BANDS) if other != band)), 5)
    assert pairs({1: (None, None, seen()), 2: (None, None, changed)}) == [(1, 2, NEAR)]


def test_photos_of_one_shot_are_pairs_however_few_bands_agree_unless_their_pictures_differ():
    def spread(bits):
        return seen(*(32 * (bit % BANDS) + bit // BANDS for bit in range(bits)))

    cropped, other = spread(SHOT_BITS), seen(of=1)
    photos = {1: (None, None, seen(), 7), 2: (None, None, cropped, 7), 3: (None, None, other, 7)}
    assert pairs(photos) == [(1, 2, SHOT)]
    assert pairs({1: (None, None, seen(), 7), 2: (None, None, cropped, 8)}) == []
    assert pairs({1: (None, None, seen(), 7), 2: (None, None, spread(SHOT_BITS + 1), 7)}) == []
    assert pairs({1: (None, None, seen(), 7), 2: (None, None, None, 7)}) == []


def test_a_shot_that_many_pictures_state_is_none_and_one_picture_shown_by_many_is_one():
    def shown(pictures, times):
        near = [seen(*(32 * bit for bit in range(BANDS) if picture >> bit & 1), 255) for picture in range(pictures)]
        return {number + 1: (None, None, near[number % pictures], 7) for number in range(pictures * times)}

    assert SHOT in {kind for *_, kind in pairs(shown(SHOT_CROWD, 2))}
    assert SHOT not in {kind for *_, kind in pairs(shown(SHOT_CROWD + 1, 1))}


def test_what_is_none_has_no_key_and_nothing_at_all_gives_none(digest):
    assert len(keys({1: (None, None, None)})) == 0
    assert len(keys({1: (digest("a"), None, None)})) == 1
    assert len(keys({1: (digest("a"), digest("b", 32), seen())})) == 2 + BANDS
    assert len(keys({1: (digest("a"), digest("b", 32), seen(), 7)})) == 3 + BANDS
    assert keys({}).schema == KEYS
    assert pairs({}) == pairs({1: (None, None, None)}) == []


def test_bands_that_are_alike_in_different_places_are_not_compared():
    found = keys({1: (None, None, "ab" * 32)})["key"].to_pylist()
    assert len(set(found)) == len(found) == BANDS


def test_a_digest_of_a_file_and_an_equal_one_of_a_scan_are_no_pair(digest):
    assert pairs({1: (digest("a"), None, None), 2: (None, digest("a", 32), None)}) == []


def test_of_many_equal_ones_each_is_paired_with_one_alone(digest):
    photos = {number: (digest("a"), None, seen()) for number in range(1, 3001)}
    found = pairs(photos)
    assert len(found) == 2 * 2999
    assert {(first, kind) for first, _, kind in found} == {(1, BYTES), (1, HASH)}


def test_of_a_crowd_that_agrees_in_a_band_only_so_many_are_compared():
    random = np.random.default_rng(0)
    hashes = random.integers(0, 1 << 63, (3000, 4), dtype=np.uint64)
    hashes[:, 0] = hashes[0, 0]  # two bands of nothing, such as a site's black border gives
    photos = {number: (None, None, row.astype(">u8").tobytes().hex()) for number, row in enumerate(hashes)}
    assert pairs(photos) == []
    every = pairs(photos, near_bits=256)  # were all of them near: those compared
    assert len(every) <= BANDS * 3000 * CROWD // 8
    assert len(every) >= 3000


def test_in_a_crowd_those_next_to_each_other_in_the_order_of_hashes_are_still_found():
    random = np.random.default_rng(0)
    hashes = random.integers(0, 1 << 63, (1000, 4), dtype=np.uint64)
    hashes[:, 0] = 7
    hashes = np.concatenate([hashes, hashes ^ np.array([0, 0, 0, 0b1010], np.uint64)])
    photos = {number: (None, None, row.astype(">u8").tobytes().hex()) for number, row in enumerate(hashes)}
    assert pairs(photos) == [(number, number + 1000, NEAR) for number in range(1000)]


def test_keys_may_come_in_any_order_and_in_any_parts():
    photos = {number: (None, f"{number % 3:032x}", seen(number % 5, of=number % 2)) for number in range(40)}
    table = keys(photos)
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(len(table))))
    assert pairs(photos) == rows_of(pairs_of(shuffled, BITS))
    rest = table["key"].to_numpy() % np.uint64(3)
    parts = [pairs_of(table.filter(pa.array(rest == one)), BITS) for one in range(3)]
    assert pairs(photos) == rows_of(distinct_pairs(pa.concat_tables(parts)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 40), max_size=12)), min_size=2, max_size=30))
def test_pairs_are_those_of_all_with_all_where_bits_differ_in_two_bands_alone(scenes):
    hashes = [seen(*bits, of=scene) for scene, bits in scenes]
    found = pairs({number: (None, None, hashed) for number, hashed in enumerate(hashes)})
    assert all(first < second for first, second, _ in found)
    different = {hashed: hashes.index(hashed) for hashed in hashes}
    near = {
        tuple(sorted((one, other)))
        for hashed, one in different.items()
        for than, other in different.items()
        if hashed != than and (int(hashed, 16) ^ int(than, 16)).bit_count() <= BITS
    }
    assert {(first, second) for first, second, kind in found if kind == NEAR} == near
    equal = {(different[hashed], at) for at, hashed in enumerate(hashes) if different[hashed] != at}
    assert {(first, second) for first, second, kind in found if kind == HASH} == equal
