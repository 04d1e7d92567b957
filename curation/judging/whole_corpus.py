"""Judging: all records and all facts in, a verdict on every photo out: a Dask DataFrame computation over the corpus.

Uploads are brought together in parts (`gather`), asked what they show of their cameras (`consensus`), judged one by
one (`judge`), compared for copies (`near`, `duplicates`) and put on sides (`splitting`). Between those steps only small
tables come to the process that asks: what was learned, the pairs of copies, the numbers of photos by group. The same
inputs give the same verdicts, however they are divided.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import dask.dataframe as dd
import pyarrow as pa

from corpus.catalogue import Catalogue
from corpus.sections import Consensus, Curation, Rules, Support
from curation.cluster.frames import Advance, Frames
from curation.consensus import Count, Row, enriched, learn, supported
from curation.facts.examine import Trouble
from curation.generations import Ledger, Past
from curation.judging import part_tasks
from curation.judging.copies import CopyVerdict, Member, fates
from curation.judging.counts import Tally
from curation.judging.gather import gather, parts_of
from curation.judging.inputs import Inputs
from curation.judging.near_copies import KEYS, PAIRS, pairs_of
from curation.judging.splits import assign_folds, assign_splits
from curation.judging.verdict import Criteria

Showing = Callable[[str, int], AbstractContextManager[Advance]]
"""Shows how far a step is: its name and its number of parts in, what is told of each part out."""


@dataclass(frozen=True)
class JudgeSettings:
    """What is asked of photos, as the configuration says it."""

    catalogue: Catalogue
    cameras: tuple[str, ...] | str | Support
    rules: Rules
    consensus: Consensus
    curation: Curation


@dataclass(frozen=True)
class Judged:
    """The judgement of a corpus; its rows are computed as `parts` is walked, once."""

    learned: list[Row]
    """The table of `curation.consensus.learn`."""
    catalogue: Catalogue
    """Every camera with what was learned of it."""
    ledger: Ledger
    pairs: list[tuple[int, int]]
    """Ids of all copies that were found, the one that stays among them."""
    hubs: list[Row]
    """The largest sets of copies: {photo, copies, reason}."""
    number_of_parts: int
    parts: Iterator[tuple[pa.Table, list[bytes], Tally]]
    """In the order of keys: rows of CURATED, a digest of each, and what there is to count of them."""


def judge_all(
    inputs: Inputs, past: Past, troubles: Iterable[Trouble], demand: JudgeSettings, frames: Frames, show: Showing
) -> Judged:
    """Judge every upload of `inputs`; nothing is dropped: as many rows come out as uploads went in.

    `troubles`: originals that could not be examined.
    """
    parts = parts_of(inputs, demand.curation.judge_photos)
    trouble_of = frames.shared({trouble.key: trouble for trouble in troubles})
    with show("gathering", parts.number) as advance:
        uploads = frames.kept(gather(inputs, parts, frames), advance)
    with show("learning", parts.number) as advance:
        learned = _learn(uploads, demand, trouble_of, frames, parts.number, advance)
    catalogue = enriched(demand.catalogue, learned)
    law = Criteria(catalogue, chosen_cameras(catalogue, demand.cameras, learned), demand.rules, demand.curation)
    with show("judging", parts.number) as advance:
        judged = frames.mapped(
            uploads, part_tasks.verdicts, frames.shared(law), trouble_of, past, kinds=part_tasks.VERDICTS
        )
        verdicts = frames.kept(judged, advance)
        del uploads, judged  # the workers' memory of them goes with the last that knows them
    with show("comparing", parts.number) as advance:
        copies, pairs, hubs = _copies(verdicts, demand.curation, frames, parts.number, advance)
    photos, beyond = _photos_and_cap(verdicts, copies, demand.curation.owner_photos_max, frames)
    curation = demand.curation
    known = past.ledger(curation.folds)
    ledger = Ledger(
        assign_splits(known.splits, photos, test=curation.test, validation=curation.validation),
        assign_folds(known.folds, photos, curation.folds),
    )
    decided = frames.shared(
        part_tasks.CorpusDecisions(copies, beyond, frozenset(one for pair in pairs for one in pair), ledger)
    )
    tasks = frames.tasks(verdicts, part_tasks.finished, decided)
    return Judged(learned, catalogue, ledger, pairs, hubs, len(tasks), frames.results(tasks))


def chosen_cameras(catalogue: Catalogue, cameras: tuple[str, ...] | str | Support, learned: list[Row]) -> Catalogue:
    """Return the cameras that enter the data set.

    `catalogue`: every camera with what was learned of it; `cameras`: as configured; `learned`: the table of
    `curation.consensus.learn`. Raises ConfigurationError for a key that the catalogue does not have.
    """
    if isinstance(cameras, Support):
        keys = supported(learned, cameras.photos_min, cameras.owners_min)
        # of a camera whose sizes are not known yet no photograph can be told from a resized one
        return Catalogue(
            cameras=tuple(camera for camera in catalogue.cameras if camera.key in keys),
            unlisted=tuple(camera for camera in catalogue.unlisted if camera.key in keys),
        )
    return Catalogue(cameras=catalogue.cameras) if isinstance(cameras, str) else catalogue.only(cameras)


def _learn(
    uploads: dd.DataFrame, demand: JudgeSettings, troubles: object, frames: Frames, parts: int, advance: Advance
) -> list[Row]:
    # a camera that is not listed is learned of, too: `pin` can list it
    base = demand.catalogue.opened()
    law = frames.shared(Criteria(base, base, demand.rules, demand.curation))
    claims = frames.mapped(uploads, part_tasks.claims_of, law, troubles, kinds=part_tasks.CLAIMS)
    counts = frames.mapped(frames.by_key(claims, "value", parts), part_tasks.counts_of, kinds=part_tasks.COUNTS)
    found = frames.whole(frames.kept(counts, advance))
    rows = []
    for name, text, photos, owners in found.to_numpy().tolist():
        camera, aspect, value = name.split("\n", 2)
        rows.append(Count(camera, aspect, value, text, photos, owners))
    return learn(sorted(rows), demand.catalogue, demand.consensus)


def _copies(
    verdicts: dd.DataFrame, curation: Curation, frames: Frames, parts: int, advance: Advance
) -> tuple[dict[int, CopyVerdict], list[tuple[int, int]], list[Row]]:
    """Return what becomes of copies, by id, the pairs that were found, and the largest sets of them."""
    keys = frames.mapped(verdicts, part_tasks.keys, kinds=KEYS)
    paired = frames.mapped(frames.by_key(keys, "key", parts), pairs_of, curation.near_bits, kinds=PAIRS)
    pairs = frames.whole(frames.kept(paired, advance)).drop_duplicates()
    ids = frames.shared(frozenset(pairs["first"].tolist()) | frozenset(pairs["second"].tolist()))
    found = frames.whole(frames.mapped(verdicts, part_tasks.members, ids, kinds=part_tasks.MEMBERS))
    members = [Member(**row) for row in pa.Table.from_pandas(found, preserve_index=False).to_pylist()]
    told = list(zip(*(pairs[name].tolist() for name in PAIRS), strict=True))
    result = fates(members, told, curation.placeholder_copies)
    return result, sorted({pair[:2] for pair in told}), _hubs(result)


def _hubs(found: dict[int, CopyVerdict]) -> list[Row]:
    sets = Counter((fate.of or "", fate.reason) for fate in found.values())
    ordered = sorted(sets.items(), key=lambda item: (-item[1], item[0]))[:20]
    return [{"photo": photo, "copies": copies, "reason": reason} for (photo, reason), copies in ordered]


def _photos_and_cap(
    verdicts: dd.DataFrame, copies: dict[int, CopyVerdict], owner_photos_max: int, frames: Frames
) -> tuple[dict[str, dict[str, int]], frozenset[int]]:
    """Return the numbers of photos that stay by camera and group, and the ids of those beyond their owner's cap."""
    fated = frames.shared(frozenset(copies))
    tally = frames.whole(frames.mapped(verdicts, part_tasks.by_owner, fated, kinds=part_tasks.BY_OWNER))
    photos: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    of_owner: Counter[tuple[str, str]] = Counter()
    for camera, owner, group, number in tally.to_numpy().tolist():
        photos[camera][group] += number
        if owner:
            of_owner[camera, owner] += number
    above = frozenset(key for key, number in of_owner.items() if owner_photos_max and number > owner_photos_max)
    beyond: set[int] = set()
    if above:
        shared = frames.shared(above)
        rows = frames.whole(frames.mapped(verdicts, part_tasks.of_owners, fated, shared, kinds=part_tasks.OF_OWNERS))
        # those kept before stay; of the others the smallest ids, which are digests: a sample without a bias
        rows = rows.sort_values(["camera", "owner", "new", "id"])
        rows = rows[rows.groupby(["camera", "owner"]).cumcount() >= owner_photos_max]
        for camera, group, number in rows.groupby(["camera", "group"]).size().reset_index().to_numpy().tolist():
            photos[camera][group] -= number
        beyond = set(rows["id"].tolist())
    staying = {camera: {group: number for group, number in of.items() if number} for camera, of in photos.items()}
    return {camera: of for camera, of in staying.items() if of}, frozenset(beyond)
