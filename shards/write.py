"""Write: packs one planned shard into a tar of the pool `shards/tars/`, with its table and entry; runs on Dask workers.

A photograph that cannot be read or cut, or is not the one that was judged, is left out and listed with its reason. The
tar's name is then made from its actual content, so that equal names always mean equal bytes, and the next generation
tries the failed photograph again. The tar has WebDataset's form: members that share a key are a sample. The standard
library writes the very bytes that webdataset's TarWriter would write: where torch is installed, importing that one
costs each worker 2.5 s and 180 MB.
"""

import hashlib
import io
import json
import tarfile
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from corpus.storage import Store
from forensics.errors import is_short_of_memory
from shards.entries import POOL, TILES, Failure, ShardEntry, entry_json, entry_path, read_entry, table_bytes, table_path
from shards.plan import PhotoPlan, ShardPlan, cutting_of
from shards.tiles import Cut, cut_tiles

NOTHING: Mapping[str, str] = MappingProxyType({})

Row = dict[str, Any]


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
    if store.exists(entry_path(plan.name)):
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
        if not store.exists(entry_path(name)):
            store.publish_file(f"{POOL}/{name}", tar)
            store.publish(table_path(name), table)
            store.publish_json(entry_path(name), entry_json(entry))
    return entry


def cut_photo(store: Store, plan: ShardPlan, photo: PhotoPlan) -> list[Cut] | str:
    """Return what a plan makes of one photograph, or why it cannot be packed."""
    cutting = plan.cutting
    try:
        return cut_tiles(_original(store, photo), tile_px=cutting.tile_px, tiles_per_photo=cutting.tiles_per_photo)
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
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as archive:
        for photo, cuts in _in_order(store, plan, left_out, photos_at_once):
            if isinstance(cuts, str):
                failures.append(Failure(photo.photo, photo.original, cuts))
                continue
            packed.append(photo)
            rows += [_add(archive, plan.split, photo, number, cut) for number, cut in enumerate(cuts)]
    return tuple(packed), rows, tuple(failures)


def _in_order(
    store: Store, plan: ShardPlan, left_out: Mapping[str, str], photos_at_once: int
) -> Iterator[tuple[PhotoPlan, list[Cut] | str]]:
    """Yield each photograph of a plan with what is made of it, in the plan's order; several are cut at once."""
    waiting: deque[tuple[PhotoPlan, Future[list[Cut] | str]]] = deque()
    with ThreadPoolExecutor(photos_at_once) as threads:
        try:
            for photo in plan.photos:
                if photo.photo in left_out:
                    future: Future[list[Cut] | str] = Future()
                    future.set_result(left_out[photo.photo])
                else:
                    future = threads.submit(cut_photo, store, plan, photo)
                waiting.append((photo, future))
                if len(waiting) > 2 * photos_at_once:  # what is cut ahead of the writing stays in memory
                    first, cut = waiting.popleft()
                    yield first, cut.result()
            for first, cut in waiting:
                yield first, cut.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _original(store: Store, photo: PhotoPlan) -> bytes:
    data = store.read(photo.original)
    digest = hashlib.sha256(data).hexdigest()
    if digest != photo.sha256:
        raise ValueError(f"{photo.original} has SHA-256 {digest}, not {photo.sha256} as judged; crawl it again")
    return data


def _add(archive: tarfile.TarFile, split: str, photo: PhotoPlan, number: int, cut: Cut) -> Row:
    """Add one sample with its label and description; its key has no dot, where WebDataset would end the key.

    Returns its row of the table.
    """
    key = f"{photo.photo}_{number}"
    about = {
        "camera": photo.camera, "photo": photo.photo, "quality_factor": photo.quality_factor, "split": split,
        "tile": number, "width_px": cut.width_px, "height_px": cut.height_px, "x_px": cut.x_px, "y_px": cut.y_px,
    }  # fmt: skip
    _add_member(archive, f"{key}.cls", str(photo.label).encode())
    offset_bytes = _add_member(archive, f"{key}.jpg", cut.jpeg)
    _add_member(archive, f"{key}.json", json.dumps(about, sort_keys=True).encode())
    return {
        "photo": photo.photo, "tile": number, "label": photo.label, "offset_bytes": offset_bytes,
        "length_bytes": len(cut.jpeg), "x_px": cut.x_px, "y_px": cut.y_px, "width_px": cut.width_px,
        "height_px": cut.height_px, "checksum": zlib.crc32(cut.jpeg),
        "restart_mcus": 0, "header": b"", "segment_bytes": [], "checksums": [],
    }  # fmt: skip


def _add_member(archive: tarfile.TarFile, name: str, data: bytes) -> int:
    """Add a file whose header tells nothing of this machine or time; return the offset of its first byte."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o444, 0
    member.uname = member.gname = "shutterprint"
    offset_bytes = archive.offset + tarfile.BLOCKSIZE
    archive.addfile(member, io.BytesIO(data))
    return offset_bytes
