"""Records: tables of earlier versions of the program stay readable."""

from dataclasses import asdict, fields

import pyarrow as pa
import pytest

from corpus.records import ADDED_LATER, EXAMINED, FACTS, FACTS_OF_0_1, RECORD, with_schema
from forensics.jpeg.segments import segments_digest
from forensics.jpeg.tables import tables_digest
from forensics.photo_facts import PhotoFacts, facts_of_row

OF_TODAY = RECORD.empty_table()
EARLY_FACTS = pa.struct([FACTS.field(index) for index in range(FACTS_OF_0_1)])
EARLY = pa.schema([pa.field(one.name, EARLY_FACTS if one.name == "facts" else one.type) for one in EXAMINED])
EARLY_NAMES = [field.name for field in EARLY_FACTS]


def row_of(photo, facts=None):
    return dict.fromkeys(EXAMINED.names) | {"photo": photo, "facts": facts}


def early_facts(**known):
    return dict.fromkeys(EARLY_NAMES) | {"width_px": 4000, "height_px": 3000, "segments": ["DQT", "SOS"]} | known


def test_the_arrow_type_of_facts_has_the_fields_of_photo_facts():
    assert FACTS.names == [field.name for field in fields(PhotoFacts)]


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


def test_facts_written_by_version_0_1_have_nulls_in_the_fields_added_since():
    facts = early_facts(make="Canon", quantisation_tables=[[1] * 64])
    written = pa.Table.from_pylist([row_of("a", facts), row_of("b"), row_of("c", facts)], schema=EARLY)
    for table in (written, pa.concat_tables([written, written])[1:4], written[:0]):
        read = with_schema(table, EXAMINED)
        assert read.schema == EXAMINED
        later = dict.fromkeys(FACTS.names[FACTS_OF_0_1:])
        expected = [row["facts"] and row["facts"] | later for row in table.to_pylist()]
        assert [row["facts"] for row in read.to_pylist()] == expected


def test_rows_without_the_later_facts_become_facts_that_say_no_more_than_follows_from_the_earlier_ones():
    table = with_schema(pa.Table.from_pylist([row_of("a", early_facts(make="Canon"))], schema=EARLY), EXAMINED)
    for row in (table.to_pylist()[0]["facts"], early_facts(make="Canon")):
        facts = facts_of_row(row)
        assert (facts.make, facts.segments) == ("Canon", ("DQT", "SOS"))
        later = {name: value for name, value in asdict(facts).items() if name not in EARLY_NAMES}
        assert later.pop("exif_counts") == ()
        assert later.pop("segments_digest") == segments_digest(("DQT", "SOS"))
        tables = facts.quantisation_tables
        assert later.pop("tables_digest") == (tables_digest(tables) if tables else None)
        assert set(later.values()) == {None}


def test_facts_of_today_stay_what_they_are():
    facts = early_facts() | dict.fromkeys(FACTS.names[FACTS_OF_0_1:]) | {"exif_counts": [1, -1], "mpf_images": 2}
    table = pa.Table.from_pylist([row_of("a", facts), row_of("b")], schema=EXAMINED)
    assert with_schema(table, EXAMINED).equals(table)


def test_facts_without_one_of_the_first_fields_or_with_another_type_are_refused():
    schema = EARLY.set(EARLY.get_field_index("facts"), pa.field("facts", pa.struct([EARLY_FACTS.field(0)])))
    with pytest.raises(ValueError, match="facts has no field height_px"):
        with_schema(pa.Table.from_pylist([row_of("a")], schema=schema), EXAMINED)
    other = pa.struct([pa.field("coding", pa.list_(pa.int8())) if f.name == "coding" else f for f in EARLY_FACTS])
    for kind in (other, pa.string()):
        schema = EARLY.set(EARLY.get_field_index("facts"), pa.field("facts", kind))
        with pytest.raises(ValueError, match=r"cast|type"):
            with_schema(pa.Table.from_pylist([row_of("a")], schema=schema), EXAMINED)
