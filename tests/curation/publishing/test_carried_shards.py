"""What has changed tells the same shards and the same index as all photographs do, whatever has happened to them."""

import hashlib
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.errors import StorageError
from corpus.records import SPLITS, photo_digest
from corpus.sections import Shards
from corpus.storage import open_store
from corpus.storage.parts import FOLDER as TABLES
from corpus.storage.parts import NAMED
from curation.publishing.carried_shards import PLANNED, shard_changes
from shards.entries import POOL
from shards.index import Folds, previous_plans, publish_index
from shards.plan import plan_shards
from shards.write import write_shard
from tests.shards.conftest import make_jpeg

CLASSES, FOLDS = ("a", "b"), 3
SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4)
PICTURES = [make_jpeg(100, 72, seed=seed) for seed in range(4)]
KINDS = {"kept": pa.bool_(), "quality_factor": pa.int32(), "fold": pa.int32()}
SCHEMA = pa.schema([(name, KINDS.get(name, pa.string())) for name in PLANNED])


class History:
    """A store whose photographs come, change and go, with its generations and their shards."""

    def __init__(self, folder, seed):
        self.store, self.chance = open_store(str(folder)), random.Random(seed)
        self.parts, self.generation, self.number, self.serial = [], "", 0, 0

    def new_row(self, *, can_be_cut=True):
        self.serial += 1
        data = self.chance.choice(PICTURES) if can_be_cut else b"\xff\xd8 no photograph"
        original = f"originals/folder/{self.serial:03d}.jpg"
        self.store.publish(original, data)
        return {
            "photo": f"folder:{self.serial}", "version": "0123456789", "kept": True,
            "camera": self.chance.choice(CLASSES), "group": f"device-{self.serial % 7}",
            "split": self.chance.choice(SPLITS), "original": original, "sha256": hashlib.sha256(data).hexdigest(),
            "quality_factor": self.chance.choice((95, None)), "fold": self.serial % FOLDS,
        }  # fmt: skip

    def come(self, number, **options):
        self.parts.append([self.new_row(**options) for _ in range(number)])

    def change(self, number):
        for _ in range(number):
            rows = self.chance.choice([rows for rows in self.parts if rows])
            at = self.chance.randrange(len(rows))
            what = self.chance.choice(("gone", "kept", "group", "fold", "split", "version"))
            if what == "gone":
                del rows[at]
            elif what == "version":
                rows[at] = {**self.new_row(), "photo": rows[at]["photo"], "version": f"{self.serial:010d}"}
            else:
                values = {"kept": not rows[at]["kept"], "fold": (rows[at]["fold"] + 1) % FOLDS, "group": "other",
                          "split": self.chance.choice(SPLITS)}  # fmt: skip
                rows[at] = {**rows[at], what: values[what]}

    def publish(self):
        """Publish the table of the next generation, as a refresh does."""
        self.number += 1
        self.generation, files = f"{self.number:04d}-aa", []
        for rows in self.parts:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink)
            data = sink.getvalue().to_pybytes()
            files.append(f"{TABLES}/{hashlib.sha256(data).hexdigest()[:24]}.parquet")
            self.store.publish(files[-1], data)
        self.store.publish_json(f"curated/{self.generation}/{NAMED}", {"files": files})

    def changes(self, settings=SETTINGS, folds=FOLDS):
        return shard_changes(self.store, self.generation, CLASSES, settings, folds, self.store.entries(POOL))

    def rows(self):
        return [row for rows in self.parts for row in rows if row["kept"]]

    def whole(self):
        """Return the plans and the folds, by all photographs."""
        plans = plan_shards(self.rows(), SETTINGS, CLASSES, previous_plans(self.store))
        return plans, {photo_digest(row["photo"], row["version"]): row["fold"] for row in self.rows()}

    def index(self, plans, folds, carried=None):
        """Publish the index of the generation and return what it says."""
        entries = [write_shard(self.store, plan, SETTINGS) for plan in plans]
        index = publish_index(self.store, self.generation, CLASSES, entries, Folds(FOLDS, folds), carried)
        read = {name: self.store.read(f"{index.directory}/{name}") for name in self.store.names(index.directory)}
        return read, index


@pytest.mark.parametrize("seed", range(4))
def test_changes_tell_the_shards_and_the_index_that_all_photographs_tell(tmp_path, seed):
    history = History(tmp_path, seed)
    history.come(30)
    history.come(2, can_be_cut=False)
    history.publish()
    assert history.changes() is None  # the first
    history.index(*history.whole())
    carried = 0
    for turn in range(14):
        if history.chance.random() < 0.8:
            history.come(history.chance.randrange(1, 9))
        history.change(history.chance.randrange(4))
        if turn == 9:
            history.come(1, can_be_cut=False)
        history.publish()
        plans, folds = history.whole()
        changes = history.changes()
        carried += len(changes.carried.tars)
        assert {*changes.carried.tars, *(plan.name for plan in changes.new)} == {plan.name for plan in plans}
        told, index = history.index(changes.new, changes.folds, changes.carried)
        history.store.remove(index.directory)
        expected, index = history.index(plans, folds)
        assert told == expected
    assert carried > 40
    assert index.failures


def test_only_what_changed_is_read(tmp_path, monkeypatch):
    history = History(tmp_path, 1)
    for _ in range(12):
        history.come(4)
    history.publish()
    history.index(*history.whole())
    history.come(2)
    history.parts[3][0]["group"] = "other"
    history.publish()
    files = [history.store.read_json(f"curated/{number:04d}-aa/{NAMED}")["files"] for number in (1, 2)]
    opened, read = [], type(history.store).open
    monkeypatch.setattr(type(history.store), "open", lambda store, path: (opened.append(path), read(store, path))[1])
    changes = history.changes()
    assert sorted(path for path in opened if path.startswith(TABLES)) == sorted(set(files[0]) ^ set(files[1]))
    assert len(changes.carried.tars) == len(changes.carried.index.tars) - 1


def test_where_changes_do_not_tell_all_photographs_are_asked(tmp_path):
    history = History(tmp_path, 2)
    history.come(12)
    history.publish()
    history.index(*history.whole())
    history.publish()
    assert history.changes() is not None
    assert history.changes(folds=FOLDS + 1) is None
    for others in ({"tile_px": 32}, {"shard_photos": 1}):
        assert history.changes(SETTINGS.model_copy(update=others)) is None
    index = history.changes().carried.index
    path, data = f"{index.directory}/tiles.arrow", bytearray(history.store.read(f"{index.directory}/tiles.arrow"))
    data[len(data) // 2] ^= 1
    history.store.publish(path, bytes(data))
    assert history.changes() is None
    history.store.remove_file(path)
    assert history.changes() is None
    data[len(data) // 2] ^= 1
    history.store.publish(path, bytes(data))
    assert history.changes() is not None
    history.store.remove(f"{POOL}/{index.tars[0]}.arrow")
    assert history.changes() is None


def test_a_damaged_file_of_the_table_is_said(tmp_path):
    history = History(tmp_path, 2)
    history.come(12)
    history.publish()
    history.index(*history.whole())
    history.come(1)
    history.publish()
    path = history.store.read_json(f"curated/{history.generation}/{NAMED}")["files"][-1]
    history.store.publish(path, b"PAR1 no table")
    with pytest.raises(StorageError, match=rf"{path} cannot be read as Parquet"):
        history.changes()
