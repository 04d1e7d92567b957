"""Reading: a manifest's file as checked batches of rows; it may come from a stranger.

Everything that the rest of the program relies on is checked here, before anything is fetched or judged: the columns and
their types, the form of every value, the bounds of the whole, and that each upload is listed once. A value that is not
as it must be is a ConfigurationError of one sentence.

A batch has BATCH_ROWS rows of texts of TEXT_MAX_BYTES; texts are read as dictionaries, so that one that is repeated a
million times is held once. A column of a row group is not read where the file says that it unpacks to more than
CHUNK_MAX_BYTES, or to more than its values can have. A file whose pages unpack to more than it says is found out only
when the page has been unpacked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.errors import ConfigurationError
from corpus.manifests.about import About, about_of
from corpus.records import MANIFEST, SPLITS
from corpus.text import escaped

ROWS_MAX = 20_000_000
FILE_MAX_BYTES = 4 << 30
UNPACKED_MAX_BYTES = 16 << 30
CHUNK_MAX_BYTES = 256 << 20
"""A column of a row group, unpacked."""
TEXT_MAX_BYTES = 4096
REASONS_MAX = 64
BATCH_ROWS = 1000
_CHUNK_HEADER_BYTES = 1 << 16
"""What a column's pages may have beside its values: headers, and the least and greatest value in them."""
_LONGEST = {"camera": 100, "shard": 100}
"""Characters, where the form gives no bound."""
_SHOWN_CHARACTERS = 80
_ERROR_CHARACTERS = 200

_FORMS = {
    "photo": r"^[a-z0-9]{1,32}:[^\x00-\x1f\x7f]{1,1000}$",
    "version": r"^([0-9a-f]{10})?$",
    "source": r"^[a-z0-9]{1,32}$",
    "url": r"^https?://[!-~]+$",
    "sha256": r"^[0-9a-f]{64}$",
    "uploaded_at": r"^[0-9TZ:.+-]{4,40}$",
    "camera": r"^[a-z0-9]+(-[a-z0-9]+)*$",
    "owner": r"^[0-9a-f]{16}$",
    "group": r"^[0-9a-f]{16}$",
    "split": rf"^({'|'.join(SPLITS)})$",
    "shard": r"^[a-z]+-[0-9a-f]+\.tar$",
}
_OF_KEPT = ("sha256", "size_bytes", "camera", "group", "split", "fold")
"""Columns that a kept photograph of a generation must have."""


@dataclass(frozen=True)
class Manifest:
    """A manifest's file that was opened; its rows are checked as they are read."""

    file: Path
    about: About
    rows: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield checked rows, BATCH_ROWS at most at once; raises ConfigurationError."""
        first, before = 0, ("", "")
        for batch in read_batches(self.file, MANIFEST.names):
            before = _Check(self.file, first, batch, self.about).all(before)
            first += len(batch)
            yield batch


def open_manifest(file: Path) -> Manifest:
    """Return the manifest of a file; raises ConfigurationError where it is none, or is too large."""
    schema, rows = table_of(file)
    try:
        about = about_of(schema)
    except ValueError as error:
        raise ConfigurationError(f"{escaped(file)}: {escaped(str(error))}") from error
    if about is None:
        raise ConfigurationError(f"{escaped(file)}: is not a manifest; `shutterprint manifest` writes them")
    others = set(MANIFEST.names) ^ set(schema.names)
    if others or len(schema.names) != len(MANIFEST.names):
        names = escaped(", ".join(sorted(others)))[:_SHOWN_CHARACTERS]
        raise ConfigurationError(f"{escaped(file)}: has other columns than a manifest: {names}")
    for field in MANIFEST:
        found = schema.field(field.name).type
        if found != field.type:
            raise ConfigurationError(f"{escaped(file)}: column {field.name} is of type {found}, not {field.type}")
    return Manifest(file, about, rows)


def table_of(file: Path) -> tuple[pa.Schema, int]:
    """Return the schema and the number of rows of a Parquet file of bounded size; raises ConfigurationError."""
    with _opened(file) as parquet:
        return parquet.schema_arrow, parquet.metadata.num_rows


def read_batches(file: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a Parquet file in batches of BATCH_ROWS.

    Raises ConfigurationError for a damaged file, and for texts that are too long.
    """
    with _opened(file) as plain:
        schema = plain.schema_arrow
        texts = [plain.schema.column(place).path for place in range(len(plain.schema))]
        _check_chunks(file, plain.metadata, columns)
    first = 0
    try:
        with pq.ParquetFile(file, read_dictionary=texts, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
                arrays = [_plain(file, first, name, batch[name], schema.field(name).type) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
                first += len(batch)
                if first > ROWS_MAX:  # whatever the file says of itself
                    raise ConfigurationError(f"{escaped(file)}: has more than {ROWS_MAX:,} rows; divide it")
    except (OSError, pa.ArrowException) as error:
        raise ConfigurationError(f"{escaped(file)}: cannot be read after row {first:,}: {_said(error)}") from error


def _check_chunks(file: Path, metadata: pq.FileMetaData, columns: Sequence[str]) -> None:
    """Raise ConfigurationError where a column of a row group unpacks to more than it may have."""
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            name = chunk.path_in_schema.partition(".")[0]
            most_bytes = min(chunk.num_values * (TEXT_MAX_BYTES + 8) + _CHUNK_HEADER_BYTES, CHUNK_MAX_BYTES)
            if name in columns and chunk.total_uncompressed_size > most_bytes:
                raise ConfigurationError(
                    f"{escaped(file)}: column {escaped(name)[:_SHOWN_CHARACTERS]} unpacks to "
                    f"{chunk.total_uncompressed_size:,} bytes for {chunk.num_values:,} values, more than "
                    f"{most_bytes:,}; write it with smaller row groups and texts of {TEXT_MAX_BYTES:,} bytes at most"
                )


def _plain(file: Path, first: int, name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column as its schema has it; raises ConfigurationError for a text that is too long."""
    if pa.types.is_list(column.type) and (pc.max(pc.list_value_length(column)).as_py() or 0) > REASONS_MAX:
        raise ConfigurationError(
            f"{escaped(file)}: rows {first + 1:,} to {first + len(column):,}: column {escaped(name)} has more than "
            f"{REASONS_MAX} texts in a row: they are too many"
        )
    words = column.flatten() if pa.types.is_list(column.type) else column
    if pa.types.is_dictionary(words.type):
        words.dictionary.validate(full=True)  # texts that are not UTF-8
        longest = pc.max(pc.binary_length(words.dictionary)).as_py() or 0
        if longest > TEXT_MAX_BYTES:
            raise ConfigurationError(
                f"{escaped(file)}: rows {first + 1:,} to {first + len(column):,}: column {escaped(name)} has a text of "
                f"{longest:,} bytes, more than {TEXT_MAX_BYTES:,}"
            )
    return column.cast(kind)


@contextmanager
def _opened(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        size_bytes = file.stat().st_size
        if size_bytes > FILE_MAX_BYTES:
            raise ConfigurationError(f"{escaped(file)}: has {size_bytes:,} bytes, more than {FILE_MAX_BYTES:,}")
        parquet = pq.ParquetFile(file, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise ConfigurationError(f"{escaped(file)}: cannot be read as Parquet: {_said(error)}") from error
    with parquet:
        metadata = parquet.metadata
        groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
        unpacked = sum(group.total_byte_size for group in groups)
        values = max(
            (group.column(place).num_values for group in groups for place in range(group.num_columns)), default=0
        )
        for number, most, what in (
            (metadata.num_rows, ROWS_MAX, "rows"),
            (unpacked, UNPACKED_MAX_BYTES, "bytes unpacked"),
            (values, ROWS_MAX, "values in a row group"),
        ):
            if number > most:
                raise ConfigurationError(f"{escaped(file)}: has {number:,} {what}, more than {most:,}; divide it")
        yield parquet


def _said(error: Exception) -> str:
    return escaped(str(getattr(error, "strerror", None) or error))[:_ERROR_CHARACTERS]


class _Check:
    """Checks one batch: `first` is the number of rows before it."""

    def __init__(self, file: Path, first: int, batch: pa.RecordBatch, about: About) -> None:
        self.file, self.first, self.batch, self.about = file, first, batch, about
        self.is_kept = pc.fill_null(batch["kept"], False)

    def all(self, before: tuple[str, str]) -> tuple[str, str]:
        """Check the whole batch; `before`: the last upload of the batch before it; returns that of this one."""
        batch = self.batch
        for name in ("photo", "version"):
            self.refuse(pc.is_null(batch[name]), name, "is missing")
        for name, form in _FORMS.items():
            is_right = pc.match_substring_regex(batch[name], form)
            self.refuse(pc.fill_null(pc.invert(is_right), False), name, "is not of the form that it must have")
        for name, most in _LONGEST.items():
            self.refuse(_where(pc.greater(pc.utf8_length(batch[name]), most)), name, f"has more than {most} characters")
        is_fetched = pc.or_(self.is_kept, pc.and_(pc.is_valid(batch["url"]), pc.is_valid(batch["sha256"])))
        is_fetched = pc.or_(is_fetched, pc.is_null(batch["kept"]))
        self.refuse(pc.and_(is_fetched, pc.equal(batch["version"], "")), "version", "is missing")
        self.refuse(_where(pc.less(batch["size_bytes"], 1)), "size_bytes", "is not a file size")
        self.refuse(self._outside(batch["quality_factor"], 1, 100), "quality_factor", "is not within 1 to 100")
        self.refuse(self._outside(batch["fold"], 0, (self.about.folds or 100) - 1), "fold", "is no fold")
        if self.about.generation is not None:
            self._verdicts()
        uploads = list(zip(batch["photo"].to_pylist(), batch["version"].to_pylist(), strict=True))
        for place, upload in enumerate(uploads):
            if upload <= before:
                what = "is listed twice" if upload == before else "is not in the order of photo and version"
                raise self.fault(place, "photo", what)
            before = upload
        return before

    def _verdicts(self) -> None:
        batch = self.batch
        self.refuse(pc.is_null(batch["kept"]), "kept", "is missing")
        for name in _OF_KEPT:
            self.refuse(pc.and_(self.is_kept, pc.is_null(batch[name])), name, "is missing though the photo is kept")
        has_side = pc.fill_null(batch["has_side"], False)
        for name in ("group", "split"):
            self.refuse(pc.and_(has_side, pc.is_null(batch[name])), name, "is missing though the photo has its side")
        number = pc.fill_null(pc.list_value_length(batch["reasons"]), 0)
        wrong = pc.equal(self.is_kept, pc.greater(number, 0))
        self.refuse(wrong, "reasons", "must be there for a refused photo, and for no other")
        reasons = batch["reasons"].flatten()
        wrong = pc.invert(pc.fill_null(pc.match_substring_regex(reasons, r"^[a-z_0-9]{1,64}$"), False))
        if pc.any(wrong).as_py():
            raise self.fault(
                int(pc.list_parent_indices(batch["reasons"])[pc.index(wrong, True).as_py()].as_py()),
                "reasons",
                "are no reasons",
            )

    def refuse(self, is_wrong: Any, name: str, what: str) -> None:
        """Raise for the first row in which a mask is true."""
        place = pc.index(is_wrong, True).as_py()
        if place >= 0:
            raise self.fault(place, name, what)

    def fault(self, place: int, name: str, what: str) -> ConfigurationError:
        """Return what is wrong with a value."""
        photo = escaped(str(self.batch["photo"][place].as_py()))[:_SHOWN_CHARACTERS]
        value = escaped(str(self.batch[name][place].as_py()))[:_SHOWN_CHARACTERS]
        said = "" if name == "photo" else f" {value!r}"
        return ConfigurationError(f"{escaped(self.file)}: row {self.first + place + 1:,}: {photo}: {name}{said} {what}")

    def _outside(self, column: Any, least: int, most: int) -> Any:
        return _where(pc.or_(pc.less(column, least), pc.greater(column, most)))


def _where(mask: Any) -> Any:
    return pc.fill_null(mask, False)
