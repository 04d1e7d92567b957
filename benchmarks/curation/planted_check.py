"""Compare the judgement of a planted corpus with its truths and describe every difference."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.curation.planted import CAMERAS, KEPT, key_of_camera, natives
from corpus.records import SPLITS

Row = dict[str, Any]


def wrong_verdicts(rows: Iterable[Row], truths: Mapping[str, str], owner_photos_max: int) -> list[str]:
    """Return a sentence for each error in the rows of a generation."""
    wrong: list[str] = []
    seen = 0
    kept: Counter[tuple[str, str]] = Counter()
    clean: Counter[tuple[str, str]] = Counter()
    sides: dict[str, str] = {}
    groups: dict[str, set[str]] = {}
    splits: dict[str, set[str]] = {}
    for row in rows:
        seen += 1
        truth, reasons = truths.get(row["photo"]), row["reasons"]
        beyond = reasons == ["beyond_owner_cap"]
        right = row["kept"] or beyond if truth == KEPT else truth in reasons
        if not right or (row["kept"] and row["reasons"]):
            wrong.append(f"{row['photo']}: {truth} was planted, {reasons or KEPT} was found")
        if row["kept"] or beyond:
            clean[row["camera"], row["owner_id"]] += 1
        if row["kept"]:
            kept[row["camera"], row["owner_id"]] += 1
            if sides.setdefault(row["group"], row["split"]) != row["split"]:
                wrong.append(f"group {row['group']} is in two splits")
            groups.setdefault(row["camera"], set()).add(row["group"])
            splits.setdefault(row["camera"], set()).add(row["split"])
    wrong += [f"{who}: {number} kept of {clean[who]}" for who, number in kept.items()
              if number != min(clean[who], owner_photos_max or clean[who])]  # fmt: skip
    wrong += [f"{camera}: only in {found}" for camera, found in splits.items()
              if len(groups[camera]) >= len(SPLITS) and len(found) < len(SPLITS)]  # fmt: skip
    if seen != len(truths):
        wrong.append(f"{len(truths)} photos were planted, {seen} rows were found")
    return wrong


def wrong_natives(learned: Iterable[Row]) -> list[str]:
    """Return a sentence for each error in the table of what was learned."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in learned:
        if row["native"]:
            found.setdefault((row["camera"], row["aspect"]), set()).add(row["value"])
    wrong = []
    for number in range(CAMERAS):
        for aspect, values in natives(number).items():
            here = found.get((key_of_camera(number), aspect), set())
            if here != values:
                wrong.append(f"{key_of_camera(number)}: {aspect} {sorted(here)} learned, {sorted(values)} planted")
    return wrong
