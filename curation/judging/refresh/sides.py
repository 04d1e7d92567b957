"""Sides: the cap of owners, and the splits and folds of new groups, after uploads have changed."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus.sections import Curation
from curation.generations import Ledger
from curation.judging.refresh.files import among
from curation.judging.refresh.ledger import Sides
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state import hex_text
from curation.judging.splits import assign_folds, assign_splits

Truths = npt.NDArray[np.bool_]


def beyond_cap(
    rows: Rows, was_beyond: Truths, staying: Truths, changed: npt.NDArray[np.uint64], memory: Remembered, cap: int
) -> Truths:
    """Return which rows are beyond their owner's cap.

    `changed`: owners and cameras (`_cap`) of whose uploads something changed; only theirs are counted again.
    """
    found = was_beyond.copy()
    of = rows.column("_cap")
    places = among(of, changed[changed != 0])
    found[places] = False
    found[~staying] = False
    places = places[staying[places]]
    if cap and len(places):
        told = {"of": of[places], "new": ~memory.kept_before[places], "id": rows.column("id")[places], "place": places}
        ordered = pd.DataFrame(told).sort_values(["of", "new", "id"])
        above = ordered[ordered.groupby("of").cumcount().to_numpy() >= cap]
        found[above["place"].to_numpy()] = True
    return found


def assigned(
    rows: Rows,
    staying: Truths,
    changed: Places,
    memory: Remembered,
    known: Sides,
    curation: Curation,
    names: dict[int, str],
) -> Ledger:
    """Return the new groups' sides, with those of all groups of their cameras; `staying`: kept photographs.

    `names`: the keys of cameras by their numbers.
    """
    group, camera = memory.group, rows.column("_camera")
    candidates = changed[staying[changed]]
    new = candidates[~known.is_whole(group[candidates])]
    if not len(new) and not memory.devices.bound:
        return Ledger()
    places = among(camera, np.unique(camera[new]))
    places = places[staying[places]]
    told = pd.DataFrame({"camera": camera[places], "group": group[places]})
    photos: dict[str, dict[str, int]] = defaultdict(dict)
    counted = told.groupby(["camera", "group"], sort=False).size().reset_index(name="photos")
    columns = (counted[name].tolist() for name in ("camera", "group", "photos"))
    for of, one, number in zip(*columns, strict=True):
        photos[names[of]][hex_text(one)] = number
    bound = {int(one, 16) for pair in memory.devices.bound.items() for one in pair}
    before = known.of({*np.unique(group[places]).tolist(), *bound})
    return Ledger(
        assign_splits(before.splits, photos, test=curation.test, validation=curation.validation),
        assign_folds(before.folds, photos, curation.folds, memory.devices.bound),
    )
