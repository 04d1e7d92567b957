"""Finding: what a person calls a photo in; its record, its facts and what the newest generation says of it out.

A file is examined here and now; so is a stored original that no run has examined yet. Of a photo on the takedown list
nothing but its key comes out. Refuses (StageError) what is neither, and files larger than crawl.original_max_bytes.
Tables are read filtered: no more rows are built than are asked for.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.records import EXAMINED, RECORD, ExaminedRow, RecordRow, full_row
from corpus.storage import Store
from corpus.takedowns import is_taken_down, taken_down
from curation.facts.examine import Original, PhotoKey, Trouble, examine, examine_bytes, kind_of
from curation.generations import Past
from curation.judging.inputs import Inputs, best_of, find_inputs, rows_where

Row = dict[str, Any]

_ORIGINALS = "originals"
_SAID = (
    *("kept", "reasons", "camera", "group", "split", "fold", "duplicate_of"),
    *("sha256", "scan_digest", "source", "owner_id"),
)


@dataclass(frozen=True)
class Subject:
    """The photo that is asked for."""

    record: RecordRow
    """Of a file: as a crawl would have made it."""
    examined: ExaminedRow | None
    trouble: Trouble | None = None
    file: Path | None = None
    """The file, where it is no photo of the records."""
    other_versions: tuple[str, ...] = ()
    """Other uploads of the same photo."""


def find(configuration: Configuration, text: str) -> Subject:
    """Return the photo that `text` is: a file, a key (`flickr:4711`, `flickr:4711@version`), or an original's path."""
    store, path = configuration.store, Path(text)
    inputs = find_inputs(store, kind_of(configuration.curation))
    relative = _relative(store, path)
    if relative is not None and (uploads := _uploads(inputs, "original", relative)):
        return _recorded(configuration, inputs, uploads)
    if _is_file(path):
        return _of_file(configuration, path)
    if relative is not None and store.is_local and _is_file(inside := Path(store.path(relative))):
        return _of_file(configuration, inside)
    uploads = _uploads(inputs, "photo", text)
    if not uploads and "@" in text:  # ids of some sources have one of their own
        photo, _, version = text.rpartition("@")
        uploads = {one: row for one, row in _uploads(inputs, "photo", photo).items() if one == version}
    if not uploads:
        raise StageError(
            f"{text}: no such file, and no such photo in the records of {store.url}; name a JPEG file, a photo's key "
            "(flickr:4711, flickr:4711@version) or an original's path (originals/…)"
        )
    return _recorded(configuration, inputs, uploads)


def bytes_of(configuration: Configuration, subject: Subject) -> bytes | None:
    """Return a photo's bytes; None where there are none. Raises StageError where they are too many."""
    if subject.file is not None:
        return _file_bytes(configuration, subject.file)
    store, relative = configuration.store, subject.record["original"]
    if subject.record["state"] != "stored" or not relative or not store.exists(relative):
        return None
    _check_size(relative, store.size_bytes(relative), configuration)
    return store.read(relative)


def published(past: Past, subject: Subject) -> Row | None:
    """Return what the newest generation says of a photo; None where it has no such upload, or the photo is forgotten.

    kept, reasons, camera, group, split, fold, duplicate_of; `copies`: {photo, camera, kept} of photos with the same
    bytes, the same scan or the same keeper; `owner_photos`: how many of its owner and camera are kept.
    """
    key = subject.record
    if is_taken_down(past.store, key["photo"]):
        return None
    same_upload = (pc.field("photo") == key["photo"]) & (pc.field("version") == (key["version"] or ""))
    rows = past.matching(same_upload, list(_SAID))
    if not rows:
        return None
    said = dict.fromkeys(_SAID) | rows[0]
    sha256, scan, of = (said.pop(name) for name in ("sha256", "scan_digest", "duplicate_of"))
    source, owner = said.pop("source"), said.pop("owner_id")
    alike = pc.field("duplicate_of") == key["photo"]
    for column, value in (("sha256", sha256), ("scan_digest", scan), ("duplicate_of", of), ("photo", of)):
        alike = alike | (pc.field(column) == value) if value else alike
    copies = past.matching(alike, ["photo", "camera", "kept"])
    owner_photos = 0
    if owner and said["camera"]:
        same = (pc.field("camera") == said["camera"]) & (pc.field("owner_id") == owner) & pc.field("kept")
        owner_photos = len(past.matching(same & (pc.field("source") == source), ["photo"]))
    gone = taken_down(past.store)
    others = [copy for copy in copies if copy["photo"] != key["photo"] and copy["photo"] not in gone]
    return {"generation": past.generation, **said, "duplicate_of": of, "copies": others, "owner_photos": owner_photos}


def _uploads(inputs: Inputs, column: str, text: str) -> dict[str, RecordRow]:
    """Return the records whose `column` is `text`, the one that counts of each upload, by version."""
    statements: dict[str, list[tuple[str, str, RecordRow]]] = defaultdict(list)
    for path in inputs.windows:
        for row in rows_where(inputs.store, path, RECORD, column, [text], inputs.forgotten):
            statements[row["version"] or ""].append((path, row["state"], row))
    return {version: best_of(said) for version, said in sorted(statements.items())}


def _recorded(configuration: Configuration, inputs: Inputs, uploads: dict[str, RecordRow]) -> Subject:
    """Return the upload that says most, and what its original was found to be; examines it where no run has yet."""
    version = max(uploads, key=lambda one: (uploads[one]["state"] == "stored", uploads[one]["uploaded_at"] or "", one))
    record = uploads[version]
    others = tuple(one for one in uploads if one != version)
    if record["state"] != "stored":
        return Subject(record, None, other_versions=others)
    for path in inputs.facts:
        for row in rows_where(inputs.store, path, EXAMINED, "photo", [record["photo"]], inputs.forgotten):
            if (row["version"] or "") == version:
                return Subject(record, row, other_versions=others)
    original = Original(record["photo"], version, record["original"] or "", record["sha256"] or "")
    if inputs.store.exists(original.path):
        _check_size(original.path, inputs.store.size_bytes(original.path), configuration)
    kind = kind_of(configuration.curation)
    found = _guarded(original.key, lambda: examine(inputs.store, original, kind))
    if isinstance(found, Trouble):
        return Subject(record, None, found, other_versions=others)
    return Subject(record, found, other_versions=others)


def _of_file(configuration: Configuration, path: Path) -> Subject:
    """Return a file as a crawl would have stored it, examined."""
    data = _file_bytes(configuration, path)
    sha256, kind = hashlib.sha256(data).hexdigest(), kind_of(configuration.curation)
    said = {"photo": str(path), "version": "", "sha256": sha256}
    record: RecordRow = full_row(RECORD, said | {
        "source": "file", "state": "stored", "original": str(path), "size_bytes": len(data), "reasons": [],
    })  # fmt: skip
    found = _guarded(PhotoKey(str(path), ""), lambda: full_row(EXAMINED, said | examine_bytes(data, kind)))
    return Subject(record, None, found, path) if isinstance(found, Trouble) else Subject(record, found, None, path)


def _guarded(key: PhotoKey, examined: Callable[[], ExaminedRow | Trouble]) -> ExaminedRow | Trouble:
    """Return what an examination found, or that it failed, as a run of curation tells it."""
    try:
        return examined()
    except Exception as error:  # noqa: BLE001 - whatever strange bytes do, it is told in a sentence
        return Trouble(key, "not_examined", f"{type(error).__name__}: {error}")


def _relative(store: Store, path: Path) -> str | None:
    """Return the path of an original inside the store, given from its root or as a file of this machine."""
    if path.parts[:1] == (_ORIGINALS,) and ".." not in path.parts:
        return path.as_posix()
    if not store.is_local or not _is_file(path):
        return None
    root, whole = Path(store.path(".")).resolve(), path.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _file_bytes(configuration: Configuration, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(configuration.crawl.original_max_bytes + 1)
    except OSError as error:
        raise StageError(f"{path}: cannot be read: {error.strerror}") from error
    _check_size(str(path), len(data), configuration)
    return data


def _check_size(name: str, size_bytes: int, configuration: Configuration) -> None:
    most = configuration.crawl.original_max_bytes
    if size_bytes > most:
        raise StageError(f"{name}: is larger than crawl.original_max_bytes, {most:,}; --set raises it for this run")
