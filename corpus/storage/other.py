"""Other: a store on what fsspec knows beside folders and S3, such as one process's memory; a file comes whole."""

from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from corpus.storage.backend import MARKER, Entry


def exists(filesystem: Any, path: str) -> bool:
    """Whether there is a file or a directory."""
    return bool(filesystem.exists(path))


def size_bytes(filesystem: Any, path: str) -> int:
    """Return the size of a file."""
    return int(filesystem.size(path))


def names(filesystem: Any, path: str, beginning: str) -> list[str]:
    """Return the names directly below a directory that begin so."""
    found = (str(entry).rstrip("/").rpartition("/")[2] for entry in filesystem.ls(path, detail=False))
    return [name for name in found if name.startswith(beginning)]


def below(filesystem: Any, path: str, _: int | None) -> list[str]:
    """Return the paths of all files below a directory."""
    return [str(one) for one in filesystem.find(path)]


def entries(filesystem: Any, path: str, beginning: str) -> dict[str, Entry]:
    """Return what is told of all files below a directory, by path, whose paths in it begin so."""
    return {
        str(one): Entry(told["size"], told["created"].timestamp(), f"{told['size']} {told['created']}")
        for one, told in filesystem.find(path, detail=True).items()
        if str(one).startswith(f"{path}/{beginning}")
    }


def modified_at_s(filesystem: Any, path: str) -> float:
    """Return when a file was last written."""
    return float(filesystem.modified(path).timestamp())


def read(filesystem: Any, path: str, start: int | None, end: int | None) -> bytes:
    """Return the bytes `start:end` of a file."""
    return cast(bytes, filesystem.cat_file(path, start=start, end=end))


def publish(filesystem: Any, path: str, data: bytes, *, keep_cached: bool) -> None:
    """Write a whole file or nothing."""
    filesystem.pipe_file(path, data)


def publish_file(filesystem: Any, path: str, local: Path) -> None:
    """Write a copy of a local file, whole or not at all."""
    filesystem.put_file(str(local), path)


def create(filesystem: Any, path: str, data: bytes) -> bool:
    """Write a new file and return True, or return False where there is one."""
    try:
        filesystem.pipe_file(path, data, mode="create")
    except OSError:  # stores differ in how they report a refusal
        if filesystem.exists(path):
            return False
        raise
    return True


def remove(filesystem: Any, path: str) -> None:
    """Remove a file, or a directory whose marker goes first."""
    # not the file system's own `rm`, which takes a path with * or [ for a pattern
    for file in sorted(below(filesystem, path, None), key=lambda file: not file.endswith(f"/{MARKER}")):
        with suppress(FileNotFoundError):  # another process removes it too
            filesystem.rm_file(file)


def remove_file(filesystem: Any, path: str) -> None:
    """Remove a file; a directory of this name stays."""
    if not filesystem.isdir(path):
        remove(filesystem, path)


def sweep(filesystem: Any, path: str, older_than_s: float) -> int:
    """Return 0: no process outlives its memory."""
    return 0
