"""Shards of a generation: what was deleted of them, because it was damaged, is packed again as it was."""

from pathlib import Path

import pytest

from corpus.command_line import plain_console
from corpus.records import SPLITS
from shards.index import read_index
from shards.verify import verify

pytestmark = pytest.mark.slow


def damage(store, path):
    file = Path(store.path(path))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def faults(store, generation):
    return verify(store, generation, None, plain_console(stderr=True)).faults


def follow_the_cure(store, generation):
    """Delete what `shards.verify` names, as it says; return how many files these are."""
    named = {fault.path for fault in faults(store, generation)}
    for path in named:
        store.remove(path)
    return len(named)


def test_what_the_check_names_is_deleted_and_packed_again_as_it_was(curated):
    store = curated.store
    (generation,) = curated.generations()
    whole = curated.files("shards")
    tars = read_index(store, generation).tars
    train, validation, test = ({tar.partition("-")[0]: tar for tar in tars}[split] for split in SPLITS)
    pool, folder = "shards/tars", f"shards/{generation}"
    for damaged in (
        [f"{pool}/{train}", f"{pool}/{validation}.arrow", f"{pool}/{test}.json"],
        [f"{folder}/groups.arrow", f"{folder}/tiles.arrow", f"{folder}/_info.json"],
        [f"{folder}/index.json"],
        [f"{folder}/_done.json"],
    ):
        for path in damaged:
            damage(store, path)
        assert {fault.path for fault in faults(store, generation)} >= set(damaged)
        assert follow_the_cure(store, generation) >= len(damaged)
        result = curated.curate_here()
        assert result.returncode == 0, result.stderr
        assert curated.generations() == [generation]
        assert faults(store, generation) == ()
        assert curated.files("shards") == whole


def test_two_generations_that_share_a_lost_tar_are_both_mended(curated, jpeg):
    store = curated.store
    new = [curated.record(f"new{n}", jpeg(500 + n, serial_number=f"NEW{n:04d}"), owner_id=f"n{n}") for n in range(6)]
    curated.window("w2", new)
    assert curated.curate_here().returncode == 0
    first, second = curated.generations()
    shared = [tar for tar in read_index(store, second).tars if tar in read_index(store, first).tars]
    assert shared
    whole = curated.files("shards")
    damage(store, f"shards/tars/{shared[0]}.json")
    follow_the_cure(store, second)
    store.remove(f"shards/{second}/_done.json")  # as earlier versions advised
    assert curated.curate_here().returncode == 0
    assert curated.generations() == [first, second]
    assert (faults(store, first), faults(store, second)) == ((), ())
    assert curated.files("shards") == whole
