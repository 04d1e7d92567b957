"""Attribution: every kept photo is named with author, licence and page; nothing of it is a formula or markup."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import StorageError
from corpus.records import CURATED
from corpus.storage import open_store
from curation import generations
from curation.publishing import attribution
from curation.publishing.attribution import attribution_csv, attribution_html

GENERATION = "0001-aaaaaaaaaa"
PATH = f"curated/{GENERATION}/photos.parquet"


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


def row(number, **columns):
    cells = dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number:03d}", "version": "v", "source": "flickr", "kept": True, "title": f"Title {number}",
        "owner_id": f"o{number}", "owner_name": "Ann", "licence": "CC BY 2.0",
        "licence_url": "https://creativecommons.org/licenses/by/2.0/", "page_url": f"https://photos.example/{number}",
    }  # fmt: skip
    return cells | columns


def publish(store, rows):
    store.publish_table(PATH, pa.Table.from_pylist(rows, CURATED))


def read(store):
    return list(csv.DictReader(io.StringIO(attribution_csv(store, GENERATION).decode(), newline="")))


def test_kept_photos_are_named_and_refused_ones_are_not(store):
    publish(store, [row(0), row(1, kept=False), row(2, source="wikimedia", owner_name=None)])
    assert read(store) == [
        {
            "photo": "flickr:000", "title": "Title 0", "author": "Ann", "licence": "CC BY 2.0",
            "licence_url": "https://creativecommons.org/licenses/by/2.0/", "page_url": "https://photos.example/0",
            "source": "flickr",
        },
        {
            "photo": "flickr:002", "title": "Title 2", "author": "o2", "licence": "CC BY 2.0",
            "licence_url": "https://creativecommons.org/licenses/by/2.0/", "page_url": "https://photos.example/2",
            "source": "wikimedia",
        },
    ]  # fmt: skip


def test_no_cell_is_a_formula_and_quotes_and_lines_survive(store):
    titles = ["=HYPERLINK(1)", 'He said "hi",\nthen left', "-1+1", "\tx", "Größe 3 €"]
    publish(store, [row(number, title=title, owner_name=" =x") for number, title in enumerate(titles)])
    assert [line["title"] for line in read(store)] == [
        "'=HYPERLINK(1)", 'He said "hi",\nthen left', "'-1+1", r"\tx", "Größe 3 €",
    ]  # fmt: skip
    assert {line["author"] for line in read(store)} == {"' =x"}


CELLS = st.none() | st.sampled_from(["plain", " =1", "", "-"]) | st.text('ab =,"\n\r\x07ü\u200b＝', max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_the_csv_is_that_of_pythons_writer_for_each_photo(rows):
    made = [row(n, title=title, owner_name=name, owner_id=who) for n, (title, name, who) in enumerate(rows)]
    wanted = io.StringIO()
    writer = csv.writer(wanted, lineterminator="\n")
    writer.writerow(attribution.COLUMNS)
    for one in made:
        told = one | {"author": one["owner_name"] or one["owner_id"]}
        writer.writerow([attribution._cell(told[name]) for name in attribution.COLUMNS])
    assert attribution.csv_of(pa.Table.from_pylist(made, CURATED)).decode() == wanted.getvalue()


def test_full_width_signs_are_quoted_and_hidden_characters_are_escaped(store):
    titles = ["＝HYPERLINK(1)", "＋1", "－1", "＠SUM(1)", "\u3000＝1", "\n=1", "a\x9b\u202e\u200bb", "\u200b=1", "a＝b"]
    publish(store, [row(number, title=title) for number, title in enumerate(titles)])
    assert [line["title"] for line in read(store)] == [
        "'＝HYPERLINK(1)", "'＋1", "'－1", "'＠SUM(1)", "'\u3000＝1", "'\n=1",
        r"a\x9b\u202e\u200bb", r"\u200b=1", "a＝b",
    ]  # fmt: skip


def test_the_page_names_every_photo_with_links_by_source(store):
    publish(store, [row(0), row(1, kept=False), row(2, source="wikimedia"), row(3)])
    html = attribution_html(store, GENERATION)
    assert html.index("flickr (2 photos)") < html.index("wikimedia (1 photo)")
    assert '<a href="https://photos.example/3" rel="noopener noreferrer nofollow">flickr:003</a>' in html
    licence = '<a href="https://creativecommons.org/licenses/by/2.0/" rel="noopener noreferrer nofollow">CC BY 2.0</a>'
    assert html.count(licence) == 3
    assert "Title 3" in html
    assert "Ann" in html
    assert "Title 1" not in html


def test_text_of_strangers_is_text_on_the_page(store):
    evil = "<script>alert(1)</script>"
    columns = ("photo", "title", "owner_name", "licence", "source")
    publish(store, [row(0, **dict.fromkeys(columns, evil), page_url="javascript:alert(1)", licence_url="//a.example")])
    html = attribution_html(store, GENERATION)
    assert "<script" not in html
    assert "<a " not in html


def test_a_large_set_is_named_by_the_csv_alone(store, monkeypatch):
    monkeypatch.setattr(attribution, "PAGE_PHOTOS_MAX", 10)
    monkeypatch.setattr(generations, "_BATCH_PHOTOS", 4)
    publish(store, [row(number) for number in range(11)])
    html = attribution_html(store, GENERATION)
    assert "11 photos are kept." in html
    assert "attribution.csv" in html
    assert "Title" not in html
    assert len(read(store)) == 11
    publish(store, [row(number) for number in range(10)])
    assert "Title 9" in attribution_html(store, GENERATION)


def test_of_nothing_kept_there_is_a_header_and_a_page(store):
    publish(store, [row(0, kept=False)])
    assert read(store) == []
    assert attribution_csv(store, GENERATION).startswith(b"photo,title,author,")
    assert "No photo is kept." in attribution_html(store, GENERATION)


def test_equal_tables_give_equal_bytes_however_they_are_cut(store, monkeypatch):
    publish(store, [row(number) for number in range(20)])
    whole = attribution_csv(store, GENERATION), attribution_html(store, GENERATION)
    monkeypatch.setattr(generations, "_BATCH_PHOTOS", 3)
    assert (attribution_csv(store, GENERATION), attribution_html(store, GENERATION)) == whole


def test_a_table_that_is_missing_or_damaged_or_lacks_a_column_is_named(store):
    with pytest.raises(StorageError, match="no file curated/0001"):
        attribution_csv(store, GENERATION)
    store.publish(PATH, b"PAR1 and no more PAR1")
    with pytest.raises(StorageError, match="cannot be read as Parquet"):
        attribution_csv(store, GENERATION)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"photo": ["flickr:1"], "kept": [True]}), sink)
    store.publish(PATH, sink.getvalue().to_pybytes())
    with pytest.raises(StorageError, match="has no column title"):
        attribution_html(store, GENERATION)
