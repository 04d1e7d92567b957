"""EXIF listing: lists every tag that ExifRead can name in the TIFF bytes of an APP1 segment, as text.

It is for a person who looks at one photo; `forensics.metadata.exif.tags` reads the facts, many times faster. MakerNotes
of the makers that ExifRead knows are included. Private values (GPS, serial numbers, owners) are among them: the caller
decides what may be shown. ExifRead follows whatever counts and offsets it finds, so what it may read is limited.
"""

import logging
import threading
from io import BytesIO

import exifread

from forensics.metadata.text import clean

READS_MAX = 300_000
"""Most reads of one segment: ExifRead makes one for each value, and a MakerNote has up to 60,000."""
READ_BYTES_MAX = 16 * 1024 * 1024


def all_tags(tiff: bytes) -> dict[str, str]:
    """Return the tags of an EXIF payload as ExifRead prints them, at most 256 characters each; never raises.

    Names are like `Image Make`, `EXIF ExposureTime`, `GPS GPSLatitude`, `MakerNote LensType`. Thumbnails are left out,
    and so are the tags of a broken MakerNote; if the rest is broken, nothing is returned.
    """
    for details in (True, False):
        with _Quiet():
            try:
                tags = exifread.process_file(_Rationed(tiff), details=details, extract_thumbnail=False)
            except Exception:  # noqa: BLE001, S112 - ExifRead raises whatever its arithmetic meets in broken data
                continue
        texts = {str(name): clean(str(tag)) for name, tag in tags.items()}
        return {name: text for name, text in texts.items() if text is not None}
    return {}


class _Rationed(BytesIO):
    """Bytes of which only so many can be read, in only so many reads."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = self._bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; raises OSError beyond the limits."""
        data = super().read(size)
        self._reads += 1
        self._bytes += len(data)
        if self._reads > READS_MAX or self._bytes > READ_BYTES_MAX:
            raise OSError("too much to read in one EXIF segment")
        return data


class _Quiet(logging.Filter):
    """Drops ExifRead's log of this thread within a `with` block: its complaints about broken data help nobody.

    Each call has its own filter, so that threads do not silence each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._logger = logging.getLogger("exifread")

    def __enter__(self) -> None:
        self._logger.addFilter(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let records of other threads through."""
        return record.thread != self._thread
