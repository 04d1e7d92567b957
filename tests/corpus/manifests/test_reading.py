"""Reading a manifest that may come from a stranger: what is wrong with it is one sentence, and nothing passes."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.errors import ConfigurationError
from corpus.manifests.about import KEY, About, schema_about
from corpus.manifests.reading import BATCH_ROWS, open_manifest
from corpus.records import MANIFEST

ABOUT = About(generation="0001-0123456789", folds=5)


def kept(number, **changes):
    return dict.fromkeys(MANIFEST.names) | {
        "photo": f"flickr:{number:06d}", "version": "0123456789", "source": "flickr", "kept": True,
        "url": f"https://live.staticflickr.com/{number}_o.jpg", "sha256": f"{number:064x}", "size_bytes": 1000,
        "camera": "iphone-6", "is_labelled": False, "group": "0123456789abcdef", "has_side": True, "split": "train",
        "fold": 4, "reasons": [], "quality_factor": 96, "shard": "train-0123456789ab.tar",
    } | changes  # fmt: skip


def refused(number, **changes):
    return kept(number) | {"kept": False, "reasons": ["duplicate"], "has_side": False} | changes


@pytest.fixture
def written(tmp_path):
    """Return a maker of manifests."""

    def write(rows, about=ABOUT, schema=None):
        file = tmp_path / "m.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema or schema_about(about)), file)
        return file

    return write


def read(file):
    return [row for batch in open_manifest(file).batches() for row in batch.to_pylist()]


def test_rows_come_as_they_were_written(written):
    rows = [kept(number) if number % 2 else refused(number) for number in range(BATCH_ROWS + 5)]
    assert read(written(rows)) == rows
    assert open_manifest(written(rows)).about == ABOUT


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (kept(1, version="../../../etc"), "version '../../../etc' is not of the form"),
        (kept(1, photo="../../x"), "is not of the form that it must have"),
        (kept(1, photo="flickr:" + "9" * 1001), "is not of the form that it must have"),
        (kept(1, url="file:///etc/passwd"), "url 'file:///etc/passwd' is not of the form"),
        (kept(1, url="https://a/\r\nHost: b"), "is not of the form"),
        (kept(1, sha256="A" * 64), "sha256"),
        (kept(1, sha256=None), "sha256 'None' is missing though the photo is kept"),
        (kept(1, size_bytes=-5), "size_bytes '-5' is not a file size"),
        (kept(1, camera="../x"), "camera '../x' is not of the form"),
        (kept(1, split="all"), "split 'all' is not of the form"),
        (kept(1, fold=5), "fold '5' is no fold"),
        (kept(1, quality_factor=0), "is not within 1 to 100"),
        (kept(1, camera="a" * 101), "has more than 100 characters"),
        (kept(1, shard=f"train-{'0' * 100}.tar"), "has more than 100 characters"),
        (kept(1, version=""), "version '' is missing"),
        (refused(1, version=""), "version '' is missing"),  # it may be fetched on request
        (kept(1, kept=None), "kept 'None' is missing"),
        (kept(1, group=None), "group 'None' is missing"),
        (kept(1, reasons=["duplicate"]), "must be there for a refused photo, and for no other"),
        (refused(1, reasons=[]), "must be there for a refused photo, and for no other"),
        (refused(1, reasons=["<script>"]), "are no reasons"),
        (refused(1, reasons=["a"] * 65), "are too many"),
        (kept(1, shard="../../x.tar"), "shard '../../x.tar' is not of the form"),
        (kept(1, title="x" * 5000), "column title has a text of 5,000 bytes, more than 4,096"),
    ],
)  # fmt: skip
def test_a_value_that_must_not_be_is_named_with_its_row(written, row, said):
    with pytest.raises(ConfigurationError, match=r"rows? ") as told:
        read(written([kept(0), row] if row["photo"] > "flickr:000000" else [row]))
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_an_upload_is_listed_once_and_in_order(written):
    with pytest.raises(ConfigurationError, match="row 2: flickr:000001: photo is listed twice"):
        read(written([kept(1), kept(1)]))
    with pytest.raises(ConfigurationError, match="row 2: flickr:000001: photo is not in the order"):
        read(written([kept(2), kept(1)]))
    across = [kept(number) for number in range(BATCH_ROWS)]
    with pytest.raises(ConfigurationError, match=r"row 1,001: flickr:000999: photo is listed twice"):
        read(written([*across, kept(BATCH_ROWS - 1)]))


def test_another_table_is_none(written, tmp_path):
    with pytest.raises(ConfigurationError, match="is not a manifest"):
        open_manifest(written([kept(1)], schema=MANIFEST))
    wide = pa.schema([*schema_about(ABOUT), ("gps", pa.string())], metadata=schema_about(ABOUT).metadata)
    with pytest.raises(ConfigurationError, match="has other columns than a manifest: gps"):
        open_manifest(written([kept(1)], schema=wide))
    typed = MANIFEST.set(6, pa.field("size_bytes", pa.string())).with_metadata(schema_about(ABOUT).metadata)
    with pytest.raises(ConfigurationError, match="column size_bytes is of type string, not int64"):
        open_manifest(written([kept(1, size_bytes="1")], schema=typed))
    file = tmp_path / "x.parquet"
    file.write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet"):
        open_manifest(file)
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet: No such file"):
        open_manifest(tmp_path / "nothing.parquet")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("[" * 100_000, "its metadata are not those of a manifest"),
        (json.dumps({"schema_version": 2}), "is a manifest of version 2, this program reads version 1"),
        (json.dumps({"schema_version": 1, "tars": {"../x": "0" * 64}}), "tars"),
        (json.dumps({"schema_version": 1, "classes": ["a/b"]}), "classes.0"),
        (json.dumps({"schema_version": 1, "more": 1}), "more"),
        (json.dumps({"schema_version": 1, "natives": [{"camera": "x"}]}), "natives.0"),
    ],
)
def test_what_it_says_of_itself_is_checked(written, about, said):
    schema = MANIFEST.with_metadata({KEY: about.encode()})
    with pytest.raises(ConfigurationError) as told:
        open_manifest(written([kept(1)], schema=schema))
    assert said in str(told.value)


def test_texts_that_are_no_texts_and_tables_that_are_too_large_are_refused(written, monkeypatch):
    raw = pa.array([b"\xff\xfe"], pa.binary())
    table = pa.Table.from_pylist([kept(1)], schema_about(ABOUT))
    broken = pa.StringArray.from_buffers(1, raw.buffers()[1], raw.buffers()[2])
    file = written([kept(1)])
    pq.write_table(table.set_column(table.schema.get_field_index("title"), MANIFEST.field("title"), broken), file)
    with pytest.raises(ConfigurationError, match="cannot be read after row 0"):
        read(file)
    monkeypatch.setattr("corpus.manifests.reading.ROWS_MAX", 3)
    with pytest.raises(ConfigurationError, match="has 4 rows, more than 3"):
        open_manifest(written([kept(number) for number in range(4)]))


def test_a_text_that_is_repeated_a_thousand_times_is_held_once(tmp_path):
    """A file of some kilobytes may claim gigabytes: one text of 20 MB in every row."""
    table = pa.Table.from_pylist([kept(number) for number in range(3000)], MANIFEST)
    title = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 20_000_000]))
    table = table.set_column(table.schema.get_field_index("title"), "title", title)
    file = tmp_path / "m.parquet"
    with pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: schema_about(ABOUT).metadata[KEY]})
    assert file.stat().st_size < 1_000_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(
        ConfigurationError, match=r"column title unpacks to 20,.* bytes for 3,000 values, more than 12,"
    ):
        read(file)
    assert pa.default_memory_pool().max_memory() - before < 10_000_000, "it was not unpacked"


def test_a_column_that_unpacks_to_too_much_and_rows_that_are_too_many_are_refused(written, monkeypatch):
    file = written([kept(number, title=f"{number}" * 1000) for number in range(100)])
    assert len(read(file)) == 100
    monkeypatch.setattr("corpus.manifests.reading.CHUNK_MAX_BYTES", 100_000)
    with pytest.raises(ConfigurationError, match="column title unpacks to"):
        read(file)
    monkeypatch.undo()
    manifest = open_manifest(file)
    monkeypatch.setattr("corpus.manifests.reading.ROWS_MAX", 99)
    monkeypatch.setattr("corpus.manifests.reading._opened", lambda file: pq.ParquetFile(file))  # it says less
    with pytest.raises(ConfigurationError, match="has more than 99 rows"):
        list(manifest.batches())


def test_the_row_of_a_wrong_reason_is_named(written):
    with pytest.raises(ConfigurationError, match=r"row 2: flickr:000002: reasons .* are no reasons"):
        read(written([refused(1), refused(2, reasons=["duplicate", "<script>"])]))
