"""Part tasks: what is done with each part of the corpus, and with each share of what parts leave for others.

Tasks read tables of the spool and leave tables there, which are named after the task and the part. They return what is
small. A share is what stands under some hash: all claims of a value, all keys of a picture, all photos of an owner.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import CURATED
from corpus.text import ranked
from curation.cluster.spool import Spool
from curation.generations import Moved, Past
from curation.judging.arrays.distinct import codes_of, combined
from curation.judging.columns.final import COPIES, final_rows
from curation.judging.columns.spelling import digests_sum, row_digests
from curation.judging.columns.verdicts import Troubles, claims_of, owner_numbers, verdicts
from curation.judging.copies.decision import copy_verdicts
from curation.judging.copies.members import COLUMNS, Standing, members_from, members_of, standing_of
from curation.judging.copies.pairs import PAIRS, keys_of, pairs_of
from curation.judging.copies.sets import CopySets, found_in
from curation.judging.devices import DEVICE_ON_TWO_SIDES, DeviceSides
from curation.judging.gather import Piece, uploads_of
from curation.judging.given_splits import NO_FOLD, GivenSplits, Refusal, Vote
from curation.judging.learning import counts_of
from curation.judging.splits import PHOTOS, LedgerColumns
from curation.judging.tallies import Tally, tally_of
from curation.judging.verdict import VERDICT, Criteria
from curation.reasons import in_funnel_order

CAPPED = pa.schema(
    [("owner", pa.uint64()), ("camera", pa.string()), ("new", pa.bool_()), ("id", pa.uint64()),
     ("group", pa.string()), ("part", pa.int32())]
)  # fmt: skip
OWNERS = pa.schema([("camera", pa.string()), ("owner", pa.uint64()), ("photos", pa.int64())])
HUBS_SHOWN = 20


class Place(NamedTuple):
    """Where a judgement is made."""

    spool: Spool
    parts: int


def gathered(part: int, place: Place, pieces: list[Piece], criteria: Criteria, troubles: Troubles) -> list[str]:
    """Leave the uploads of a part and what the clean ones show of cameras; return the digests of deleted ones."""
    uploads = uploads_of(part, pieces, place.spool)
    place.spool.write(f"uploads-{part}", [uploads])
    claims, values = claims_of(uploads, criteria, troubles)
    place.spool.write(f"claims-{part}", dealt(claims, claims["value"].to_numpy(), place.parts), packed=False)
    place.spool.write(f"values-{part}", dealt(values, values["value"].to_numpy(), place.parts))
    is_deleted = pc.and_(pc.equal(uploads["state"], "deleted"), uploads["sha256"].is_valid())
    found: list[str] = uploads["sha256"].filter(is_deleted).to_pylist()
    return found


def stored_among(part: int, place: Place, digests: Collection[str]) -> list[str]:
    """Return which of some digests an upload of a part has that is stored."""
    uploads = place.spool.read(f"uploads-{part}", columns=["state", "sha256"])
    stored = uploads["sha256"].filter(pc.equal(uploads["state"], "stored"))
    found: list[str] = stored.filter(pc.is_in(stored, value_set=pa.array(sorted(digests), pa.string()))).to_pylist()
    return found


def counted(share: int, place: Place) -> pa.Table:
    """Return how many photos and owners show each value of a share, see `learning.counts_of`."""
    names = range(place.parts)
    claims = place.spool.gathered([f"claims-{part}" for part in names], share)
    return counts_of(claims, place.spool.gathered([f"values-{part}" for part in names], share))


def judged(
    part: int, place: Place, criteria: Criteria, troubles: Troubles, past: Past, moved: Mapping[str, Moved]
) -> list[str]:
    """Leave the verdicts on a part and the keys that copies are found by; return devices with photos elsewhere."""
    table = verdicts(place.spool.read(f"uploads-{part}"), criteria, troubles, past, moved)
    place.spool.write(f"verdicts-{part}", [table])
    keys = copy_keys(table)
    place.spool.write(f"keys-{part}", dealt(keys, keys["key"].to_numpy(), place.parts), packed=False)
    elsewhere = table.filter(pc.not_equal(table["device"], table["group"]))["device"].unique()
    found: list[str] = elsewhere.to_pylist()
    return found


def copy_keys(verdicts: pa.Table) -> pa.Table:
    """Return what copies are found by, see `copies.pairs.keys_of`.

    A photo that its site has deleted is found by its look alone, and one that was altered not by its look: it is no
    evidence. A file that was deleted from a folder is a copy of nothing, and nothing is a copy of it: its bytes may lie
    elsewhere now.
    """
    codes = codes_of(verdicts["reasons"])
    reasons = verdicts["reasons"].take(pa.array(codes.firsts)).to_pylist()
    is_there = codes.dealt(["deleted_at_source" not in of for of in reasons], bool)
    in_folder = pc.fill_null(pc.equal(verdicts["source"], "folder"), False).to_numpy()
    is_known = is_there | ~in_folder
    is_seen = is_known & codes.dealt([standing_of(of) != Standing.ALTERED for of in reasons], bool)

    def where(mask: np.ndarray, name: str) -> pa.Array:
        return pc.if_else(pa.array(mask), verdicts[name].combine_chunks(), None)

    told = (where(is_there, "sha256"), where(is_there, "scan_digest"))
    return keys_of(verdicts["id"].to_numpy(), *told, where(is_seen, "perceptual_hash"), where(is_known, "shot"))


def groups_of_devices(part: int, place: Place, devices: Collection[str]) -> pa.Table:
    """Return the numbers of photos of these devices that have their side, and of those kept before, by group."""
    table = place.spool.read(f"verdicts-{part}", columns=["device", "group", "kept_before", "has_side"])
    is_one = pc.is_in(table["device"], value_set=pa.array(sorted(devices), pa.string()))
    table = table.filter(pc.and_(table["has_side"], is_one))
    return table.group_by(["device", "group"]).aggregate([([], "count_all"), ("kept_before", "sum")])


def on_their_side(part: int, place: Place, sides: DeviceSides) -> None:
    """Leave the verdicts with the groups of devices whose photos lie in several, and the reasons that follow.

    A photo that has its side stays there, and is refused if that is not its device's; any other joins its device.
    """
    table = place.spool.read(f"verdicts-{part}")
    is_one = pc.is_in(table["device"], value_set=pa.array(sorted(sides.group), pa.string()))
    rows = np.flatnonzero(is_one.to_numpy())
    if not len(rows):
        return
    told = table.select(["device", "group", "has_side", "reasons"]).take(pa.array(rows)).to_pylist()
    groups, reasons = table["group"].to_pylist(), table["reasons"].to_pylist()
    for row, one in zip(rows.tolist(), told, strict=True):
        device = one["device"]
        if not one["has_side"]:
            groups[row] = sides.group[device]
        elif one["group"] in sides.refused.get(device, ()):
            reasons[row] = list(in_funnel_order([*one["reasons"], DEVICE_ON_TWO_SIDES]))
    for name, values in (("group", groups), ("reasons", reasons)):
        at = VERDICT.get_field_index(name)
        table = table.set_column(at, VERDICT.field(name), pa.array(values, VERDICT.field(name).type))
    place.spool.write(f"verdicts-{part}", [table])


def paired(share: int, place: Place, near_bits: int) -> pa.Table:
    """Return the pairs of copies among photos under the keys of a share, columns as in `copies.pairs.PAIRS`."""
    return pairs_of(place.spool.gathered([f"keys-{part}" for part in range(place.parts)], share), near_bits)


def members(part: int, place: Place, sets: CopySets) -> None:
    """Leave the members of sets of copies to those that decide about them."""
    table = place.spool.read(f"verdicts-{part}", columns=list(COLUMNS))
    rows, places = sets.place_of(table["id"].to_numpy())
    found = members_of(table.take(pa.array(rows)))
    found = found.append_column("part", pa.array(np.full(len(found), part, np.int32)))
    place.spool.write(f"members-{part}", dealt(found, places, place.parts))


def decided(share: int, place: Place, placeholder_copies: int) -> Counter[tuple[str, str]]:
    """Leave the verdicts on the copies of a share to their parts; return the largest sets of copies (photo, reason)."""
    names = [f"members-{part}" for part in range(place.parts)]
    table = place.spool.gathered(names, share)
    pairs = place.spool.read("pairs", share)
    told = list(zip(*(pairs[name].to_pylist() for name in PAIRS.names), strict=True))
    part_of = dict(zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True))
    found = copy_verdicts(members_from(table), told, placeholder_copies)
    rows = [[*found], *([one[at] for one in found.values()] for at in range(3))]
    copies = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(rows, COPIES, strict=True)], schema=COPIES
    )
    parts = np.array([part_of[one] for one in found], np.int64)
    place.spool.write(f"copies-{share}", dealt(copies, parts, place.parts))
    sets = Counter((copy.of or "", copy.reason) for copy in found.values())
    # a photo's copies are all in one share; those of none are in several
    return Counter(dict([*ranked(sets)[:HUBS_SHOWN], *((one, n) for one, n in sets.items() if not one[0])]))


def staying(part: int, place: Place) -> tuple[pa.Table, pa.Table]:
    """Return the numbers of staying photos by camera and group (PHOTOS), and by camera and owner (OWNERS)."""
    table, is_staying = _staying(part, place)
    rows = table.filter(pa.array(is_staying))
    by_group = rows.group_by(["camera", "group"]).aggregate([([], "count_all")])
    told = rows.select(["camera"]).append_column("owner", pa.array(owner_numbers(rows)))
    named = told.filter(_is_named(rows))
    by_owner = named.group_by(["camera", "owner"]).aggregate([([], "count_all")])
    return (
        pa.table([by_group[name] for name in ("camera", "group", "count_all")], schema=PHOTOS),
        pa.table([by_owner[name] for name in ("camera", "owner", "count_all")], schema=OWNERS),
    )


def above_cap(part: int, place: Place, above: pa.Table) -> None:
    """Leave the staying photos of the cameras and owners that are `above` the cap to those that choose."""
    table, is_staying = _staying(part, place)
    owners = owner_numbers(table)
    told = pa.table({"camera": table["camera"], "owner": pa.array(owners)})
    is_staying &= np.asarray(_is_named(table)) & _rows_in(told, above)
    rows = np.flatnonzero(is_staying)
    some = table.take(pa.array(rows))
    columns = [
        pa.array(owners[rows]), some["camera"], pc.invert(some["kept_before"]), some["id"], some["group"],
        pa.array(np.full(len(rows), part, np.int32)),
    ]  # fmt: skip
    found = pa.table(columns, schema=CAPPED)
    place.spool.write(f"capped-{part}", dealt(found, owners[rows], place.parts))


def beyond_cap(share: int, place: Place, owner_photos_max: int) -> pa.Table:
    """Leave the photos beyond the caps of a share's owners to their parts; return their numbers, columns as PHOTOS.

    Photos kept before stay; of the others those with the smallest ids, which are digests: an unbiased sample.
    """
    table = place.spool.gathered([f"capped-{part}" for part in range(place.parts)], share).combine_chunks()
    camera = codes_of(table["camera"]).codes
    owner, new, ids = (table[name].to_numpy() for name in ("owner", "new", "id"))
    order = np.lexsort((ids, new, owner, camera))
    is_first = np.ones(len(order), bool)
    is_first[1:] = (camera[order][1:] != camera[order][:-1]) | (owner[order][1:] != owner[order][:-1])
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    rows = order[np.arange(len(order)) - starts >= owner_photos_max]
    beyond = table.take(pa.array(rows))
    place.spool.write(f"beyond-{share}", dealt(beyond.select(["id"]), beyond["part"].to_numpy(), place.parts))
    by_group = beyond.group_by(["camera", "group"]).aggregate([([], "count_all")])
    return pa.table([by_group[name] for name in ("camera", "group", "count_all")], schema=PHOTOS)


def votes(part: int, place: Place, has_cap: bool, given: GivenSplits) -> list[Vote]:
    """Return the given answers for photos that stay, and for copies of some."""
    columns = ["id", "photo", "sha256", "camera", "group", "reasons"]
    table = place.spool.read(f"verdicts-{part}", columns=columns)
    copies = _copies(part, place)
    beyond = set(_beyond(part, place, has_cap).tolist())
    copy_of = dict(zip(copies["id"].to_pylist(), copies["group"].to_pylist(), strict=True))
    found: list[Vote] = []
    for row in table.to_pylist():
        group = copy_of.get(row["id"], row["group"])
        if row["reasons"] or group is None or row["id"] in beyond:
            continue
        for split, fold in given.answers(row["photo"], row["sha256"]):
            answer = (split or "", NO_FOLD if fold is None else fold)
            found.append(Vote(row["id"], row["camera"], group, *answer, row["id"] not in copy_of))
    return found


class CorpusDecisions(NamedTuple):
    """What only all photos together decide, beside copies and caps, which lie in the spool."""

    has_cap: bool
    sets: CopySets
    ledger: LedgerColumns
    given: Mapping[int, Refusal]
    """Photos whose given split or fold cannot hold, by id."""


def finished(part: int, place: Place, decisions: CorpusDecisions) -> tuple[int, Tally]:
    """Leave the rows of CURATED of a part; return the sum of their digests, and their counts.

    Dask would hand on a list of digests one by one, in as much time as all else takes here.
    """
    table = place.spool.read(f"verdicts-{part}")
    ids = table["id"].to_numpy()
    beyond = _beyond(part, place, decisions.has_cap)
    table = final_rows(table, _copies(part, place), beyond, decisions.ledger, decisions.given)
    curated = table.select(CURATED.names).combine_chunks()
    place.spool.write(f"curated-{part}", [curated])
    in_pairs, _ = found_in(decisions.sets.ids, ids)
    return digests_sum(row_digests(curated)), tally_of(table, np.sort(ids[in_pairs]))


def dealt(table: pa.Table, numbers: np.ndarray, shares: int) -> list[pa.Table]:
    """Return the rows of each share; a row belongs to its number modulo the number of shares."""
    if shares == 1:
        return [table]
    # numpy sorts numbers of 16 bits by radix, six times faster than those of 64
    share = (numbers % numbers.dtype.type(shares)).astype(np.uint16 if shares < 1 << 16 else np.int64)
    order = np.argsort(share, kind="stable")
    ordered = table.take(pa.array(order))
    edges = np.searchsorted(share[order], np.arange(shares + 1)).tolist()
    return [ordered.slice(start, end - start) for start, end in itertools.pairwise(edges)]


def _copies(part: int, place: Place) -> pa.Table:
    return place.spool.gathered([f"copies-{share}" for share in range(place.parts)], part)


def _beyond(part: int, place: Place, has_cap: bool) -> np.ndarray:
    if not has_cap:
        return np.zeros(0, np.uint64)
    table = place.spool.gathered([f"beyond-{share}" for share in range(place.parts)], part)
    return np.asarray(table["id"].to_numpy())


def _staying(part: int, place: Place) -> tuple[pa.Table, np.ndarray]:
    """Return columns of a part's verdicts, and which photos stay: no reason speaks against them."""
    columns = ["id", "camera", "source", "owner_id", "group", "kept_before", "reasons"]
    table = place.spool.read(f"verdicts-{part}", columns=columns)
    is_staying = np.array(pc.equal(pc.list_value_length(table["reasons"]), 0).to_numpy())
    copies = np.sort(_copies(part, place)["id"].to_numpy())
    is_staying[found_in(copies, table["id"].to_numpy())[0]] = False
    return table, is_staying


def _is_named(table: pa.Table) -> pa.Array:
    return pc.fill_null(pc.not_equal(table["owner_id"], ""), False).combine_chunks()


def _rows_in(table: pa.Table, other: pa.Table) -> np.ndarray:
    """Return which rows of a table with the columns camera and owner are rows of another one."""
    both = pa.concat_tables([table, other.select(["camera", "owner"])])
    codes = combined([codes_of(both[name]) for name in ("camera", "owner")]).codes
    return np.isin(codes[: len(table)], codes[len(table) :])
