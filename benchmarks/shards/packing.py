"""Packing: packs a folder of originals as the product packs them, for benchmarks that read shards or train on them.

The folder is `CAMERA/…/file.jpg`. Photographs of one group (a column of a CSV file beside them, which has a column
`file`; else the folder below the camera's; else the file itself) stay together where folds are made.
"""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from corpus.sections import Shards
from corpus.storage import Store
from shards.index import Folds, Index, publish_index, read_index
from shards.plan import photo_digest, plan_shards
from shards.write import write_shard


class Photo(NamedTuple):
    """One original to pack."""

    name: str
    """Its path below the folder."""
    file: Path
    camera: str
    group: str


def photos_below(folder: Path, groups: Mapping[Path, str] | None = None) -> list[Photo]:
    """Return the JPEGs below the cameras' folders, sorted by path; `groups`: the groups of some, by whole path."""
    found = []
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.suffix.lower() in (".jpg", ".jpeg") and len(parts) > 1:
            own = parts[1] if len(parts) > 2 else file.name
            group = (groups or {}).get(file.resolve(), own)
            found.append(Photo("/".join(parts), file, parts[0], f"{parts[0]}|{group}"))
    return found


def groups_of(table: Path, column: str) -> dict[Path, str]:
    """Return the group of each file that a CSV file names, by whole path."""
    with table.open(newline="", encoding="utf-8") as file:
        return {(table.parent / row["file"]).resolve(): row[column] for row in csv.DictReader(file)}


def enough_for(photos: Sequence[Photo], folds: int) -> list[Photo]:
    """Return the photographs of cameras with a group for every fold, and say which cameras are left out."""
    groups: dict[str, set[str]] = defaultdict(set)
    for photo in photos:
        groups[photo.camera].add(photo.group)
    for camera, own in sorted(groups.items()):
        if len(own) < folds:
            print(f"{camera} is left out: it has fewer groups than folds, {len(own)} and {folds}")
    kept = [photo for photo in photos if len(groups[photo.camera]) >= folds]
    if len({photo.camera for photo in kept}) < 2:
        raise SystemExit(f"two cameras with {folds} groups each are needed")
    return kept


def folds_of(photos: Sequence[Photo], folds: int) -> dict[str, int]:
    """Return the fold of each group: within a camera the largest group first, into the fold with fewest photographs."""
    sizes = Counter((photo.camera, photo.group) for photo in photos)
    filled: dict[str, Counter[int]] = defaultdict(lambda: Counter(dict.fromkeys(range(folds), 0)))
    result = {}
    for (camera, group), size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold = min(filled[camera], key=lambda each, own=filled[camera]: (own[each], each))
        filled[camera][fold] += size
        result[group] = fold
    return result


def digest_of(photos: Sequence[Photo], told: object) -> str:
    """Return 8 hex digits that other photographs, groups or sizes of files change, and anything else that is told."""
    listed = [[photo.name, photo.camera, photo.group, photo.file.stat().st_size] for photo in photos]
    return hashlib.sha256(json.dumps([listed, told], sort_keys=True).encode()).hexdigest()[:8]


def pack(store: Store, generation: str, photos: Sequence[Photo], settings: Shards, folds: int = 0) -> Index:
    """Publish a generation of the photographs, all in the training split, and return its index; a whole one is kept.

    `folds`: fold f is the product's fold 2 × f of twice as many. The product holds back the fold after the one that is
    held out, to choose an epoch by; here that one is empty, so that all other photographs train. 0: no folds.
    """
    if store.done(f"shards/{generation}") is not None:
        return read_index(store, generation)
    rows = [_row(store, photo) for photo in photos]
    cameras = tuple(sorted({photo.camera for photo in photos}))
    entries = [write_shard(store, plan, settings) for plan in plan_shards(rows, settings, cameras)]
    if not folds:
        return publish_index(store, generation, cameras, entries)
    fold_of = folds_of(photos, folds)
    of_photos = {photo_digest(row["photo"], row["version"]): 2 * fold_of[row["group"]] for row in rows}
    for camera in cameras:
        own = Counter(fold_of[photo.group] for photo in photos if photo.camera == camera)
        print(f"{camera}: photographs in folds: {', '.join(str(own[fold]) for fold in range(folds))}", flush=True)
    return publish_index(store, generation, cameras, entries, Folds(2 * folds, of_photos))


def _row(store: Store, photo: Photo) -> dict[str, Any]:
    """Publish one original and return its row of a generation."""
    data = photo.file.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    original = f"originals/folder/{sha256[:20]}.jpg"
    store.publish(original, data)
    return {
        "photo": f"folder:{photo.name}", "version": sha256[:10], "kept": True, "camera": photo.camera,
        "split": "train", "group": photo.group, "original": original, "sha256": sha256, "quality_factor": None,
    }  # fmt: skip
