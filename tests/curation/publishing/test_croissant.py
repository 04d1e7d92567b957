"""The Croissant description: valid by the format's own library, and enough for it to read the records."""

import hashlib
import itertools
from pathlib import Path

import pyarrow as pa
import pytest

from corpus.records import CURATED
from corpus.storage import open_store
from curation.publishing.croissant import PARQUET, croissant, licence_address

GENERATION = "0003-0123456789"
FOLDER = f"curated/{GENERATION}"


def row(number, **columns):
    return dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number}", "version": "v", "kept": True, "reasons": [], "camera": "nexus-5x",
        "width_px": 4032, "quality_residual": 0.5, "editor_marks": [], "page_url": f"https://photos.example/{number}",
    } | columns  # fmt: skip


@pytest.fixture
def published(tmp_path, counts):
    """Return the description of a small generation and the file it is published in, beside what it describes."""
    store = open_store("data", tmp_path)
    rows = [row(1), row(2, kept=False, reasons=["edited_by_software", "duplicate"], width_px=None, camera=None)]
    store.publish_table(f"{FOLDER}/photos.parquet", pa.Table.from_pylist(rows, CURATED))
    store.publish(f"{FOLDER}/attribution.csv", b"photo\nflickr:1\n")
    encodings = {"photos.parquet": PARQUET, "attribution.csv": "text/csv"}
    files = []
    for name, encoding in encodings.items():
        data = store.read(f"{FOLDER}/{name}")
        sha256 = hashlib.sha256(data).hexdigest()
        files.append({"name": name, "sha256": sha256, "size_bytes": len(data), "encoding": encoding})
    described = croissant(GENERATION, counts, files, CURATED)
    store.publish_json(f"{FOLDER}/croissant.json", described)
    return described, Path(store.path(f"{FOLDER}/croissant.json"))


def test_the_formats_own_library_finds_no_error(published):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    described, _ = published
    dataset = mlcroissant.Dataset(jsonld=described)
    issues = dataset.metadata.issues
    assert list(issues.errors) == []
    [warning] = issues.warnings  # no clock here
    assert "datePublished" in warning


def test_the_formats_own_library_reads_the_records(published):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    _, file = published
    records = list(itertools.islice(mlcroissant.Dataset(jsonld=file).records("photos"), 3))
    first, second = [{name.removeprefix("photos/"): value for name, value in record.items()} for record in records]
    assert list(first) == CURATED.names
    assert (first["photo"], first["kept"], first["width_px"]) == (b"flickr:1", True, 4032)
    assert (first["quality_residual"], first["page_url"]) == (0.5, b"https://photos.example/1")
    assert (second["kept"], second["reasons"]) == (False, [b"edited_by_software", b"duplicate"])
    assert (second["width_px"], second["camera"]) == (None, None)


def test_every_column_has_a_field_of_its_type(published):
    described, _ = published
    fields = {field["name"]: field for field in described["recordSet"][0]["field"]}
    assert list(fields) == CURATED.names
    types = {name: fields[name]["dataType"] for name in ("photo", "kept", "width_px", "quality_residual", "page_url")}
    assert types == {
        "photo": "sc:Text", "kept": "sc:Boolean", "width_px": "sc:Integer", "quality_residual": "sc:Float",
        "page_url": "sc:URL",
    }  # fmt: skip
    assert fields["reasons"]["repeated"] is True
    assert "repeated" not in fields["photo"]


def test_licences_are_addresses_where_they_are_known(published):
    described, _ = published
    assert described["license"] == [
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "https://creativecommons.org/licenses/by/2.0/",
    ]
    assert licence_address("CC0") == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert licence_address("United States Government Work") == "United States Government Work"


def test_files_are_named_with_digest_and_size_and_nothing_else_is(published, counts):
    described, file = published
    table = (file.parent / "photos.parquet").read_bytes()
    assert described["distribution"][0]["sha256"] == hashlib.sha256(table).hexdigest()
    assert described["distribution"][0]["contentSize"] == f"{len(table)} B"
    assert [entry["contentUrl"] for entry in described["distribution"]] == ["photos.parquet", "attribution.csv"]
    assert "recordSet" not in croissant(GENERATION, counts, [], CURATED)


def test_a_column_without_a_word_in_the_format_is_refused(published, counts):
    files = [{"name": "photos.parquet", "sha256": "0" * 64, "size_bytes": 1, "encoding": "x"}]
    with pytest.raises(TypeError, match="when: Croissant has no word for the Arrow type duration"):
        croissant(GENERATION, counts, files, pa.schema([("when", pa.duration("s"))]))
