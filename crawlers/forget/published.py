"""Published: photographs in; the generations, indexes and shards that still have them, out. Nothing is changed.

What is published stays as it is, so a removal from it is a person's decision: this says which folders and files it is.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from corpus.storage import Store
from corpus.takedowns import READ_AT_ONCE, REASON
from crawlers.forget.removal import Problems, search
from shards.entries import POOL
from shards.plan import photo_digest

Versions = Mapping[str, set[str]]
"""Versions known of each photo."""


def still_published(store: Store, versions: Versions, problems: Problems) -> dict[str, str]:
    """Return what each published folder or file has of the photos, by its path in the store.

    A generation that has of a photo only that it is forgotten is not among them. Of `versions` that no file names any
    more, tiles cannot be told; generations that are there name theirs. What cannot be read is added to `problems`.
    """
    generations = [f"curated/{name}" for name in store.names("curated")]
    tables = [f"{folder}/photos.parquet" for folder in generations]
    found: dict[str, str] = {}
    digests = {photo_digest(photo, version) for photo, known in versions.items() for version in known}
    for path, rows in search(store, tables, "photo", versions, ["version", "reasons", "kept"], problems):
        digests |= {photo_digest(row["photo"], row["version"] or "") for row in rows}
        whole = [row for row in rows if row["reasons"] != [REASON]]
        if whole:
            kept = sum(row["kept"] for row in whole)
            found[path.rpartition("/")[0]] = f"{len(whole)} of these photos, {kept} of them kept"
    indexes = [f"shards/{name}/samples.parquet" for name in store.names("shards") if f"shards/{name}" != POOL]
    for path, rows in search(store, indexes, "photo", digests, [], problems):
        found[path.rpartition("/")[0]] = f"{len(rows)} tiles in its index"
    entries = [f"{POOL}/{name}" for name in store.names(POOL) if name.endswith(".tar.json")]
    names = [f'"{digest}"'.encode() for digest in digests]  # as a JSON text has them
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        texts = threads.map(store.read, entries) if names else ()
        for path, text in zip(entries, texts, strict=False):
            if any(name in text for name in names):
                found[path] = "says what is in the tar beside it"
                found[path.removesuffix(".json")] = "tiles"
    return found
