"""Write: packs one planned shard into a tar of the pool `shards/tars/`, with its entry; runs on a Dask worker.

A photograph that cannot be read or cut, or is not the one that was judged, is left out and listed with its reason. The
tar's name is then made from its actual content, so that equal names always mean equal bytes, and the next generation
tries the failed photograph again. The tar has WebDataset's form: members that share a key are a sample. The standard
library writes it, since importing webdataset's writer imports torch: 2 s and 200 MB in each worker.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from corpus.storage import Store
from forensics.errors import is_short_of_memory
from shards.entries import POOL, Failure, Sample, ShardEntry, entry_path, read_entry
from shards.plan import PhotoPlan, ShardPlan
from shards.tiles import Cut, cut_tiles

NOTHING: Mapping[str, str] = MappingProxyType({})


def write_shard(store: Store, plan: ShardPlan, settings: Shards, left_out: Mapping[str, str] = NOTHING) -> ShardEntry:
    """Pack one shard and publish it, tar first, entry last; returns at once where it exists already.

    `left_out`: photographs that are not even tried, with the reason. The bytes depend on the plan and on these alone.
    Raises MemoryError where this machine has too little memory, StageError where the plan was made with other
    `settings`.
    """
    if (plan.tile_px, plan.tiles_per_photo) != (settings.tile_px, settings.tiles_per_photo):
        raise StageError(
            f"shard {plan.name} was planned for {plan.tiles_per_photo} tiles of {plan.tile_px} px, but the settings "
            f"say {settings.tiles_per_photo} of {settings.tile_px}; plan the shards again"
        )
    if store.exists(entry_path(plan.name)):
        return read_entry(store, plan.name)
    with tempfile.TemporaryDirectory(prefix="shard-") as folder:
        tar = Path(folder) / "shard.tar"
        packed, samples, failures = _pack(store, plan, tar, left_out)
        entry = ShardEntry(replace(plan, photos=packed), samples, failures, tar.stat().st_size if samples else 0)
        name = entry.plan.name
        if samples and not store.exists(entry_path(name)):
            store.publish_file(f"{POOL}/{name}", tar)
            store.publish_json(entry_path(name), {**asdict(entry), "failures": []})
    return entry


def cut_photo(store: Store, plan: ShardPlan, photo: PhotoPlan) -> list[Cut] | str:
    """Return the tiles of one photograph of a plan, or why it cannot be packed."""
    try:
        return cut_tiles(_original(store, photo), tile_px=plan.tile_px, tiles_per_photo=plan.tiles_per_photo)
    except StorageError:
        return f"{photo.original}: the storage has no such file"
    except ValueError as error:
        if is_short_of_memory(error):
            raise MemoryError(f"{photo.original}: {error}") from error
        return str(error)


def _pack(
    store: Store, plan: ShardPlan, tar: Path, left_out: Mapping[str, str]
) -> tuple[tuple[PhotoPlan, ...], tuple[Sample, ...], tuple[Failure, ...]]:
    """Write `tar`; return the packed photographs, the samples and the photographs left out."""
    packed: list[PhotoPlan] = []
    samples: list[Sample] = []
    failures: list[Failure] = []
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as archive:
        for photo in plan.photos:
            cuts = left_out.get(photo.photo) or cut_photo(store, plan, photo)
            if isinstance(cuts, str):
                failures.append(Failure(photo.photo, photo.original, cuts))
                continue
            packed.append(photo)
            samples += [_add(archive, plan.split, photo, number, cut) for number, cut in enumerate(cuts)]
    return tuple(packed), tuple(samples), tuple(failures)


def _original(store: Store, photo: PhotoPlan) -> bytes:
    data = store.read(photo.original)
    digest = hashlib.sha256(data).hexdigest()
    if digest != photo.sha256:
        raise ValueError(f"{photo.original} has SHA-256 {digest}, not {photo.sha256} as judged; crawl it again")
    return data


def _add(archive: tarfile.TarFile, split: str, photo: PhotoPlan, number: int, cut: Cut) -> Sample:
    """Add one tile with its label and description; its key has no dot, where WebDataset would end the key."""
    key = f"{photo.photo}_{number}"
    about = {
        "camera": photo.camera, "photo": photo.photo, "quality_factor": photo.quality_factor, "split": split,
        "tile": number, "width_px": cut.width_px, "height_px": cut.height_px, "x_px": cut.x_px, "y_px": cut.y_px,
    }  # fmt: skip
    _add_member(archive, f"{key}.cls", str(photo.label).encode())
    offset_bytes = _add_member(archive, f"{key}.jpg", cut.jpeg)
    _add_member(archive, f"{key}.json", json.dumps(about, sort_keys=True).encode())
    return Sample(
        key=key, photo=photo.photo, tile=number, label=photo.label, offset_bytes=offset_bytes,
        length_bytes=len(cut.jpeg), x_px=cut.x_px, y_px=cut.y_px, width_px=cut.width_px, height_px=cut.height_px,
    )  # fmt: skip


def _add_member(archive: tarfile.TarFile, name: str, data: bytes) -> int:
    """Add a file whose header tells nothing of this machine or time; return the offset of its first byte."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o444, 0
    member.uname = member.gname = "shutterprint"
    offset_bytes = archive.offset + tarfile.BLOCKSIZE
    archive.addfile(member, io.BytesIO(data))
    return offset_bytes
