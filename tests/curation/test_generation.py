"""A generation: whole or not there, never changed, the same bytes for the same rows."""

import csv
import io
from pathlib import Path

import pytest

from corpus.records import CURATED
from corpus.sections import Shards
from corpus.storage import open_store
from curation.funnel import count
from curation.generation import attribution, latest_generation, publish_generation, read_past

LEDGER = {"a" * 16: "train", "b" * 16: "test"}


def row(number, reasons=(), **columns):
    kept = not reasons
    cells = dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number:03d}", "version": "v", "source": "flickr", "kept": kept, "reasons": list(reasons),
        "camera": "nexus-5x", "group": "ab"[number % 2] * 16, "split": ("train", "test")[number % 2] if kept else None,
        "sha256": f"{number:064x}", "width_px": 3024, "height_px": 4032, "quality_factor": 90 + number % 9,
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
def store(tmp_path):
    return open_store("data", tmp_path)


def files(store, below="curated"):
    root = Path(store.path(below))
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_generation_holds_every_row_the_counts_the_ledger_and_a_report(store):
    name, counts, is_new = publish_generation(store, ROWS, LEDGER, Shards())
    assert is_new
    assert name.startswith("0001-")
    assert latest_generation(store) == name
    assert store.read_table(f"curated/{name}/photos.parquet").to_pylist() == ROWS
    assert store.read_json(f"curated/{name}/funnel.json") == counts
    assert store.read_json(f"curated/{name}/splits.json") == LEDGER
    assert b"<svg" in files(store)[f"{name}/report.html"]
    past = read_past(store, name)
    assert past.ledger == LEDGER
    assert past.kept == {(f"flickr:{number:03d}", "v") for number in range(3)}


def test_the_same_rows_make_nothing_new_and_other_shards_or_rows_do(store):
    first, _, _ = publish_generation(store, ROWS, LEDGER, Shards())
    before = files(store)
    assert publish_generation(store, ROWS, LEDGER, Shards())[0::2] == (first, False)
    assert files(store) == before
    second, _, is_new = publish_generation(store, ROWS, LEDGER, Shards(tile_px=512))
    assert (is_new, second[:5]) == (True, "0002-")
    third, _, _ = publish_generation(store, ROWS[1:], LEDGER, Shards(tile_px=512))
    assert third[:5] == "0003-"
    assert {name: data for name, data in files(store).items() if name.startswith(first)} == before


def test_equal_rows_give_equal_bytes_in_another_store(store, tmp_path):
    other = open_store("elsewhere", tmp_path)
    publish_generation(store, ROWS, LEDGER, Shards())
    publish_generation(other, ROWS, dict(reversed(LEDGER.items())), Shards())
    assert files(store) == files(other)


def test_what_a_crash_left_is_replaced(store, tmp_path):
    whole, _, _ = publish_generation(open_store("elsewhere", tmp_path), ROWS, LEDGER, Shards())
    store.publish(f"curated/{whole}/photos.parquet", b"half")
    store.publish("curated/0001-ffffffffff/left.json", b"half")
    assert latest_generation(store) is None
    publish_generation(store, ROWS, LEDGER, Shards())
    assert files(store) == files(open_store("elsewhere", tmp_path))


def test_generations_are_counted_beyond_four_digits(store):
    store.mark_done("curated/9999-aaaaaaaaaa", {})
    store.mark_done("curated/10000-aaaaaaaaaa", {})
    assert latest_generation(store) == "10000-aaaaaaaaaa"


def test_attribution_names_what_is_kept_and_holds_no_formula():
    rows = [
        row(0, title="=HYPERLINK(1)", owner_name="@evil"),
        row(1, title='He said "hi",\nthen left', owner_name=None),
        row(2, title="-1+1", owner_name=" =x"),
        row(3, ("truncated",)),
    ]
    table = list(csv.DictReader(io.StringIO(attribution(rows))))
    assert [line["photo"] for line in table] == ["flickr:000", "flickr:001", "flickr:002"]
    assert [line["title"] for line in table] == ["'=HYPERLINK(1)", 'He said "hi",\nthen left', "'-1+1"]
    assert [line["author"] for line in table] == ["'@evil", "o1", "' =x"]


def test_funnel_counts_every_reason_and_what_is_left_after_it():
    steps = [(step["reason"], step["refused"], step["first"], step["remaining"]) for step in count(ROWS)["funnel"]]
    assert steps == [("edited_by_software", 1, 1, 5), ("truncated", 2, 1, 4), ("duplicate", 1, 1, 3)]


def test_counts_tell_cameras_groups_splits_and_turned_sizes_alike():
    camera = count([*ROWS, row(6, width_px=4032, height_px=3024)])["cameras"]["nexus-5x"]
    assert (camera["photos"], camera["kept"], camera["groups"], camera["owners"]) == (7, 4, 2, 2)
    assert camera["sizes"] == {"4032x3024": 4}
    assert camera["splits"]["train"] == {"photos": 3, "groups": 1}


def test_leaks_between_splits_are_counted():
    assert count(ROWS)["leaks"] == {"groups": 0, "bytes": 0, "owners": 0}
    leaking = [row(0), row(2, split="test", sha256=f"{0:064x}")]
    assert count(leaking)["leaks"] == {"groups": 1, "bytes": 1, "owners": 1}


def test_report_of_hostile_text_has_no_markup_of_it(store):
    evil = row(7, ("<script>alert(1)</script>",), camera="<b>x</b>")
    name, _, _ = publish_generation(store, [*ROWS, evil], LEDGER, Shards())
    page = files(store)[f"{name}/report.html"].decode()
    assert "<script>" not in page
    assert "<b>x" not in page


def test_report_of_nothing_kept_is_still_a_report(store):
    name, counts, _ = publish_generation(store, ROWS[3:], {}, Shards())
    assert counts["kept"] == 0
    assert "0 are kept" in files(store)[f"{name}/report.html"].decode()
