"""The sides of new groups that numbers tell are those that the names of all groups tell."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from corpus.records import SPLITS
from corpus.sections import Curation
from curation.generations import Ledger
from curation.judging.refresh.sides import assigned
from curation.judging.refresh.state.ledger import Sides
from curation.judging.refresh.state.parts import hex_text
from curation.judging.splits import assign_folds, assign_splits

CURATION = Curation(test=0.25, validation=0.25, folds=4)


class Uploads:
    """Uploads as `assigned` asks them: of each camera, group, and the group and side of the last run."""

    def __init__(self, camera, group, last):
        self._camera, self.group, self._last = camera, group, last

    def column(self, name):
        assert name == "_camera"
        return self._camera

    def last_column(self, name, missing):
        split, fold = self._last.sides_of(self.group)
        return {"_split": split, "_fold": fold, "_published": self.group}[name]


def expected(camera, group, cameras, known, bound):
    """Return the ledger of the groups of these cameras, by the names of all of them."""
    photos = {}
    for of, one in zip(camera.tolist(), group.tolist(), strict=True):
        if of in cameras:
            numbers = photos.setdefault(str(of), {})
            numbers[hex_text(one)] = numbers.get(hex_text(one), 0) + 1
    splits = assign_splits(known.splits, photos, test=CURATION.test, validation=CURATION.validation)
    return dict(splits), dict(assign_folds(known.folds, photos, CURATION.folds, bound))


@pytest.mark.parametrize("seed", range(6))
def test_sides_are_those_of_the_names_of_all_groups(seed):
    chance = random.Random(seed)
    groups = sorted(chance.getrandbits(64) for _ in range(40))
    cameras = sorted(chance.getrandbits(64) for _ in range(4))
    names = {camera: str(camera) for camera in cameras}
    ledger = Ledger(
        {hex_text(one): chance.choice(SPLITS) for one in groups[:20]},
        {hex_text(one): chance.randrange(4) for one in groups[: 20 - seed]},
    )
    known = Sides.of_ledger(ledger)
    bound = {hex_text(groups[at]): hex_text(groups[at + 9]) for at in chance.sample(range(30), seed)}
    camera = np.array([chance.choice(cameras[: 1 + chance.randrange(4)]) for _ in range(150)], np.uint64)
    group = np.array([chance.choice(groups) for _ in range(150)], np.uint64)
    rows = Uploads(camera, group, known)
    memory = SimpleNamespace(group=group, devices=SimpleNamespace(bound=bound))
    staying = np.array([chance.random() < 0.8 for _ in group])
    changed = np.array(sorted(chance.sample(range(150), 30)))
    found = assigned(rows, staying, changed, memory, known, CURATION, names)
    asked = [at for at in changed.tolist() if staying[at] and not known.is_whole(group[at : at + 1])[0]]
    splits, folds = expected(camera[staying], group[staying], {int(camera[at]) for at in asked}, ledger, bound)
    told = known.with_new(found).whole()
    assert dict(told.splits) == {**ledger.splits, **splits}
    assert dict(told.folds) == {**ledger.folds, **folds}


def test_new_sides_stand_among_those_there_were():
    known = Sides.of_ledger(Ledger({f"{one:016x}": "train" for one in (2, 5, 9)}, {f"{2:016x}": 1}))
    some = Sides(np.array([1, 5, 7], np.uint64), np.array([0, 2, 1], np.int8), np.array([3, 2, 0], np.int16))
    both = known.with_new(some)
    assert both.group.tolist() == [1, 2, 5, 7, 9]
    assert both.fold.tolist() == [3, 1, 2, 0, -1]
    assert some.without(known).group.tolist() == [1, 7]
