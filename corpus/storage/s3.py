"""S3: what a store does on an object store that fsspec would do with more requests than needed.

fsspec asks for a missing file twice (is it a directory?), for a file's size before its bytes, and for the parent of an
empty directory. Each of these functions is one request, or one for every thousand names; `remove` lists what it
removes, and so does `has_conditional_writes`.

`filesystem` is s3fs's, `path` is `bucket/key`. Errors are those of s3fs, FileNotFoundError among them.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from corpus.storage.backend import MARKER, TEMPORARY_PREFIX, Entry

PART_BYTES = 16 << 20
"""Objects from twice this size on are sent in parts of it, so that a cut connection costs one part."""
PARTS_AT_ONCE = 4
ATTEMPTS = 2
"""botocore's, in each of ours: one cut connection needs no pause of seconds."""
TIMEOUTS = {"connect_timeout": 10, "read_timeout": 30}
"""Seconds; that of reading begins when the request is sent. A store that is silent for good is given up after 7 minutes
(`corpus.storage.errors.RETRY_PAUSES_S`), one that refuses after a minute."""
PROBE_S = 3600.0
"""A probe of conditional writes that is older was left by a process that was killed."""
_PARTS_MAX = 10_000
_KEYS_MAX = 1000
"""Keys that one request removes."""
_PAGES_MIN = 4
_REFUSED = ("PreconditionFailed", "412")
_UNKNOWN = ("NotImplemented", "501")


class _RemovalError(OSError):
    """An object could not be removed; `response` is what botocore's errors have (`corpus.storage.errors`)."""

    def __init__(self, said: dict[str, str]) -> None:
        super().__init__(f"{said['Code']}: {said['Message']}")
        self.response = {"Error": said}


def exists(filesystem: Any, path: str) -> bool:
    """Whether there is an object."""
    try:
        head(filesystem, path)
    except FileNotFoundError:
        return False
    return True


def size_bytes(filesystem: Any, path: str) -> int:
    """Return the size of an object."""
    return int(head(filesystem, path)["ContentLength"])


def modified_at_s(filesystem: Any, path: str) -> float:
    """Return when an object was written."""
    return float(head(filesystem, path)["LastModified"].timestamp())


def head(filesystem: Any, path: str) -> dict[str, Any]:
    """Return what S3 says of an object: ContentLength, LastModified, ETag."""
    bucket, _, key = path.partition("/")
    return cast(dict[str, Any], filesystem.call_s3("head_object", Bucket=bucket, Key=key))


def read(filesystem: Any, path: str, start: int | None, end: int | None) -> bytes:
    """Return the bytes `start:end` of an object."""
    if start is None and end is None:
        return cast(bytes, filesystem.cat_file(path, max_concurrency=1))  # else its size is asked for first
    return cast(bytes, filesystem.cat_file(path, start=start, end=end))


def names(filesystem: Any, path: str, beginning: str = "") -> list[str]:
    """Return the names directly below a prefix that begin so."""
    bucket, _, key = path.partition("/")
    prefix, found = f"{key}/" if key else "", list[str]()
    for page in _pages(filesystem, bucket, prefix + beginning, Delimiter="/"):
        found += [one["Key"] for one in page.get("Contents", ())]
        found += [one["Prefix"].rstrip("/") for one in page.get("CommonPrefixes", ())]
    return [name.removeprefix(prefix) for name in found]


def below(filesystem: Any, path: str, most: int | None = None) -> list[str]:
    """Return the path of all objects below a prefix and, if it is one, the object itself; of `most` little more."""
    bucket, _, key = path.partition("/")
    found = list[str]()
    for page in _pages(filesystem, bucket, key):
        keys = [one["Key"] for one in page.get("Contents", ())]
        found += [f"{bucket}/{one}" for one in keys if one == key or one.startswith(f"{key}/" if key else "")]
        if most is not None and len(found) > most:
            break
    return found


def entries(filesystem: Any, path: str, beginning: str) -> dict[str, Entry]:
    """Return what a listing tells of all objects below a prefix, by path, whose keys below it begin so."""
    bucket, _, key = path.partition("/")
    pages = _pages(filesystem, bucket, f"{key}/{beginning}" if key else beginning)
    return {f"{bucket}/{one['Key']}": _entry(one) for page in pages for one in page.get("Contents", ())}


def names_with(filesystem: Any, path: str, file: str) -> list[str]:
    """Return the names directly below a prefix that have such a file.

    All that is below is listed, a thousand objects a request, unless it is so much that asking for each costs less.
    """
    all_names, found = names(filesystem, path), list[str]()
    bucket, _, key = path.partition("/")
    prefix = f"{key}/" if key else ""
    for number, page in enumerate(_pages(filesystem, bucket, prefix), start=1):
        for one in page.get("Contents", ()):
            name, _, rest = one["Key"].removeprefix(prefix).partition("/")
            if rest == file:
                found.append(name)
        if number >= max(_PAGES_MIN, len(all_names)) and page.get("IsTruncated"):
            return [name for name in all_names if exists(filesystem, f"{path}/{name}/{file}")]
    return found


def check_bucket(filesystem: Any, path: str) -> None:
    """Ask for one key of a bucket; raises what S3 says where there is no such bucket."""
    filesystem.call_s3("list_objects_v2", Bucket=path.partition("/")[0], MaxKeys=1)


def remove(filesystem: Any, path: str) -> None:
    """Remove an object, or all below a prefix, whose marker goes first."""
    found = below(filesystem, path)
    marker = [one for one in found if one == f"{path}/{MARKER}"]
    remove_objects(filesystem, marker)
    remove_objects(filesystem, [one for one in found if one not in marker])


def remove_file(filesystem: Any, path: str) -> None:
    """Remove an object."""
    remove_objects(filesystem, [path])


def remove_objects(filesystem: Any, paths: list[str]) -> None:
    """Remove objects of one bucket; those that are not there are no error."""
    for start in range(0, len(paths), _KEYS_MAX):
        some = [path.partition("/") for path in paths[start : start + _KEYS_MAX]]
        if len(some) == 1:
            filesystem.call_s3("delete_object", Bucket=some[0][0], Key=some[0][2])
            continue
        delete = {"Objects": [{"Key": key} for _, _, key in some], "Quiet": True}
        answer = filesystem.call_s3("delete_objects", Bucket=some[0][0], Delete=delete)
        for error in answer.get("Errors", ()):
            raise _RemovalError({"Code": str(error.get("Code") or ""), "Message": str(error.get("Message") or "")})


def publish(filesystem: Any, path: str, data: bytes, *, keep_cached: bool = True) -> None:  # no cache is told
    """Write an object, in parts if it is large."""
    filesystem.pipe_file(path, data, chunksize=_part_bytes(len(data)), max_concurrency=PARTS_AT_ONCE)


def publish_file(filesystem: Any, path: str, local: Path) -> None:
    """Write a local file as an object, in parts if it is large: never more than a few parts are in memory."""
    part_bytes = _part_bytes(local.stat().st_size)
    filesystem.put_file(str(local), path, chunksize=part_bytes, max_concurrency=PARTS_AT_ONCE)


def create(filesystem: Any, path: str, data: bytes) -> bool:
    """Write a new object and return True, or return False where S3 says that there is one."""
    try:
        filesystem.pipe_file(path, data, mode="create", chunksize=_part_bytes(len(data)))
    except OSError as error:
        if _code(error) in _REFUSED:
            return False
        raise
    return True


def has_conditional_writes(filesystem: Any, path: str) -> bool:
    """Whether the store refuses to write an object that is there (`If-None-Match: *`); tried out at `path`.

    Some stores answer that they do not know the header, and others do not look at it. Older probes of processes that
    were killed are removed with this one.
    """
    try:
        create(filesystem, path, b"")
        return not create(filesystem, path, b"")
    except OSError as error:
        if _code(error) in _UNKNOWN:
            return False
        raise
    finally:
        remove_objects(filesystem, [path, *_old_probes(filesystem, path.rpartition("/")[0])])


def _old_probes(filesystem: Any, path: str) -> list[str]:
    bucket, _, key = path.partition("/")
    before = datetime.now(UTC) - timedelta(seconds=PROBE_S)
    pages = _pages(filesystem, bucket, f"{key}/{TEMPORARY_PREFIX}")
    found = (one for page in pages for one in page.get("Contents", ()))
    return [f"{bucket}/{one['Key']}" for one in found if one["LastModified"] <= before]


def sweep(filesystem: Any, path: str, older_than_s: float) -> int:
    """Give up uploads in parts that killed processes have begun below a prefix; returns how many there were.

    Their parts are in no listing, and cost as much as objects do.
    """
    bucket, _, key = path.partition("/")
    before, given_up = datetime.now(UTC) - timedelta(seconds=older_than_s), 0
    where: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/"}
    while True:
        page = filesystem.call_s3("list_multipart_uploads", **where)
        for one in page.get("Uploads", ()):
            if one["Initiated"] <= before:
                filesystem.call_s3("abort_multipart_upload", Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])
                given_up += 1
        if not page.get("IsTruncated"):
            return given_up
        where |= {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _pages(filesystem: Any, bucket: str, prefix: str, **more: Any) -> Iterator[dict[str, Any]]:
    while True:
        page = filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)
        yield page
        if not page.get("IsTruncated"):
            return
        more["ContinuationToken"] = page["NextContinuationToken"]


def state_of(data: bytes) -> str:
    """Return the state of an object (`Entry`) that was written with these bytes by one PUT.

    Its ETag is then their MD5, unless the store encrypts with keys of its own; a state that differs means only that
    the object is read again.
    """
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return json.dumps([str(len(data)), f'"{digest}"'])


def _entry(one: dict[str, Any]) -> Entry:
    return Entry(one["Size"], one["LastModified"].timestamp(), json.dumps([str(one["Size"]), one["ETag"]]))


def _part_bytes(size_bytes: int) -> int:
    return max(PART_BYTES, math.ceil(size_bytes / _PARTS_MAX))


def _code(error: BaseException) -> str:
    response = getattr(error.__cause__, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, dict) and "Error" in response else ""
