"""A published generation is checked to the bit, and what is wrong is named with its file, sample and place."""

import hashlib
import json
import random
import shutil
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from corpus.command_line import plain_console
from corpus.errors import StorageUnavailableError
from corpus.sections import Shards
from corpus.storage import Store, open_store
from shards.entries import TILES, OutdatedError, entry_path, read_tiles_table, table_bytes, table_path
from shards.index import previous_plans, read_index
from shards.inspection.tars import check_tar
from shards.verify import _Meter, _reports, main, verify

SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4, restart_mcus=2)
GENERATION = "0001-aa"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, collection_in):
    """A store with three shards and one failed photograph."""
    collection = collection_in(open_store(str(tmp_path_factory.mktemp("whole") / "data")))
    collection.add(6)
    collection.add(1, progressive=True)
    collection.add(2, split="test")
    collection.publish(SETTINGS, GENERATION)
    return collection


@pytest.fixture
def copied(whole, tmp_path):
    """A store of the same files, which may be damaged."""
    shutil.copytree(whole.store.path("shards"), tmp_path / "data/shards")
    return Store(str(tmp_path / "data"))


def found_in(store, samples=0):
    return verify(store, GENERATION, samples, plain_console(stderr=True)).faults


def flip(store, path, bit):
    file = Path(store.path(path))
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def files_of(store):
    root = Path(store.path("."))
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(("samples", "decoded"), [(0, 0), (5, 5), (100, 16), (None, 16)])
def test_what_was_published_has_no_fault(whole, samples, decoded):
    found = verify(whole.store, GENERATION, samples, plain_console(stderr=True))
    assert (found.faults, found.tiles, found.decoded) == ((), 16, decoded)
    assert found.shards == len(previous_plans(whole.store)) == 3


def test_one_flipped_bit_anywhere_in_any_file_is_found(copied):
    """Neither a tar's padding nor a blank of a JSON file may change unseen."""
    chance = random.Random(7)
    files = files_of(copied)
    assert {Path(name).suffix for name in files} == {".tar", ".arrow", ".json"}
    assert len(files) == 3 * 3 + 6
    for path in files:
        bits = 8 * copied.size_bytes(path)
        for bit in (0, bits - 1, *(chance.randrange(bits) for _ in range(4))):
            flip(copied, path, bit)
            faults = found_in(copied)
            assert any(Path(path).name in str(fault) for fault in faults), (path, bit, faults)
            flip(copied, path, bit)
    assert found_in(copied) == ()


def test_a_flipped_bit_of_a_tar_is_named_with_sample_and_place(copied):
    chance = random.Random(3)
    (tar, *_) = previous_plans(copied)
    path = f"shards/tars/{tar.name}"
    rows = read_tiles_table(copied, tar.name).to_pylist()
    for row in rows[:3]:
        key = f"{row['photo']}_{row['tile']}"
        start = row["offset_bytes"]
        for place in [0, len(row["header"]) + 4, row["length_bytes"] - 1, chance.randrange(row["length_bytes"])]:
            flip(copied, path, 8 * (start + place) + 3)
            (fault,) = found_in(copied)
            assert (fault.path, fault.key) == (path, key)
            assert 0 <= start + place - fault.offset_bytes <= max(row["segment_bytes"]) + 2
            assert key in str(fault)
            flip(copied, path, 8 * (start + place) + 3)
        for before in (1536, 1024, 512):  # headers and content of the label: told to the byte
            flip(copied, path, 8 * (start - before))
            assert [(fault.key, fault.offset_bytes) for fault in found_in(copied)] == [(key, start - before)]
            flip(copied, path, 8 * (start - before))


def test_a_flipped_bit_of_a_table_is_named_with_its_place(copied):
    (tar, *_) = previous_plans(copied)
    path = table_path(tar.name)
    for place in (0, copied.size_bytes(path) // 2, copied.size_bytes(path) - 1):
        flip(copied, path, 8 * place)
        (fault,) = found_in(copied)
        assert (fault.path, fault.offset_bytes) == (path, place)
        flip(copied, path, 8 * place)


@pytest.mark.parametrize("ending", ["", ".arrow", ".json"])
def test_a_missing_file_is_named(copied, ending):
    (tar, *_) = previous_plans(copied)
    path = f"shards/tars/{tar.name}{ending}"
    Path(copied.path(path)).unlink()
    assert [(fault.path, fault.what) for fault in found_in(copied)] == [(path, "there is no such file")]


def test_a_tar_that_ends_too_early_is_one_fault_not_thousands(copied):
    (tar, *_) = previous_plans(copied)
    path = Path(copied.path(f"shards/tars/{tar.name}"))
    path.write_bytes(path.read_bytes()[:5000])
    (fault,) = found_in(copied)
    assert fault.offset_bytes == 5000


def republish(store, tar, rows):
    """Replace a table by one that says something else, with an entry that agrees."""
    table = table_bytes(pa.Table.from_pylist(rows, schema=TILES))
    store.publish(table_path(tar), table)
    value = store.read_json(entry_path(tar))
    store.publish_json(entry_path(tar), value | {"table_sha256": hashlib.sha256(table).hexdigest(),
                                                 "table_bytes": len(table)})  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda row: row["segment_bytes"].reverse(), "restart markers are not where the table says"),
        (lambda row: row["checksums"].__setitem__(1, 7), "other checksums than the table says"),
        (lambda row: row.update(label=2 - row["label"]), "no such photograph with this label"),
        (lambda row: row.update(offset_bytes=row["offset_bytes"] + 512), "says that its JPEG begins at byte"),
        (lambda row: row.update(width_px=48), "width_px of 1 tiles is not that of"),
    ],
)
def test_a_table_that_says_something_else_than_its_tar_is_found(copied, change, says):
    tar = previous_plans(copied)[0].name
    rows = read_tiles_table(copied, tar).to_pylist()
    change(rows[1])
    republish(copied, tar, rows)
    assert says in "\n".join(map(str, found_in(copied, None)))


def test_a_picture_that_cannot_be_decoded_is_found_although_its_checksum_is_right(collection_in, tmp_path, monkeypatch):
    from dataclasses import replace

    from shards import write

    def spoilt(*arguments, **options):
        cuts = cut_tiles(*arguments, **options)
        return [replace(cut, jpeg=cut.jpeg[: len(cut.jpeg) // 2] + cut.jpeg[-2:]) for cut in cuts]

    cut_tiles = write.cut_tiles
    monkeypatch.setattr(write, "cut_tiles", spoilt)
    collection = collection_in(Store(str(tmp_path / "data")))
    collection.add(2)
    collection.publish(SETTINGS.model_copy(update={"restart_mcus": 0}), GENERATION)
    assert found_in(collection.store) == ()
    faults = found_in(collection.store, None)
    assert len(faults) == 4
    assert all("cannot be decoded" in fault.what for fault in faults)


def test_counts_and_classes_that_are_not_those_of_the_tars_are_found(copied):
    path = f"shards/{GENERATION}/index.json"
    content = copied.read_json(path)
    content["splits"]["train"]["photos"] += 1
    content["classes"][0] = "z"
    copied.publish_json(path, content)
    marker = copied.read_json(f"shards/{GENERATION}/_done.json")
    marker["sha256"]["index.json"] = hashlib.sha256(copied.read(path)).hexdigest()
    copied.publish_json(f"shards/{GENERATION}/_done.json", marker)
    text = "\n".join(map(str, found_in(copied)))
    assert "counts 7 photos in split train; its tars have 6" in text
    assert "label 0 is not a in its classes" in text


def test_the_command_tells_what_is_wrong_and_the_cure_mends_it(whole, collection_in, copied, tmp_path, capsys):
    configuration = tmp_path / "pipelines.yaml"
    configuration.write_text(json.dumps({"storage": copied.url}))
    given = ["latest", "--config", str(configuration)]
    assert main([*given, "--all"]) == 0
    assert "0001-aa: 3 shards, 16 tiles" in (told := capsys.readouterr().out)
    assert "16 decoded: no fault" in told
    (first, *_) = previous_plans(copied)
    flip(copied, f"shards/tars/{first.name}", 8 * 2000)
    assert main(given) == 1
    told = capsys.readouterr().out
    assert f"shards/tars/{first.name}: " in told
    assert "delete the files that are named above" in told
    copied.remove(f"shards/tars/{first.name}")
    shutil.copytree(whole.store.path("originals"), copied.path("originals"))
    mended = collection_in(copied)
    mended.rows = whole.rows
    mended.publish(SETTINGS, GENERATION, previous_plans(copied))
    assert main(given) == 0
    assert {path: copied.read(path) for path in files_of(copied)} == {
        path: whole.store.read(path) for path in files_of(whole.store)
    }


def test_a_generation_of_another_version_is_refused_in_a_sentence_not_found_damaged(copied, tmp_path, capsys):
    copied.publish_json(f"shards/{GENERATION}/index.json", {"format": 1, "classes": ["a"]})
    copied.remove(f"shards/{GENERATION}/groups.arrow")
    copied.publish_json(f"shards/{GENERATION}/_done.json", {"tiles": 16})
    with pytest.raises(OutdatedError, match=r"0001-aa was packed by another version"):
        found_in(copied)


def test_the_tables_of_tars_are_not_kept_and_few_tars_are_under_way(whole, monkeypatch):
    """Of sixty tars (the same three again and again), no more are held than the processors need to be busy."""
    made, most = [], 0

    def check(store, tar, decode, advance):
        nonlocal most
        report = check_tar(store, tar, decode, advance)
        made.append(weakref.ref(report))
        most = max(most, sum(one() is not None for one in made))
        return report

    monkeypatch.setattr("shards.verify.check_tar", check)
    monkeypatch.setattr("shards.verify.os.cpu_count", lambda: 2)
    index = read_index(whole.store, GENERATION)
    many = SimpleNamespace(tars=index.tars * 20)
    wanted = ((number, ()) for number in range(len(many.tars)))
    numbers = [number for number, _ in _reports(whole.store, many, wanted, _Meter(lambda _: None))]
    assert sorted(numbers) == list(range(60))
    assert most <= 6


@pytest.mark.parametrize("error", [StorageUnavailableError("gone"), KeyboardInterrupt()])
def test_an_error_or_an_interruption_ends_the_checks_under_way_and_begins_no_more(whole, monkeypatch, error):
    begun = []

    def check(store, tar, decode, advance):
        begun.append(tar)
        if len(begun) == 3:
            raise error
        until_s = time.monotonic() + (0 if len(begun) < 3 else 20)
        while time.monotonic() < until_s:
            advance(1)
            time.sleep(0.01)
        return check_tar(store, tar, decode, advance)

    monkeypatch.setattr("shards.verify.check_tar", check)
    monkeypatch.setattr("shards.verify.os.cpu_count", lambda: 2)
    index = read_index(whole.store, GENERATION)
    wanted = ((number, ()) for number in range(60))
    began_s = time.monotonic()
    with pytest.raises(type(error)):
        list(_reports(whole.store, SimpleNamespace(tars=index.tars * 20), wanted, _Meter(lambda _: None)))
    assert time.monotonic() - began_s < 10
    assert len(begun) <= 8
