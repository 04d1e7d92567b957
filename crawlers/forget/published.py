"""Find the published generations, indexes and shards that still hold photos; nothing is changed.

What is published never changes, so removing something from it is a person's decision: this names the folders and files.
"""

import posixpath
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from corpus.errors import StorageError, StorageUnavailableError
from corpus.records import photo_digest
from corpus.storage import Store
from corpus.storage.parts import FOLDER as TABLES
from corpus.storage.parts import files_of
from corpus.takedowns import READ_AT_ONCE, REASON
from crawlers.forget.removal import Problems, search
from shards.entries import POOL, table_path
from shards.index.columns import PHOTOS, Columns

Versions = Mapping[str, set[str]]  # the known versions of each photo


def still_published(store: Store, versions: Versions, problems: Problems) -> dict[str, str]:
    """Return in words what each published folder or file holds of the photos, by its path in the store.

    A generation that holds only the fact that a photo is forgotten is left out. Tiles are found by photo and version:
    those in `versions` and those that the generations name. What cannot be read is added to `problems`.
    """
    generations = [f"curated/{name}" for name in store.names("curated")]
    of_table: dict[str, list[str]] = {}
    for folder in generations:
        for path in _tables_of(store, folder, problems):
            of_table.setdefault(path, []).append(folder)
    found: dict[str, list[int]] = {}
    holdings: dict[str, str] = {}
    digests = {photo_digest(photo, version) for photo, known in versions.items() for version in known}
    for path, rows in search(store, of_table, "photo", versions, ["version", "reasons", "kept"], problems):
        digests |= {photo_digest(row["photo"], row["version"] or "") for row in rows}
        whole = [row for row in rows if row["reasons"] != [REASON]]
        for folder in of_table[path] if whole else ():
            counted = found.setdefault(folder, [0, 0])
            counted[0] += len(whole)
            counted[1] += sum(row["kept"] for row in whole)
        if whole and path.startswith(f"{TABLES}/"):
            holdings[path] = "a part of the tables of these generations"
    for folder, (number, kept) in found.items():
        holdings[folder] = f"{number} of these photos, {kept} of them kept"
    folders = [f"shards/{name}" for name in store.names("shards") if f"shards/{name}" != POOL]
    older = [f"{folder}/samples.parquet" for folder in folders]  # the index of earlier versions
    for path, rows in search(store, older, "photo", digests, [], problems):
        holdings[path.rpartition("/")[0]] = f"{len(rows)} tiles in its index"
    for folder in folders:
        if tiles := _tiles_in(store, f"{folder}/photos.arrow", digests, problems):
            holdings[folder] = f"{tiles} tiles in its index"
    pool = set(store.names(POOL))
    entries = [f"{POOL}/{name}" for name in sorted(pool) if name.endswith(".tar.json")]
    names = [f'"{digest}"'.encode() for digest in digests]  # as a JSON text has them

    def text_of(path: str) -> bytes:
        try:
            return store.read(path)
        except (StorageError, StorageUnavailableError) as error:
            if store.exists(path):
                problems.append(f"{path}: cannot be read ({error}); restore it")
            return b""

    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        texts = threads.map(text_of, entries) if names else ()
        for path, text in zip(entries, texts, strict=False):
            if any(name in text for name in names):
                holdings[path] = "says what is in the tar beside it"
                holdings[path.removesuffix(".json")] = "tiles"
                table = table_path(posixpath.basename(path.removesuffix(".json")))
                if posixpath.basename(table) in pool:  # tars of earlier versions have none
                    holdings[table] = "says where they are in the tar"
    return holdings


def _tables_of(store: Store, generation: str, problems: Problems) -> list[str]:
    try:
        return files_of(store, generation)
    except (StorageError, StorageUnavailableError) as error:
        problems.append(f"{generation}: cannot be read ({error}); restore it, or remove it")
        return []


def _tiles_in(store: Store, path: str, digests: Collection[str], problems: Problems) -> int:
    """Return how many tiles of these photos an index has; one that is damaged is added to `problems`."""
    try:
        if not digests or not store.exists(path):
            return 0
        local = (store.path(path), PHOTOS) if store.is_local else (path, PHOTOS, store.read(path))
        photos = Columns(*local)
        wanted = np.array([int(digest, 16) for digest in digests], np.uint64)
        return int(photos["tiles"][np.isin(photos["photo"], wanted)].sum())
    except (StorageError, StorageUnavailableError) as error:
        problems.append(f"{path}: cannot be read ({error}); restore it, or remove it and its folder's marker")
        return 0
