"""Whole corpus: judge all uploads together, in tasks on parts of them.

Uploads are brought together in parts (`gather`), cameras are learned from them (`learning`, `consensus`), each upload
is judged (`columns.verdicts`), copies are found and decided (`copies`), and groups get splits and folds
(`splits`). Tasks leave tables for each other (`part_tasks`); only small ones reach the calling process: what was
learned, the pairs of copies, the numbers of photos by group, as columns. The same inputs give the same verdicts,
however they are divided into parts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.cameras.catalogue import Catalogue
from corpus.sections import Consensus, Curation, Rules, Support
from corpus.text import ranked
from curation.cluster.frames import Advance, Frames
from curation.consensus import LearnedRow, enriched, extended, learn, supported
from curation.facts.examine import Trouble
from curation.generations import Ledger, Past
from curation.judging import part_tasks
from curation.judging.copies.pairs import PAIRS, distinct_pairs
from curation.judging.copies.sets import CopySets, copies_alone, copy_sets
from curation.judging.devices import DeviceGroup, DeviceSides, device_sides
from curation.judging.gather import parts_of, pieces_of, read_piece
from curation.judging.given_splits import Bound, GivenSplits, bind
from curation.judging.inputs import Inputs
from curation.judging.learning import counts_from
from curation.judging.part_tasks import CorpusDecisions, Place
from curation.judging.splits import PHOTOS, assign_folds, assign_splits, ledger_columns
from curation.judging.tallies import Tally
from curation.judging.verdict import Criteria

ShowProgress = Callable[[str, int], AbstractContextManager[Advance]]
"""Shows the progress of a step, given its name and number of parts; yields what is to be called for each part."""


def silent(_verb: str, _parts: int) -> AbstractContextManager[Advance]:
    """Show nothing."""
    return nullcontext(lambda _: None)


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
    """The judgement of a corpus; its rows are made while `parts` is iterated, which can be done once."""

    learned: list[LearnedRow]
    catalogue: Catalogue
    """Every camera with what was learned of it."""
    ledger: Ledger
    pairs: np.ndarray
    """Ids of all pairs of copies that were found, (n, 2)."""
    hubs: list[dict[str, Any]]
    """The largest sets of copies: {photo, copies, reason}."""
    number_of_parts: int
    parts: Iterator[tuple[pa.Table, int, Tally]]
    """In the order of keys: rows of CURATED, the sum of their digests, and their counts."""
    close: Callable[[], None] = lambda: None
    """Removes what tasks have left for each other, where `parts` was not iterated to its end."""


def judge_all(
    inputs: Inputs, past: Past, troubles: Iterable[Trouble], settings: JudgeSettings, frames: Frames, show: ShowProgress
) -> Judged:
    """Judge every upload of `inputs`; there are as many rows as uploads.

    `troubles`: originals that could not be examined. Raises ConfigurationError for a chosen camera that the catalogue
    does not have.
    """
    with ExitStack() as until:
        judgement = _Judgement(inputs, past, troubles, settings, frames, show, until)
        judged = judgement.judged()
        judgement.until = until.pop_all()
        return replace(judged, close=judgement.until.close)


@dataclass
class _Judgement:
    """One judgement while it is made."""

    inputs: Inputs
    past: Past
    troubles: Iterable[Trouble]
    settings: JudgeSettings
    frames: Frames
    show: ShowProgress
    until: ExitStack
    """Closed when nothing of the spool is needed any more."""

    def judged(self) -> Judged:
        """Judge all."""
        curation = self.settings.curation
        parts = parts_of(self.inputs, curation.judge_photos)
        self.place = Place(self.frames.spool(self.inputs.store, self.until), parts.number)
        self.all = list(range(parts.number))
        pieces = pieces_of(self.inputs, parts)
        trouble_of = self.frames.shared({trouble.key: trouble for trouble in self.troubles})
        with self.show("gathering", len(pieces)) as advance:
            self.frames.done(read_piece, pieces, self.place.spool, advance=advance)
        with self.show("learning", parts.number) as advance:
            # cameras that are not listed are learned, too: `curation.pin` can list them
            base = self.settings.catalogue.opened()
            criteria = Criteria(base, base, self.settings.rules, curation)
            shared = (self.frames.shared(pieces), self.frames.shared(criteria), trouble_of)
            deleted = self._each(part_tasks.gathered, *shared, advance=advance)
            self.place.spool.remove(piece.name for piece in pieces)
            counts = pa.concat_tables(self._each(part_tasks.counted))
            self._remove("claims", "values")
            learned = learn(counts_from(counts), self.settings.catalogue, self.settings.consensus)
        if self.past.handed_on is not None:
            told_of = self.past.handed_on.about()
            learned = extended(
                learned, (cast(LearnedRow, row.model_dump()) for about in told_of for row in about.natives)
            )
        catalogue = enriched(self.settings.catalogue, learned)
        chosen = chosen_cameras(catalogue, self.settings.cameras, learned)
        with self.show("judging", parts.number) as advance:
            moved = self.past.moved(self._moved(deleted))
            told = (Criteria(catalogue, chosen, self.settings.rules, curation), self.past, moved)
            shared = tuple(map(self.frames.shared, told))
            elsewhere = self._each(part_tasks.judged, shared[0], trouble_of, *shared[1:], advance=advance)
            self._remove("uploads")
            known = self.past.ledger(curation.folds)
            sides = self._device_sides(frozenset(one for devices in elsewhere for one in devices), known)
        with self.show("comparing", parts.number) as advance:
            sets, pairs, hubs = self._copies(advance)
            photos, has_cap = self._photos_and_cap()
        (known, refused), photos = self._bound(photos, known, sides, has_cap)
        ledger = Ledger(
            assign_splits(known.splits, photos, test=curation.test, validation=curation.validation),
            assign_folds(known.folds, photos, curation.folds, sides.bound),
        )
        decisions = CorpusDecisions(has_cap, sets, ledger_columns(ledger), refused)
        return Judged(learned, catalogue, ledger, pairs, hubs, parts.number, self._finished(decisions))

    def _each(self, function: Callable[..., Any], *arguments: Any, advance: Advance | None = None) -> list[Any]:
        return self.frames.done(function, self.all, self.place, *arguments, advance=advance)

    def _remove(self, *names: str) -> None:
        self.place.spool.remove(f"{name}-{part}" for name in names for part in self.all)

    def _moved(self, deleted: list[list[str]]) -> frozenset[str]:
        """Return the SHA-256s of bytes that a deleted upload had and a stored one has: files that were moved."""
        digests = frozenset(one for of_part in deleted for one in of_part)
        if not digests:
            return digests
        found = self._each(part_tasks.stored_among, self.frames.shared(digests))
        return frozenset(one for of_part in found for one in of_part)

    def _device_sides(self, devices: frozenset[str], ledger: Ledger) -> DeviceSides:
        """Return what becomes of devices whose photos are in other groups than theirs; mostly there are none."""
        if not devices:
            return DeviceSides({}, {}, {})
        groups = pa.concat_tables(self._each(part_tasks.groups_of_devices, self.frames.shared(devices)))
        summed = groups.group_by(["device", "group"]).aggregate([("count_all", "sum"), ("kept_before_sum", "sum")])
        names = ("device", "group", "count_all_sum", "kept_before_sum_sum")
        rows = sorted(zip(*(summed[name].to_pylist() for name in names), strict=True))
        sides = device_sides((DeviceGroup(*row) for row in rows), ledger)
        if sides.group:
            self._each(part_tasks.on_their_side, self.frames.shared(sides))
        return sides

    def _copies(self, advance: Advance) -> tuple[CopySets, np.ndarray, list[dict[str, Any]]]:
        curation, spool = self.settings.curation, self.place.spool
        found = self._each(part_tasks.paired, curation.near_bits, advance=advance)
        self._remove("keys")
        pairs = distinct_pairs(pa.concat_tables(found))
        del found
        sets = copy_sets(pairs, self.place.parts)
        places = sets.place_of(pairs[PAIRS.names[0]].to_numpy())[1]
        spool.write("pairs", part_tasks.dealt(pairs, places, self.place.parts))
        self._each(part_tasks.members, self.frames.shared(sets))
        hubs: Counter[tuple[str, str]] = Counter()
        for one in self._each(part_tasks.decided, curation.placeholder_copies):
            hubs.update(one)
        self._remove("members")
        told = [
            {"photo": photo, "copies": copies, "reason": reason}
            for (photo, reason), copies in ranked(hubs)[: part_tasks.HUBS_SHOWN]
        ]
        return sets, copies_alone(pairs), told

    def _photos_and_cap(self) -> tuple[pa.Table, bool]:
        """Return the numbers of staying photos by camera and group, and whether some are beyond their owner's cap."""
        cap = self.settings.curation.owner_photos_max
        photos, owners = _Summed(["camera", "group"]), _Summed(["camera", "owner"])
        for by_group, by_owner in self.frames.results(part_tasks.staying, self.all, self.place):
            photos.add(by_group)
            owners.add(by_owner)
        above = owners.table().filter(pc.greater(pc.field("photos"), cap)) if cap else None
        if above is not None and len(above):
            self._each(part_tasks.above_cap, self.frames.shared(above))
            for beyond in self._each(part_tasks.beyond_cap, cap):
                photos.add(beyond.set_column(2, "photos", pc.negate(beyond["photos"])))
            self._remove("capped")
        there = photos.table().filter(pc.greater(pc.field("photos"), 0))
        return there.combine_chunks(), above is not None and len(above) > 0

    def _bound(self, photos: pa.Table, known: Ledger, sides: DeviceSides, has_cap: bool) -> tuple[Bound, pa.Table]:
        """Return the ledger with the groups that given splits bind, and `photos` without those that are refused."""
        given = self.settings.given
        if not given.by_photo and not given.by_sha256:
            return Bound(known, {}), photos
        told = self._each(part_tasks.votes, has_cap, self.frames.shared(given))
        votes = [vote for of_part in told for vote in of_part]
        bound = bind([vote._replace(group=sides.bound.get(vote.group, vote.group)) for vote in votes], known)
        refused = {v.id: (v.camera, v.group) for v in votes if v.stays and v.id in bound.refused}
        less = [{"camera": camera, "group": group, "photos": -1} for camera, group in refused.values()]
        summed = _Summed(["camera", "group"])
        summed.add(photos)
        summed.add(pa.Table.from_pylist(less, PHOTOS))
        return bound, summed.table().filter(pc.greater(pc.field("photos"), 0)).combine_chunks()

    def _finished(self, decisions: CorpusDecisions) -> Iterator[tuple[pa.Table, int, Tally]]:
        task = partial(self.frames.results, part_tasks.finished, self.all, self.place)
        with self.until:
            for part, (of_rows, tally) in enumerate(task(self.frames.shared(decisions))):
                yield self.place.spool.read(f"curated-{part}"), of_rows, tally
                self.place.spool.remove([f"curated-{part}", f"verdicts-{part}"])


class _Summed:
    """Sums of `photos` by two columns, added part by part in the memory of their distinct values."""

    def __init__(self, by: list[str]) -> None:
        self._by, self._whole, self._new = by, 0, list[pa.Table]()

    def add(self, table: pa.Table) -> None:
        """Add the numbers of a part."""
        self._new.append(table)
        if sum(map(len, self._new[1:])) > len(self._new[0]) + 100_000:
            self.table()

    def table(self) -> pa.Table:
        """Return the sums, ordered."""
        whole = pa.concat_tables(self._new)
        summed = whole.group_by(self._by).aggregate([("photos", "sum")])
        summed = summed.rename_columns([*self._by, "photos"]).sort_by([(name, "ascending") for name in self._by])
        self._new = [summed.combine_chunks()]
        return self._new[0]


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
