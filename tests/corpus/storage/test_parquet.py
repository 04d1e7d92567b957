"""Reading Parquet files in the thread that asks."""

import io
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.storage.parquet import read_parquet

TABLE = pa.table({"photo": ["a", "b", "c", "d"], "size": [1, 2, 3, None], "kept": [True, False, True, True]})


@pytest.fixture
def file() -> io.BytesIO:
    """Two row groups, so that one of them can be left unread."""
    data = io.BytesIO()
    pq.write_table(TABLE, data, row_group_size=2)
    data.seek(0)
    return data


def test_a_whole_file_and_columns_of_it(file: io.BytesIO) -> None:
    assert read_parquet(file) == TABLE
    assert read_parquet(file, ["size", "photo"]).to_pylist() == TABLE.select(["size", "photo"]).to_pylist()


def test_rows_that_meet_conditions_whether_or_not_their_columns_are_wanted(file: io.BytesIO) -> None:
    both = [("size", ">=", 2), ("kept", "=", True)]
    assert read_parquet(file, ["photo"], [both]).to_pylist() == [{"photo": "c"}]
    assert read_parquet(file, ["photo"], [both, [("photo", "in", ["a", "x"])]]).to_pylist() == [
        {"photo": "a"}, {"photo": "c"},
    ]  # fmt: skip
    assert read_parquet(file, ["photo"], [[("size", ">", 9)]]).num_rows == 0


def test_row_groups_without_a_match_are_not_read(file: io.BytesIO) -> None:
    whole = pq.ParquetFile(file)
    column = whole.metadata.row_group(0).column(0)
    damaged = bytearray(file.getvalue())
    start = column.dictionary_page_offset or column.data_page_offset
    damaged[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    assert read_parquet(io.BytesIO(damaged), ["photo"], [[("photo", "=", "d")]]).to_pylist() == [{"photo": "d"}]
    with pytest.raises((OSError, ValueError)):
        read_parquet(io.BytesIO(damaged), ["photo"])


@pytest.mark.parametrize("where", [(), [[("size", ">", 1)]], [[("other", ">", 1)]]])
def test_a_missing_column_is_named(file: io.BytesIO, where: list[list[tuple[str, str, int]]]) -> None:
    with pytest.raises(ValueError, match="other"):
        read_parquet(file, ["photo", "other"], where)


class Watched(io.BytesIO):
    """A file that keeps which threads read it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.threads: set[int] = set()

    def read(self, size: int | None = -1) -> bytes:
        self.threads.add(threading.get_ident())
        return super().read(size)


@pytest.mark.parametrize("where", [(), [[("size", ">", 1)]]])
def test_no_other_thread_reads(file: io.BytesIO, where: list[list[tuple[str, str, int]]]) -> None:
    """A thread of Arrow's that lets go of a Python file while the interpreter ends aborts the process."""
    watched = Watched(file.getvalue())
    read_parquet(watched, ["photo"], where)
    assert watched.threads == {threading.get_ident()}
