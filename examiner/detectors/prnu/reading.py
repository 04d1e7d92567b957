"""Reading: fingerprints from files that a person names."""

from pathlib import Path

from corpus.errors import StageError
from examiner.detectors.prnu.fingerprint import Fingerprint
from examiner.detectors.prnu.stored import FILE_MAX_BYTES, fingerprint_of


def read_fingerprint(path: Path) -> Fingerprint:
    """Return the fingerprint in a file, named by the file.

    Raises StageError where there is no such file and StorageError for a file that is none.
    """
    try:
        if not path.is_file():  # a pipe would keep the command waiting
            raise StageError(f"{path}: there is no such file; `shutterprint device build -o {path}` writes one")
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise StageError(f"{path}: cannot be read: {error.strerror or error}") from error
    return fingerprint_of(data, path.name)
