"""Lookup: finds the photo that a person names, with its record, its facts and what the newest generation says of it.

Files, and stored originals that no run has examined yet, are examined on the spot. Of a photo on the takedown list only
the key is returned. Refuses (StageError) names of nothing, and files larger than crawl.original_max_bytes. Tables are
read through filters, so that only matching rows are built.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.records import EXAMINED, RECORD, ExaminedRow, RecordRow, full_row
from corpus.storage import Store
from corpus.takedowns import is_taken_down, taken_down
from corpus.text import as_utf8, escaped
from curation.facts.examine import Original, Trouble, examine, examine_bytes, guarded, kind_of
from curation.generations import Past
from curation.judging.inputs import Inputs, best_of, find_inputs, rows_where

Row = dict[str, Any]

_ORIGINALS = "originals"
_COLUMNS = (
    *("kept", "reasons", "camera", "group", "split", "fold", "duplicate_of"),
    *("sha256", "scan_digest", "source", "owner_id"),
)


@dataclass(frozen=True)
class FoundPhoto:
    """A photo that a person named."""

    record: RecordRow
    """Its row of RECORD; for a file, the row that a crawl would have written."""
    examined: ExaminedRow | Trouble | None
    """Its facts, or why it could not be examined."""
    file: Path | None = None
    """The file, where no record is of it."""
    other_versions: tuple[str, ...] = ()
    """Other uploads of the same photo."""


def find_photo(configuration: Configuration, text: str) -> FoundPhoto:
    """Return the photo named by a file, a key (`flickr:4711`, `flickr:4711@version`) or an original's path."""
    store, path = configuration.store, Path(text)
    inputs = find_inputs(store, kind_of(configuration.curation))
    relative = _relative(store, path)
    if relative is not None and (uploads := _uploads(inputs, "original", relative)):
        return _recorded(configuration, inputs, uploads)
    if _is_file(path):
        return _of_file(configuration, path)
    if relative is not None and store.is_local and _is_file(inside := Path(store.path(relative))):
        return _of_file(configuration, inside)
    text = as_utf8(text)  # as records write it
    uploads = _uploads(inputs, "photo", text)
    if not uploads and "@" in text:  # the ids of some sources contain an @
        photo, _, version = text.rpartition("@")
        uploads = {one: row for one, row in _uploads(inputs, "photo", photo).items() if one == version}
    if not uploads:
        raise StageError(
            f"{escaped(text)}: no such file, and no such photo in the records of {store.url}; name a JPEG file, a "
            "photo's key (flickr:4711, flickr:4711@version) or an original's path (originals/…)"
        )
    return _recorded(configuration, inputs, uploads)


def find_recorded(configuration: Configuration, photo: str, version: str) -> FoundPhoto:
    """Return one upload of a photo by its key; unlike `find_photo`, looks at the records only, never at files by name.

    Raises StageError where no record is of it.
    """
    inputs = find_inputs(configuration.store, kind_of(configuration.curation))
    uploads = _uploads(inputs, "photo", photo)
    if version not in uploads:
        raise StageError(f"{escaped(photo)}: no such photo in the records of {configuration.store.url}")
    found = _recorded(configuration, inputs, {version: uploads[version]})
    return replace(found, other_versions=tuple(one for one in uploads if one != version))


def read_photo(configuration: Configuration, found: FoundPhoto) -> bytes | None:
    """Return a photo's bytes, None where none are stored; raises StageError for more than crawl.original_max_bytes."""
    if found.file is not None:
        return _file_bytes(configuration, found.file)
    store, relative = configuration.store, found.record["original"]
    if found.record["state"] != "stored" or not relative or not store.exists(relative):
        return None
    _check_size(relative, store.size_bytes(relative), configuration)
    return store.read(relative)


def published_verdict(past: Past, found: FoundPhoto) -> Row | None:
    """Return what the newest generation says of a photo; None where it lacks the upload, or the photo is forgotten.

    Keys: generation, kept, reasons, camera, group, split, fold, duplicate_of; `copies`: {photo, camera, kept} of photos
    with the same bytes, the same scan or the same `duplicate_of`; `owner_photos`: kept photos of its owner and camera.
    """
    key = found.record
    if is_taken_down(past.store, key["photo"]):
        return None
    same_upload = [("photo", "=", key["photo"]), ("version", "=", key["version"] or "")]
    rows = past.matching([same_upload], list(_COLUMNS))
    if not rows:
        return None
    said = dict.fromkeys(_COLUMNS) | rows[0]
    sha256, scan, of = (said.pop(name) for name in ("sha256", "scan_digest", "duplicate_of"))
    source, owner = said.pop("source"), said.pop("owner_id")
    digests = (("sha256", sha256), ("scan_digest", scan), ("duplicate_of", of), ("photo", of))
    alike = [("duplicate_of", key["photo"]), *((column, value) for column, value in digests if value)]
    copies = past.matching([[(column, "=", value)] for column, value in alike], ["photo", "camera", "kept"])
    owner_photos = 0
    if owner and said["camera"]:
        same = [("camera", "=", said["camera"]), ("owner_id", "=", owner), ("source", "=", source), ("kept", "=", True)]
        owner_photos = len(past.matching([same], ["photo"]))
    gone = taken_down(past.store)
    others = [copy for copy in copies if copy["photo"] != key["photo"] and copy["photo"] not in gone]
    return {"generation": past.generation, **said, "duplicate_of": of, "copies": others, "owner_photos": owner_photos}


def _uploads(inputs: Inputs, column: str, text: str) -> dict[str, RecordRow]:
    """Return the records whose `column` is `text`, by version; of several records of one upload, the best."""
    statements: dict[str, list[tuple[str, str, RecordRow]]] = defaultdict(list)
    for path in inputs.windows:
        for row in rows_where(inputs.store, path, RECORD, column, [text], inputs.forgotten):
            statements[row["version"] or ""].append((path, row["state"], row))
    return {version: best_of(said) for version, said in sorted(statements.items())}


def _recorded(configuration: Configuration, inputs: Inputs, uploads: dict[str, RecordRow]) -> FoundPhoto:
    """Return the newest upload, a stored one if there is any, with its facts; examines it where no run has yet."""
    version = max(uploads, key=lambda one: (uploads[one]["state"] == "stored", uploads[one]["uploaded_at"] or "", one))
    record = uploads[version]
    others = tuple(one for one in uploads if one != version)
    if record["state"] != "stored":
        return FoundPhoto(record, None, other_versions=others)
    for path in inputs.facts:
        for row in rows_where(inputs.store, path, EXAMINED, "photo", [record["photo"]], inputs.forgotten):
            if (row["version"] or "") == version:
                return FoundPhoto(record, row, other_versions=others)
    original = Original(record["photo"], version, record["original"] or "", record["sha256"] or "")
    if inputs.store.exists(original.path):
        _check_size(original.path, inputs.store.size_bytes(original.path), configuration)
    examination = partial(examine, inputs.store, original, kind_of(configuration.curation))
    return FoundPhoto(record, guarded(original, examination), other_versions=others)


def _of_file(configuration: Configuration, path: Path) -> FoundPhoto:
    """Return a file with the record that a crawl would have written, and its facts."""
    data = _file_bytes(configuration, path)
    original = Original(str(path), "", str(path), hashlib.sha256(data).hexdigest())
    own = {"photo": original.photo, "version": original.version, "sha256": original.sha256}
    record: RecordRow = full_row(RecordRow, own | {
        "source": "file", "state": "stored", "original": original.path, "size_bytes": len(data), "reasons": [],
    })  # fmt: skip
    kind = kind_of(configuration.curation)
    examined = guarded(original, lambda: full_row(ExaminedRow, own | examine_bytes(data, kind)))
    return FoundPhoto(record, examined, file=path)


def _relative(store: Store, path: Path) -> str | None:
    """Return the path of an original in the store, given below its root or as a file of this machine."""
    if path.parts[:1] == (_ORIGINALS,) and ".." not in path.parts:
        return as_utf8(path.as_posix())
    if not store.is_local or not _is_file(path):
        return None
    root, whole = Path(store.path(".")).resolve(), path.resolve()
    return as_utf8(whole.relative_to(root).as_posix()) if whole.is_relative_to(root) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # e.g. a name that is too long, or a folder without permission
        return False


def _file_bytes(configuration: Configuration, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(configuration.crawl.original_max_bytes + 1)
    except OSError as error:
        raise StageError(f"{escaped(path)}: cannot be read: {error.strerror}") from error
    _check_size(str(path), len(data), configuration)
    return data


def _check_size(name: str, size_bytes: int, configuration: Configuration) -> None:
    most = configuration.crawl.original_max_bytes
    if size_bytes > most:
        raise StageError(
            f"{escaped(name)}: is larger than crawl.original_max_bytes, {most:,}; --set raises it for this run"
        )
