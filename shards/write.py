"""Write: packs one planned shard into a tar of the pool `shards/tars/`, with its table and entry; runs on Dask workers.

A photograph that cannot be read or cut, or is not the one that was judged, is left out and listed with its reason. The
tar's name is then made from its actual content, so that equal names always mean equal bytes, and the next generation
tries the failed photograph again. A tar's bytes are those that webdataset's own TarWriter writes; it is not called,
since importing it costs each worker 2.5 s and 180 MB where torch is installed, and it does not tell offsets.

Several photographs are cut at once, in threads; the largest ones alone, so that memory stays bounded. The order of a
tar is its plan's, whichever is ready first.
"""

import hashlib
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from corpus.storage import Store
from corpus.storage.kept import ORIGINAL, read_once
from forensics.errors import JpegError, is_short_of_memory
from forensics.jpeg.frame import is_frame, read_frame
from forensics.jpeg.segments import header_segments
from shards.entries import (
    POOL,
    TILES,
    Failure,
    ShardEntry,
    entry_json,
    entry_path,
    is_whole,
    read_entry,
    table_bytes,
    table_path,
)
from shards.plan import PhotoPlan, ShardPlan, cutting_of
from shards.tiles import Cut, cut_tiles, whole_photo
from shards.tiles.samples import Row, end_of_tar, jpeg_offset, sample_bytes, table_row

NOTHING: Mapping[str, str] = MappingProxyType({})
TOGETHER_PX = 100_000_000
"""Pixels of the photographs that are cut at once, at most; coefficients take up to 6 bytes a pixel."""


def write_shard(
    store: Store, plan: ShardPlan, settings: Shards, left_out: Mapping[str, str] = NOTHING, photos_at_once: int = 0
) -> ShardEntry:
    """Pack one shard and publish it: tar, table, entry; returns at once where it exists already.

    `left_out`: photographs that are not even tried, with the reason. The bytes depend on the plan and on these alone.
    `photos_at_once`: 0: as the settings say. Raises MemoryError where this machine has too little memory, StageError
    where the plan was made with other `settings`.
    """
    if plan.cutting != cutting_of(settings):
        raise StageError(
            f"shard {plan.name} was planned for {plan.cutting}, but the settings say {cutting_of(settings)}; plan the "
            "shards again"
        )
    if is_whole(store, plan.name):
        return read_entry(store, plan.name)
    with tempfile.TemporaryDirectory(prefix="shard-") as folder:
        tar = Path(folder) / "shard.tar"
        packed, rows, failures = _pack(store, plan, tar, left_out, photos_at_once or settings.photos_at_once)
        packed_plan = replace(plan, photos=packed)
        if not rows:
            return ShardEntry(packed_plan, 0, failures, 0, "", 0, "")
        with tar.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        table = table_bytes(pa.Table.from_pylist(rows, schema=TILES))
        entry = ShardEntry(
            packed_plan, len(rows), failures, tar.stat().st_size, sha256, len(table), hashlib.sha256(table).hexdigest()
        )
        name = packed_plan.name
        if name == plan.name or not is_whole(store, name):  # that of the plan was looked for above
            store.publish_file(f"{POOL}/{name}", tar)
            store.publish(table_path(name), table)
            store.publish_json(entry_path(name), entry_json(entry))
    return entry


def cut_photo(store: Store, plan: ShardPlan, photo: PhotoPlan, room: "_Room | None" = None) -> list[Cut] | str:
    """Return what a plan makes of one photograph, or why it cannot be packed; waits for its place in `room`."""
    cutting = plan.cutting
    try:
        data = _original(store, photo)
        with room.taken(_pixels(data)) if room else nullcontext():
            if cutting.content == "photos":
                return [whole_photo(data, restart_mcus=cutting.restart_mcus)]
            return cut_tiles(
                data,
                tile_px=cutting.tile_px,
                tiles_per_photo=cutting.tiles_per_photo,
                restart_mcus=cutting.restart_mcus,
            )
    except StorageError:
        return f"{photo.original}: the storage has no such file"
    except ValueError as error:
        if is_short_of_memory(error):
            raise MemoryError(f"{photo.original}: {error}") from error
        return str(error)


def _pack(
    store: Store, plan: ShardPlan, tar: Path, left_out: Mapping[str, str], photos_at_once: int
) -> tuple[tuple[PhotoPlan, ...], list[Row], tuple[Failure, ...]]:
    """Write `tar`; return the packed photographs, the rows of its table and the photographs left out."""
    packed: list[PhotoPlan] = []
    rows: list[Row] = []
    failures: list[Failure] = []
    with tar.open("wb") as file:
        for photo, cuts in _in_order(store, plan, left_out, photos_at_once):
            if isinstance(cuts, str):
                failures.append(Failure(photo.photo, photo.original, cuts))
                continue
            packed.append(photo)
            for number, cut in enumerate(cuts):
                rows.append(table_row(photo, number, cut, jpeg_offset(file.tell()), plan.cutting.restart_mcus))
                file.writelines(sample_bytes(plan.split, photo, number, cut))
        file.write(end_of_tar(file.tell()))
    return tuple(packed), rows, tuple(failures)


def _in_order(
    store: Store, plan: ShardPlan, left_out: Mapping[str, str], photos_at_once: int
) -> Iterator[tuple[PhotoPlan, list[Cut] | str]]:
    """Yield each photograph of a plan with what is made of it, in the plan's order; several are cut at once."""
    room = _Room(TOGETHER_PX)
    waiting: deque[tuple[PhotoPlan, Future[list[Cut] | str]]] = deque()
    with ThreadPoolExecutor(photos_at_once) as threads:
        try:
            for photo in plan.photos:
                if photo.photo in left_out:
                    future: Future[list[Cut] | str] = Future()
                    future.set_result(left_out[photo.photo])
                else:
                    future = threads.submit(cut_photo, store, plan, photo, room)
                waiting.append((photo, future))
                if len(waiting) > 2 * photos_at_once:  # what is cut ahead of the writing stays in memory
                    first, cut = waiting.popleft()
                    yield first, cut.result()
            for first, cut in waiting:
                yield first, cut.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _original(store: Store, photo: PhotoPlan) -> bytes:
    data = read_once(store, photo.original, ORIGINAL)
    digest = hashlib.sha256(data).hexdigest()
    if digest != photo.sha256:
        raise ValueError(f"{photo.original} has SHA-256 {digest}, not {photo.sha256} as judged; crawl it again")
    return data


def _pixels(jpeg: bytes) -> int:
    """Return the number of pixels that a JPEG's header states; 0 where it is none, which cutting then says."""
    try:
        frames = [segment for segment in header_segments(jpeg, whole=True) if is_frame(segment.marker)]
        return max((frame.width_px * frame.height_px for frame in (read_frame(jpeg, one) for one in frames)), default=0)
    except JpegError:
        return 0


class _Room:
    """Lets threads in as long as what they take together fits; what is larger than the whole comes in alone."""

    def __init__(self, size: int) -> None:
        self._size, self._free = size, size
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Wait until there is room, and hold it during a `with` block."""
        share = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
