"""A placeholder is told without its members, exactly where the decision about its members says so."""

import random

import numpy as np
import pandas as pd

from curation.judging.copies.decision import PLACEHOLDER, copy_verdicts
from curation.judging.copies.members import Form, Member, Standing
from curation.judging.copies.pairs import BYTES, HASH, NEAR, PAIRS, SCAN
from curation.judging.refresh.placeholders import VERDICT, are_placeholders
from curation.judging.refresh.state.index import number_of

COPIES = 4


def member(one, photo, is_clean):
    form = Form("t", 40, 30, "s", None, "make", "model")
    standing = Standing.CLEAN if is_clean else Standing.NOT_ACCUSED
    return Member(one, photo, "", "camera", f"{one:016x}", standing, False, False, None, form, 1.0, 0, None)


def told(ids, photos, pairs):
    number = np.array([number_of(photo) for photo in photos], np.uint64)
    frame = pd.DataFrame(pairs, columns=PAIRS.names).astype({"first": np.uint64, "second": np.uint64, "kind": np.int8})
    return are_placeholders(np.array(ids, np.uint64), number, frame, COPIES).tolist()


def test_enough_photographs_of_one_scan_are_a_placeholder():
    ids, photos = [1, 2, 3, 4, 7, 8, 9], list("abcdefg")
    pairs = [(1, 2, BYTES), (1, 3, SCAN), (1, 4, BYTES), (7, 8, BYTES), (7, 9, SCAN)]
    assert told(ids, photos, pairs) == [True] * 4 + [False] * 3
    assert told(ids, list("aabcdef"), pairs) == [False] * 7  # two uploads of one photograph count once


def test_a_set_that_a_look_joins_is_left_to_the_decision():
    ids, photos = [1, 2, 3, 4, 5], list("abcde")
    pairs = [(1, 2, BYTES), (1, 3, SCAN), (1, 4, BYTES)]
    assert told(ids, photos, pairs)[:4] == [True] * 4
    for kind in (HASH, NEAR):
        assert told(ids, photos, [*pairs, (4, 5, kind)]) == [False] * 5


def test_what_is_told_is_what_the_decision_says():
    chance, some = random.Random(3), 0
    for _ in range(300):
        ids = sorted(chance.sample(range(100), 9))
        photos = [chance.choice("abcdefghijkl") for _ in ids]
        kinds = [BYTES] * 6 + [SCAN] * 3 + [HASH, NEAR]
        pairs = {(*sorted(chance.sample(ids, 2)), chance.choice(kinds)) for _ in range(chance.randrange(9))}
        members = [member(one, photo, chance.random() < 0.7) for one, photo in zip(ids, photos, strict=True)]
        verdicts = copy_verdicts(members, sorted(pairs), COPIES)
        for one, is_told in zip(ids, told(ids, photos, sorted(pairs)), strict=True):
            assert not is_told or verdicts[one] == VERDICT
            some += is_told
    assert some > 50
    assert VERDICT.reason == PLACEHOLDER
