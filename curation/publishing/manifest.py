"""Manifest: a generation as one Parquet file of addresses and digests, to be handed on instead of the photographs.

Another machine fetches the originals by it (`scrapy crawl manifest`) and judges them, and gets the same verdicts,
splits, folds and shards (`corpus.manifests`). Nothing private is in it: no serial numbers, positions or other metadata
of the photographs, and of their owners what the licences ask for, else a digest. Photos on the takedown list are left
out. Equal generations give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.configuration import Configuration
from corpus.errors import StorageError
from corpus.manifests.about import About, Learned, schema_about
from corpus.manifests.reading import TEXT_MAX_BYTES
from corpus.records import MANIFEST, RECORD, photo_digest, with_schema
from corpus.takedowns import taken_down
from curation.facts.examine import kind_of
from curation.generations import FOLDER, FOLDS, PHOTOS, Past, batches_of, learned_in
from curation.judging.inputs import best_of, find_inputs
from curation.judging.splits import group_of
from curation.rules import RULES
from forensics.metadata.editors import EDITORS
from shards.entries import read_entry
from shards.index import read_index

Row = dict[str, Any]

ROW_GROUP = 50_000
_JUDGED_BY = ("cameras", "rules", "consensus", "curation", "shards")
_LEFT_OUT = {
    "curation": {"workers", "batch_photos", "judge_photos", "worker_memory_mb", "given_splits"},
    "shards": {"photos_at_once"},
}
"""Keys that decide nothing, and the path of a file of this machine."""
_CURATED = (
    *("photo", "version", "source", "kept", "sha256", "size_bytes", "licence", "licence_url", "title", "page_url"),
    *("uploaded_at", "camera", "group", "has_side", "reasons", "quality_factor", "owner_id", "owner_name"),
)
_OF_KEPT = ("licence", "licence_url", "author", "title", "page_url", "uploaded_at", "owner")
"""Said of photographs that are used, and of no other."""
_RECORDED = ("photo", "version", "state", "original_url", "labelled_camera")


class Summary(NamedTuple):
    """What a manifest holds."""

    photos: int
    kept: int
    without_address: int
    """Kept photographs that no site serves: those of a folder."""
    forgotten: int
    """Photographs left out because their removal was asked for."""
    without_licence: int
    """Kept photographs of which no licence is known."""


def write_manifest(configuration: Configuration, generation: str, file: Path) -> Summary:
    """Write the manifest of a generation to a local file; raises StorageError where the store lacks a part of it."""
    store = configuration.store
    about, tar_of = _about(configuration, generation)
    recorded = _recorded(configuration)
    ledger = Past(store, generation).ledger(about.folds or 0)
    forgotten = taken_down(store)
    counted = dict.fromkeys(Summary._fields, 0)
    waiting: list[Row] = []
    with pq.ParquetWriter(file, schema_about(about), compression="zstd") as writer:

        def write() -> None:
            writer.write_table(pa.Table.from_pylist(waiting, writer.schema), row_group_size=ROW_GROUP)
            waiting.clear()

        for batch in batches_of(store, f"{FOLDER}/{generation}/{PHOTOS}", list(_CURATED)):
            for row in batch.to_pylist():
                if row["photo"] in forgotten:
                    counted["forgotten"] += 1
                    continue
                waiting.append(_manifest_row(row, recorded, ledger.splits, ledger.folds, tar_of))
                _count(counted, waiting[-1])
                if len(waiting) == ROW_GROUP:
                    write()
        if waiting or not counted["photos"]:
            write()
    return Summary(**counted)


def settings_of(configuration: Configuration) -> Row:
    """Return the keys of the configuration that decide verdicts and shards, as plain JSON data."""
    whole = configuration.model_dump(mode="json", include=set(_JUDGED_BY))
    return {
        name: {key: value for key, value in section.items() if key not in _LEFT_OUT.get(name, ())}
        if isinstance(section, dict)
        else section
        for name, section in whole.items()
    }


def catalogue_digest(configuration: Configuration) -> str:
    """Return 16 hex digits of the whole camera catalogue."""
    return _digest(configuration.whole_catalogue.model_dump(mode="json"))


def rules_digest(configuration: Configuration) -> str:
    """Return 16 hex digits of what decides verdicts and shards beside the photographs and `curation.given_splits`."""
    names = [rule.__name__ for rule in RULES]
    return _digest([settings_of(configuration), catalogue_digest(configuration), names, EDITORS])


def other_settings(configuration: Configuration, about: About) -> list[str]:
    """Return in words in what the configuration differs from what a manifest was judged by; nothing where it agrees."""
    if about.rules is None or about.rules == rules_digest(configuration):
        return []
    here, there = _flat(settings_of(configuration)), _flat(about.settings)
    keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    found = [f"{key} is {json.dumps(here.get(key))}, there {json.dumps(there.get(key))}" for key in keys]
    if about.catalogue != catalogue_digest(configuration):
        found.append("the camera catalogue is another one")
    return found or ["the program's rules are those of another version"]


def _about(configuration: Configuration, generation: str) -> tuple[About, dict[str, str]]:
    """Return what the manifest says of itself, and the tar of each photograph by its name in shards."""
    store = configuration.store
    classes: tuple[str, ...] = ()
    tars: dict[str, str] = {}
    tar_of: dict[str, str] = {}
    if store.done(f"shards/{generation}") is not None:
        index = read_index(store, generation)
        classes = index.classes
        for tar in index.tars:
            entry = read_entry(store, tar)
            tars[tar] = entry.sha256
            tar_of.update(dict.fromkeys((photo.photo for photo in entry.plan.photos), tar))
    about = About(
        generation=generation,
        rules=rules_digest(configuration),
        settings=settings_of(configuration),
        catalogue=catalogue_digest(configuration),
        folds=store.read_json(f"{FOLDER}/{generation}/{FOLDS}")["folds"],
        classes=list(classes),
        tars=dict(sorted(tars.items())),
        natives=[Learned.model_validate(row) for row in learned_in(store, generation)],
    )
    return about, tar_of


def _recorded(configuration: Configuration) -> Mapping[tuple[str, str], tuple[str | None, str | None]]:
    """Return the address and the label of each upload, from the records of all crawls."""
    store = configuration.store
    schema = pa.schema([RECORD.field(name) for name in _RECORDED])
    found: dict[tuple[str, str], tuple[str, str, tuple[str | None, str | None]]] = {}  # path, state, what it tells
    for path in find_inputs(store, kind_of(configuration.curation)).windows:
        try:
            table = with_schema(store.read_table(path, list(_RECORDED)), schema)
        except ValueError as error:
            raise StorageError(
                f"{store.url}: {path} was written by another version of this program: {error}"
            ) from error
        columns = (table[name].to_pylist() for name in _RECORDED)
        for photo, version, state, url, label in zip(*columns, strict=True):
            key, statement = (photo, version or ""), (path, state, (url, label))
            before = found.get(key, statement)
            found[key] = best_of([(*before[:2], before), (*statement[:2], statement)])
    return {key: told for key, (_, _, told) in found.items()}


def _manifest_row(
    row: Row,
    recorded: Mapping[tuple[str, str], tuple[str | None, str | None]],
    splits: Mapping[str, str],
    folds: Mapping[str, int],
    tar_of: Mapping[str, str],
) -> Row:
    url, label = recorded.get((row["photo"], row["version"]), (None, None))
    has_side = row["has_side"] and row["group"] in splits
    owner = group_of(None, row["source"] or "", row["owner_id"]) if row["owner_id"] else None
    made = {
        "url": url,
        "author": _clipped(row["owner_name"] or row["owner_id"]),
        "title": _clipped(row["title"]),
        "licence": _clipped(row["licence"]),
        "licence_url": _short(row["licence_url"]),
        "page_url": _short(row["page_url"]),
        "is_labelled": label is not None and label == row["camera"],
        "owner": owner,
        "has_side": has_side,
        "split": splits[row["group"]] if has_side else None,
        "fold": folds.get(row["group"]) if has_side else None,
        "shard": tar_of.get(photo_digest(row["photo"], row["version"])) if row["kept"] else None,
    }
    said = row | made | (dict.fromkeys(_OF_KEPT) if not row["kept"] else {})
    return {name: said[name] for name in MANIFEST.names}


def _clipped(text: str | None) -> str | None:
    """Return the beginning of a text that is longer than a manifest's may be."""
    return None if text is None else text.encode()[:TEXT_MAX_BYTES].decode(errors="ignore")


def _short(address: str | None) -> str | None:
    """Return an address, None where it is longer than a manifest's may be: its beginning would be another one."""
    return address if address is None or len(address.encode()) <= TEXT_MAX_BYTES else None


def _count(counted: dict[str, int], row: Row) -> None:
    counted["photos"] += 1
    if row["kept"]:
        counted["kept"] += 1
        counted["without_address"] += row["url"] is None
        counted["without_licence"] += row["licence"] is None


def _flat(tree: Mapping[str, Any], above: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= _flat(value, (*above, name))
        else:
            found[".".join((*above, name))] = value
    return found


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]
