"""Records: each table has one declaration, and a table that another program wrote is refused."""

from dataclasses import fields
from types import NoneType, UnionType
from typing import get_args, get_type_hints

import pyarrow as pa
import pytest

from corpus.records import CURATED, EXAMINED, FACTS, RECORD, ExaminedRow, FactsRow, RecordRow, full_row, with_schema
from forensics.photo_facts import PhotoFacts, facts_of_row

OF_TODAY = RECORD.empty_table()
SOME = {"width_px": 4000, "height_px": 3000, "segments": ["DQT", "SOS"], "quantisation_tables": [[1] * 64]}


def plain(kind):
    """Return a field's type without None, tuples of facts as the lists of a row."""
    kind = next(one for one in get_args(kind) if one is not NoneType) if isinstance(kind, UnionType) else kind
    found = get_args(kind)
    return list[plain(found[0])] if found else kind


def test_the_row_of_facts_has_the_fields_of_photo_facts_and_their_types():
    row = get_type_hints(FactsRow)
    assert list(row) == FACTS.names == [field.name for field in fields(PhotoFacts)]
    assert {name: plain(kind) for name, kind in row.items()} == {
        one.name: plain(one.type) for one in fields(PhotoFacts)
    }


def test_what_judged_rows_take_over_from_records_and_facts_is_of_the_same_types():
    for name in CURATED.names:
        for source in (RECORD, pa.schema(list(FACTS))):
            if name in source.names:
                assert CURATED.field(name).type == source.field(name).type, name


def test_a_table_without_a_column_or_with_one_of_another_type_is_refused():
    assert with_schema(OF_TODAY, RECORD).schema == RECORD
    with pytest.raises(ValueError, match="no column state"):
        with_schema(OF_TODAY.drop_columns(["state"]), RECORD)
    numbers = OF_TODAY.drop_columns(["sha256"]).append_column("sha256", pa.array([], pa.list_(pa.int8())))
    with pytest.raises(ValueError, match=r"column sha256 is of type list<.*>, not string"):
        with_schema(numbers, RECORD)


def test_a_table_whose_facts_have_other_fields_is_refused():
    fewer = EXAMINED.set(EXAMINED.get_field_index("facts"), pa.field("facts", pa.struct([FACTS.field(0)])))
    with pytest.raises(ValueError, match="column facts is of type"):
        with_schema(pa.Table.from_pylist([full_row(ExaminedRow, {"photo": "a"})], fewer), EXAMINED)


def test_a_full_row_has_every_column_and_nulls_where_nothing_is_said():
    assert full_row(RecordRow, {"photo": "a"}) == dict.fromkeys(RECORD.names) | {"photo": "a"}


def test_fields_of_facts_that_a_row_lacks_are_what_a_file_does_not_say():
    lacking, nulls = facts_of_row(SOME), facts_of_row(dict.fromkeys(FACTS.names) | SOME)
    assert lacking == nulls
    assert (lacking.width_px, lacking.segments, lacking.quantisation_tables) == (4000, ("DQT", "SOS"), ((1,) * 64,))
    assert (lacking.make, lacking.exif_counts, lacking.segments_form, lacking.tables_digest) == (None, (), "", None)
