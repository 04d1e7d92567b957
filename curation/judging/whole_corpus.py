"""Whole corpus: judge all uploads together, as a Dask DataFrame computation.

Uploads are brought together in parts (`gather`), cameras are learned from them (`consensus`), each upload is judged
(`verdict`), copies are found and decided (`copy_pairs`, `copies`), and groups get splits and folds (`splits`). Between
these steps only small tables reach the calling process: what was learned, the pairs of copies, the numbers of photos by
group. The same inputs give the same verdicts, however they are divided into parts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa

from corpus.catalogue import Catalogue
from corpus.sections import Consensus, Curation, Rules, Support
from corpus.text import ranked
from curation.cluster.frames import Advance, Frames
from curation.consensus import Count, LearnedRow, enriched, extended, learn, supported
from curation.facts.examine import Trouble
from curation.generations import Ledger, Past
from curation.judging import part_tasks
from curation.judging.copies import CopyVerdict, copy_verdicts
from curation.judging.copy_pairs import KEYS, PAIRS, SHOT, pairs_of
from curation.judging.counts import Tally
from curation.judging.devices import DeviceGroup, DeviceSides, device_sides
from curation.judging.gather import gather, parts_of
from curation.judging.given_splits import Bound, GivenSplits, Vote, bind
from curation.judging.inputs import Inputs
from curation.judging.members import MEMBERS, member_of
from curation.judging.splits import assign_folds, assign_splits
from curation.judging.verdict import Criteria

ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]
"""Shows the progress of a step, given its name and number of parts; yields what is to be called for each part."""


@dataclass(frozen=True)
class JudgeSettings:
    """The parts of the configuration that decide a judgement."""

    catalogue: Catalogue
    cameras: tuple[str, ...] | str | Support
    rules: Rules
    consensus: Consensus
    curation: Curation
    given: GivenSplits = field(default_factory=GivenSplits)
    """Official splits and folds."""


@dataclass(frozen=True)
class Judged:
    """The judgement of a corpus; its rows are computed while `parts` is iterated, which can be done once."""

    learned: list[LearnedRow]
    catalogue: Catalogue
    """Every camera with what was learned of it."""
    ledger: Ledger
    pairs: list[tuple[int, int]]
    """Ids of all pairs of copies that were found."""
    hubs: list[dict[str, Any]]
    """The largest sets of copies: {photo, copies, reason}."""
    number_of_parts: int
    parts: Iterator[tuple[pa.Table, list[bytes], Tally]]
    """In the order of keys: rows of CURATED, a digest of each row, and their counts."""


def judge_all(
    inputs: Inputs, past: Past, troubles: Iterable[Trouble], settings: JudgeSettings, frames: Frames, show: ShowProgress
) -> Judged:
    """Judge every upload of `inputs`; there are as many rows as uploads.

    `troubles`: originals that could not be examined. Raises ConfigurationError for a chosen camera that the catalogue
    does not have.
    """
    curation = settings.curation
    parts = parts_of(inputs, curation.judge_photos)
    trouble_of = frames.shared({trouble.key: trouble for trouble in troubles})
    with show("gathering", parts.number) as advance:
        uploads = frames.kept(gather(inputs, parts, frames), advance)
    with show("learning", parts.number) as advance:
        learned = _learn(uploads, settings, trouble_of, frames, parts.number, advance)
    if past.handed_on is not None:
        told_of = (cast(LearnedRow, row.model_dump()) for about in past.handed_on.about() for row in about.natives)
        learned = extended(learned, told_of)
    catalogue = enriched(settings.catalogue, learned)
    chosen = chosen_cameras(catalogue, settings.cameras, learned)
    criteria = frames.shared(Criteria(catalogue, chosen, settings.rules, curation))
    with show("judging", parts.number) as advance:
        moved = frames.shared(past.moved(inputs.moved()))
        told = (criteria, trouble_of, past, moved)
        judged = frames.mapped(uploads, part_tasks.verdicts, *told, kinds=part_tasks.VERDICTS)
        verdicts = frames.kept(judged, advance)
        del uploads, judged  # workers free their parts with the last reference
    known = past.ledger(curation.folds)
    sides = _device_sides(verdicts, known, frames)
    if sides.group:
        verdicts = frames.mapped(verdicts, part_tasks.on_their_side, frames.shared(sides), kinds=part_tasks.VERDICTS)
        verdicts = frames.kept(verdicts, lambda _: None)
    with show("comparing", parts.number) as advance:
        copies, pairs, hubs = _copies(verdicts, curation, frames, parts.number, advance)
    photos, beyond_cap = _photos_and_cap(verdicts, copies, curation.owner_photos_max, frames)
    known, refused = _bound(verdicts, copies, beyond_cap, photos, known, sides, settings.given, frames)
    ledger = Ledger(
        assign_splits(known.splits, photos, test=curation.test, validation=curation.validation),
        assign_folds(known.folds, photos, curation.folds, sides.bound),
    )
    paired = frozenset(one for pair in pairs for one in pair)
    decisions = frames.shared(part_tasks.CorpusDecisions(copies, beyond_cap, paired, ledger, refused))
    tasks = frames.tasks(verdicts, part_tasks.finished, decisions)
    return Judged(learned, catalogue, ledger, pairs, hubs, len(tasks), frames.results(tasks))


def chosen_cameras(
    catalogue: Catalogue, cameras: tuple[str, ...] | str | Support, learned: list[LearnedRow]
) -> Catalogue:
    """Return the cameras that enter the data set.

    `catalogue`: every camera with what was learned of it; `cameras`: as configured. Raises ConfigurationError for a key
    that the catalogue does not have.
    """
    if isinstance(cameras, Support):
        keys = supported(learned, cameras.photos_min, cameras.owners_min)
        # `catalogue` lacks unlisted cameras without a known size: their photographs cannot be told from resized ones
        return Catalogue(
            cameras=tuple(camera for camera in catalogue.cameras if camera.key in keys),
            unlisted=tuple(camera for camera in catalogue.unlisted if camera.key in keys),
        )
    return Catalogue(cameras=catalogue.cameras) if isinstance(cameras, str) else catalogue.only(cameras)


def _learn(
    uploads: dd.DataFrame, settings: JudgeSettings, troubles: object, frames: Frames, parts: int, advance: Advance
) -> list[LearnedRow]:
    # cameras that are not listed are learned, too: `curation.pin` can list them
    base = settings.catalogue.opened()
    criteria = frames.shared(Criteria(base, base, settings.rules, settings.curation))
    claims = frames.mapped(uploads, part_tasks.claims_of, criteria, troubles, kinds=part_tasks.CLAIMS)
    counts = frames.mapped(frames.by_key(claims, "value", parts), part_tasks.counts_of, kinds=part_tasks.COUNTS)
    return learn(counts_from(frames.whole(frames.kept(counts, advance))), settings.catalogue, settings.consensus)


def _device_sides(verdicts: dd.DataFrame, ledger: Ledger, frames: Frames) -> DeviceSides:
    """Return what becomes of devices whose photos are in other groups than theirs; mostly there are none."""
    elsewhere = frames.whole(frames.mapped(verdicts, part_tasks.devices_elsewhere, kinds=part_tasks.DEVICES))
    devices = frozenset(elsewhere["device"].tolist())
    if not devices:
        return DeviceSides({}, {}, {})
    shared, kinds = frames.shared(devices), part_tasks.DEVICE_GROUPS
    groups = frames.whole(frames.mapped(verdicts, part_tasks.groups_of_devices, shared, kinds=kinds))
    found = groups.groupby(["device", "group"], sort=True)[["photos", "kept_before"]].sum().reset_index()
    return device_sides((DeviceGroup(*row) for row in found.to_numpy().tolist()), ledger)


def counts_from(frame: pd.DataFrame) -> list[Count]:
    """Return the rows of a frame with the columns `part_tasks.COUNTS`, in an order of their own."""
    found = []
    for name, text, photos, owners, seen in sorted(frame.fillna("").to_numpy().tolist()):
        camera, aspect, value = name.split("\n", 2)
        digests = frozenset(int(seen[at : at + 16], 16) for at in range(0, len(seen), 16))
        found.append(Count(camera, aspect, value, text, photos, owners, digests))
    return found


def _copies(
    verdicts: dd.DataFrame, curation: Curation, frames: Frames, parts: int, advance: Advance
) -> tuple[dict[int, CopyVerdict], list[tuple[int, int]], list[dict[str, Any]]]:
    keys = frames.mapped(verdicts, part_tasks.keys, kinds=KEYS)
    paired = frames.mapped(frames.by_key(keys, "key", parts), pairs_of, curation.near_bits, kinds=PAIRS)
    pairs = frames.whole(frames.kept(paired, advance)).drop_duplicates()
    ids = frames.shared(frozenset(pairs["first"].tolist()) | frozenset(pairs["second"].tolist()))
    found = frames.whole(frames.mapped(verdicts, part_tasks.members, ids, kinds=MEMBERS))
    members = [member_of(row) for row in pa.Table.from_pandas(found, preserve_index=False).to_pylist()]
    told = list(zip(*(pairs[name].tolist() for name in PAIRS), strict=True))
    result = copy_verdicts(members, told, curation.placeholder_copies)
    sets = ranked(Counter((copy.of or "", copy.reason) for copy in result.values()))
    hubs = [{"photo": photo, "copies": copies, "reason": reason} for (photo, reason), copies in sets[:20]]
    # photos that state one shot may be frames of a burst
    return result, sorted({pair[:2] for pair in told if pair[2] != SHOT}), hubs


def _photos_and_cap(
    verdicts: dd.DataFrame, copies: dict[int, CopyVerdict], owner_photos_max: int, frames: Frames
) -> tuple[dict[str, dict[str, int]], frozenset[int]]:
    """Return the numbers of staying photos by camera and group, and the ids of those beyond their owner's cap."""
    refused = frames.shared(frozenset(copies))
    tally = frames.whole(frames.mapped(verdicts, part_tasks.by_owner, refused, kinds=part_tasks.BY_OWNER))
    photos: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    of_owner: Counter[tuple[str, str]] = Counter()
    for camera, owner, group, number in tally.to_numpy().tolist():
        photos[camera][group] += number
        if owner:
            of_owner[camera, owner] += number
    above = frozenset(key for key, number in of_owner.items() if owner_photos_max and number > owner_photos_max)
    beyond_cap: set[int] = set()
    if above:
        shared = frames.shared(above)
        rows = frames.whole(frames.mapped(verdicts, part_tasks.of_owners, refused, shared, kinds=part_tasks.OF_OWNERS))
        # photos kept before stay; of the others those with the smallest ids, which are digests: an unbiased sample
        rows = rows.sort_values(["camera", "owner", "new", "id"])
        rows = rows[rows.groupby(["camera", "owner"]).cumcount() >= owner_photos_max]
        for camera, group, number in rows.groupby(["camera", "group"]).size().reset_index().to_numpy().tolist():
            photos[camera][group] -= number
        beyond_cap = set(rows["id"].tolist())
    staying = {camera: {group: number for group, number in of.items() if number} for camera, of in photos.items()}
    return {camera: of for camera, of in staying.items() if of}, frozenset(beyond_cap)


def _bound(
    verdicts: dd.DataFrame, copies: dict[int, CopyVerdict], beyond_cap: frozenset[int],
    photos: dict[str, dict[str, int]], known: Ledger, sides: DeviceSides, given: GivenSplits, frames: Frames,
) -> Bound:  # fmt: skip
    """Return the ledger with the groups that given splits bind; takes the photos that are refused out of `photos`."""
    if not given.by_photo and not given.by_sha256:
        return Bound(known, {})
    shared = (frames.shared(copies), frames.shared(beyond_cap), frames.shared(given))
    told = frames.whole(frames.mapped(verdicts, part_tasks.votes, *shared, kinds=part_tasks.VOTES))
    votes = [Vote(**row) for row in pa.Table.from_pandas(told, preserve_index=False).to_pylist()]
    bound = bind([vote._replace(group=sides.bound.get(vote.group, vote.group)) for vote in votes], known)
    for camera, group in {v.id: (v.camera, v.group) for v in votes if v.stays and v.id in bound.refused}.values():
        photos[camera][group] -= 1
        if not photos[camera][group]:
            del photos[camera][group]
    return bound
