"""Tallies: count the judged rows of a part, and add the counts of parts; a corpus larger than memory is counted so.

What is counted is counted by its distinct values, and what must only be told apart (groups, owners, devices) is held
as numbers, so that a tally is small and made without a Python object for each row.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import CURATED, SPLITS
from curation.judging.arrays.distinct import Codes, codes_of, combined
from curation.judging.arrays.numbers import digest_numbers, numbers_of
from curation.judging.arrays.things import Things
from curation.judging.copies.sets import found_in
from forensics.jpeg.quality import quality_name, quality_text

SAMPLES = 6
"""Photos kept as examples of each reason."""
UNKNOWN = "?"
TALLIED = pa.schema([*CURATED, ("id", pa.uint64()), ("device", pa.string()), ("serial", pa.string())])
"""The columns that are counted; see `verdict.VerdictRow`."""
_SIDES = ("serials", "serials_in_folds", "groups", "bytes", "scans", "owners")


@dataclass
class CameraTally:
    """Counts of the photos of one camera; all but `photos` are of the kept ones."""

    photos: int = 0
    kept: int = 0
    kept_bytes: int = 0
    groups: Things = field(default_factory=Things)
    """Groups by split, by its place in SPLITS."""
    owners: Things = field(default_factory=Things)
    devices: Things = field(default_factory=Things)
    """Devices that a serial number tells."""
    splits: Counter[str] = field(default_factory=Counter)
    folds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counts of another part."""
        self.photos += other.photos
        self.kept += other.kept
        self.kept_bytes += other.kept_bytes
        for name in ("groups", "owners", "devices"):
            getattr(self, name).add(getattr(other, name))
        for name in ("splits", "folds", "sizes", "tables", "years"):
            getattr(self, name).update(getattr(other, name))


@dataclass
class Tally:
    """Counts of judged rows; those of two parts are added with `add`."""

    photos: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (what, name): `source`, and `kept of source`, `wanted of source`; `refused` by a reason, `alone` by no other,
    and `first` refused by it in the order of the funnel; `licence` of kept photos; `quality of kept`, `quality of
    refused`, and likewise `megapixels`."""
    bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The size of their files."""
    cameras: defaultdict[str, CameraTally] = field(default_factory=lambda: defaultdict(CameraTally))
    samples: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """By reason: the first SAMPLES photos, those whose picture can be shown before the others."""
    sides: dict[str, Things] = field(default_factory=lambda: {name: Things() for name in _SIDES})
    """By what should stand in one split alone: things by split, by its place in SPLITS, or by fold."""
    paired: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, compare=False)
    """The ids and the splits, by their places in SPLITS, of kept photos that are in some pair of copies."""

    def add(self, other: Self) -> None:
        """Add the counts of another part, whose keys come after those of this one."""
        self.photos.update(other.photos)
        self.bytes.update(other.bytes)
        for camera, of_camera in other.cameras.items():
            self.cameras[camera].add(of_camera)
        for reason, rows in other.samples.items():
            self.samples[reason] = _best_samples(self.samples[reason] + rows)
        for name, things in other.sides.items():
            self.sides[name].add(things)
        self.paired += other.paired

    def of(self, what: str) -> dict[str, int]:
        """Return the numbers of photos of one kind by name, ordered by name."""
        return dict(sorted((name, number) for (kind, name), number in self.photos.items() if kind == what))

    def split_of(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of kept photos that are in some pair of copies, in order, and the split of each."""
        ids = np.concatenate([np.zeros(0, np.uint64), *(one for one, _ in self.paired)])
        splits = np.concatenate([np.zeros(0, np.int64), *(one for _, one in self.paired)])
        order = np.argsort(ids)
        return ids[order], splits[order]


def tally(rows: Iterable[Mapping[str, Any]], paired: Collection[int] = ()) -> Tally:
    """Return the counts of some rows; `paired`: ids of photos that are in some pair of copies."""
    return tally_of(pa.Table.from_pylist(list(rows), TALLIED), np.array(sorted(paired), np.uint64))


def tally_of(table: pa.Table, paired: np.ndarray) -> Tally:
    """Return the counts of a table with the columns TALLIED; `paired`: in order."""
    found = Tally()
    table = table.combine_chunks()
    is_kept = np.asarray(table["kept"].to_numpy(), bool)
    sizes = pc.fill_null(table["size_bytes"], 0).to_numpy()
    _count(found, table, is_kept, sizes)
    _count_cameras(found, table, is_kept, sizes)
    _note_sides(found, table, is_kept, paired)
    _sample(found, table)
    return found


def sample_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the report shows of an example: photo, version, original, page_url, and value, in a few words."""
    return {name: row[name] for name in ("photo", "version", "original", "page_url")} | {"value": _value(row)}


def _best_samples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["original"] is None)[:SAMPLES]


def _count(found: Tally, table: pa.Table, is_kept: np.ndarray, sizes: np.ndarray) -> None:
    def add(codes: Codes, keys: Sequence[Iterable[tuple[str, str]]]) -> None:
        """Count rows and bytes; `keys`: of each number what it counts for."""
        photos = np.bincount(codes.codes, minlength=codes.number)
        held = np.bincount(codes.codes, sizes, minlength=codes.number)
        for number, of_number in enumerate(keys):
            for key in of_number:
                found.photos[key] += int(photos[number])
                found.bytes[key] += int(held[number])

    kept = Codes(is_kept.astype(np.int64), 2)
    reasons = codes_of(table["reasons"])
    both = combined([codes_of(table["source"]), kept, reasons])
    add(both, _told(table, both, ("source", "kept", "reasons"), _of_source))
    both = combined([codes_of(table["licence"]), kept])
    add(both, _told(table, both, ("licence", "kept"), lambda row: [("licence", row[0] or UNKNOWN)] if row[1] else []))
    add(reasons, _told(table, reasons, ("reasons", "kept"), lambda row: [] if row[1] else _of_reasons(row[0])))
    size = [codes_of(table[name]) for name in ("width_px", "height_px")]
    factor = [codes_of(table[name]) for name in ("quality_factor", "quality_residual")]
    has_size = pc.and_(*(pc.fill_null(pc.not_equal(table[name], 0), False) for name in ("width_px", "height_px")))
    sized = codes_of(has_size)
    both = combined([*factor, kept, sized])
    told = table.append_column("sized", has_size)
    add(both, _told(told, both, ("quality_factor", "quality_residual", "kept", "sized"), _of_quality))
    both = combined([*size, kept])
    add(both, _told(table, both, ("width_px", "height_px", "kept"), _of_megapixels))


def _told(table: pa.Table, codes: Codes, names: Sequence[str], function: Callable[[tuple[Any, ...]], Any]) -> list[Any]:
    """Return what a function says of columns of the first row of each number."""
    rows = table.select(names).take(pa.array(codes.firsts))
    return [function(row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)]


def _of_source(row: tuple[Any, ...]) -> list[tuple[str, str]]:
    source, is_kept, reasons = row
    keys = [("source", source or UNKNOWN)]
    if is_kept:
        keys.append(("kept of source", source or UNKNOWN))
    elif reasons == ["not_downloaded"]:
        keys.append(("wanted of source", source or UNKNOWN))
    return keys


def _of_reasons(reasons: Sequence[str]) -> list[tuple[str, str]]:
    keys = [("first", reasons[0]), *(("refused", reason) for reason in reasons)]
    return [*keys, ("alone", reasons[0])] if len(reasons) == 1 else keys


def _of_quality(row: tuple[Any, ...]) -> list[tuple[str, str]]:
    factor, residual, is_kept, has_size = row
    return [(f"quality of {_outcome(is_kept)}", quality_name(factor, residual) or UNKNOWN)] if has_size else []


def _of_megapixels(row: tuple[Any, ...]) -> list[tuple[str, str]]:
    width_px, height_px, is_kept = row
    if not width_px or not height_px:
        return []
    return [(f"megapixels of {_outcome(is_kept)}", f"{width_px * height_px / 1e6:.1f}")]


def _outcome(is_kept: bool) -> str:
    return "kept" if is_kept else "refused"


def _count_cameras(found: Tally, table: pa.Table, is_kept: np.ndarray, sizes: np.ndarray) -> None:
    camera = codes_of(table["camera"])
    keys = table["camera"].take(pa.array(camera.firsts)).to_pylist()
    photos = np.bincount(camera.codes, minlength=camera.number)
    for number, key in enumerate(keys):
        if key:
            found.cameras[key].photos += int(photos[number])
    there = np.flatnonzero(is_kept & camera.dealt([bool(key) for key in keys], bool))
    if not len(there):
        return
    rows = table.take(pa.array(there))
    camera = Codes(camera.codes[there], camera.number)
    held = np.bincount(camera.codes, sizes[there], minlength=camera.number)
    photos = np.bincount(camera.codes, minlength=camera.number)
    year = pc.utf8_slice_codeunits(rows["taken_at"], 0, 4)
    rows = rows.append_column("year", year)
    for name, columns, function in (
        ("splits", ("split",), lambda row: str(row[0])),
        ("folds", ("fold",), lambda row: str(row[0])),
        ("sizes", ("width_px", "height_px"), _size),
        ("tables", ("tables_digest",), lambda row: row[0] or UNKNOWN),
        ("years", ("year",), lambda row: _year(row[0])),
    ):
        both = combined([camera, *(codes_of(rows[column]) for column in columns)])
        numbers = np.bincount(both.codes, minlength=both.number)
        told = _told(rows, both, columns, function)
        for place, (row, text) in enumerate(zip(both.firsts.tolist(), told, strict=True)):
            getattr(found.cameras[keys[camera.codes[row]]], name)[text] += int(numbers[place])
    splits = _places(rows["split"])
    owners = _digests(rows, ("source", "owner_id"))
    groups, devices = digest_numbers(rows["group"]), digest_numbers(pc.fill_null(rows["device"], "None"))
    has_device = np.asarray(rows["device"].is_valid().to_numpy(), bool)
    order = np.argsort(camera.codes, kind="stable")
    edges = np.searchsorted(camera.codes[order], np.arange(camera.number + 1))
    for number, key in enumerate(keys):
        of = order[edges[number] : edges[number + 1]]
        if not len(of):
            continue
        one = found.cameras[key]
        one.kept += int(photos[number])
        one.kept_bytes += int(held[number])
        one.groups.add(Things(groups[of], splits[of]))
        one.owners.add(Things(owners[of]))
        one.devices.add(Things(devices[of][has_device[of]]))


def _note_sides(found: Tally, table: pa.Table, is_kept: np.ndarray, paired: np.ndarray) -> None:
    rows = table.filter(pa.array(is_kept))
    if not len(rows):
        return
    splits, folds = _places(rows["split"]), pc.fill_null(rows["fold"], 0).to_numpy()
    told = np.asarray(pc.fill_null(pc.not_equal(rows["serial"], ""), False).to_numpy(), bool)
    serials = _digests(rows.filter(pa.array(told)), ("serial",), lambda row: _spelled_serial(row[0]))
    named = np.asarray(pc.fill_null(pc.not_equal(rows["owner_id"], ""), False).to_numpy(), bool)
    owners = _digests(rows.filter(pa.array(named)), ("source", "owner_id", "camera"))
    files = pc.fill_null(rows["sha256"], "None")
    scans = pc.if_else(pc.fill_null(pc.equal(rows["scan_digest"], ""), True), files, rows["scan_digest"])
    for name, digests, where in (
        ("groups", digest_numbers(rows["group"]), splits),
        ("serials", serials, splits[told]),
        ("serials_in_folds", serials, folds[told]),
        ("owners", owners, splits[named]),
        ("bytes", digest_numbers(files), splits),
        ("scans", digest_numbers(scans), splits),
    ):
        found.sides[name].add(Things(digests, where))
    ids = rows["id"].to_numpy()
    places, _ = found_in(paired, ids)
    found.paired.append((ids[places], splits[places].astype(np.int64)))


def _sample(found: Tally, table: pa.Table) -> None:
    codes = codes_of(table["reasons"])
    lists = table["reasons"].take(pa.array(codes.firsts)).to_pylist()
    is_shown = np.asarray(table["original"].is_valid().to_numpy(), bool)
    for reason in dict.fromkeys(reason for reasons in lists for reason in reasons):
        has = codes.dealt([reason in reasons for reasons in lists], bool)
        rows = [np.flatnonzero(has & shown)[:SAMPLES] for shown in (is_shown, ~is_shown)]
        chosen = table.take(pa.array(np.concatenate(rows)[:SAMPLES])).to_pylist()
        found.samples[reason] = [sample_of(row) for row in chosen]


def _digests(
    rows: pa.Table,
    names: Sequence[str],
    spelled: Callable[[tuple[Any, ...]], str] = lambda row: "\n".join(map(str, row)),
) -> np.ndarray:
    """Return a number for the values of some columns of each row."""
    codes = combined([codes_of(rows[name]) for name in names])
    texts = _told(rows, codes, names, spelled)
    return np.asarray(codes.dealt(numbers_of(pa.array(texts, pa.string())), np.uint64))


def _spelled_serial(serial: str) -> str:
    """Return what tells a device: its maker's first word, its model and its serial number."""
    make, model, number = (" ".join(part.split()) for part in serial.casefold().split("\n", 2))
    return f"{make.partition(' ')[0]}\n{model}\n{number}"


def _places(splits: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.index_in(splits, value_set=pa.array(SPLITS)).to_numpy(), np.int64)


def _size(row: tuple[Any, ...]) -> str:
    short_px, long_px = sorted((row[0] or 0, row[1] or 0))
    return f"{long_px}x{short_px}"


def _year(taken_at: str | None) -> str:
    year = taken_at or ""
    return year if year.isdigit() and year > "1990" else UNKNOWN


def _value(row: Mapping[str, Any]) -> str:
    """Return what a person is told of an example, in a few words."""
    size = f"{row['width_px']}x{row['height_px']}" if row["width_px"] else ""
    quality = "" if row["quality_factor"] is None else quality_text(row["quality_factor"], row["quality_residual"])
    told = [row["camera"] or row["model"], size, quality, row["software"], *(row["editor_marks"] or ())[:1]]
    told += [row["error"], f"copy of {row['duplicate_of']}" if row["duplicate_of"] else None]
    return ", ".join(dict.fromkeys(text for text in told if text))
