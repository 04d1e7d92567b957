"""Photographs: the files that a person named → their photographs, one after another, decoded in a separate process."""

import hashlib
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corpus.text import escaped
from examiner.sandbox.decoder import Decoded, Decoder
from train.prediction.finding import find_photos
from train.prediction.reading import read_file


class Photograph(NamedTuple):
    """A photograph, and the SHA-256 of its file."""

    sha256: str
    decoded: Decoded

    @property
    def luma(self) -> NDArray[np.uint8]:
        """(height, width); raises ValueError where the photograph was opened without it."""
        if self.decoded.luma is None:
            raise ValueError("was opened without its luma")
        return self.decoded.luma


class Photographs:
    """The photographs that a person names; those that cannot be used are said on the standard error."""

    def __init__(self, wanted: list[str], decoder: Decoder) -> None:
        """Find the files, folders and patterns that are wanted."""
        self.files = find_photos(wanted).files
        self.faults: dict[str, str] = {}
        """By path: why a file was not used."""
        self._decoder = decoder

    def opened(self, *, luma: bool = True) -> Iterator[tuple[str, Photograph]]:
        """Yield the path and the photograph of each file; without `luma` only size, claim and digest."""
        for found in self.files:
            if found.fault is not None:
                self.refuse(found.path, found.fault)
            elif (photograph := self.open(found.path, luma=luma)) is not None:
                yield found.path, photograph

    def open(self, path: str, *, luma: bool = True) -> Photograph | None:
        """Return the photograph of a file; None, and its fault is said, where there is none."""
        try:
            data = read_file(path)
            return Photograph(hashlib.sha256(data).hexdigest(), self._decoder.decode(data, luma=luma))
        except OSError as error:
            self.refuse(path, f"cannot be read: {error.strerror or error}")
        except MemoryError:
            self.refuse(path, "needs more memory than this machine can give")
        except ValueError as error:
            self.refuse(path, str(error))
        return None

    def refuse(self, path: str, fault: str) -> None:
        """Say why a file is not used."""
        self.faults[path] = fault
        print(escaped(f"{path}: {fault}"), file=sys.stderr)

    @property
    def code(self) -> int:
        """The exit code: 1 where a file was not used."""
        return 1 if self.faults else 0
