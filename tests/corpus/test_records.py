"""Records: tables of earlier versions of the program stay readable."""

import pyarrow as pa
import pytest

from corpus.records import ADDED_LATER, RECORD, with_schema

OF_TODAY = RECORD.empty_table()


def test_a_table_of_version_0_1_has_nulls_where_columns_were_added_since():
    columns = [name for name in RECORD.names if name not in ADDED_LATER]
    row = dict.fromkeys(columns) | {"photo": "flickr:1", "state": "stored"}
    schema = pa.schema([RECORD.field(name) for name in columns])
    table = with_schema(pa.Table.from_pylist([row], schema=schema), RECORD)
    assert table.schema == RECORD
    assert table.to_pylist() == [dict.fromkeys(RECORD.names) | row]


def test_a_table_without_another_column_or_with_one_of_another_type_is_refused():
    with pytest.raises(ValueError, match="no column state"):
        with_schema(OF_TODAY.drop_columns(["state"]), RECORD)
    numbers = OF_TODAY.drop_columns(["sha256"]).append_column("sha256", pa.array([], pa.list_(pa.int8())))
    with pytest.raises(ValueError, match=r"cast|type"):
        with_schema(numbers, RECORD)
