"""Publishing: writes a report's file under a temporary name and renames it, so that nobody finds half of one."""

from pathlib import Path

from corpus.errors import StageError
from corpus.storage import open_store


def publish(path: str, data: bytes) -> None:
    """Write a file and replace what had its name; raises StageError, or StorageError, where it cannot be."""
    target = publishable(path)
    open_store(str(target.parent)).publish(target.name, data)


def publishable(path: str) -> Path:
    """Return the file that a path names; raises StageError where there is no folder for it, or a folder itself."""
    target = Path(path).absolute()
    if target.is_dir():
        raise StageError(f"{path}: is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise StageError(f"{path}: there is no folder {target.parent} to write it in")
    return target
