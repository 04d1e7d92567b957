"""A refresh says of every upload what a judgement of all uploads says, whatever has happened to them since."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks.curation.planted import KIND, catalogue
from corpus.sections import Consensus, Curation, Rules, Shards, Support
from corpus.storage.parts import photos_table
from corpus.takedowns import takedown
from curation.cluster.frames import Frames
from curation.facts.examine import PhotoKey, Trouble
from curation.generations import Ledger, Past, latest_generation, tables_of
from curation.judging.counts import Tally, counts
from curation.judging.inputs import find_inputs
from curation.judging.refresh.base import digest_of_inputs, is_unchanged, known_of_whole, refresh_base
from curation.judging.refresh.refresh import refreshed
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import publish_generation
from curation.publishing.refreshed import publish_refreshed
from tests.curation.judging.refresh.histories import History

pytestmark = pytest.mark.slow

CURATION = Curation(owner_photos_max=3, test=0.25, validation=0.25, placeholder_copies=4)
SETTINGS = JudgeSettings(
    catalogue().opened(),
    Support(photos_min=3, owners_min=2),
    Rules(),
    Consensus(photos_min=3, owners_min=2, closed_photos_min=6, closed_owners_min=3),
    CURATION,
)
JUDGED_BY = {
    "cameras": "all",
    "rules": Rules().model_dump(),
    "consensus": Consensus().model_dump(),
    "curation": CURATION.model_dump(),
}


def judged(store, troubles=(), settings=SETTINGS):
    """Return what a judgement of all uploads says: rows, counts, and the judgement."""
    past = Past(store, latest_generation(store))
    inputs = find_inputs(store, KIND)
    found = judge_all(inputs, past, troubles, settings, Frames(None), lambda *_: nullcontext(lambda _: None))
    parts, total = list(found.parts), Tally()
    for _, _, tally in parts:
        total.add(tally)
    cameras = (*found.catalogue.cameras, *found.catalogue.unlisted)
    names = {camera.key: (camera.name, camera.is_listed) for camera in cameras}
    rows = [row for table, _, _ in parts for row in table.to_pylist()]
    return rows, counts(total, names, found.hubs, found.pairs), dict(total.samples), found, parts


def published_whole(store):
    """Judge all uploads and publish the generation, as the first run does."""
    digest = digest_of_inputs(find_inputs(store, KIND))
    *_, found, parts = judged(store)
    object.__setattr__(found, "parts", iter(parts))
    name = publish_generation(store, found, JUDGED_BY, Shards(), lambda _: None, lambda: None).name
    known_of_whole(name, SETTINGS, digest, ()).publish(store)


def refresh(store, troubles=()):
    """Refresh the store; return what was found and what was published."""
    base = refresh_base(store, find_inputs(store, KIND), SETTINGS)
    found = refreshed(store, base.news, base.last, troubles, SETTINGS, base.concerned(troubles))
    return found, publish_refreshed(store, found, base.last.known, JUDGED_BY, Shards(), lambda: None)


def check(store, troubles=()):
    """Refresh, and compare all with a judgement of all uploads that has the same past; return what was found."""
    before = Past(store, latest_generation(store)).ledger(CURATION.folds)
    rows, counted, samples, whole, _ = judged(store, troubles)
    found, published = refresh(store, troubles)
    assert photos_table(store, f"curated/{published.name}").to_pylist() == rows
    assert found.learned == whole.learned
    assert Past(store, published.name).ledger(CURATION.folds) == Ledger(whole.ledger.splits, whole.ledger.folds)
    assert before.splits.items() <= whole.ledger.splits.items()
    assert found.counts == published.counts == counted
    assert {reason: list(some) for reason, some in found.samples.items()} == samples
    return found


def test_a_history_of_changes_gives_the_rows_of_a_judgement_of_all(tmp_path):
    history = History.of(tmp_path, 200, 1)
    history.come(90)
    published_whole(history.store)
    history.come(20)
    assert check(history.store).judged >= 100  # the first refresh makes the state of all
    history.come(20)
    history.change(0.06)
    assert check(history.store).judged < 120
    history.change(0.03)
    trouble = Trouble(
        PhotoKey(history.windows["w01"][0]["photo"], history.windows["w01"][0]["version"]), "original_lost", "?"
    )
    takedown(history.store, history.windows["w00"][0]["photo"])
    check(history.store, [trouble])


def test_the_first_refresh_says_the_same_however_few_uploads_it_has_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("curation.judging.refresh.news.SHARE_UPLOADS", 15)
    monkeypatch.setattr("curation.judging.refresh.finished.AT_ONCE", 7)
    history = History.of(tmp_path, 200, 2)
    history.come(60)
    history.come(60)
    published_whole(history.store)
    history.come(30)
    history.change(0.1)
    assert check(history.store).judged >= 150
    history.come(30)
    history.change(0.1)
    check(history.store)


def test_what_has_not_changed_is_not_judged_nor_written_and_no_file_is_left_over(tmp_path, monkeypatch):
    monkeypatch.setattr("curation.judging.refresh.state.parts.PART_UPLOADS", 40)
    history = History.of(tmp_path, 420, 3)
    store = history.store
    history.come(400)
    published_whole(store)
    history.come(4)
    refresh(store)
    first = written(store)
    history.come(4)
    found, published = refresh(store)
    assert published.is_new
    assert found.judged < 300  # new ones, and those of cameras of which other things are known now
    kept = first.keys() & written(store).keys()
    assert any(path.startswith("tables/") for path in kept)
    assert any(path.startswith("judged/parts/") for path in kept)
    base = refresh_base(store, find_inputs(store, KIND), SETTINGS)
    assert not base.concerned(())
    assert not base.news.has_tables
    named = {path for name in store.done_names("curated") for path in tables_of(store, name)}
    assert {path for path in written(store) if path.startswith("tables/")} == named


def test_a_corpus_that_was_judged_whole_is_known_to_be_unchanged_without_reading_it(tmp_path, monkeypatch):
    history = History.of(tmp_path, 60, 4)
    history.come(40)
    published_whole(history.store)
    inputs = find_inputs(history.store, KIND)
    monkeypatch.setattr("corpus.storage.store.Store.read_table", None)
    assert is_unchanged(history.store, inputs, SETTINGS)
    monkeypatch.undo()
    history.change(0.5)
    assert not is_unchanged(history.store, find_inputs(history.store, KIND), SETTINGS)


def test_a_corpus_too_large_for_one_process_is_judged_whole_unless_it_has_grown_under_refreshes(tmp_path, monkeypatch):
    history = History.of(tmp_path, 60, 6)
    history.come(40)
    published_whole(history.store)
    history.come(5)
    monkeypatch.setattr("curation.judging.refresh.base.FIRST_MAX", 39)
    assert refresh_base(history.store, find_inputs(history.store, KIND), SETTINGS) is None
    monkeypatch.setattr("curation.judging.refresh.base.FIRST_MAX", 40)
    check(history.store)
    history.come(5)
    assert refresh_base(history.store, find_inputs(history.store, KIND), SETTINGS) is not None


def test_other_rules_or_another_catalogue_judge_all_anew(tmp_path):
    history = History.of(tmp_path, 60, 5)
    history.come(40)
    published_whole(history.store)
    history.come(10)
    inputs = find_inputs(history.store, KIND)
    assert refresh_base(history.store, inputs, SETTINGS) is not None
    history.store.publish("manifests/0.parquet", b"")
    assert refresh_base(history.store, inputs, SETTINGS) is None
    history.store.remove("manifests/0.parquet")
    for change in ({"rules": Rules(quality_factor_min=90)}, {"catalogue": catalogue()}, {"curation": Curation()}):
        assert refresh_base(history.store, inputs, JudgeSettings(**{**vars(SETTINGS), **change})) is None


def written(store):
    """Return the size of every file below `tables/` and `judged/`."""
    root = Path(store.path("."))
    files = [path for below in ("tables", "judged") for path in (root / below).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.stat().st_size for path in files}
