"""The index of tables tells which uploads are news, and what it costs follows from these, not from their tables."""

import pytest

from benchmarks.curation.planted import KIND
from curation.judging.inputs import find_inputs
from curation.judging.refresh.news import news_of, read_uploads
from curation.judging.refresh.state.index import Index, id_of
from tests.curation.judging.refresh.histories import History


@pytest.fixture
def history(tmp_path):
    history = History.of(tmp_path, 60, 1)
    history.come(40)
    return history


def news(history, index):
    return news_of(find_inputs(history.store, KIND), index)


def read_again(history, index):
    return Index.read(history.store, index.rows.names, index.tables.names)


def test_all_rows_are_new_at_first_and_none_later(history):
    found = news(history, Index.empty())
    assert {id_of(row["photo"], row["version"]) for row in history.windows["w00"]} <= found.ids
    index = read_again(history, found.indexed(history.store))
    assert not news(history, index).ids
    assert not news(history, index).has_tables


def test_of_a_window_that_is_written_again_only_the_uploads_that_differ_are_news(history):
    index = news(history, Index.empty()).indexed(history.store)
    rows = history.windows["w00"]
    rows[3] = {**rows[3], "title": "another"}
    gone = rows.pop(5)
    history._write("w00", rows)
    found = news(history, read_again(history, index))
    assert found.ids == {id_of(row["photo"], row["version"]) for row in (rows[3], gone)}
    assert (len(found.ended), int(found.is_new.sum())) == (2, 1)
    again = found.indexed(history.store)
    assert len(again.rows.tables[-1]) <= 3
    assert not news(history, read_again(history, again)).ids


def test_a_window_that_is_gone_makes_news_of_its_uploads(history):
    index = news(history, Index.empty()).indexed(history.store)
    history.store.remove("crawl/flickr/w00")
    found = news(history, read_again(history, index))
    assert found.gone == {"crawl/flickr/w00/records.parquet"}
    assert found.ids == {id_of(row["photo"], row["version"]) for row in history.windows["w00"]}
    assert not news(history, read_again(history, found.indexed(history.store))).has_tables


def test_what_differs_in_any_fact_is_another_row(history):
    index = news(history, Index.empty()).indexed(history.store)
    one = next(iter(history.facts.values()))
    for change in ({"xmp_history_agents": ["x"]}, {"quantisation_tables": [[1] * 64]}, {"iso": 7}):
        facts = {**one["facts"], **{name: value for name, value in change.items() if name in one["facts"]}}
        history._examine([{**one, "facts": facts}])
    history._examine([{**one, "facts": None}])
    found = news(history, read_again(history, index))
    assert len(set(found.rows.key.tolist())) == found.is_new.sum() == 4


def test_uploads_are_read_from_the_tables_that_hold_them_now(history):
    index = news(history, Index.empty()).indexed(history.store)
    rows = history.windows["w00"]
    moved = rows.pop(0)
    history._write("w00", rows)
    history._write("w01", [{**moved, "title": "moved"}])
    found = news(history, read_again(history, index))
    table = read_uploads(found, {id_of(row["photo"], row["version"]) for row in (moved, rows[0])})
    titles = dict(zip(table["photo"].to_pylist(), table["title"].to_pylist(), strict=True))
    assert titles == {moved["photo"]: "moved", rows[0]["photo"]: rows[0]["title"]}
