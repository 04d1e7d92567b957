"""A generation and its manifest: what it says, what it leaves out, and that curation makes the same again of it."""

import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.configuration import read_configuration
from corpus.errors import StageError
from corpus.manifests.about import About, about_of, schema_about
from corpus.manifests.handed_on import HandedOn, handed_on
from corpus.manifests.reading import open_manifest
from corpus.records import CURATED, MANIFEST, version_of
from corpus.sections import Consensus, Shards
from corpus.storage import open_store
from corpus.takedowns import takedown
from curation.consensus import extended, learn
from curation.generations import Past, latest_generation
from curation.inspection.reproduction import reproduction
from curation.manifest import main
from curation.publishing.croissant import PARQUET, croissant
from curation.publishing.handed_on import known_classes, known_plans
from curation.publishing.manifest import _clipped, other_settings, write_manifest
from forensics.photo_facts import facts_of_row

VERDICT = ("version", "kept", "reasons", "split", "fold", "has_side")
OF_KEPT = ("camera", "group", "sha256")


@pytest.fixture(scope="module")
def there(tmp_path_factory, varied_corpus):
    """Return a corpus of all that can befall a photo, judged twice, and what writes its manifest."""
    corpus = varied_corpus(open_store(str(tmp_path_factory.mktemp("there"))))
    for record in corpus.records:
        record["original_url"] = f"https://live.staticflickr.com/{record['photo'][7:]}_o.jpg"
    for row in (*corpus.records, *corpus.examined):
        row["version"] = version_of(row["version"])
    late = [corpus.records.pop() for _ in range(60)]
    corpus.publish()
    corpus.records += late
    corpus.publish()
    return corpus


def configured(corpus, tmp_path):
    """Return a configuration of a corpus's store and catalogue."""
    entries = {
        camera.key: camera.model_dump(mode="json", exclude={"key"}, exclude_defaults=True)
        for camera in corpus.catalogue.cameras
    }
    (tmp_path / "cameras.yaml").write_text(json.dumps(entries))
    tree = {"storage": corpus.store.url, "catalogue": "cameras.yaml", "curation": {"test": 0.25, "validation": 0.25}}
    (tmp_path / "pipelines.yaml").write_text(json.dumps(tree))
    return read_configuration(tmp_path / "pipelines.yaml")


@pytest.fixture(scope="module")
def written(there, tmp_path_factory):
    """Return the manifest of the newest generation: its file and rows."""
    folder = tmp_path_factory.mktemp("written")
    file = folder / "m.parquet"
    write_manifest(configured(there, folder), latest_generation(there.store), file)
    return file, pq.read_table(file).to_pylist()


def verdicts(corpus, judged):
    found = {}
    for table, _, _ in judged.parts:
        for row in table.to_pylist():
            found[row["photo"]] = {name: row[name] for name in (*VERDICT, *(OF_KEPT if row["kept"] else ()))}
    return found


def test_curation_makes_the_same_verdicts_groups_and_sides_of_it(there, written, tmp_path):
    file, rows = written
    here = type(there)(open_store("here", tmp_path), there.catalogue)
    here.store.publish_file("manifests/a.parquet", file)
    examined = {row["photo"]: row for row in _examined(there.store)}
    for row in rows:  # as a crawl of the manifest leaves them
        said = {
            "version": row["version"],
            "owner_id": row["owner"],
            "owner_name": row["author"],
            "sha256": row["sha256"],
        }
        if row["kept"]:
            found = examined[row["photo"]]
            here.photo(row["photo"][7:], facts_of_row(found["facts"]), seen=found["perceptual_hash"], **said)
        else:
            here.record(row["photo"][7:], version=row["version"], owner_id=None, reasons=row["reasons"])
    there_now, here_now = (verdicts(corpus, corpus.judge()) for corpus in (there, here))
    assert sum(row["kept"] for row in there_now.values()) > 100
    assert here_now == there_now
    without = HandedOn(here.store)
    assert Past(here.store, None, without).ledger(5) != Past(here.store, None, handed_on(here.store)).ledger(5)


def _examined(store):
    kinds = [f"facts/{kind}" for kind in store.names("facts")]
    return [
        row for kind in kinds for name in store.names(kind) for row in store.read_table(f"{kind}/{name}").to_pylist()
    ]


def test_it_says_where_each_photo_is_and_nothing_private(there, written, tmp_path):
    file, rows = written
    assert pq.read_schema(file).names == MANIFEST.names
    assert [(row["photo"], row["version"]) for row in rows] == sorted((row["photo"], row["version"]) for row in rows)
    kept = [row for row in rows if row["kept"]]
    assert all(row["url"] == f"https://live.staticflickr.com/{row['photo'][7:]}_o.jpg" for row in kept)
    assert {row["author"] for row in kept} == {"Ann"}
    assert {row["author"] for row in rows if not row["kept"]} == {None}
    owners = {record["owner_id"] for record in _records(there.store)}
    data = b"".join(str(row).encode() for row in rows) + pq.read_schema(file).metadata[b"shutterprint.manifest"]
    assert not [owner for owner in owners if owner.encode() in data]
    serials = {row["facts"]["serial_number"] for row in _examined(there.store) if row["facts"]} - {None}
    assert serials
    assert not [serial for serial in serials if serial.encode() in data]
    assert str(tmp_path).encode() not in data


def _records(store):
    return [
        row for name in store.done_names("crawl/flickr") for row in
        store.read_table(f"crawl/flickr/{name}/records.parquet").to_pylist()
    ]  # fmt: skip


def test_the_same_generation_gives_the_same_bytes(there, written, tmp_path):
    again = tmp_path / "again.parquet"
    write_manifest(configured(there, tmp_path), latest_generation(there.store), again)
    assert again.read_bytes() == written[0].read_bytes()


def test_a_forgotten_photo_is_left_out(there, written, tmp_path):
    one = written[1][0]["photo"]
    takedown(there.store, one)
    summary = write_manifest(configured(there, tmp_path), latest_generation(there.store), tmp_path / "n.parquet")
    there.store.remove("takedowns")
    assert summary.forgotten == 1
    assert one not in pq.read_table(tmp_path / "n.parquet")["photo"].to_pylist()


def test_other_settings_are_named_and_the_same_ones_are_not(there, written, tmp_path):
    about = about_of(pq.read_schema(written[0]))
    configuration = configured(there, tmp_path)
    assert other_settings(configuration, about) == []
    other = read_configuration(tmp_path / "pipelines.yaml", ["rules.quality_factor_min=90", "curation.workers=7"])
    assert other_settings(other, about) == ["rules.quality_factor_min is 90, there 95"]
    assert other_settings(configuration, about.model_copy(update={"catalogue": "0" * 16, "rules": "1" * 16})) == [
        "the camera catalogue is another one"
    ]


def test_what_was_learned_there_counts_where_it_has_more_support(catalogue):
    def row(value, owners, native):
        return {
            "camera": "alpha-one", "aspect": "size", "value": value, "text": value, "photos": owners, "owners": owners,
            "share": 1.0, "native": native, "source": "learned",
        }  # fmt: skip

    here, there = [row("9x8", 2, False), row("7x6", 9, True)], [row("9x8", 5, True), row("7x6", 3, False)]
    assert extended(here, there) == [row("7x6", 9, True), row("9x8", 5, True)]
    table = learn([], catalogue, Consensus())
    assert extended(table, table) == table


def test_labels_and_tars_are_planned_as_they_were(there, written, tmp_path):
    file, _ = written
    rows = pq.read_table(file)
    about = about_of(rows.schema)
    kept = [row for row in rows.to_pylist() if row["kept"] and row["split"] == "train"][:5]
    cameras = sorted({row["camera"] for row in kept}, reverse=True)
    store = open_store("here", tmp_path)
    listed = [row | {"shard": "train-0123456789ab.tar" if row in kept else None} for row in rows.to_pylist()]

    told = schema_about(about.model_copy(update={"classes": cameras}))
    store.publish_table("manifests/a.parquet", pa.Table.from_pylist(listed, told))
    assert known_classes(store) == tuple(cameras)
    [plan] = known_plans(store, Shards(), tuple(cameras))
    assert (plan.split, len(plan.photos)) == ("train", 5)
    assert [photo.photo for photo in plan.photos] == sorted(photo.photo for photo in plan.photos)
    assert {photo.label for photo in plan.photos} == {cameras.index(camera) for camera in cameras}
    assert known_plans(store, Shards(), ("another",)) == []


def test_the_formats_own_library_reads_it_by_its_description(there, tmp_path, monkeypatch):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    configured(there, tmp_path)
    file = tmp_path / "data-set.parquet"
    assert main(["--config", str(tmp_path / "pipelines.yaml"), "latest", "-o", str(file)]) == 0
    described = tmp_path / "data-set.parquet.croissant.json"
    dataset = mlcroissant.Dataset(jsonld=described)
    assert list(dataset.metadata.issues.errors) == []
    first = next(iter(itertools.islice(dataset.records("photos"), 1)))
    row = pq.read_table(file).to_pylist()[0]
    assert first["photos/photo"].decode() == row["photo"]
    assert {name.removeprefix("photos/") for name in first} == set(MANIFEST.names)
    [distribution] = json.loads(described.read_text())["distribution"]
    assert (distribution["contentUrl"], distribution["encodingFormat"]) == ("data-set.parquet", PARQUET)
    assert croissant("0001-ab", json.loads(there.store.read(
        f"curated/{latest_generation(there.store)}/funnel.json")), [], MANIFEST).get("recordSet") is None  # fmt: skip


def test_a_manifest_that_no_crawl_would_take_is_not_written(there, tmp_path, monkeypatch):
    def write_twice(configuration, generation, file):
        summary = write_manifest(configuration, generation, file)
        table = pq.read_table(file)
        pq.write_table(pa.concat_tables([table, table]), file)
        return summary

    configured(there, tmp_path)
    monkeypatch.setattr("curation.manifest.write_manifest", write_twice)
    with pytest.raises(StageError, match=r"is not written, since no crawl would take it: .*photo and version"):
        main(["--config", str(tmp_path / "pipelines.yaml"), "latest", "-o", str(tmp_path / "m.parquet")])
    assert not list(tmp_path.glob("m.parquet*"))


def test_an_author_that_is_too_long_for_a_manifest_is_cut_off_between_letters():
    assert _clipped("a" + "é" * 3000) == "a" + "é" * 2047
    assert (_clipped("Ann"), _clipped(None)) == ("Ann", None)


def test_what_is_refused_there_and_gone_here_is_no_difference(tmp_path):
    """It was fetched on request; other reasons of what is here are a difference."""
    store, photos = open_store("here", tmp_path), ["flickr:1", "flickr:2", "flickr:3"]
    listed = [
        dict.fromkeys(MANIFEST.names) | {"photo": photo, "version": "0123456789", "kept": False, "reasons": [reason]}
        for photo, reason in zip(photos, ["duplicate", "changed_at_source", "duplicate"], strict=True)
    ]
    pq.write_table(
        pa.Table.from_pylist(listed, schema_about(About(generation="0001-ab", folds=5))), tmp_path / "m.parquet"
    )
    found = ["deleted_at_source", "changed_at_source", "screenshot"]
    here = [
        {"photo": photo, "version": "0123456789", "kept": False, "reasons": [reason]}
        for photo, reason in zip(photos, found, strict=True)
    ]
    store.publish_table("curated/0001-ab/photos.parquet", pa.Table.from_pylist(here, CURATED))
    compared = reproduction(store, "0001-ab", open_manifest(tmp_path / "m.parquet"))
    assert compared["differs"] == {"reasons": {"photos": 1, "examples": ["flickr:3"]}}
    assert compared["gone"] == []
