"""A generation: whole or not there, never changed, the same bytes for the same rows."""

import csv
import hashlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.cameras.catalogue import Catalogue
from corpus.records import CURATED
from corpus.sections import Consensus, Curation, Rules, Shards
from corpus.storage import open_store
from curation.generations import Ledger, Past, latest_generation
from curation.judging.columns.spelling import digests_sum
from curation.judging.counts import tally
from curation.judging.whole_corpus import Judged
from curation.publishing.generation import publish_generation
from shards.index.tables import FORMAT

pytestmark = pytest.mark.slow

LEDGER = Ledger({"a" * 16: "train", "b" * 16: "test"}, {"a" * 16: 0, "b" * 16: 1})
LEARNED = [
    {"camera": "nexus-5x", "aspect": aspect, "value": value, "text": text, "photos": 3, "owners": 2, "share": 1.0,
     "native": True, "source": "learned"}
    for aspect, value, text in (("camera", "", "LGE\nNexus 5X"), ("size", "4032x3024", "4032x3024"))
]  # fmt: skip
SETTINGS = {
    "cameras": "all",
    "rules": Rules().model_dump(),
    "consensus": Consensus().model_dump(),
    "curation": Curation().model_dump(),
}


def row(number, reasons=(), **columns):
    kept = not reasons
    cells = dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number:03d}", "version": "v", "source": "flickr", "kept": kept, "reasons": list(reasons),
        "has_side": kept,
        "camera": "nexus-5x", "group": "ab"[number % 2] * 16, "split": ("train", "test")[number % 2] if kept else None,
        "fold": number % 2 if kept else None, "sha256": f"{number:016x}".ljust(64, "0"), "width_px": 3024,
        "height_px": 4032, "quality_factor": 90 + number % 9, "size_bytes": 1000, "taken_at": "2016:05:01 10:11:12",
        "title": f"Title {number}", "owner_id": f"o{number % 2}", "owner_name": "Ann", "licence": "CC BY 2.0",
        "page_url": "https://photos.example/1", "editor_marks": [],
    }  # fmt: skip
    return cells | columns


ROWS = [
    row(0),
    row(1),
    row(2),
    row(3, ("edited_by_software", "truncated")),
    row(4, ("truncated",)),
    row(5, ("duplicate",)),
]


@pytest.fixture
def publish(catalogue):
    """Return what publishes rows as a judgement would give them, in parts of so many."""

    def publish_them(store, rows=ROWS, ledger=LEDGER, shards=None, part=100, learned=LEARNED):
        def parts():
            for start in range(0, len(rows), part):
                some = rows[start : start + part]
                digests = digests_sum(hashlib.sha256(json.dumps(one).encode()).digest() for one in some)
                told = [one | {"id": start + place, "serial": None, "device": None} for place, one in enumerate(some)]
                yield pa.Table.from_pylist(some, CURATED), digests, tally(told)

        judged = Judged(learned, Catalogue(cameras=catalogue.cameras), ledger, [], [], -(-len(rows) // part), parts())
        return publish_generation(store, judged, SETTINGS, shards or Shards(), lambda _: None, lambda: None)

    return publish_them


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


def files(store, below="curated"):
    root = Path(store.path(below))
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_generation_holds_every_row_the_counts_the_ledger_what_was_learned_and_a_report(store, publish):
    published = publish(store)
    name = published.name
    assert published.is_new
    assert name.startswith("0001-")
    assert latest_generation(store) == name
    assert store.read_table(f"curated/{name}/photos.parquet").to_pylist() == ROWS
    assert store.read_json(f"curated/{name}/funnel.json") == published.counts
    assert (published.counts["photos"], published.counts["kept"]) == (6, 3)
    assert store.read_json(f"curated/{name}/splits.json") == LEDGER.splits
    assert store.read_json(f"curated/{name}/natives.json") == LEARNED
    assert b"<svg" in files(store)[f"{name}/report.html"]
    past = Past(store, name)
    assert past.ledger(Curation().folds) == LEDGER
    assert set(past.kept("", "~")) == {f"flickr:{number:03d}" for number in range(3)}
    beside = {"README.md", "croissant.json", "attribution.csv", "attribution.html", "folds.json", "_done.json"}
    assert {f"{name}/{file}" for file in beside} <= files(store).keys()


def test_a_generation_that_could_not_be_finished_is_none_and_the_next_run_makes_it(store, publish, monkeypatch):
    def run_out_of_disk(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(
            "curation.publishing.generation.croissant", run_out_of_disk
        )  # what the last file before the marker holds
        with pytest.raises(OSError, match="no space left"):
            publish(store)
    assert latest_generation(store) is None
    assert publish(store).is_new


def test_the_same_rows_make_nothing_new_and_other_shards_or_rows_or_sides_do(store, publish):
    first = publish(store)
    before = files(store)
    again = publish(store)
    assert (again.name, again.is_new, again.counts) == (first.name, False, first.counts)
    assert files(store) == before
    second = publish(store, shards=Shards(tile_px=512))
    assert (second.is_new, second.name[:5]) == (True, "0002-")
    assert publish(store, ROWS[1:], shards=Shards(tile_px=512)).name[:5] == "0003-"
    folded = Ledger(LEDGER.splits, {"a" * 16: 3, "b" * 16: 4})
    assert publish(store, ROWS[1:], folded, Shards(tile_px=512)).name[:5] == "0004-"
    assert publish(store, ROWS[1:], folded, Shards(tile_px=512), learned=LEARNED[:1]).name[:5] == "0005-"
    assert {name: data for name, data in files(store).items() if name.startswith(first.name)} == before


def test_the_labels_that_cameras_had_before_are_part_of_the_name(store, publish, tmp_path):
    """A class keeps its label, so equal rows after another history are packed under other labels."""
    first = publish(store)
    other = open_store("elsewhere", tmp_path)
    index = {"format": FORMAT, "classes": ["a-camera-of-old"]}
    other.publish_json("shards/0001-aa/index.json", index)
    second = publish(other)
    assert first.name != second.name
    other.publish_json(f"shards/{second.name}/index.json", index | {"classes": ["a-camera-of-old", "nexus-5x"]})
    assert not publish(other).is_new


def test_a_row_that_changed_anything_makes_a_new_generation(store, publish):
    publish(store)
    assert publish(store, [ROWS[0] | {"title": "another"}, *ROWS[1:]]).is_new


def test_equal_rows_give_equal_bytes_in_another_store_whatever_the_parts_and_the_order_of_the_ledger(
    store, publish, tmp_path
):
    other = open_store("elsewhere", tmp_path)
    publish(store)
    backwards = Ledger(dict(reversed(LEDGER.splits.items())), dict(reversed(LEDGER.folds.items())))
    publish(other, ledger=backwards, part=2)
    assert files(store) == files(other)


def test_row_groups_are_of_one_size_whatever_the_parts_are(store, publish, monkeypatch):
    monkeypatch.setattr("curation.publishing.generation.ROW_GROUP", 10)
    rows = [row(number) for number in range(25)]
    for part in (3, 10, 100):
        publish(store, rows, part=part, shards=Shards(shard_photos=part))
    tables = [data for path, data in sorted(files(store).items()) if path.endswith("photos.parquet")]
    assert len(tables) == 3
    assert tables[0] == tables[1] == tables[2]
    parquet = pq.ParquetFile(io.BytesIO(tables[0]))
    assert [parquet.metadata.row_group(at).num_rows for at in range(3)] == [10, 10, 5]
    assert parquet.read().to_pylist() == rows


def test_a_corpus_judged_in_parts_of_other_sizes_gives_the_same_bytes(tmp_path, varied_corpus):
    found = {}
    for part_photos in (100, 20_000):
        corpus = varied_corpus(open_store(f"parts-{part_photos}", tmp_path))
        corpus.publish(judge_photos=part_photos)
        corpus.photo("late", None)
        corpus.publish(judge_photos=part_photos)  # one that has a past
        found[part_photos] = files(corpus.store)
    assert len({path.partition("/")[0] for path in found[100]}) == 2
    assert found[100] == found[20_000]


def test_what_a_crash_left_is_replaced(store, publish, tmp_path):
    whole = publish(open_store("elsewhere", tmp_path)).name
    store.publish(f"curated/{whole}/photos.parquet", b"half")
    store.publish("curated/0001-ffffffffff/left.json", b"half")
    assert latest_generation(store) is None
    publish(store)
    assert files(store) == files(open_store("elsewhere", tmp_path))


def test_generations_are_counted_beyond_four_digits(store, publish):
    store.mark_done("curated/9999-aaaaaaaaaa", {})
    store.mark_done("curated/10000-aaaaaaaaaa", {})
    assert publish(store).name.startswith("10001-")


def test_attribution_names_what_is_kept_and_holds_no_formula(store, publish):
    rows = [
        row(0, title="=HYPERLINK(1)", owner_name="@evil"),
        row(1, title='He said "hi",\nthen left', owner_name=None),
        row(2, title="-1+1", owner_name=" =x"),
        row(3, ("truncated",)),
    ]
    name = publish(store, rows).name
    table = list(csv.DictReader(io.StringIO(files(store)[f"{name}/attribution.csv"].decode())))
    assert [line["photo"] for line in table] == ["flickr:000", "flickr:001", "flickr:002"]
    assert [line["title"] for line in table] == ["'=HYPERLINK(1)", 'He said "hi",\nthen left', "'-1+1"]
    assert [line["author"] for line in table] == ["'@evil", "o1", "' =x"]


def test_pages_of_hostile_text_have_no_markup_of_it(store, publish):
    script = "<script>alert(1)</script>"
    code = {"camera": "<b>x</b>", "page_url": f"javascript:{script}"}
    evil = [
        row(7, (script,), **code, software=script, original=script),
        row(8, **code, title=script, owner_name=script, licence=script),
    ]
    learned = [LEARNED[0] | {"camera": "<b>x</b>", "text": script, "value": script}]
    name = publish(store, [*ROWS, *evil], learned=[*LEARNED, *learned]).name
    for file in ("report.html", "attribution.html", "README.md"):
        page = files(store)[f"{name}/{file}"].decode()
        assert "<script>alert" not in page, file
        assert "<b>x" not in page, file
        assert 'href="javascript:' not in page, file


def test_report_of_nothing_kept_is_still_a_report(store, publish):
    published = publish(store, ROWS[3:], Ledger())
    assert published.counts["kept"] == 0
    assert "0 (0 B) are kept" in files(store)[f"{published.name}/report.html"].decode()


def test_a_generation_of_no_photo_at_all_is_still_one(store, publish):
    published = publish(store, [], Ledger(), learned=[])
    assert store.read_table(f"curated/{published.name}/photos.parquet").num_rows == 0
