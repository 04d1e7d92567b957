"""Tables of one base, scaled anew for each photograph, are told from tables that programs write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.table_family import COARSE_MIN, families, is_ijg, is_scaled
from forensics.jpeg.tables import CHROMA_QUANTISATION, LUMA_QUANTISATION

BASE = ((8, *LUMA_QUANTISATION[1:]), (8, *CHROMA_QUANTISATION[1:]))
"""As a Nikon D70 scales them: Annex K with half of the first entry."""


def times(factor, base=BASE):
    return tuple(tuple(min(255, max(1, int(entry * factor + 0.5))) for entry in table) for table in base)


@given(st.floats(0.02, 2), st.floats(0.02, 2))
def test_two_sets_of_one_base_are_scaled_of_each_other_whatever_the_factors(first, second):
    one, other = times(first), times(second)
    assert is_ijg(other) or is_scaled(one, other)


@pytest.mark.parametrize("factor", range(40, 97))
def test_what_programs_write_is_no_member(factor):
    assert not is_scaled(times(1), scaled_tables(factor))
    assert not is_scaled(scaled_tables(50), scaled_tables(factor))


def test_another_set_is_no_member_by_one_entry_of_128():
    member = times(0.4)
    for place in (0, 10, 63):
        table = list(member[1])
        table[place] += 3
        assert not is_scaled(BASE, (member[0], tuple(table)))


def test_luma_and_chroma_are_scaled_alike():
    assert not is_scaled(BASE, (times(0.4)[0], times(0.6)[1]))
    assert not is_scaled(BASE, (times(0.4)[0],))


def test_a_family_needs_three_sets_and_its_base_is_the_coarsest():
    members = {times(factor) for factor in (0.2, 0.31, 0.42)}
    flat = ((30,) * 64, (30,) * 64)
    ((base, found),) = families([*members, flat, *map(scaled_tables, (70, 80, 90))])
    assert (base, set(found)) == (times(0.42), members)
    assert families([times(0.2), times(0.31)]) == []


def test_tables_so_fine_that_all_look_alike_are_no_family():
    assert families([times(factor) for factor in (0.02, 0.03, 0.04, 0.05)]) == []


@given(st.lists(st.tuples(st.sampled_from(["both", "luma", "other"]), st.floats(0.05, 2)), max_size=12))
def test_each_set_is_in_the_first_family_that_it_fits(chosen):
    other = (tuple(reversed(BASE[0])), BASE[1])
    sets = {times(factor, {"both": BASE, "luma": BASE[:1], "other": other}[kind]) for kind, factor in chosen}
    left = {tables for tables in sets if not is_ijg(tables)}
    for base, members in families(sets):
        assert set(members) == {base} | {each for each in left if sum(map(sum, each)) < sum(map(sum, base)) and
                                         is_scaled(base, each)}  # fmt: skip
        assert len(members) >= 3
        left -= set(members)
    for base in left:
        finer = [each for each in left if sum(map(sum, each)) < sum(map(sum, base)) and is_scaled(base, each)]
        assert len(finer) < 2 or max(map(max, base)) < COARSE_MIN
